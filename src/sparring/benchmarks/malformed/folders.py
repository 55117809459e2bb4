"""Folders that hold, or are, something else than readable images."""

import os
import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sparring.benchmarks.malformed.materials import (
    digits,
    encoded,
    good_images,
    photograph,
    write_good_images,
)
from sparring.benchmarks.malformed.trap import Answer, Case, Place, Trap, inspect, train

HUGE = 60_000


def cases() -> list[Case]:
    """Every crafted folder and single path."""
    items = [_case(f"item-{name}", partial(_item, *item)) for name, item in bad_items().items()]
    paths = [_case(name, make) for name, make in PATHS.items()]
    trained = [_case(f"train-{name}", partial(_trained, PATHS[name])) for name in TRAINED]
    trained += [_case(f"train-item-{name}", partial(_trained, partial(_item, *bad_items()[name]))) for name in LISTED]
    return items + paths + trained


def bad_items() -> dict[str, tuple[str, bytes, Answer]]:
    """Name of the case -> (file name, content, right answer) of one bad item among twenty good ones."""
    text = b"This is no image.\n"
    return {
        "empty": ("bad.png", b"", "skipped"),
        "text": ("bad.png", text, "skipped"),
        "line-break": ("line\nbreak.png", text, "skipped"),
        "escape-codes": ("\x1b[31mred.png", text, "skipped"),
        "unicode": ("\u202egnp.\U0001f600\u00e9.png", text, "skipped"),
        "long-name": ("n" * 251 + ".png", text, "skipped"),
        "svg": ("bad.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "skipped"),
        "pickle": ("bad.pkl", b"\x80\x04N.", "skipped"),
        "png-bomb": ("bad.png", png(HUGE, HUGE), "skipped"),
        "png-zero-wide": ("bad.png", png(0, 8), "skipped"),
        "png-flat-bomb": ("bad.png", png(2**31 - 1, 1), "skipped"),
        "png-text-bomb": ("bad.png", png_text_bomb(), "any"),
        "bmp-bomb": ("bad.bmp", _patched("BMP", 18, struct.pack("<ii", HUGE, HUGE)), "skipped"),
        "gif-bomb": ("bad.gif", _patched("GIF", 6, struct.pack("<HH", HUGE, HUGE)), "named"),
        "jpg-bomb": ("bad.jpg", jpeg_of_size(65_500), "skipped"),
        "tiff-bomb": ("bad.tiff", tiff_bomb(), "skipped"),
        "ppm-bomb": ("bad.ppm", b"P6 60000 60000 255\n", "skipped"),
        "html-as-jpg": ("bad.jpg", b"<html><body>404</body></html>", "skipped"),
    }


def png(width: int, height: int, extra: bytes = b"") -> bytes:
    """A PNG whose header, with a right checksum, claims a size that its one row of data does not have."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = _chunk(b"IDAT", zlib.compress(bytes(9)))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + extra + data + _chunk(b"IEND", b"")


def png_text_bomb() -> bytes:
    """A sound 8x1 PNG with a compressed comment of 256 MiB."""
    return png(8, 1, _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(256 << 20), 1)))


def jpeg_of_size(side: int) -> bytes:
    """A small JPEG whose frame header claims `side` x `side` pixels."""
    content = bytearray(encoded(photograph(), "JPEG"))
    at = content.find(b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", side, side)
    return bytes(content)


def tiff_bomb() -> bytes:
    """A TIFF whose directory claims 60,000 x 60,000 pixels."""
    tags = [
        (256, HUGE),
        (257, HUGE),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, HUGE),
        (279, 64),
    ]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)


def _case(name: str, make: Callable[[Place], Trap]) -> Case:
    return Case(f"folders/{name}", lambda place, generator: make(place))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _patched(form: str, at: int, new: bytes) -> bytes:
    content = encoded(digits()[0], form)
    return content[:at] + new + content[at + len(new) :]


def _shown(name: str) -> str:
    """The part of a file name that every honest way of printing it keeps."""
    return max(name.encode("ascii", "replace").decode().replace("\n", "?").replace("\x1b", "?").split("?"), key=len)


def _item(name: str, content: bytes, answer: Answer, place: Place) -> Trap:
    folder = write_good_images(place.data / "images")
    (folder / name).write_bytes(content)
    return inspect(folder, _shown(name)[:40], answer=answer)


def _trained(make: Callable[[Place], Trap], place: Place) -> Trap:
    """The same input before `train`, which must refuse what `inspect` refuses."""
    trap = make(place)
    return Trap(train(Path(trap.words[1]), place), trap.names, trap.answer)


def _link(target: str, name: str, answer: Answer, place: Place) -> Trap:
    folder = write_good_images(place.data / "images")
    (folder / name).symlink_to(target)
    return inspect(folder, name, answer=answer)


def _fifo_inside(place: Place) -> Trap:
    folder = write_good_images(place.data / "images")
    os.mkfifo(folder / "fifo.png")
    return inspect(folder, "fifo.png", answer="skipped")


def _fifo(place: Place) -> Trap:
    os.mkfifo(place.data / "fifo.npy")
    return inspect(place.data / "fifo.npy", answer="refused")


def _folder(contents: dict[str, bytes], place: Place) -> Trap:
    folder = place.data / "images"
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return inspect(folder, answer="refused")


def _file(name: str, content: bytes, place: Place) -> Trap:
    (place.data / name).write_bytes(content)
    return inspect(place.data / name, answer="refused")


def _elsewhere(path: str, place: Place) -> Trap:
    return inspect(Path(path), answer="refused")


def _deep(place: Place) -> Trap:
    """Good images below forty folders: unusual, but right."""
    write_good_images(place.data.joinpath("images", *["deeper"] * 40))
    return inspect(place.data / "images", answer="any")


def _folder_with_suffix(place: Place) -> Trap:
    """A folder whose name says that it is an archive: either answer is right, a traceback is not."""
    write_good_images(place.data / "images.zip")
    return inspect(place.data / "images.zip", answer="any")


def _forbidden(place: Place) -> Trap:
    folder = write_good_images(place.data / "images")
    (folder / "forbidden.png").write_bytes(good_images()["good-00.png"])
    (folder / "forbidden.png").chmod(0)
    return inspect(folder, "forbidden.png", answer="any" if os.geteuid() == 0 else "skipped")


PATHS: dict[str, Callable[[Place], Trap]] = {
    "missing": lambda place: inspect(place.data / "nowhere", answer="refused"),
    "empty": partial(_folder, {}),
    "text-only": partial(_folder, {f"{i}.txt": b"text" for i in range(30)}),
    "bad-only": partial(_folder, {f"{i}.png": b"no image" for i in range(30)}),
    "nine": lambda place: _folder(dict(list(good_images().items())[:9]), place),
    "loop": partial(_link, ".", "loop", "any"),
    "link-to-itself": partial(_link, "self.png", "self.png", "skipped"),
    "link-to-nothing": partial(_link, "nowhere.png", "dangling.png", "skipped"),
    "link-to-secret": partial(_link, "/etc/passwd", "secret.png", "skipped"),
    "link-to-endless": partial(_link, "/dev/zero", "endless.png", "skipped"),
    "fifo-inside": _fifo_inside,
    "fifo": _fifo,
    "device-zero": partial(_elsewhere, "/dev/zero"),
    "device-null": partial(_elsewhere, "/dev/null"),
    "empty-file": partial(_file, "data.npy", b""),
    "unknown-form": partial(_file, "data.xyz", b"something"),
    "no-suffix": partial(_file, "data", b"something"),
    "pickle": partial(_file, "data.pkl", b"\x80\x04N."),
    "zip-that-is-text": partial(_file, "data.zip", b"no archive"),
    "tar-that-is-text": partial(_file, "data.tar", b"no archive"),
    "gz-that-is-text": partial(_file, "data.idx.gz", b"no archive"),
    "parquet-that-is-text": partial(_file, "data.parquet", b"no table"),
    "deep": _deep,
    "folder-named-zip": _folder_with_suffix,
    "forbidden": _forbidden,
}

TRAINED = ("missing", "empty", "text-only", "bad-only", "nine", "fifo", "empty-file", "zip-that-is-text")
LISTED = ("empty", "text", "line-break", "escape-codes", "unicode", "long-name", "png-bomb", "tiff-bomb")
