import csv

import numpy as np
import pytest
from PIL import Image

from sparring.data.source import Spec
from sparring.errors import UsageError
from sparring.tasks.sample import sample
from sparring.tasks.write import require_items, require_vectors, write_items, write_vectors

GREY = Spec("image", (8, 6, 1), "uint8", squeezed=True)
COLOUR = Spec("image", (8, 6, 3), "uint8")


def items(spec, n=12, seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(spec.dtype).kind == "f":
        return rng.normal(size=(n, *spec.shape)).astype(spec.dtype)
    return rng.integers(0, np.iinfo(spec.dtype).max, (n, *spec.shape), spec.dtype, endpoint=True)


class FakeModel:
    def __init__(self, spec):
        self.spec = spec

    def sample(self, n, seed=0):
        return items(self.spec, n, seed)


def read(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def read_folder(folder):
    return np.stack([read(path) for path in sorted(folder.iterdir())])


def test_sample_asks_the_model_for_n_items_of_the_seed():
    result = sample(FakeModel(GREY), 5, seed=3)
    np.testing.assert_array_equal(result.rows, items(GREY, 5, 3))
    assert result.samples.shape == (5, 8, 6)
    assert result.to_json() == {"n": 5, "seed": 3, "kind": "image", "shape": [5, 8, 6], "dtype": "uint8"}


def test_sample_refuses_no_items():
    with pytest.raises(UsageError, match=r"`n` of `sample` must be 1 or more\. Got 0\."):
        sample(FakeModel(GREY), 0)


@pytest.mark.parametrize("spec", [GREY, COLOUR, Spec("series", (5, 2), "float32")], ids=lambda s: s.kind)
def test_npz_and_npy_hold_the_items_in_the_datas_own_form(spec, tmp_path):
    rows = items(spec)
    expected = rows[..., 0] if spec.squeezed else rows
    write_items(rows, spec, tmp_path / "a" / "b.npz")
    write_items(rows, spec, tmp_path / "a" / "b.npy")
    with np.load(tmp_path / "a" / "b.npz") as archive:
        assert archive.files == ["samples"]
        np.testing.assert_array_equal(archive["samples"], expected)
        assert archive["samples"].dtype == spec.dtype
    np.testing.assert_array_equal(np.load(tmp_path / "a" / "b.npy"), expected)


def test_the_npz_array_takes_the_name_that_is_given(tmp_path):
    write_items(items(GREY), GREY, tmp_path / "b.npz", name="completed")
    with np.load(tmp_path / "b.npz") as archive:
        assert archive.files == ["completed"]


def test_csv_has_a_header_and_reads_back_exactly(tmp_path):
    spec = Spec("vector", (2,), "float32", names=("a", 'b,"c"'))
    rows = np.array([[0.1, 1e-30], [3.0, -2.5]], np.float32)
    write_items(rows, spec, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["a", 'b,"c"']
    np.testing.assert_array_equal(np.array(lines).astype(np.float32), rows)


def test_csv_of_unnamed_columns_with_missing_cells(tmp_path):
    spec = Spec("vector", (2,), "float64", missing=True)
    write_items(np.array([[1.5, np.nan]]), spec, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().split() == ["f0,f1", "1.5,"]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_folder_holds_8_bit_images_exactly(channels, tmp_path):
    spec = Spec("image", (8, 6, channels), "uint8")
    rows = items(spec)
    written = write_items(rows, spec, tmp_path / "new" / "out")
    assert written.note == ""
    assert written.to_json() == {
        "path": str(tmp_path / "new" / "out"),
        "form": "a folder of 12 PNG",
        "note": "",
    }
    read_back = read_folder(tmp_path / "new" / "out")
    np.testing.assert_array_equal(read_back.reshape(rows.shape), rows)


def test_16_bit_colours_are_scaled_alike_whatever_else_is_in_the_folder(tmp_path):
    spec = Spec("image", (8, 6, 3), "uint16")
    rows = np.full((2, *spec.shape), 20_000, np.uint16)
    rows[1] = 40_000
    written = write_items(rows, spec, tmp_path / "out")
    assert "0 to 65535" in written.note
    assert [np.unique(np.asarray(Image.open(path))).tolist() for path in sorted(written.path.iterdir())] == [
        [78],
        [156],
    ]


def test_a_folder_holds_16_bit_grey_and_1_bit_images_exactly(tmp_path):
    deep = Spec("image", (8, 6, 1), "uint16")
    assert write_items(items(deep), deep, tmp_path / "deep").note == ""
    np.testing.assert_array_equal(read_folder(tmp_path / "deep"), items(deep)[..., 0])
    flat = Spec("image", (8, 6, 1), "bool")
    bits = items(GREY) > 127
    assert write_items(bits, flat, tmp_path / "bits").note == ""
    np.testing.assert_array_equal(read_folder(tmp_path / "bits"), bits[..., 0])


def test_float_images_are_scaled_to_their_range_and_the_note_says_so(tmp_path):
    spec = Spec("image", (1, 3, 1), "float32")
    rows = np.array([-1.0, 0.0, 3.0], np.float32).reshape(1, 1, 3, 1)
    written = write_items(rows, spec, tmp_path / "out")
    assert read_folder(tmp_path / "out").ravel().tolist() == [0, 64, 255]
    assert written.note == "-1 to 3 was scaled to 8 bits; OUT with .npz keeps the exact values."


def test_names_in_a_folder_sort_in_order(tmp_path):
    rows = np.arange(120, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    write_items(rows, Spec("image", (2, 2, 1), "uint8"), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir())[-1] == "samples-00119.png"
    assert read_folder(tmp_path / "out")[:, 0, 0].tolist() == list(range(120))


@pytest.mark.parametrize(
    "spec",
    [Spec("image", (8, 6, 2), "uint8"), Spec("image", (8, 6, 9), "uint8"), Spec("vector", (4,), "float32")],
    ids=str,
)
def test_a_folder_refuses_what_png_cannot_hold_and_proposes_npz(spec, tmp_path):
    with pytest.raises(UsageError, match=r"OUT must be a folder of PNG only for images .* \.npz holds any"):
        write_items(items(spec), spec, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_csv_refuses_images(tmp_path):
    with pytest.raises(UsageError, match=r"a \.csv only for vectors, and these are image items of shape 8x6x1"):
        write_items(items(GREY), GREY, tmp_path / "t.csv")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_suffix_is_refused_with_the_choices(tmp_path):
    with pytest.raises(UsageError, match=r"one of \.npz, \.npy, \.csv, \.png, or none .* Got '\.jpg'"):
        write_items(items(GREY), GREY, tmp_path / "a.jpg")


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="a new or empty folder"):
        write_items(items(GREY), GREY, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled_and_a_folder_is_no_file_name(tmp_path):
    (tmp_path / "out").mkdir()
    write_items(items(GREY), GREY, tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 12
    (tmp_path / "x.npz").mkdir()
    with pytest.raises(UsageError, match="a file name"):
        write_items(items(GREY), GREY, tmp_path / "x.npz")


def test_a_failure_leaves_the_old_file_and_no_partial_one(tmp_path, monkeypatch):
    out = tmp_path / "a.npy"
    write_items(items(GREY), GREY, out)
    before = out.read_bytes()

    def full_disk(file, array, allow_pickle):
        file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "save", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_items(items(GREY, seed=1), GREY, out)
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_a_picture_shows_all_items_in_one_png(tmp_path):
    write_items(items(COLOUR), COLOUR, tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.size == (4 * 42 + 6, 3 * 56 + 4)
    many = np.zeros((1025, 2, 2, 1), np.uint8)
    with pytest.raises(UsageError, match="1,024 items or fewer"):
        write_items(many, Spec("image", (2, 2, 1), "uint8"), tmp_path / "many.png")


def test_a_place_that_cannot_be_written_to_is_refused_before_anything_is_made(tmp_path):
    (tmp_path / "file").write_text("")
    for require in (lambda out: require_items(GREY, 4, out), require_vectors):
        with pytest.raises(UsageError, match="OUT must be in a folder"):
            require(tmp_path / "file" / "new" / "x.npz")
        require(tmp_path / "new" / "folder" / "x.npz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_vectors_of_many_items_are_all_in_the_csv(tmp_path):
    vectors = np.arange(10_000, dtype=np.float32).reshape(5_000, 2)
    written = write_vectors(vectors, [f"row {row}" for row in range(5_000)], tmp_path / "v.csv", "embedding", "e")
    with written.path.open(newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["item", "e0", "e1"]
    assert lines[-1] == ["row 4999", "9998.0", "9999.0"]
    assert len(lines) == 5_001
