"""Files of images inside a zip or tar: read in place, never unpacked to disk."""

import io
import re
import stat
import tarfile
import weakref
import zipfile
from pathlib import Path

from sparring.data.blobs import printable
from sparring.data.clean import Skipped, Unreadable
from sparring.data.damage import MAX_BYTES, MAX_RATIO, MAX_UNPACKED, is_bomb, one_member, whole
from sparring.errors import DataError


class ZipBlobs:
    """The members of a zip, in POSIX order of their names.

    Raises:
        DataError: where it is no zip, is encrypted, or holds a member that leaves it or is a link.
    """

    form = "zip of images"

    def __init__(self, path: Path) -> None:
        self.notes: list[str] = []
        self.skipped: list[Skipped] = []
        with whole(path, "a zip file"):
            self._zip = zipfile.ZipFile(path)
        members = [member for member in self._zip.infolist() if not member.is_dir()]
        for member in self._zip.infolist():
            _check_zip_member(path, member)
        self._members = sorted(filter(self._is_modest, members), key=lambda member: member.filename)
        self.names = [printable(member.filename) for member in self._members]

    def read(self, index: int) -> bytes:
        with one_member():
            return self._zip.read(self._members[index])

    def _is_modest(self, member: zipfile.ZipInfo) -> bool:
        bomb = member.file_size > MAX_BYTES or is_bomb(member.compress_size, member.file_size)
        if bomb:
            detail = f"{member.compress_size:,} bytes would unpack to {member.file_size:,}"
            self.skipped.append(Skipped(printable(member.filename), "too large", detail))
        return not bomb


class TarBlobs:
    """The members of a tar: in POSIX order of their names, or in the archive's own where it is compressed.

    A compressed tar can only be read forwards, so its own order is the one that streams.

    Raises:
        DataError: where it is no tar, or holds a member that leaves it, is a link or a device.
    """

    form = "tar of images"

    def __init__(self, path: Path) -> None:
        self.notes: list[str] = []
        self.skipped: list[Skipped] = []
        self._path = path
        self._compressed_size = path.stat().st_size
        with whole(path, "a tar file"):
            file = path.open("rb")
            weakref.finalize(self, file.close)
            self._tar = tarfile.open(fileobj=file, mode="r:*")  # noqa: SIM115 (read until the end of self)
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
                _check_tar_member(self._path, member)
                unpacked += member.size
                self._check_total(member, unpacked)
                if member.isreg() and self._is_modest(member):
                    members.append(member)
            self._check_end()
        return members

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


def _check_zip_member(path: Path, member: zipfile.ZipInfo) -> None:
    _check_name(path, member.orig_filename)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refused(path, member.filename, "is a link or a device")
    if member.flag_bits & 0x1:
        raise DataError(
            f"{path}: a zip must not be encrypted. Member {printable(member.filename)!r} is. Unlock it first."
        )


def _check_tar_member(path: Path, member: tarfile.TarInfo) -> None:
    _check_name(path, member.name)
    if not (member.isreg() or member.isdir()):
        raise _refused(path, member.name, "is a link or a device")


def _check_name(path: Path, name: str) -> None:
    posix = name.replace("\\", "/")
    if "\0" in name:
        raise _refused(path, name, "has a NUL in its name")
    if posix.startswith("/") or re.match(r"[A-Za-z]:", posix):
        raise _refused(path, name, "has an absolute path")
    if ".." in posix.split("/"):
        raise _refused(path, name, "leaves the archive")


def _refused(path: Path, name: str, fault: str) -> DataError:
    shown = name.encode("utf-8", "backslashreplace").decode()
    return DataError(f"{path}: an archive must hold plain files inside itself. Member {shown!r} {fault}.")
