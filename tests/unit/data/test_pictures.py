import numpy as np
import pytest
from PIL import Image

from sparring.data.pictures import GAP, display_range, grid, save_grid, to_displayable
from sparring.data.plots import fit_plane, value_limits
from sparring.data.source import Spec


def image_spec(height, width, channels, dtype="uint8"):
    return Spec("image", (height, width, channels), dtype)


def test_grid_holds_every_item_in_reading_order_enlarged_by_a_whole_factor():
    rows = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 6, 1), np.uint8) * 50
    picture = np.asarray(grid(rows, image_spec(8, 6, 1), columns=3))
    height, width = 56, 42
    assert picture.shape == (2 * height + GAP, 3 * width + 2 * GAP, 2)
    for index in range(5):
        top, left = index // 3 * (height + GAP), index % 3 * (width + GAP)
        cell = picture[top : top + height, left : left + width]
        assert (cell[..., 0] == 50 * index).all()
        assert (cell[..., 1] == 255).all()
    assert (picture[height + GAP :, 2 * (width + GAP) :, 1] == 0).all(), "the empty cell is transparent"


def test_grid_leaves_large_images_at_their_size():
    rows = np.zeros((2, 60, 70, 3), np.uint8)
    assert grid(rows, image_spec(60, 70, 3), columns=2).size == (140 + GAP, 60)


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("uint8", [0, 3], (0, 255)),
        ("bool", [False, True], (0, 1)),
        ("float32", [0.2, 0.9], (0, 1)),
        ("float32", [-2.0, 6.0], (-2, 6)),
        ("uint16", [100, 4000], (100, 4000)),
        ("float32", [5.0, 5.0], (5, 6)),
        ("float32", [np.nan, 3.0, -1.0], (-1, 3)),
    ],
)
def test_display_range(dtype, values, expected):
    rows = np.array(values, dtype).reshape(-1, 1, 1, 1)
    assert display_range(rows, image_spec(1, 1, 1, dtype)) == expected


def test_displayable_spreads_the_range_over_black_to_white():
    rows = np.array([-2.0, 0.0, 2.0, np.nan]).reshape(-1, 1, 1, 1)
    pixels = to_displayable(rows, image_spec(1, 1, 1, "float64"), (-2, 2))
    assert pixels.ravel().tolist() == [0, 128, 255, 0]


@pytest.mark.parametrize(("channels", "shown"), [(1, 1), (2, 3), (3, 3), (4, 3), (7, 3)])
def test_any_number_of_channels_can_be_shown(channels, shown):
    rows = np.full((2, 9, 9, channels), 77, np.uint8)
    pixels = to_displayable(rows, image_spec(9, 9, channels))
    assert pixels.shape == (2, 9, 9, shown)
    assert pixels.dtype == np.uint8


def test_transparency_is_laid_over_white():
    rows = np.array([[[[0, 0, 0, 0], [10, 20, 30, 255]]]], np.uint8)
    assert to_displayable(rows, image_spec(1, 2, 4)).tolist() == [[[[255, 255, 255], [10, 20, 30]]]]


def test_a_reference_fixes_the_range():
    rows = np.full((1, 56, 56, 1), 10.0)
    reference = np.array([0.0, 20.0]).reshape(2, 1, 1, 1) * np.ones((1, 56, 56, 1))
    picture = np.asarray(grid(rows, image_spec(56, 56, 1, "float64"), reference=reference))
    assert (picture[..., 0] == 128).all()


def test_save_grid_leaves_one_complete_png(tmp_path):
    path = tmp_path / "samples" / "000000128.png"
    for _ in range(2):
        save_grid(np.zeros((4, 8, 8, 3), np.uint8), image_spec(8, 8, 3), path)
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    with Image.open(path) as picture:
        assert picture.size == (2 * 56 + GAP, 2 * 56 + GAP)


@pytest.mark.parametrize(
    "spec",
    [Spec("vector", (1,), "float32"), Spec("vector", (5,), "float32"), Spec("series", (12, 2), "float32")],
    ids=["column", "vector", "series"],
)
def test_vectors_and_series_are_drawn(spec, tmp_path):
    rows = np.random.default_rng(0).normal(size=(9, *spec.shape)).astype(np.float32)
    save_grid(rows, spec, tmp_path / "a.png", reference=rows)
    with Image.open(tmp_path / "a.png") as picture:
        drawn = np.asarray(picture.convert("L"))
    assert 0.001 < (drawn < 200).mean() < 0.9, "neither blank nor full"


def test_drawing_leaves_pyplot_alone(tmp_path):
    import matplotlib.pyplot as plt

    rows = np.random.default_rng(0).normal(size=(9, 2))
    save_grid(rows, Spec("vector", (2,), "float64"), tmp_path / "a.png")
    assert plt.get_fignums() == []


def test_plane_of_two_columns_keeps_their_units_and_names():
    rows = np.array([[1.0, 10.0], [3.0, 30.0]])
    plane = fit_plane(rows, Spec("vector", (2,), "float64", names=("height", "weight")))
    assert plane.labels == ("height", "weight")
    np.testing.assert_allclose(plane.project(rows), rows)


def test_plane_of_many_columns_holds_the_largest_variances():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(4000, 6)) * np.array([0.1, 9, 0.1, 0.1, 4, 0.1]) + 50
    plane = fit_plane(rows, Spec("vector", (6,), "float64"))
    np.testing.assert_allclose(plane.project(rows).std(axis=0), [9, 4], rtol=0.05)
    assert np.abs(plane.basis[[1, 4], [0, 1]]).min() > 0.99


def test_missing_cells_do_not_move_a_point_in_the_plane():
    rows = np.array([[0.0, 0, 0], [2, 2, 2], [np.nan, 1, 1]])
    plane = fit_plane(rows, Spec("vector", (3,), "float64", missing=True))
    np.testing.assert_allclose(plane.project(rows)[2], plane.project(np.array([[1.0, 1, 1]]))[0])


def test_a_missing_cell_of_two_columns_lies_at_their_mean():
    rows = np.array([[10.0, 1.0], [20.0, 3.0], [np.nan, 2.0]])
    plane = fit_plane(rows, Spec("vector", (2,), "float64", missing=True))
    np.testing.assert_allclose(plane.project(rows)[2], [15, 2])
    assert plane.low.tolist() == [10, 1]


def test_value_limits_never_have_zero_width():
    assert value_limits(np.array([2.0, 2.0])) == (2, 3)
    assert value_limits(np.array([np.nan])) == (0, 1)
    assert value_limits(np.array([1.0, np.inf, -4.0])) == (-4, 1)


def test_the_plane_of_a_wide_table_is_that_of_its_principal_components():
    rows = np.random.default_rng(0).normal(size=(40, 3)) @ np.random.default_rng(1).normal(size=(3, 500))
    plane = fit_plane(rows, Spec("vector", (500,), "float64"))
    axes = np.linalg.svd(rows - rows.mean(0), full_matrices=False)[2][:2]
    np.testing.assert_allclose(np.abs(axes @ plane.basis), np.eye(2), atol=1e-8)
    flat = fit_plane(np.ones((5, 60)), Spec("vector", (60,), "float64"))
    assert np.isfinite(flat.basis).all()
