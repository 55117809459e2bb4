"""Small real files of every form that `survey` opens, written by the formats' own libraries."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

IMAGE_FORMATS = {
    "png": "PNG",
    "jpg": "JPEG",
    "gif": "GIF",
    "bmp": "BMP",
    "tif": "TIFF",
    "webp": "WEBP",
    "jp2": "JPEG2000",
    "ppm": "PPM",
    "pcx": "PCX",
    "ico": "ICO",
}


def picture(number: int, size: tuple[int, int] = (20, 24), channels: int = 3) -> np.ndarray:
    """A smooth colour picture that differs for each number: (height, width, channels) uint8."""
    random = np.random.default_rng(number)
    rows, columns = np.linspace(0, 1, size[0])[:, None, None], np.linspace(0, 1, size[1])[None, :, None]
    colours = random.uniform(40, 120, (2, 1, 1, channels))
    return (colours[0] * rows + colours[1] * columns + random.integers(0, 8)).astype(np.uint8)


def encoded(pixels: np.ndarray, form: str = "PNG", **options: object) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


def idx_bytes(array: np.ndarray) -> bytes:
    """The bytes of an uncompressed idx file of unsigned bytes."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def write_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_parquet(path: Path, cells: list[bytes | None]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    images = [None if cell is None else {"bytes": cell, "path": f"{row}.png"} for row, cell in enumerate(cells)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(
        pa.table({"image": pa.array(images, kind), "label": list(range(len(cells)))}), path, row_group_size=5
    )
    return path


class Samples:
    """The helpers above, and a valid file of every form."""

    picture = staticmethod(picture)
    encoded = staticmethod(encoded)
    idx_bytes = staticmethod(idx_bytes)
    write_zip = staticmethod(write_zip)
    write_tar = staticmethod(write_tar)
    write_parquet = staticmethod(write_parquet)
    image_formats = IMAGE_FORMATS

    @staticmethod
    def pngs(number: int) -> dict[str, bytes]:
        """Different images by name, in sorted order."""
        return {f"{index:03d}.png": encoded(picture(index)) for index in range(number)}

    @staticmethod
    def files(folder: Path) -> dict[str, Path]:
        """A valid data file of every whole-file form, by name."""
        members = Samples.pngs(6)
        grey = np.stack([picture(index, channels=1)[..., 0] for index in range(6)])
        paths = {name: folder / name for name in ("a.npy", "a.npz", "stored.npz", "a.idx", "a.idx.gz")}
        np.save(paths["a.npy"], grey)
        np.savez_compressed(paths["a.npz"], X=grey)
        np.savez(paths["stored.npz"], X=grey.astype(np.float32).reshape(6, -1))
        paths["a.idx"].write_bytes(idx_bytes(grey))
        paths["a.idx.gz"].write_bytes(gzip.compress(idx_bytes(grey)))
        paths["a.zip"] = write_zip(folder / "a.zip", members)
        for suffix in ("", ".gz", ".bz2", ".xz"):
            name = f"a.tar{suffix}"
            paths[name] = write_tar(folder / name, members, f"w:{suffix[1:]}")
        paths["a.parquet"] = write_parquet(folder / "a.parquet", list(members.values()))
        return paths


@pytest.fixture
def samples() -> type[Samples]:
    return Samples


@pytest.fixture
def folder_of(tmp_path: Path) -> Callable[[dict[str, bytes]], Path]:
    """A function that writes files by name into a new folder."""

    def write(files: dict[str, bytes]) -> Path:
        folder = tmp_path / "images"
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder

    return write
