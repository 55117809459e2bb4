"""Files that are there completely or not at all, whatever happens while they are written."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write a file or a folder to; it takes the place of `path` at the end.

    On a failure it is removed, and `path` is what it was. Of two processes that write the same, the later one stays.

    Args:
        path: of a file, of an empty folder that another folder is to replace, or of nothing yet.

    Yields:
        Where to write; nothing is there.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    _remove(partial)
    try:
        yield partial
        if partial.is_dir() and path.is_dir():
            path.rmdir()
        partial.replace(path)
    finally:
        _remove(partial)


def sync(path: Path) -> None:
    """Have what was written to a file, or the names in a folder, reach the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
