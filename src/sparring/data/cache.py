"""Items decoded once: shards of .npy in the data's own dtype, memory-mapped, or in memory where few."""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sparring.atomic import sync
from sparring.data.source import ArraySource, Source, Spec
from sparring.errors import DataError, RunError

TABLE = "cache.json"
FORMAT = 1
SHARD_BYTES = 2**28
MEMORY_BYTES = 2**28
BATCH_BYTES = 2**24


@dataclass(frozen=True)
class _Shard:
    file: str
    count: int
    num_bytes: int
    digest: str


class ShardedSource:
    """A Source over several arrays that follow each other, such as memory-mapped shards."""

    def __init__(self, shards: list[np.ndarray], spec: Spec) -> None:
        self.shards = shards
        self.spec = spec
        self._ends = np.cumsum([len(shard) for shard in shards])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def rows(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        index = np.asarray(indices, dtype=np.int64)
        index = np.where(index < 0, index + len(self), index)
        if len(index) and not (index.min() >= 0 and index.max() < len(self)):
            raise IndexError(f"indices must lie within {len(self)} items")
        shard_of = np.searchsorted(self._ends, index, side="right")
        batch = np.empty((len(index), *self.spec.shape), self.spec.dtype)
        for shard in np.unique(shard_of):
            here = shard_of == shard
            start = self._ends[shard] - len(self.shards[shard])
            batch[here] = self.shards[shard][index[here] - start]
        return batch


def write_cache(source: Source, folder: Path) -> Source:
    """Write all rows of `source` to `folder`, wholly or not at all, and open it.

    Args:
        source: at least one row; read once, in order.
        folder: to be made; an older cache there is replaced.

    Raises:
        RunError: where the disk refuses.
    """
    folder = Path(folder)
    fresh = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        _write(source, fresh)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.replace(folder)
        sync(folder.parent)
    except OSError as error:
        raise RunError(f"{folder}: the cache cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return open_cache(folder)


def open_cache(folder: Path) -> Source:
    """The rows that `write_cache` wrote: in memory below MEMORY_BYTES, else memory-mapped.

    What is loaded into memory is checked against its digest; what is mapped, by its size.

    Raises:
        DataError: where the folder is not a cache, or a file of it is missing or damaged.
    """
    folder = Path(folder)
    table = _read_table(folder)
    spec, shards = _parse(folder, table)
    small = sum(shard.num_bytes for shard in shards) < MEMORY_BYTES
    arrays = [_open_shard(folder, shard, spec, small) for shard in shards]
    if small:
        return ArraySource(np.concatenate(arrays) if len(arrays) > 1 else arrays[0], spec)
    return ShardedSource(arrays, spec)


def _write(source: Source, folder: Path) -> None:
    row_bytes = source.spec.size * np.dtype(source.spec.dtype).itemsize
    per_shard = max(1, SHARD_BYTES // row_bytes)
    shards = []
    for start in range(0, len(source), per_shard):
        rows = np.arange(start, min(start + per_shard, len(source)))
        shards.append(_write_shard(source, rows, folder / f"{len(shards):05d}.npy", row_bytes))
    table = {"format": FORMAT, "spec": asdict(source.spec), "shards": [asdict(shard) for shard in shards]}
    with (folder / TABLE).open("w", encoding="utf-8") as file:
        json.dump(table, file, indent=1)
        _flush(file)
    sync(folder)


def _write_shard(source: Source, rows: np.ndarray, path: Path, row_bytes: int) -> _Shard:
    shape, digest = (len(rows), *source.spec.shape), hashlib.blake2b(digest_size=16)
    header = np.lib.format.header_data_from_array_1_0(np.empty((0, *shape[1:]), source.spec.dtype))
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {**header, "shape": shape})
        step = max(1, BATCH_BYTES // row_bytes)
        for start in range(0, len(rows), step):
            content = source.rows(rows[start : start + step]).tobytes()
            digest.update(content)
            file.write(content)
        _flush(file)
    return _Shard(path.name, len(rows), path.stat().st_size, digest.hexdigest())


def _open_shard(folder: Path, shard: _Shard, spec: Spec, in_memory: bool) -> np.ndarray:
    path = folder / shard.file
    try:
        if path.stat().st_size != shard.num_bytes:
            raise ValueError(f"its size is not {shard.num_bytes:,} bytes")
        array = np.load(path, mmap_mode=None if in_memory else "r", allow_pickle=False)
        _check(array, shard, spec, in_memory)
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).split("\n")[0]
        raise DataError(f"{path}: a file of the cache is missing or damaged: {reason}.") from error
    return array


def _check(array: np.ndarray, shard: _Shard, spec: Spec, in_memory: bool) -> None:
    if array.shape != (shard.count, *spec.shape) or array.dtype != spec.dtype:
        raise ValueError("its header does not agree with the table")
    if in_memory and hashlib.blake2b(array.data, digest_size=16).hexdigest() != shard.digest:
        raise ValueError("its content does not agree with the digest in the table")


def _read_table(folder: Path) -> dict[str, Any]:
    try:
        table = json.loads((folder / TABLE).read_text(encoding="utf-8"))
        if table["format"] != FORMAT or not table["shards"]:
            raise ValueError("it is of another version")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder}: the folder must be a cache that can be read. Got {error}.") from error
    return table


def _parse(folder: Path, table: dict[str, Any]) -> tuple[Spec, list[_Shard]]:
    try:
        spec = Spec(**table["spec"])
        spec = replace(spec, shape=tuple(spec.shape), names=tuple(spec.names))
        return spec, [_Shard(**entry) for entry in table["shards"]]
    except (KeyError, TypeError) as error:
        raise DataError(f"{folder}: the table of the cache is damaged: {error}.") from error


def _flush(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
