"""Archives that want out of their folder, blow up, or hold what they should not."""

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial

from sparring.benchmarks.malformed.materials import good_images, gzipped, tarred, zipped
from sparring.benchmarks.malformed.trap import Answer, Case, Place, Trap, inspect

BOMB = 2 << 30
CHUNK = 16 << 20
FORMS = ("zip", "tar", "tar.gz")
ESCAPES = {"parent": "../escape.png", "grandparent": "inside/../../../escape.png"}
FOREIGN_ESCAPES = {"backslash": "..\\escape.png", "drive": "C:\\escape.png"}


def cases() -> list[Case]:
    """Every crafted archive."""
    made: list[Case] = []
    for kind, name in ESCAPES.items():
        made += [_case(f"{form}-{kind}", partial(_escaping, form, name, "refused")) for form in FORMS]
    for kind, name in FOREIGN_ESCAPES.items():
        made += [_case(f"{form}-{kind}", partial(_escaping, form, name, "any")) for form in FORMS]
    made += [_case(f"{form}-absolute", partial(_absolute, form)) for form in FORMS]
    made += [_case(f"tar-{name}", partial(_special, kind)) for name, kind in SPECIALS.items()]
    made += [_case(name, make) for name, make in MADE.items()]
    return made


def _case(name: str, make: Callable[[Place], Trap]) -> Case:
    return Case(f"archives/{name}", lambda place, generator: make(place))


def _written(place: Place, name: str, content: bytes, member: str, answer: Answer) -> Trap:
    path = place.data / name
    path.write_bytes(content)
    return inspect(path, member, answer=answer)


def _pack(form: str, members: dict[str, bytes]) -> bytes:
    if form == "zip":
        return zipped(members)
    return gzipped(tarred(members)) if form == "tar.gz" else tarred(members)


def _escaping(form: str, name: str, answer: Answer, place: Place) -> Trap:
    members = {**good_images(), name: good_images()["good-00.png"]}
    return _written(place, f"data.{form}", _pack(form, members), "escape.png", answer)


def _absolute(form: str, place: Place) -> Trap:
    return _escaping(form, str(place.canary / "escape.png"), "refused", place)


def _special(kind: bytes, place: Place) -> Trap:
    info = tarfile.TarInfo("special.png")
    info.type = kind
    info.linkname = str(place.canary / "escape.png") if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    answer = "refused" if info.islnk() or info.issym() else "named"
    return _written(place, "data.tar", tarred(good_images(), info), "special.png", answer)


def _zip_link(place: Place) -> Trap:
    buffer = io.BytesIO(zipped(good_images()))
    with zipfile.ZipFile(buffer, "a") as archive:
        info = zipfile.ZipInfo("special.png")
        info.create_system = 3
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, str(place.canary / "escape.png"))
    return _written(place, "data.zip", buffer.getvalue(), "special.png", "refused")


def _encrypted(place: Place) -> Trap:
    """Every member is marked as encrypted, in its own header and in the central directory."""
    content = bytearray(zipped(good_images()))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(signature, at + 1)
    return _written(place, "data.zip", bytes(content), "good-", "refused")


def _zip_bomb(place: Place) -> Trap:
    path = place.data / "data.zip"
    path.write_bytes(zipped(good_images()))
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("bomb.png", "w", force_zip64=True) as member,
    ):
        for _ in range(BOMB // CHUNK):
            member.write(bytes(CHUNK))
    return inspect(path, "bomb.png")


def _lying_zip(place: Place) -> Trap:
    """A member whose central directory says 100 bytes where 2 GiB come out."""
    trap = _zip_bomb(place)
    path = place.data / "data.zip"
    content = bytearray(path.read_bytes())
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = (100).to_bytes(4, "little")
    path.write_bytes(content)
    return trap


def _odd_zip(method: int, place: Place) -> Trap:
    """A member that Python unpacks without a bound."""
    path = place.data / "data.zip"
    path.write_bytes(zipped(good_images()))
    with zipfile.ZipFile(path, "a", method) as archive:
        archive.writestr("odd.png", bytes(CHUNK))
    return inspect(path, "odd.png")


def _tar_bomb(place: Place) -> Trap:
    """A good archive whose last member is 2 GiB of zeros; gzip allows its parts to be joined."""
    info = tarfile.TarInfo("bomb.png")
    info.size = BOMB
    start = tarred(good_images()).rstrip(b"\0")
    start += bytes(-len(start) % tarfile.BLOCKSIZE) + info.tobuf()
    content = gzipped(start) + gzipped(bytes(CHUNK)) * (BOMB // CHUNK) + gzipped(bytes(1024))
    return _written(place, "data.tar.gz", content, "bomb.png", "named")


def _tar_name_bomb(kind: bytes, place: Place) -> Trap:
    """The first member's name has 2 GiB."""
    info = tarfile.TarInfo("bomb.png")
    info.type, info.size = kind, BOMB
    content = gzipped(info.tobuf()) + gzipped(bytes(CHUNK)) * (BOMB // CHUNK) + gzipped(tarred(good_images()))
    return _written(place, "data.tar.gz", content, "data.tar.gz", "named")


def _member(name: str, content: bytes, shown: str, answer: Answer, place: Place) -> Trap:
    return _written(place, "data.zip", zipped({**good_images(), name: content}), shown, answer)


def _only(form: str, members: dict[str, bytes], place: Place) -> Trap:
    return _written(place, f"data.{form}", _pack(form, members), f"data.{form}", "refused")


def _endless_names(place: Place) -> Trap:
    """Ten thousand empty members: none is an image."""
    return _only("zip", {f"{i}/": b"" for i in range(10_000)}, place)


SPECIALS = {
    "symlink": tarfile.SYMTYPE,
    "hardlink": tarfile.LNKTYPE,
    "character-device": tarfile.CHRTYPE,
    "block-device": tarfile.BLKTYPE,
    "fifo": tarfile.FIFOTYPE,
}

MADE: dict[str, Callable[[Place], Trap]] = {
    "zip-symlink": _zip_link,
    "zip-encrypted": _encrypted,
    "zip-bomb": _zip_bomb,
    "zip-lying-size": _lying_zip,
    "zip-bzip2": partial(_odd_zip, zipfile.ZIP_BZIP2),
    "zip-lzma": partial(_odd_zip, zipfile.ZIP_LZMA),
    "tar.gz-bomb": _tar_bomb,
    "tar.gz-name-bomb": partial(_tar_name_bomb, tarfile.GNUTYPE_LONGNAME),
    "tar.gz-header-bomb": partial(_tar_name_bomb, tarfile.XHDTYPE),
    "zip-nested": partial(_member, "inner.zip", zipped({"a.txt": b"a"}), "inner.zip", "skipped"),
    "zip-line-break": partial(_member, "line\nbreak.png", b"no image", "break.png", "skipped"),
    "zip-escape-codes": partial(_member, "\x1b[31mred.png", b"no image", "red.png", "skipped"),
    "zip-long-name": partial(_member, "n" * 4000 + ".png", b"no image", "nnnn", "skipped"),
    "zip-unicode": partial(_member, "\u202egnp.\U0001f600.png", b"no image", ".png", "skipped"),
    "zip-empty": partial(_only, "zip", {}),
    "zip-folders-only": partial(_only, "zip", {"a/": b"", "b/": b""}),
    "zip-text-only": partial(_only, "zip", {f"{i}.txt": b"text" for i in range(30)}),
    "zip-many-names": _endless_names,
    "tar-empty": partial(_only, "tar", {}),
    "tar-text-only": partial(_only, "tar", {f"{i}.txt": b"text" for i in range(30)}),
    "zip-nine": partial(_only, "zip", dict(list(good_images().items())[:9])),
}
