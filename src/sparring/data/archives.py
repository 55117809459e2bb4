"""Files of images inside a zip or tar: read in place, never unpacked to disk."""

import io
import posixpath
import re
import stat
import tarfile
import weakref
import zipfile
from pathlib import Path
from typing import Any, Self

from sparring.data.blobs import printable
from sparring.data.clean import Skipped, Unreadable
from sparring.data.damage import MAX_BYTES, MAX_RATIO, MAX_UNPACKED, ZIP_METHODS, is_bomb, one_member, whole
from sparring.errors import DataError

MAX_HEADER = 2**20  # of what precedes a member of a tar, such as a long name
MAX_TARGET = 2**12  # of the path that a link points to
BEFORE_A_MEMBER = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
NO_FILE = "not a file", "it is a pipe or a device"
LINK = "link", "links are not followed"


class ZipBlobs:
    """The members of a zip, in POSIX order of their names.

    Raises:
        DataError: where it is no zip, is encrypted, or holds a member or a link that leaves it.
    """

    form = "zip of images"

    def __init__(self, path: Path) -> None:
        self.skipped: list[Skipped] = []
        with whole(path, "a zip file"):
            self._zip = zipfile.ZipFile(path)
        members = [member for member in self._zip.infolist() if self._is_file(path, member)]
        self._members = sorted(filter(self._is_modest, members), key=lambda member: member.filename)
        self.names = [printable(member.filename) for member in self._members]

    def read(self, index: int) -> bytes:
        with one_member():
            return self._content(self._members[index])

    def _content(self, member: zipfile.ZipInfo) -> bytes:
        with self._zip.open(member) as file:
            return file.read(member.file_size + 1)  # one more, so that the checksum at the end is looked at

    def _is_file(self, path: Path, member: zipfile.ZipInfo) -> bool:
        _check_name(path, member.orig_filename)
        if member.flag_bits & 0x1:
            raise DataError(
                f"{path}: a zip must not be encrypted. Member {printable(member.filename)!r} is. Unlock it first."
            )
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind == stat.S_IFLNK:
            _check_link(path, member.filename, posixpath.dirname(member.filename), self._target(member))
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            self.skipped.append(Skipped(printable(member.filename), *(LINK if kind == stat.S_IFLNK else NO_FILE)))
            return False
        return not member.is_dir()

    def _target(self, member: zipfile.ZipInfo) -> str:
        """Where a link points to; to the root where that cannot be told, or not be read within bounds."""
        if member.compress_type not in ZIP_METHODS or member.file_size > MAX_TARGET:
            return "/"
        try:
            with one_member():
                return self._content(member).decode()
        except Unreadable:
            return "/"

    def _is_modest(self, member: zipfile.ZipInfo) -> bool:
        if member.compress_type not in ZIP_METHODS:
            detail = "it is neither stored nor deflated; pack the archive again as a plain zip"
            self.skipped.append(Skipped(printable(member.filename), "unknown compression", detail))
            return False
        bomb = member.file_size > MAX_BYTES or is_bomb(member.compress_size, member.file_size)
        if bomb:
            detail = f"{member.compress_size:,} bytes would unpack to {member.file_size:,}"
            self.skipped.append(Skipped(printable(member.filename), "too large", detail))
        return not bomb


class TarBlobs:
    """The members of a tar: in POSIX order of their names, or in the archive's own where it is compressed.

    A compressed tar can only be read forwards, so its own order is the one that streams.

    Raises:
        DataError: where it is no tar, or holds a member or a link that leaves it.
    """

    form = "tar of images"

    def __init__(self, path: Path) -> None:
        self.skipped: list[Skipped] = []
        self._path = path
        self._compressed_size = path.stat().st_size
        with whole(path, "a tar file"):
            file = path.open("rb")
            weakref.finalize(self, file.close)
            self._tar = tarfile.open(fileobj=file, mode="r:*", tarinfo=_ModestTarInfo)  # noqa: SIM115 (open as long as self)
        self._members = self._list()
        if self._is_plain():
            self._members.sort(key=lambda member: member.name)
        self.names = [printable(member.name) for member in self._members]

    def read(self, index: int) -> bytes:
        member = self._members[index]
        with one_member():
            file = self._tar.extractfile(member)
            assert file is not None, member.name
            content = file.read()
        if len(content) < member.size:
            raise Unreadable("truncated", f"{len(content):,} of {member.size:,} bytes are there")
        return content

    def _is_plain(self) -> bool:
        return isinstance(self._tar.fileobj, io.BufferedReader)

    def _list(self) -> list[tarfile.TarInfo]:
        members: list[tarfile.TarInfo] = []
        unpacked = 0
        with whole(self._path, "a tar file"):
            while (member := self._tar.next()) is not None:
                _check_name(self._path, member.name)
                unpacked += member.size
                self._check_total(member, unpacked)
                if self._is_file(member) and self._is_modest(member):
                    members.append(member)
            self._check_end()
        return members

    def _is_file(self, member: tarfile.TarInfo) -> bool:
        is_link = member.issym() or member.islnk()
        if is_link:
            place = posixpath.dirname(member.name) if member.issym() else ""
            _check_link(self._path, member.name, place, member.linkname)
        if not (member.isreg() or member.isdir()):
            self.skipped.append(Skipped(printable(member.name), *(LINK if is_link else NO_FILE)))
        return member.isreg()

    def _check_total(self, member: tarfile.TarInfo, unpacked: int) -> None:
        if is_bomb(self._compressed_size, unpacked, MAX_UNPACKED):
            raise DataError(
                f"{self._path}: a tar must not unpack to more than {MAX_RATIO} times its size. "
                f"It passes that at member {printable(member.name)!r}: a decompression bomb."
            )

    def _is_modest(self, member: tarfile.TarInfo) -> bool:
        if member.size <= MAX_BYTES and not member.issparse():
            return True
        detail = f"it would unpack to {member.size:,} bytes, more than {MAX_BYTES:,}"
        self.skipped.append(Skipped(printable(member.name), "too large", detail))
        return False

    def _check_end(self) -> None:
        """Note a damaged header in the middle: the reader takes it for the end of the archive."""
        file = self._tar.fileobj
        assert file is not None
        file.seek(self._tar.offset)
        if any(file.read(tarfile.BLOCKSIZE)):
            detail = f"the header at byte {self._tar.offset:,} is damaged; what follows it cannot be found"
            self.skipped.append(Skipped("(rest of the archive)", "corrupt", detail))


class _ModestTarInfo(tarfile.TarInfo):
    """One whose name is not longer than a name may be: it is read into memory whole."""

    @classmethod
    def frombuf(cls, *arguments: Any, **options: Any) -> Self:
        found = super().frombuf(*arguments, **options)
        if found.type in BEFORE_A_MEMBER and found.size > MAX_HEADER:
            raise ValueError(f"a member with a name of {found.size:,} bytes, which is a bomb")
        return found


def _check_link(path: Path, name: str, place: str, target: str) -> None:
    posix = target.replace("\\", "/")
    if _is_absolute(posix) or posixpath.normpath(posixpath.join(place, posix)).split("/")[0] == "..":
        raise _refused(path, name, "is a link that leaves the archive")


def _is_absolute(posix: str) -> bool:
    return posix.startswith("/") or bool(re.match(r"[A-Za-z]:/", posix))


def _check_name(path: Path, name: str) -> None:
    posix = name.replace("\\", "/")
    if "\0" in name:
        raise _refused(path, name, "has a NUL in its name")
    if _is_absolute(posix):
        raise _refused(path, name, "has an absolute path")
    if ".." in posix.split("/"):
        raise _refused(path, name, "leaves the archive")


def _refused(path: Path, name: str, fault: str) -> DataError:
    shown = name.encode("utf-8", "backslashreplace").decode()
    return DataError(f"{path}: an archive must hold plain files inside itself. Member {shown!r} {fault}.")
