"""Arrays: what the axes mean, missing and infinite values, duplicates, and what is refused."""

import numpy as np
import pytest

from sparring.data import arrays, survey
from sparring.data.clean import Duplicate
from sparring.errors import DataError


@pytest.fixture
def random():
    return np.random.default_rng(3)


@pytest.mark.parametrize(
    ("shape", "dtype", "kind", "item", "squeezed"),
    [
        ((20, 5), "float64", "vector", (5,), False),
        ((20, 5), "bool", "vector", (5,), False),
        ((20, 24, 6), "float32", "series", (24, 6), False),
        ((20, 28, 30), "float32", "series", (28, 30), False),
        ((20, 28, 30), "uint8", "image", (28, 30, 1), True),
        ((20, 28, 30), "uint16", "image", (28, 30, 1), True),
        ((20, 28, 7), "uint8", "series", (28, 7), False),
        ((20, 28, 30), "int64", "series", (28, 30), False),
        ((20, 9, 12, 3), "uint8", "image", (9, 12, 3), False),
        ((20, 9, 12, 13), "float16", "image", (9, 12, 13), False),
    ],
)
def test_axes_decide_the_kind(random, shape, dtype, kind, item, squeezed):
    array = random.integers(0, 2 if dtype == "bool" else 100, shape).astype(dtype)
    found = survey(array)
    assert (found.path, found.spec.kind, found.spec.shape) == ("array", kind, item)
    assert (found.spec.dtype, found.spec.squeezed, found.spec.missing) == (dtype, squeezed, False)
    np.testing.assert_array_equal(found.source().rows([4, 1]).reshape(2, *shape[1:]), array[[4, 1]])
    assert found.names is None


def test_rank_three_says_how_it_was_read(random):
    assert "Read as series of shape (24, 6)" in survey(random.normal(size=(20, 24, 6))).cleaning.notes[0]
    grey = random.integers(0, 255, (20, 9, 8)).astype(np.uint8)
    assert "Read as images of shape (9, 8, 1)" in survey(grey).cleaning.notes[0]
    assert survey(grey[..., None]).cleaning.notes == ()


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.zeros(5), "of shape"),
        (np.zeros((0, 5)), "no axis empty"),
        (np.zeros((5, 0)), "no axis empty"),
        (np.zeros((2, 2, 2, 2, 2)), "of shape"),
        (np.zeros((5, 3, 32, 32)), r"transpose\(0, 2, 3, 1\)"),
        (np.zeros((5, 32, 32, 65)), "1 to 64"),
        (np.zeros((5, 2), complex), "complex128"),
        (np.array([["a", "b"]]), "of numbers"),
        (np.array([[None, 1]], object), "object"),
        (np.full((3, 2), np.nan), "All 3 rows are skipped"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(array, text):
    with pytest.raises(DataError, match=text):
        survey(array)


def test_rows_that_are_all_alike_can_be_asked_about_and_not_learned_from():
    alike = survey(np.tile([1.0, np.nan, 3.0], (20, 1)))
    with pytest.raises(DataError, match="of rows that differ"):
        alike.require()


@pytest.mark.parametrize("chunk_bytes", [1, 2**24])
def test_missing_infinite_and_empty_rows(random, monkeypatch, chunk_bytes):
    monkeypatch.setattr(arrays, "CHUNK_BYTES", chunk_bytes)
    array = random.normal(size=(30, 4)).astype(np.float32)
    array[3, 1] = array[8, :3] = np.nan
    array[5, 2] = np.inf
    array[9] = np.nan
    found = survey(array)
    assert found.spec.missing
    assert found.missing == 4
    assert [(item.name, item.reason) for item in found.cleaning.skipped] == [
        ("row 5", "infinite"),
        ("row 9", "all missing"),
    ]
    usable = np.delete(array, [5, 9], axis=0)
    np.testing.assert_array_equal(found.source().rows(np.arange(28)), usable)
    assert found.value_range == (np.nanmin(usable), np.nanmax(usable))


def test_equal_rows_of_numbers_stay_and_are_counted():
    found = survey(np.array([[1.0, 2], [3, 4], [1, 2]]))
    assert (found.cleaning.kept, found.cleaning.duplicates) == (3, ())
    assert any("equal an earlier one: 1" in note for note in found.cleaning.notes)
    assert (found.to_json()["duplicates"], found.to_json()["kept_duplicates"]) == (0, 1)


def test_equal_images_are_dropped_from_training(random):
    array = random.integers(0, 255, (6, 8, 8)).astype(np.uint8)
    array[4] = array[1]
    found = survey(array)
    assert found.cleaning.duplicates == (Duplicate("row 4", "row 1"),)
    np.testing.assert_array_equal(found.source().rows(range(5))[..., 0], np.delete(array, 4, axis=0))
    np.testing.assert_array_equal(found.source(keep_duplicates=True).rows(range(6))[..., 0], array)
    assert found.sizes == {(8, 8): 5}


def test_constant_and_empty_features_are_named(random):
    array = random.normal(size=(20, 4))
    array[:, 1] = 7
    array[:, 3] = np.nan
    notes = survey(array).cleaning.notes
    assert "Constant features (1): 1." in notes
    assert "Empty features, which generated items have as 0 (1): 3." in notes


def test_foreign_byte_order_becomes_native(random):
    array = random.normal(size=(20, 3)).astype(">f4")
    rows = survey(array).source().rows([2, 0])
    assert rows.dtype == np.dtype("float32")
    assert rows.dtype.isnative
    np.testing.assert_array_equal(rows, array[[2, 0]])


def test_images_in_an_array_change_their_size(random):
    array = random.integers(0, 255, (5, 16, 16, 3)).astype(np.uint8)
    source = survey(array).source((8, 8, 3))
    assert (source.spec.shape, source.rows([0, 1]).shape, len(source)) == ((8, 8, 3), (2, 8, 8, 3), 5)
    with pytest.raises(DataError, match="only images change their size"):
        survey(random.normal(size=(5, 4))).source((3,))


def test_fingerprint_follows_content_dtype_and_shape(random):
    array = random.integers(0, 255, (20, 8, 8)).astype(np.uint8)
    prints = [array, array[::-1], array.astype(np.uint16), array[..., None].repeat(3, axis=-1), array[:19]]
    assert len({survey(one).fingerprint for one in prints}) == len(prints)
    assert survey(array.copy()).fingerprint == survey(array).fingerprint


def test_the_users_array_is_left_alone(random):
    array = random.normal(size=(20, 3))
    rows = survey(array).source().rows([0])
    rows[:] = 0
    assert array[0].any()


@pytest.mark.parametrize("shape", [(5, 2, 64, 64), (5, 13, 32, 32), (5, 2, 32, 24), (5, 3, 8, 8), (5, 2, 128, 128)])
def test_channels_that_come_first_are_refused_with_the_fix(shape):
    with pytest.raises(DataError, match=r"array\.transpose\(0, 2, 3, 1\)"):
        survey(np.random.default_rng(0).random(shape))


@pytest.mark.parametrize("shape", [(5, 8, 8, 3), (5, 8, 32, 4), (5, 16, 32, 12), (5, 32, 32, 13), (5, 16, 16, 16)])
def test_channels_that_come_last_are_read(shape):
    assert survey(np.random.default_rng(0).random(shape)).spec.shape == shape[1:]
