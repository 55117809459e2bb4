"""One image: bytes -> upright pixels in its own depth -> the size that is wanted."""

import io
import logging
import struct
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from sparring.data.clean import Unreadable, digest
from sparring.data.damage import one_member

RESIZE_POLICY = (
    "an image of another size is scaled, antialiased and with its aspect ratio kept, "
    "until it covers the wanted size; what sticks out on both sides is cropped evenly"
)
MAX_PIXELS = 2**26
# A one-colour 1-bit PNG holds 8,256 pixels in a byte, and no format needs more.
MAX_PIXELS_PER_BYTE = 10_000
HARMLESS_PIXELS = 2**22
PIXELS_AT_A_TIME = 2**26  # in all threads together; while it is decoded a pixel takes up to 20 bytes
# EPS and WMF run other programs, TGA has no signature and so claims files that are no images.
FORMATS = (
    *("PNG", "JPEG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "AVIF", "JPEG2000"),
    *("PPM", "PCX", "ICO", "SGI", "QOI"),
)
SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".webp"),
    *(".avif", ".jp2", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm", ".pcx", ".ico", ".sgi", ".qoi"),
)
# of cameras, phones and painting programs: images, but not in a form that Pillow reads everywhere
UNREAD_SUFFIXES = (
    *(".heic", ".heif", ".jxl", ".psd", ".tga", ".exr", ".svg"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"),
)
# whole numbers of 32 bits in memory are 16 bits in these files, and elsewhere of any size and sign
SIXTEEN_BITS_AT_MOST = ("PNG", "PPM")
_FULL_SCALE = {"uint8": 255, "uint16": 65535}
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112
Value = TypeVar("Value", float, np.ndarray)

# Pillow logs what it dislikes in a damaged file; without a handler Python would print that to stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())
Image.init()


@dataclass(frozen=True, slots=True)
class Examined:
    """What is known of one readable image.

    Attributes:
        size: (height, width), upright.
        channels: 1 where red, green and blue agree everywhere, else 3.
        dtype: "uint8", "uint16" or "float32".
        digest: of the file's bytes.
        low: smallest value.
        high: largest value.
        animated: whether frames follow the first.
        see_through: whether some of it was transparent, and lies on white now.
        cut: whether it has 16 bits a colour, of which 8 are read.
    """

    size: tuple[int, int]
    channels: int
    dtype: str
    digest: bytes
    low: float
    high: float
    animated: bool
    see_through: bool
    cut: bool


def examine(blob: bytes) -> Examined:
    """Decode an image wholly and say what it is.

    Raises:
        Unreadable: where it is empty, no image, damaged, cut short, or too large.
    """
    picture = _decode(blob)
    pixels = picture.pixels
    low, high = float(pixels.min()), float(pixels.max())
    if not np.isfinite([low, high]).all():
        raise Unreadable("not finite", "a pixel is NaN or infinite")
    height, width, channels = pixels.shape
    return Examined(
        size=(height, width),
        channels=channels,
        dtype=pixels.dtype.name,
        digest=digest(blob),
        low=low,
        high=high,
        animated=picture.animated,
        see_through=picture.see_through,
        cut=picture.cut,
    )


def decode(blob: bytes) -> np.ndarray:
    """Upright pixels (height, width, 1 or 3) in uint8, uint16 or float32; alpha lies on white.

    Raises:
        Unreadable: where it is empty, no image, damaged, cut short, or too large.
    """
    return _decode(blob).pixels


def convert(pixels: np.ndarray, channels: int, dtype: str) -> np.ndarray:
    """Pixels (..., channels) in the channels and depth of their set: grey may become colour."""
    own = pixels.dtype.name
    if own == "uint16" and dtype == "uint8":
        pixels = np.rint(rescale(pixels, own, dtype)).astype(np.uint8)
    elif own != dtype:
        pixels = rescale(pixels.astype(dtype), own, dtype)
    return np.broadcast_to(pixels, (*pixels.shape[:-1], channels))


def rescale(value: Value, own: str, wanted: str) -> Value:
    """Change a depth so that white stays white.

    8 bits are multiplied by 257 among 16-bit images and the other way round; integers are divided by their full
    scale among floats. Floats of any width are the same numbers.
    """
    if own == wanted or own.startswith("float"):
        return value
    if wanted.startswith("float"):
        return value / _FULL_SCALE[own]
    return value * 257 if wanted == "uint16" else value / 257


def common_depth(depths: Iterable[str]) -> str:
    """The depth of a set: floats where at least half are, else 16 bits where at least half of the others have them."""
    counts = Counter(depths)
    if counts["float32"] and 2 * counts["float32"] >= counts.total():
        return "float32"
    return "uint16" if counts["uint16"] >= max(1, counts["uint8"]) else "uint8"


def can_become(depth: str, other: str) -> bool:
    """Whether pixels of one depth can be brought to another: floats have no full scale that integers could share."""
    return depth != "float32" or other == "float32"


def fit(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring pixels (height, width, channels) to `size` (height, width) by RESIZE_POLICY.

    The crop is taken first, at the image's own scale: the same picture, without a huge one in between.
    """
    if pixels.shape[:2] == size:
        return pixels
    window = _central_window(pixels, size)
    return window if window.shape[:2] == size else _interpolate(window, size)


def _central_window(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    height, width = pixels.shape[:2]
    crop_height = max(1, min(height, round(width * size[0] / size[1])))
    crop_width = max(1, min(width, round(height * size[1] / size[0])))
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    return pixels[top : top + crop_height, left : left + crop_width]


def _interpolate(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    import torch
    from torch.nn.functional import interpolate

    own = pixels if pixels.dtype == np.uint8 else pixels.astype(np.float32)
    batch = torch.from_numpy(np.array(own, order="C")).permute(2, 0, 1).unsqueeze(0)
    scaled = interpolate(batch, size=size, mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()
    if pixels.dtype.kind in "iub" and scaled.dtype != pixels.dtype:
        scaled = scaled.round()
    return scaled.astype(pixels.dtype, copy=False)


class _Picture(NamedTuple):
    pixels: np.ndarray
    animated: bool
    see_through: bool
    cut: bool


def _decode(blob: bytes) -> _Picture:
    if not blob:
        raise Unreadable("empty", "the file has no bytes")
    with one_member():
        try:
            return _load(blob)
        except UnidentifiedImageError:
            raise Unreadable("not an image", "no image format is recognised") from None
        except (Image.DecompressionBombError, MemoryError) as error:
            raise Unreadable("too large", f"it would unpack beyond {MAX_PIXELS:,} pixels") from error


def _load(blob: bytes) -> _Picture:
    with Image.open(io.BytesIO(blob), formats=FORMATS) as image:
        _refuse_bomb(image, len(blob))
        animated = bool(getattr(image, "is_animated", False))
        narrow = image.format in SIXTEEN_BITS_AT_MOST
        cut = image.mode in ("RGB", "RGBA", "LA") and any(";16" in str(tile[3]) for tile in image.tile)
        with _ROOM.of(image.width * image.height):
            image.load()
            return _Picture(_pixels(_upright(image), narrow), animated, _is_see_through(image), cut)


class _Room:
    """Lets threads in while there is room for what they bring."""

    def __init__(self, size: int) -> None:
        self._free, self._size, self._change = size, size, threading.Condition()

    @contextmanager
    def of(self, size: int) -> Iterator[None]:
        """Wait for so much room and hold it; more than there is in all counts as all."""
        size = min(size, self._size)
        with self._change:
            self._change.wait_for(lambda: self._free >= size)
            self._free -= size
        try:
            yield
        finally:
            with self._change:
                self._free += size
                self._change.notify_all()


_ROOM = _Room(PIXELS_AT_A_TIME)


def _refuse_bomb(image: Image.Image, num_bytes: int) -> None:
    pixels = image.width * image.height
    claim = f"its header claims {image.width} x {image.height} pixels"
    if pixels > MAX_PIXELS:
        raise Unreadable("too large", f"{claim}, more than {MAX_PIXELS:,}")
    if pixels > HARMLESS_PIXELS and pixels > MAX_PIXELS_PER_BYTE * num_bytes:
        raise Unreadable("too large", f"{claim}, more than {num_bytes:,} bytes can hold")


def _upright(image: Image.Image) -> Image.Image:
    try:
        method = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except (SyntaxError, struct.error, ValueError, KeyError, TypeError, EOFError, OSError):
        return image  # the picture is whole, and only what is said about it is damaged
    return image if method is None else image.transpose(method)


def _pixels(image: Image.Image, narrow: bool) -> np.ndarray:
    if image.mode == "F" or image.mode.startswith("I"):
        is_unsigned = image.mode.startswith("I;16") or (image.mode == "I" and narrow)
        return np.asarray(image).astype(np.uint16 if is_unsigned else np.float32)[..., None]
    if image.mode in ("1", "L") and not image.has_transparency_data:
        return np.asarray(image.convert("L"))[..., None]
    colour = np.asarray(_to_rgb(image))
    return colour[..., :1] if _is_grey(colour) else colour


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "LAB":
        return _from_lab(image)
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def _from_lab(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    upright = ImageCms.applyTransform(image, ImageCms.buildTransform(lab, srgb, "LAB", "RGB"))
    assert upright is not None
    return upright


def _is_see_through(image: Image.Image) -> bool:
    return image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255)


def _is_grey(colour: np.ndarray) -> bool:
    few = colour[::16, ::16]
    return _channels_agree(few) and _channels_agree(colour)


def _channels_agree(colour: np.ndarray) -> bool:
    first = colour[..., 0]
    return np.array_equal(first, colour[..., 1]) and np.array_equal(first, colour[..., 2])
