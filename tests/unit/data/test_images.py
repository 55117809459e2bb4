"""One image: modes, orientation, alpha, depth, bombs and the resize policy, against planted pixels."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from sparring.data import images
from sparring.data.clean import Unreadable

CORNERS = np.array([[10, 60, 110], [160, 210, 250]], np.uint8)


def png(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def tiff(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", **options)
    return buffer.getvalue()


def test_every_format_is_known_to_pillow():
    assert set(images.FORMATS) <= set(Image.OPEN)


def test_grey_keeps_its_values_and_one_channel():
    pixels = images.decode(png(Image.fromarray(CORNERS)))
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, CORNERS[..., None])


def test_bilevel_becomes_black_and_white():
    bits = np.array([[True, False], [False, True]])
    pixels = images.decode(png(Image.fromarray(bits).convert("1")))
    np.testing.assert_array_equal(pixels[..., 0], [[255, 0], [0, 255]])


def test_colour_image_whose_channels_agree_is_grey():
    grey = np.repeat(CORNERS[..., None], 3, axis=2)
    assert images.decode(png(Image.fromarray(grey))).shape == (2, 3, 1)
    colour = grey.copy()
    colour[1, 2, 0] = 0
    np.testing.assert_array_equal(images.decode(png(Image.fromarray(colour))), colour)


def test_palette_gives_its_colours():
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    np.testing.assert_array_equal(images.decode(png(image)), [[[255, 0, 0], [0, 0, 255]]])


@pytest.mark.parametrize(("alpha", "expected"), [(0, 255), (255, 100), (51, 224)])
def test_alpha_lies_on_white(alpha, expected):
    # 100 a + 255 (1 - a) with a = alpha / 255
    rgba = np.array([[[100, 100, 100, alpha]]], np.uint8)
    assert images.decode(png(Image.fromarray(rgba)))[0, 0, 0] == expected
    assert images.decode(png(Image.fromarray(rgba).convert("LA")))[0, 0, 0] == expected


def test_transparent_palette_entry_and_grey_value_become_white():
    palette = Image.new("P", (1, 1))
    palette.putpalette([255, 0, 0])
    assert images.decode(png(palette, transparency=0)).ravel().tolist() == [255]
    assert images.decode(png(Image.new("L", (1, 1), 7), transparency=7)).ravel().tolist() == [255]


def test_cmyk_and_ycbcr_become_rgb():
    red = tiff(Image.new("CMYK", (2, 2), (0, 255, 255, 0)))
    np.testing.assert_array_equal(images.decode(red)[0, 0], [255, 0, 0])
    blue = tiff(Image.new("RGB", (2, 2), (0, 0, 255)).convert("YCbCr"))
    np.testing.assert_allclose(images.decode(blue)[0, 0].astype(int), [0, 0, 255], atol=2)


def test_lab_becomes_rgb():
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    there = ImageCms.buildTransform(srgb, lab, "RGB", "LAB")
    image = ImageCms.applyTransform(Image.new("RGB", (2, 2), (200, 40, 90)), there)
    assert image is not None
    np.testing.assert_allclose(images.decode(tiff(image))[0, 0].astype(int), [200, 40, 90], atol=3)


def test_sixteen_bits_stay_and_floats_stay():
    deep = np.array([[0, 300], [40000, 65535]], np.uint16)
    for blob in (png(Image.fromarray(deep)), tiff(Image.fromarray(deep))):
        pixels = images.decode(blob)
        assert pixels.dtype == np.uint16
        np.testing.assert_array_equal(pixels[..., 0], deep)
    real = np.array([[0.25, -1.5]], np.float32)
    np.testing.assert_array_equal(images.decode(tiff(Image.fromarray(real)))[..., 0], real)


def test_float_pixels_must_be_finite():
    with pytest.raises(Unreadable, match="not finite"):
        images.examine(tiff(Image.fromarray(np.array([[np.nan, 1]], np.float32))))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_orientation_is_applied(orientation, form):
    # Stored pixels that EXIF says to turn: turning them must give back the upright picture.
    upright = np.kron(CORNERS, np.ones((16, 16), np.uint8))
    undo = {
        1: lambda x: x,
        2: np.fliplr,
        3: lambda x: np.rot90(x, 2),
        4: np.flipud,
        5: np.transpose,
        6: lambda x: np.rot90(x, 1),
        7: lambda x: np.rot90(x, 2).T,
        8: lambda x: np.rot90(x, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    options = {"lossless": True} if form == "WEBP" else {}
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation](upright)))
    stored.save(buffer, form, exif=exif, **options)
    pixels = images.decode(buffer.getvalue())[..., 0]
    assert pixels.shape == upright.shape
    np.testing.assert_allclose(pixels[8::16, 8::16].astype(int), CORNERS, atol=4)


def test_animation_gives_its_first_frame():
    frames = [Image.new("L", (4, 4), value) for value in (10, 200)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    examined = images.examine(buffer.getvalue())
    assert examined.animated
    assert (examined.low, examined.high) == (10, 10)


def test_bomb_is_refused_by_its_header():
    side = int(images.MAX_PIXELS**0.5) + 1
    blob = png(Image.new("1", (side, side)))
    assert len(blob) < 10**6
    with pytest.raises(Unreadable, match="too large: its header claims"):
        images.decode(blob)


def test_header_that_claims_more_than_the_bytes_hold_is_refused():
    blob = bytearray(png(Image.new("L", (8, 8))))
    blob[16:24] = (8000).to_bytes(4, "big") * 2
    blob[29:33] = zlib.crc32(blob[12:29]).to_bytes(4, "big")
    with pytest.raises(Unreadable, match="8000 x 8000 pixels, more than"):
        images.decode(bytes(blob))
    solid = png(Image.new("1", (8000, 8000)))
    assert images.decode(solid).shape == (8000, 8000, 1)


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (b"", "empty"),
        (b"<annotation/>", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not"),
    ],
)
def test_no_image_is_named_so(blob, reason):
    with pytest.raises(Unreadable, match=reason):
        images.decode(blob)


def test_truncated_jpeg_is_noticed():
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 80).save(buffer, "JPEG")
    with pytest.raises(Unreadable, match="truncated"):
        images.decode(buffer.getvalue()[:-400])


def test_every_value_of_8_bits_comes_back_from_16():
    shades = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    deep = images.convert(shades, 1, "uint16")
    assert deep.dtype == np.uint16
    np.testing.assert_array_equal(deep.ravel(), np.arange(256) * 257)
    back = images.convert(deep, 3, "uint8")
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, np.repeat(shades, 3, axis=2))


def test_depth_is_widened_so_that_white_stays_white():
    white = np.full((1, 1, 1), 255, np.uint8)
    assert images.convert(white, 3, "uint16").tolist() == [[[65535] * 3]]
    assert images.convert(white, 1, "float32").item() == 1.0
    assert images.convert(np.full((1, 1, 1), 65535, np.uint16), 1, "float32").item() == 1.0


def test_fit_covers_then_crops_the_middle():
    wide = np.zeros((10, 40, 1), np.uint8)
    wide[:, 15:25] = 200
    np.testing.assert_array_equal(images.fit(wide, (10, 10)), np.full((10, 10, 1), 200))
    np.testing.assert_array_equal(images.fit(wide, (5, 5)), np.full((5, 5, 1), 200))
    np.testing.assert_array_equal(images.fit(wide.transpose(1, 0, 2), (20, 20)), np.full((20, 20, 1), 200))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_shrinking_averages_and_keeps_the_dtype(dtype):
    # Antialiasing: fine black and white columns become grey; a nearest-pixel resize would keep one of them.
    stripes = np.zeros((64, 64, 3), dtype)
    stripes[:, ::2] = 100
    small = images.fit(stripes, (8, 8))
    assert small.dtype == dtype
    assert np.abs(small[1:-1, 1:-1].astype(float) - 50).max() <= 2


def test_sixteen_bits_keep_their_range_when_resized():
    top = images.fit(np.full((9, 9, 1), 65535, np.uint16), (4, 6))
    assert top.shape == (4, 6, 1)
    assert (top == 65535).all()


def test_extreme_aspect_ratio_stays_small_in_between():
    assert images.fit(np.zeros((1, 10**6, 3), np.uint8), (64, 64)).shape == (64, 64, 3)


@pytest.mark.parametrize("values", [[0, 3000], [-5, 3000], [0, 10**6]])
def test_whole_numbers_of_32_bits_are_floats_whatever_they_are(values):
    pixels = images.decode(tiff(Image.fromarray(np.array([values], np.int32))))
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels[0, :, 0], values)


def test_sixteen_bits_a_colour_are_noticed():
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" + struct.pack(">HHH", 65535, 257, 0))
    blob = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    assert images.examine(blob).cut
    np.testing.assert_array_equal(images.decode(blob)[0, 0], [255, 1, 0])
    assert not images.examine(png(Image.new("RGB", (2, 2)))).cut
    assert not images.examine(png(Image.fromarray(np.zeros((2, 2), np.uint16)))).cut


def test_a_picture_with_damaged_facts_about_it_is_read(monkeypatch):
    def damaged(self):
        raise SyntaxError("not a TIFF file (header b'junk' not valid)")

    blob = png(Image.new("RGB", (3, 2), (9, 8, 7)))
    monkeypatch.setattr(Image.Image, "getexif", damaged)
    assert images.decode(blob).shape == (2, 3, 3)
