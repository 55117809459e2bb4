"""Images in a column of a parquet file, as Hugging Face stores them: struct<bytes, path>, or plain binary."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sparring.data.clean import Skipped, Unreadable
from sparring.data.damage import MAX_UNPACKED, is_bomb, one_member, whole
from sparring.data.images import SUFFIXES
from sparring.errors import DataError

SHARD = re.compile(r"-\d+-of-\d+$")
PREFERRED = ("image", "img", "picture", "photo")


class ParquetBlobs:
    """The image column of a parquet file; one row group of it is in memory at a time.

    Raises:
        DataError: where it is damaged, has no such column or several, or pyarrow is not installed.
    """

    form = "parquet file of images"

    def __init__(self, path: Path) -> None:
        self.skipped: list[Skipped] = []
        self._path, self._parquet = path, _pyarrow_parquet(path)
        with whole(path, "a parquet file"):
            metadata = self._parquet.read_metadata(path)
            self._column = _choose(metadata.schema.to_arrow_schema(), path)
            counts = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
            _check_claims(path, metadata, sum(counts))
        self._ends = np.cumsum(counts)
        self.names = [f"row {row}" for row in range(sum(counts))]
        self._loaded: tuple[int, Any] = (-1, None)

    def read(self, index: int) -> bytes:
        group = int(np.searchsorted(self._ends, index, side="right"))
        start = int(self._ends[group - 1]) if group else 0
        with one_member():
            content = self._group(group)[index - start].as_py()
        if isinstance(content, dict):
            content = content.get("bytes")
        if not content:
            raise Unreadable("empty", "the cell holds no bytes")
        return content

    def forget(self) -> None:
        """Let go of the row group that is in memory."""
        self._loaded = (-1, None)

    def _group(self, group: int) -> Any:
        if self._loaded[0] != group:
            self._loaded = (-1, None)
            with self._parquet.ParquetFile(self._path, page_checksum_verification=True) as file:
                table = file.read_row_group(group, columns=[self._column], use_threads=False)
            self._loaded = (group, table.column(0))
        return self._loaded[1]


class ParquetShards:
    """The image columns of several parquet files, one file after the other; a row group is in memory at a time.

    Raises:
        DataError: as of a single one.
    """

    form = "folder of parquet files of images"

    def __init__(self, paths: Sequence[Path]) -> None:
        self._parts = [ParquetBlobs(path) for path in paths]
        self._ends = np.cumsum([len(part.names) for part in self._parts])
        self._open = self._parts[0]
        self.names = [
            f"{path.name}, {name}" for path, part in zip(paths, self._parts, strict=True) for name in part.names
        ]
        self.skipped: list[Skipped] = []

    def read(self, index: int) -> bytes:
        number = int(np.searchsorted(self._ends, index, side="right"))
        part = self._parts[number]
        if part is not self._open:
            self._open.forget()
            self._open = part
        return part.read(index - (int(self._ends[number - 1]) if number else 0))


def choose_shards(folder: Path) -> tuple[list[Path], str]:
    """The parquet files of a folder that hold one set of images, as Hugging Face lays them out, and a note.

    Shards lie in the folder or in those in it, and are named SPLIT-00000-of-00005.parquet; of several splits `train`
    is taken. None, where there are no parquet files, or an image at any depth.

    Raises:
        DataError: where several sets are there and none is called `train`.
    """
    shards: list[Path] = []
    for place, _, names in os.walk(folder):
        files = [Path(place, name) for name in names]
        if any(file.suffix.lower() in SUFFIXES for file in files):
            return [], ""
        near = len(Path(place).relative_to(folder).parts) <= 1
        shards += [file for file in files if near and file.suffix.lower() == ".parquet" and file.is_file()]
    if not shards:
        return [], ""
    shards.sort()
    sets: dict[str, list[Path]] = {}
    for shard in shards:
        sets.setdefault(SHARD.sub("", shard.relative_to(folder).with_suffix("").as_posix()), []).append(shard)
    trains = [name for name in sets if name.rpartition("/")[2] == "train"]
    if len(sets) > 1 and len(trains) != 1:
        fix = "Give one of them, or a folder of one set."
        raise DataError(
            f"{folder}: a folder of parquet files must hold one set, or one named train. Got {', '.join(sets)}. {fix}"
        )
    chosen = trains[0] if len(sets) > 1 else next(iter(sets))
    others = ", ".join(name for name in sets if name != chosen)
    note = f"Of the folder's parquet files {chosen} is taken; left out: {others}." if others else ""
    return sets[chosen], note


def _pyarrow_parquet(path: Path) -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        fix = "Install it with: pip install 'sparring[tables]'"
        raise DataError(f"{path}: reading .parquet needs pyarrow, which is not installed. {fix}") from error
    return pyarrow.parquet


def _choose(schema: Any, path: Path) -> str:
    from pyarrow import types

    columns = {
        field.name: f"{field.name}.bytes" if types.is_struct(field.type) else field.name
        for field in schema
        if _holds_bytes(field.type)
    }
    named = [name for name in columns if name.lower() in PREFERRED]
    candidates = named if len(named) == 1 else list(columns)
    if len(candidates) != 1:
        must = "one image column (binary, or a struct with `bytes`)"
        fix = "Write the numbers of a table to a .npy, such as np.save('x.npy', pd.read_parquet('x').to_numpy(float))."
        raise DataError(f"{path}: a .parquet must hold {must}. Got the columns {', '.join(schema.names)}. {fix}")
    return columns[candidates[0]]


def _holds_bytes(kind: Any) -> bool:
    from pyarrow import types

    if types.is_struct(kind):
        return any(field.name == "bytes" and _holds_bytes(field.type) for field in kind)
    return types.is_binary(kind) or types.is_large_binary(kind)


def _check_claims(path: Path, metadata: Any, num_rows: int) -> None:
    size = path.stat().st_size
    unpacked = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    if num_rows > size or is_bomb(size, unpacked, MAX_UNPACKED):
        raise ValueError(f"{size:,} bytes that claim {num_rows:,} rows and {unpacked:,} bytes")
