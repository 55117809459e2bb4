"""Folders of images: what is kept, what is listed and why, and the source that comes of it."""

import os

import numpy as np
import pytest
from PIL import Image

from sparring.data import blobs as blobs_module
from sparring.data import imageset, survey
from sparring.data.clean import Duplicate
from sparring.errors import DataError


def reasons(found) -> dict[str, str]:
    return {item.name: item.reason for item in found.cleaning.skipped}


def test_nested_mess_is_counted_and_listed(samples, folder_of):
    good = samples.pngs(3)
    files = {
        "b/001.png": good["001.png"],
        "a.png": good["000.png"],
        "b/c/002.jpg": samples.encoded(samples.picture(2), "JPEG"),
        "copy.png": good["000.png"],
        "empty.png": b"",
        "notes.xml": b"<annotation>cat</annotation>",
        "broken.png": b"no picture at all",
        "cut.png": good["002.png"][:-30],
    }
    found = survey(folder_of(files))
    assert found.names == ("a.png", "b/001.png", "b/c/002.jpg", "copy.png")
    assert found.cleaning.duplicates == (Duplicate("copy.png", "a.png"),)
    expected = {
        "empty.png": "empty",
        "notes.xml": "not an image",
        "broken.png": "corrupt",
        "cut.png": "truncated",
    }
    assert reasons(found) == expected
    assert (found.cleaning.found, found.cleaning.kept) == (8, 3)
    assert found.cleaning.to_json()["counts"] == found.to_json()["skipped"] == dict.fromkeys(expected.values(), 1)


def test_rows_are_the_pixels_in_the_order_of_names(samples, folder_of):
    found = survey(folder_of(samples.pngs(40)))
    rows = found.source().rows([39, 0, 0, 7])
    np.testing.assert_array_equal(rows, np.stack([samples.picture(index) for index in (39, 0, 0, 7)]))


def test_files_are_held_by_few_bytes_at_a_time(samples, folder_of, monkeypatch):
    monkeypatch.setattr(imageset, "IN_FLIGHT_BYTES", 1)
    rows = survey(folder_of(samples.pngs(3))).source().rows([2, 0])
    np.testing.assert_array_equal(rows, np.stack([samples.picture(index) for index in (2, 0)]))


def test_duplicates_stay_where_every_item_is_wanted(samples, folder_of):
    good = samples.pngs(2)
    found = survey(folder_of({**good, "000b.png": good["000.png"]}))
    assert len(found.source()) == 2
    rows = found.source(keep_duplicates=True).rows(range(3))
    np.testing.assert_array_equal(rows, np.stack([samples.picture(index) for index in (0, 0, 1)]))
    assert found.names == ("000.png", "000b.png", "001.png")


def test_mixed_sizes_take_the_median_and_say_the_policy(samples, folder_of):
    sizes = [(10, 30), (20, 30), (40, 60)]
    files = {f"{index}.png": samples.encoded(samples.picture(index, size)) for index, size in enumerate(sizes)}
    found = survey(folder_of(files))
    assert found.spec.shape == (20, 30, 3)
    assert found.sizes == dict.fromkeys(sizes, 1)
    assert any("differ in size" in note for note in found.cleaning.notes)
    np.testing.assert_array_equal(found.source().rows([1])[0], samples.picture(1, (20, 30)))
    assert found.source((8, 16, 3)).rows([2, 0]).shape == (2, 8, 16, 3)


def test_all_grey_set_has_one_channel_and_a_mixed_one_three(samples, folder_of):
    grey = samples.picture(0, channels=1)
    as_colour = samples.encoded(np.repeat(grey, 3, axis=2))
    folder = folder_of({"0.png": samples.encoded(grey[..., 0]), "1.png": as_colour})
    found = survey(folder)
    assert (found.spec.shape, found.spec.squeezed) == ((20, 24, 1), True)
    (folder / "2.png").write_bytes(samples.encoded(samples.picture(2)))
    mixed = survey(folder)
    assert (mixed.spec.shape, mixed.spec.squeezed) == ((20, 24, 3), False)
    np.testing.assert_array_equal(mixed.source().rows([0])[0], np.repeat(grey, 3, axis=2))


def test_one_deep_image_among_many_does_not_set_the_depth(folder_of, samples):
    deep = {"a.png": samples.encoded(np.full((20, 24), 1000, np.uint16)), "b.png": samples.encoded(samples.picture(0))}
    found = survey(folder_of(deep | {"c.png": samples.encoded(samples.picture(1))}))
    assert found.spec.dtype == "uint8"
    assert found.source().rows([0])[0, 0, 0].tolist() == [4, 4, 4]  # 1000 / 257, rounded
    assert found.value_range[1] <= 255
    assert any("brought to uint8" in note for note in found.cleaning.notes)


def test_16_bits_in_half_of_the_images_set_the_depth(folder_of, samples):
    deep = np.full((4, 4), 1000, np.uint16)
    light = np.full((4, 4), 255, np.uint8)
    found = survey(folder_of({"a.png": samples.encoded(deep), "b.png": samples.encoded(light)}))
    assert found.spec.dtype == "uint16"
    assert found.value_range == (1000, 65535)
    assert found.source().rows([0, 1])[:, 0, 0, 0].tolist() == [1000, 65535]
    assert any("depth" in note for note in found.cleaning.notes)


def test_bomb_among_good_ones_is_listed(samples, folder_of):
    bomb = samples.encoded(np.zeros((9000, 9000), bool))
    found = survey(folder_of({**samples.pngs(2), "bomb.png": bomb}))
    assert reasons(found) == {"bomb.png": "too large"}


def test_links_stay_inside(samples, folder_of, tmp_path):
    folder = folder_of(samples.pngs(2))
    (tmp_path / "secret.png").write_bytes(samples.encoded(samples.picture(9)))
    (folder / "inside.png").symlink_to(folder / "000.png")
    (folder / "outside.png").symlink_to(tmp_path / "secret.png")
    (folder / "up").symlink_to(tmp_path)
    (folder / "round").symlink_to(folder)
    (folder / "loop.png").symlink_to(folder / "loop.png")
    found = survey(folder)
    assert found.cleaning.duplicates == (Duplicate("inside.png", "000.png"),)
    expected = {"outside.png": "link", "up": "link", "round": "link", "loop.png": "no access"}
    assert reasons(found) == expected


def test_pipe_is_not_read(samples, folder_of):
    folder = folder_of(samples.pngs(1))
    os.mkfifo(folder / "pipe.png")
    assert reasons(survey(folder)) == {"pipe.png": "not a file"}


def test_huge_file_is_not_read(samples, folder_of, monkeypatch):
    monkeypatch.setattr(blobs_module, "MAX_BYTES", 5000)
    found = survey(folder_of({**samples.pngs(1), "huge.bin": bytes(5001)}))
    assert reasons(found) == {"huge.bin": "too large"}


def test_name_that_is_no_text_is_kept_readable(samples, folder_of):
    folder = folder_of(samples.pngs(1))
    with open(os.fsencode(folder) + b"/\xff.png", "wb") as file:  # noqa: PTH123 (a name in bytes)
        file.write(samples.encoded(samples.picture(5)))
    found = survey(folder)
    assert found.names == ("000.png", "\\xff.png")
    np.testing.assert_array_equal(found.source().rows([1])[0], samples.picture(5))


def test_animation_is_noted(samples, folder_of):
    folder = folder_of(samples.pngs(1))
    frames = [Image.new("L", (24, 20), value) for value in (10, 200)]
    frames[0].save(folder / "a.gif", save_all=True, append_images=frames[1:])
    assert any("first frame" in note for note in survey(folder).cleaning.notes)


def test_fingerprint_follows_the_kept_content_alone(samples, folder_of):
    folder = folder_of(samples.pngs(3))
    before = survey(folder).fingerprint
    (folder / "copy.png").write_bytes(samples.pngs(3)["001.png"])
    (folder / "notes.txt").write_bytes(b"hello")
    assert survey(folder).fingerprint == before
    (folder / "zzz.png").write_bytes(samples.encoded(samples.picture(8)))
    assert survey(folder).fingerprint != before


def test_nothing_readable_is_one_sentence(folder_of):
    folder = folder_of({"a.txt": b"hello"})
    with pytest.raises(DataError, match=r"1 found, 0 usable \(1 not an image\); the first is 'a.txt'"):
        survey(folder)


def test_empty_folder_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"must hold readable images\. It is empty\."):
        survey(tmp_path)


def test_too_few_items_say_how_many_and_why(samples, folder_of):
    folder = folder_of({**samples.pngs(9), "bad.png": b"", "copy.png": samples.pngs(1)["000.png"]})
    found = survey(folder)
    with pytest.raises(DataError, match=r"at least 10 usable items. Got 11 found, 9 usable \(1 empty, 1 duplicate\)"):
        found.require()
    (folder / "more.png").write_bytes(samples.encoded(samples.picture(30)))
    assert survey(folder).require().cleaning.kept == 10


def test_data_that_changed_since_is_noticed(samples, folder_of):
    folder = folder_of(samples.pngs(2))
    source = survey(folder).source()
    (folder / "001.png").write_bytes(b"gone")
    with pytest.raises(DataError, match="changed while it was in use"):
        source.rows([0, 1])


def test_wrong_shape_is_refused(samples, folder_of):
    found = survey(folder_of(samples.pngs(1)))
    with pytest.raises(DataError, match="cannot become"):
        found.source((8, 8, 1))


def test_transparency_is_noted_where_there_is_some(samples, folder_of):
    def with_alpha(index: int, corner: int) -> bytes:
        picture = samples.picture(index)
        alpha = np.full((*picture.shape[:2], 1), 255, np.uint8)
        alpha[0, 0] = corner
        return samples.encoded(np.concatenate([picture, alpha], 2), "PNG")

    found = survey(folder_of({**samples.pngs(1), "opaque.png": with_alpha(1, 255)}))
    assert found.cleaning.notes == ()
    found = survey(folder_of({"hole.png": with_alpha(2, 254)}))
    assert found.cleaning.notes == ("1 of 3 images are see-through in places; those lie on white.",)


def test_a_few_images_of_floats_do_not_decide_the_depth_of_all(samples, folder_of):
    files = {f"{index}.png": samples.encoded(samples.picture(index)) for index in range(3)}
    files["depth.tif"] = samples.encoded(np.full((20, 24), 3000, np.float32), "TIFF")
    found = survey(folder_of(files))
    assert found.spec.dtype == "uint8"
    assert reasons(found) == {"depth.tif": "other depth"}
    assert found.value_range[1] <= 255


def test_a_few_images_of_whole_numbers_join_those_of_floats(samples, folder_of):
    white = samples.encoded(np.full((20, 24), 255, np.uint8))
    files = {f"{index}.tif": samples.encoded(np.full((20, 24), index / 3, np.float32), "TIFF") for index in range(3)}
    found = survey(folder_of({**files, "white.png": white}))
    assert (found.spec.dtype, found.value_range) == ("float32", (0.0, 1.0))
    assert any("whole numbers divided by their full scale" in note for note in found.cleaning.notes)


def test_the_folder_of_a_run_is_no_data(samples, folder_of):
    good = samples.pngs(3)
    files = {
        "000.png": good["000.png"],
        "run/config.json": b"{}",
        "run/checkpoint/last/state.json": b"{}",
        "run/samples/000.png": good["001.png"],
        "sub/config.json": b"{}",
        "sub/a.png": good["002.png"],
    }
    found = survey(folder_of(files))
    assert found.names == ("000.png", "sub/a.png")
    assert reasons(found) == {"run": "run folder", "sub/config.json": "not an image"}
