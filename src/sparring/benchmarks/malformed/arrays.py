"""Arrays whose header lies, whose content would run, or that cannot be learned from."""

import gzip
import io
import struct
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sparring.benchmarks.malformed.archives import BOMB, CHUNK
from sparring.benchmarks.malformed.materials import digits, good_images, gzipped, idx, npy, parquet, zipped
from sparring.benchmarks.malformed.trap import Answer, Case, Place, Trap, inspect, train


def cases() -> list[Case]:
    """Every crafted array file."""
    made = [_case(f"npy-{name}", partial(_npy, make)) for name, make in UNFIT.items()]
    made += [_case(f"header-{name}", partial(_header, *given)) for name, given in HEADERS.items()]
    made += [_case(name, make) for name, make in MADE.items()]
    return made + [_case(f"train-{name}", partial(_trained, UNFIT[name])) for name in TRAINED]


def raw_npy(header: str, data: bytes = bytes(4096), version: int = 1) -> bytes:
    """A `.npy` file with any header."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H", len(text)) + text + data


def marker_pickle(marker: Path) -> bytes:
    """A pickle that makes a folder when it is loaded, written by hand: `os.mkdir(marker)`."""
    return b"cos\nmkdir\n(V" + str(marker).encode() + b"\ntR."


def _case(name: str, make: Callable[[Place], Trap]) -> Case:
    return Case(f"arrays/{name}", lambda place, generator: make(place))


def _written(place: Place, name: str, content: bytes, *names: str, answer: Answer = "refused") -> Trap:
    path = place.data / name
    path.write_bytes(content)
    return inspect(path, *names, answer=answer)


def _npy(make: Callable[[], np.ndarray], place: Place) -> Trap:
    return _written(place, "data.npy", npy(make()))


def _trained(make: Callable[[], np.ndarray], place: Place) -> Trap:
    return _training(_npy(make, place), place)


def _training(trap: Trap, place: Place) -> Trap:
    """The same input before `train`."""
    return Trap(train(Path(trap.words[1]), place), trap.names, trap.answer)


def _header(header: str, version: int, place: Place) -> Trap:
    return _written(place, "data.npy", raw_npy(header, version=version))


def _running(place: Place) -> Trap:
    """An object array whose pickle makes a folder."""
    header = "{'descr': '|O', 'fortran_order': False, 'shape': (20,)}"
    return _written(place, "data.npy", raw_npy(header, marker_pickle(place.canary / "loaded")))


def _running_npz(place: Place) -> Trap:
    header = "{'descr': '|O', 'fortran_order': False, 'shape': (20,)}"
    member = raw_npy(header, marker_pickle(place.canary / "loaded"))
    return _written(place, "data.npz", zipped({"X.npy": member}))


def _bare_pickle(name: str, place: Place) -> Trap:
    return _written(place, name, marker_pickle(place.canary / "loaded"))


def _npz_bomb(place: Place) -> Trap:
    """Two GiB of zeros under the key X, as an honest array of (n, 8, 8) would not be so large."""
    path = place.data / "data.npz"
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': (64, {BOMB // 64})}}"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("X.npy", "w", force_zip64=True) as member,
    ):
        member.write(raw_npy(header, b""))
        for _ in range(BOMB // CHUNK):
            member.write(bytes(CHUNK))
    return inspect(path, answer="refused")


def _idx_bomb(place: Place) -> Trap:
    """An idx.gz of twenty digits with 2 GiB of zeros behind them."""
    content = gzipped(idx(digits()[:20])) + gzipped(bytes(CHUNK)) * (BOMB // CHUNK)
    return _written(place, "data.idx.gz", content)


def _idx(header: bytes, place: Place) -> Trap:
    return _written(place, "data.idx", header + bytes(4096))


def _cut_gz(place: Place) -> Trap:
    """The idx.gz of half of what its header says: sound gzip, lying idx."""
    return _written(place, "data.idx.gz", gzip.compress(idx(digits())[:2000], mtime=0))


def _npz(arrays: dict[str, Any], place: Place) -> Trap:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return _written(place, "data.npz", buffer.getvalue(), "X")


def _parquet_table(columns: Callable[[], dict[str, list]], place: Place) -> Trap:
    import pyarrow
    import pyarrow.parquet

    path = place.data / "data.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns()), path)
    return inspect(path, answer="refused")


def _parquet_with_gaps(place: Place) -> Trap:
    content = parquet([*good_images().values(), None, b"", b"no image"])
    return _written(place, "data.parquet", content, "20", "22", answer="skipped")


def _spoilt(value: float, place: Place) -> Trap:
    """Twenty vectors, one of which holds a value that is no number to learn from."""
    array = np.linspace(0.0, 1.0, 320).reshape(20, 16)
    array[3, 5] = value
    return _written(place, "data.npy", npy(array), "3", answer="skipped")


UNFIT: dict[str, Callable[[], np.ndarray]] = {
    "all-nan": lambda: np.full((20, 6), np.nan),
    "complex": lambda: np.ones((20, 6), complex),
    "strings": lambda: np.full((20, 6), "text"),
    "bytes": lambda: np.full((20, 6), b"text"),
    "dates": lambda: np.full((20, 6), np.datetime64("2020-01-01")),
    "structured": lambda: np.zeros(20, [("a", "f4"), ("b", "i4")]),
    "void": lambda: np.zeros((20, 6), "V4"),
    "nine": lambda: digits()[:9],
    "one": lambda: digits()[:1],
    "none": lambda: digits()[:0],
    "rank-0": lambda: np.array(1.0),
    "rank-1": lambda: np.arange(64.0),
    "rank-5": lambda: np.zeros((20, 2, 2, 2, 2)),
    "rank-7": lambda: np.zeros((20, 2, 2, 2, 2, 2, 2)),
    "no-height": lambda: np.zeros((20, 0, 8)),
    "no-features": lambda: np.zeros((20, 0)),
}

HEADERS: dict[str, tuple[str, int]] = {
    "too-long": ("{'descr': '|u1', 'fortran_order': False, 'shape': (99, 8, 8)}", 1),
    "giant": ("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 8, 8)}", 1),
    "overflow": ("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", 1),
    "negative": ("{'descr': '|u1', 'fortran_order': False, 'shape': (-64, -8, 8)}", 1),
    "code": ("{'descr': __import__('os').getcwd(), 'fortran_order': False, 'shape': (64, 8, 8)}", 1),
    "no-shape": ("{'descr': '|u1', 'fortran_order': False}", 1),
    "no-dict": ("[1, 2, 3]", 1),
    "unknown-type": ("{'descr': '<q9', 'fortran_order': False, 'shape': (64, 8, 8)}", 1),
    "text-shape": ("{'descr': '|u1', 'fortran_order': False, 'shape': 'many'}", 1),
    "version-9": ("{'descr': '|u1', 'fortran_order': False, 'shape': (64, 8, 8)}", 9),
    "brackets": ("(" * 5000, 1),
}

MADE: dict[str, Callable[[Place], Trap]] = {
    "infinite": partial(_spoilt, np.inf),
    "minus-infinite": partial(_spoilt, -np.inf),
    "train-infinite": lambda place: _training(_spoilt(np.inf, place), place),
    "train-parquet-with-gaps": lambda place: _training(_parquet_with_gaps(place), place),
    "object": _running,
    "npz-object": _running_npz,
    "pickle-as-npy": partial(_bare_pickle, "data.npy"),
    "pickle-as-npz": partial(_bare_pickle, "data.npz"),
    "npz-bomb": _npz_bomb,
    "npz-without-x": partial(_npz, {"labels": np.arange(20), "pixels": np.zeros((20, 8, 8))}),
    "npz-empty": partial(_npz, {}),
    "npz-object-x": lambda place: _written(place, "data.npz", zipped({"X.npy": b"no array"})),
    "idx-magic": partial(_idx, b"\x01\x02\x08\x03" + struct.pack(">3I", 20, 8, 8)),
    "idx-type": partial(_idx, b"\0\0\x07\x03" + struct.pack(">3I", 20, 8, 8)),
    "idx-rank-0": partial(_idx, b"\0\0\x08\0"),
    "idx-rank-255": partial(_idx, b"\0\0\x08\xff"),
    "idx-giant": partial(_idx, b"\0\0\x08\x03" + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1)),
    "idx-short": partial(_idx, b"\0\0\x08\x03" + struct.pack(">3I", 200, 8, 8)),
    "idx-none": partial(_idx, b"\0\0\x08\x03" + struct.pack(">3I", 0, 8, 8)),
    "idx-gz-bomb": _idx_bomb,
    "idx-gz-short": _cut_gz,
    "parquet-without-images": partial(_parquet_table, lambda: {"name": ["a"] * 30}),
    "parquet-without-rows": partial(_parquet_table, lambda: {"image": []}),
    "parquet-with-gaps": _parquet_with_gaps,
}

TRAINED = ("all-nan", "complex", "strings", "nine", "rank-1", "rank-7", "no-height")
