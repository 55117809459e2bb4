"""Arrays in files: .npy (memory-mapped), .npz and idx. A header's claim is checked before memory is taken."""

import gzip
import math
import zipfile
import zlib
from pathlib import Path
from typing import IO, cast

import numpy as np

from sparring.data.damage import MAX_UNPACKED, ZIP_METHODS, is_bomb, whole
from sparring.errors import DataError

KEY = "X"
_IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_npy(path: Path) -> np.ndarray:
    """The array of a .npy file, memory-mapped.

    Raises:
        DataError: where it is damaged or holds pickled objects.
    """
    with whole(path, "a .npy array"):
        with path.open("rb") as file:
            claim = _npy_claim(file, path)
        _check_claim(claim, path.stat().st_size)
        return np.load(path, mmap_mode="r", allow_pickle=False)


def read_npz(path: Path) -> tuple[np.ndarray, list[str]]:
    """Array X of a .npz file, or its only one, in memory; and the names of the others.

    Raises:
        DataError: where it is damaged, holds several arrays and no X, or holds pickled objects.
    """
    with whole(path, "a .npz file of arrays"), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        member = archive.getinfo(_choose(names, path))
        others = sorted(name.removesuffix(".npy") for name in names if name != member.filename)
        _check_bomb(member.compress_size, member.file_size)
        if member.compress_type not in ZIP_METHODS:
            raise ValueError("an unknown compression; write it with np.savez or np.savez_compressed")
        with archive.open(member) as file:
            _check_claim(_npy_claim(file, path), member.file_size)
        with archive.open(member) as file:
            return np.lib.format.read_array(file, allow_pickle=False), others


def read_idx(path: Path) -> np.ndarray:
    """The array of an idx file, gzipped or not: memory-mapped where it is not.

    Raises:
        DataError: where it is damaged, or holds labels.
    """
    with whole(path, "an idx file"):
        packed = is_gzip(path)
        with _open(path, packed) as file:
            dtype, shape = _idx_header(file)
            if len(shape) == 1:
                raise DataError(f"{path}: idx data must be items of rank 2 to 4. Got labels. Give the images' file.")
            claim = math.prod(shape) * dtype.itemsize
            if packed:
                return _unpack(file, path, claim).view(dtype).reshape(shape)
            _check_exact(path.stat().st_size - file.tell(), claim)
            return np.memmap(path, dtype, "r", file.tell(), shape)


def is_idx(path: Path) -> bool:
    """Whether a file starts as idx does, gzipped or not."""
    try:
        with _open(path, is_gzip(path)) as file:
            start = file.read(4)
    except (OSError, EOFError, zlib.error):
        return False
    return len(start) == 4 and start[:2] == b"\0\0" and start[2] in _IDX_TYPES and 1 <= start[3] <= 4


def is_gzip(path: Path) -> bool:
    """Whether a file starts as gzip does."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _open(path: Path, packed: bool) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if packed else path.open("rb")


def _choose(names: list[str], path: Path) -> str:
    keys = [name.removesuffix(".npy") for name in names]
    if KEY in keys:
        return names[keys.index(KEY)]
    if len(names) == 1:
        return names[0]
    listed = ", ".join(repr(key) for key in sorted(keys)) or "none"
    raise DataError(f"{path}: a .npz must hold an array named {KEY!r}, or a single one. Got {listed}. Rename one.")


def _npy_claim(file: IO[bytes], path: Path) -> int:
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version} of the format")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject:
        fix = "Save it with a numeric dtype."
        raise DataError(f"{path}: an array must hold numbers. Got Python objects, which are never loaded. {fix}")
    if min(shape, default=0) < 0:
        raise ValueError(f"a negative shape {shape}")
    return file.tell() + math.prod(shape) * dtype.itemsize


def _check_claim(claim: int, there: int) -> None:
    if claim > there:
        raise ValueError(f"{there:,} bytes where the header claims {claim:,}")


def _check_exact(there: int, claim: int) -> None:
    if claim != there:
        raise ValueError(f"{there:,} bytes of items where the header claims {claim:,}")


def _check_bomb(packed: int, unpacked: int) -> None:
    if is_bomb(packed, unpacked, MAX_UNPACKED):
        raise ValueError(f"{packed:,} bytes that would unpack to {unpacked:,}, a decompression bomb")


def _idx_header(file: IO[bytes]) -> tuple[np.dtype, tuple[int, ...]]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _IDX_TYPES or not 1 <= magic[3] <= 4:
        raise ValueError("no idx header")
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise ValueError("a header that is cut short")
    return np.dtype(_IDX_TYPES[magic[2]]), tuple(np.frombuffer(sizes, ">u4").tolist())


def _unpack(file: IO[bytes], path: Path, claim: int) -> np.ndarray:
    _check_bomb(path.stat().st_size, claim)
    content = bytearray()
    while len(content) <= claim and (part := file.read(2**20)):
        content += part
    _check_exact(len(content), claim)
    return np.frombuffer(content, np.uint8)
