"""Real files of every supported format, made from data that scikit-learn brings along."""

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np

NUM_GOOD = 20


@cache
def digits() -> np.ndarray:
    """The first 64 handwritten digits as uint8, shape (64, 8, 8)."""
    from sklearn.datasets import load_digits

    pixels, _ = load_digits(return_X_y=True)
    return (pixels[:64].reshape(64, 8, 8) * 15).astype(np.uint8)


@cache
def photograph() -> np.ndarray:
    """A cut of a photograph, shape (40, 48, 3), uint8."""
    from sklearn.datasets import load_sample_image

    return np.ascontiguousarray(load_sample_image("china.jpg")[100:140, 200:248])


def encoded(pixels: np.ndarray, form: str) -> bytes:
    """Pixels as an image file of Pillow's format `form`."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


@cache
def good_images() -> Mapping[str, bytes]:
    """Twenty different small PNG files by name."""
    return {f"good-{i:02d}.png": encoded(digits()[i], "PNG") for i in range(NUM_GOOD)}


def write_good_images(folder: Path) -> Path:
    """Write the twenty good images into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in good_images().items():
        (folder / name).write_bytes(content)
    return folder


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip archive; member times are fixed, so that equal members give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def tarred(members: Mapping[str, bytes], *extra: tarfile.TarInfo) -> bytes:
    """A tar archive, with members that carry no content (links, devices) at its end."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in extra:
            archive.addfile(info)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    """An array as a `.npy` file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def idx(array: np.ndarray) -> bytes:
    """A uint8 array as an idx file."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def gzipped(content: bytes) -> bytes:
    """Content in gzip, without a time stamp."""
    return gzip.compress(content, mtime=0)


def parquet(images: list[bytes | None]) -> bytes:
    """A parquet file with one column `image` of {bytes, path}, as image sets are published."""
    import pyarrow
    import pyarrow.parquet

    rows = [{"bytes": content, "path": f"{i}.png"} for i, content in enumerate(images)]
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"image": rows}), buffer)
    return buffer.getvalue()


def _deep_grey() -> np.ndarray:
    return photograph()[..., 0].astype(np.uint16) * 257


IMAGES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "png": ("png", lambda: encoded(photograph(), "PNG")),
    "jpg": ("jpg", lambda: encoded(photograph(), "JPEG")),
    "gif": ("gif", lambda: encoded(photograph(), "GIF")),
    "bmp": ("bmp", lambda: encoded(photograph(), "BMP")),
    "tiff": ("tiff", lambda: encoded(photograph(), "TIFF")),
    "webp": ("webp", lambda: encoded(photograph(), "WEBP")),
    "png16": ("png", lambda: encoded(_deep_grey(), "PNG")),
}

CONTAINERS: dict[str, Callable[[], bytes]] = {
    "zip": lambda: zipped(good_images()),
    "tar": lambda: tarred(good_images()),
    "tar.gz": lambda: gzipped(tarred(good_images())),
    "npy": lambda: npy(digits()),
    "npz": lambda: zipped({"X.npy": npy(digits())}),
    "idx": lambda: idx(digits()),
    "idx.gz": lambda: gzipped(idx(digits())),
    "parquet": lambda: parquet(list(good_images().values())),
}
