"""Where files of images lie: a list of names and the bytes of each. Here: a folder."""

import os
import stat
from pathlib import Path
from typing import Protocol

from sparring.data.clean import Skipped, Unreadable
from sparring.data.damage import MAX_BYTES
from sparring.errors import DataError


class Blobs(Protocol):
    """Files by index, in the order of the data.

    Attributes:
        form: what it is in words, such as "folder of images".
        names: of the files, relative, with forward slashes.
        skipped: what was refused while listing.
    """

    form: str
    names: list[str]
    skipped: list[Skipped]

    def read(self, index: int) -> bytes:
        """The bytes of one file. Cheapest in ascending order, from one thread.

        Raises:
            Unreadable: where they cannot be had.
        """
        ...


class FolderBlobs:
    """The files below a folder, in POSIX order of their names.

    Links to folders are not followed, nor are links that leave the folder; pipes, devices and the folders of runs are
    not read.

    Raises:
        DataError: where the folder itself cannot be listed.
    """

    form = "folder of images"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.skipped: list[Skipped] = []
        self._root = os.path.realpath(folder)
        self._files = sorted(self._walk())
        self.names = [printable(path) for path in self._files]

    def read(self, index: int) -> bytes:
        try:
            return (self.folder / self._files[index]).read_bytes()
        except OSError as error:
            raise Unreadable("no access", error.strerror or str(error)) from error

    def _walk(self) -> list[str]:
        files: list[str] = []
        for place, folders, names in os.walk(self.folder, onerror=self._cannot_list):
            for name in folders:
                if (Path(place) / name).is_symlink():
                    self._skip(Path(place) / name, "link", "links to folders are not followed")
                elif is_run(Path(place) / name):
                    self._skip(Path(place) / name, "run folder", "what it holds was made by Sparring")
            folders[:] = [name for name in folders if not is_run(Path(place) / name)]
            files += [path for name in names if (path := self._regular(Path(place) / name))]
        return files

    def _regular(self, path: Path) -> str | None:
        try:
            self._check(path)
        except Unreadable as error:
            self._skip(path, error.reason, error.detail)
            return None
        except OSError as error:
            self._skip(path, "no access", error.strerror or str(error))
            return None
        return os.path.relpath(path, self.folder)

    def _check(self, path: Path) -> None:
        target = os.path.realpath(path)
        if path.is_symlink() and os.path.commonpath([target, self._root]) != self._root:
            raise Unreadable("link", "it points outside of the folder")
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("not a file", "it is a pipe, a socket or a device")
        if status.st_size > MAX_BYTES:
            raise Unreadable("too large", f"it has {status.st_size:,} bytes, more than {MAX_BYTES:,}")

    def _skip(self, path: Path, reason: str, detail: str) -> None:
        name = printable(os.path.relpath(path, self.folder))
        self.skipped.append(Skipped(name, reason, detail))

    def _cannot_list(self, error: OSError) -> None:
        if os.path.realpath(error.filename) == self._root:
            raise DataError(f"{self.folder}: the folder cannot be listed: {error.strerror}.") from error
        self._skip(Path(error.filename), "no access", error.strerror or str(error))


def is_run(folder: Path) -> bool:
    """Whether a folder is one that training writes: its choices, and what it has come to."""
    return (folder / "config.json").is_file() and (folder / "checkpoint").is_dir()


def printable(name: str) -> str:
    """A file's name as text that can be written anywhere, with forward slashes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace").replace(os.sep, "/")
