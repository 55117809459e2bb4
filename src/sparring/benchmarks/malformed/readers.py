"""Independent readers: whether Pillow, numpy, the standard library or pyarrow find fault with a file."""

import gzip
import io
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable

import numpy as np

from sparring.benchmarks.malformed.materials import NUM_GOOD


def sound(form: str, content: bytes) -> bool:
    """Whether the reader of a format takes a file without complaint.

    Args:
        form: "image", or a container's suffix such as "tar.gz".
        content: the whole file.

    Returns:
        False where the reader raises or warns of anything, or finds fewer items than were put in.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return READERS[form](content)
        except Exception:
            return False


def _image(content: bytes) -> bool:
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        image.load()
    return True


def _images(contents: list[bytes]) -> bool:
    return len(contents) == NUM_GOOD and all(_image(content) for content in contents)


def _zip(content: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return _images([archive.read(name) for name in archive.namelist()])


def _tar(content: bytes) -> bool:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        files = [archive.extractfile(member) for member in archive.getmembers()]
        return _images([file.read() for file in files if file])


def _npy(content: bytes) -> bool:
    return np.load(io.BytesIO(content), allow_pickle=False).size > 0


def _npz(content: bytes) -> bool:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return arrays["X"].size > 0


def _idx(content: bytes) -> bool:
    zero, kind, rank = struct.unpack_from(">HBB", content)
    shape = struct.unpack_from(f">{rank}I", content, 4)
    width = {8: 1, 9: 1, 11: 2, 12: 4, 13: 4, 14: 8}[kind]
    return zero == 0 and 4 + 4 * rank + width * int(np.prod(shape, dtype=object)) == len(content)


def _parquet(content: bytes) -> bool:
    import pyarrow.parquet

    rows = pyarrow.parquet.read_table(io.BytesIO(content)).column("image").to_pylist()
    return _images([row["bytes"] for row in rows])


READERS: dict[str, Callable[[bytes], bool]] = {
    "image": _image,
    "zip": _zip,
    "tar": _tar,
    "tar.gz": lambda content: _tar(gzip.decompress(content)),
    "npy": _npy,
    "npz": _npz,
    "idx": _idx,
    "idx.gz": lambda content: _idx(gzip.decompress(content)),
    "parquet": _parquet,
}
