"""Scaling: known statistics, inverted to the data's own dtype bit for bit, NaN kept, constants left alone."""

import numpy as np
import pytest
import torch

from sparring.assembly import split
from sparring.config import Config, replace
from sparring.data.scale import Scaler, fit_scaler
from sparring.data.source import ArraySource, Spec
from sparring.errors import DataError

random = np.random.default_rng(0)


def source(array: np.ndarray, kind: str) -> ArraySource:
    return ArraySource(array, Spec(kind, array.shape[1:], array.dtype.name, missing=bool(_is_nan(array).any())))


def _is_nan(array: np.ndarray) -> np.ndarray:
    return np.isnan(array) if array.dtype.kind == "f" else np.zeros(1, bool)


def every_level(dtype: str) -> np.ndarray:
    """Images that hold each value of an unsigned dtype."""
    return np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(-1, 8, 8, 1)


def vectors(count: int = 500) -> np.ndarray:
    """Correlated columns of very different size and place; the same at every call."""
    unmixed = np.random.default_rng(1).normal(size=(count, 3))
    mixed = unmixed @ np.array([[1.0, 0.5, 0.0], [0.0, 2.0, 30.0], [0.0, 0.0, 50.0]])
    return (mixed + np.array([0.0, -40.0, 1000.0])).astype(np.float32)


@pytest.mark.parametrize("kind", ["range", "moments"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_every_level_of_an_image_comes_back_bit_for_bit(dtype: str, kind: str) -> None:
    images = every_level(dtype)
    scaler = fit_scaler(kind, source(images, "image"))
    back = scaler.to_data(scaler.to_model(images))
    assert back.dtype == images.dtype
    assert np.array_equal(back, images)


def test_rounding_down_would_not_bring_every_level_back() -> None:
    images = every_level("uint8")
    scaler = fit_scaler("moments", source(images, "image"))
    items = scaler.to_model(images).movedim(1, -1)
    floored = (items / scaler.factor + scaler.shift).numpy().astype(np.uint8)
    assert not np.array_equal(floored, images)


def test_range_maps_the_extremes_to_minus_one_and_one() -> None:
    images = random.integers(40, 200, size=(20, 8, 9, 3)).astype(np.uint8)
    images[0, 0, 0], images[1, 0, 0] = 40, 200
    items = fit_scaler("range", source(images, "image")).to_model(images)
    assert items.shape == (20, 3, 8, 9)
    assert items.dtype == torch.float32
    assert (items.min().item(), items.max().item()) == (-1.0, 1.0)
    expected = (images.astype(np.float64) - 120) / 80
    np.testing.assert_allclose(items.movedim(1, -1).numpy(), expected, atol=1e-6)


def test_range_of_vectors_is_each_feature_s_own() -> None:
    rows = vectors()
    items = fit_scaler("range", source(rows, "vector")).to_model(rows)
    np.testing.assert_allclose(items.min(0).values, -np.ones(3), atol=1e-5)
    np.testing.assert_allclose(items.max(0).values, np.ones(3), atol=1e-5)


def test_moments_of_vectors_are_nothing_and_one_for_each_feature() -> None:
    rows = vectors()
    items = fit_scaler("moments", source(rows, "vector")).to_model(rows).double()
    np.testing.assert_allclose(items.mean(0), np.zeros(3), atol=1e-4)
    np.testing.assert_allclose(items.std(0, correction=0), np.ones(3), atol=1e-4)


def test_moments_of_a_series_are_each_channel_s_over_time() -> None:
    rows = (random.normal(size=(50, 12, 2)) * [1.0, 20.0] + [5.0, -3.0] + np.arange(12)[:, None]).astype(np.float32)
    scaler = fit_scaler("moments", source(rows, "series"))
    items = scaler.to_model(rows)
    assert items.shape == (50, 2, 12)
    np.testing.assert_allclose(items.mean((0, 2)), np.zeros(2), atol=1e-4)
    np.testing.assert_allclose(items.std((0, 2), correction=0), np.ones(2), atol=1e-4)
    assert items.mean((0,))[0, 0] < -0.5, "the trend over time must stay in the items"


def test_whiten_gives_the_identity_as_covariance() -> None:
    rows = vectors(2000)
    items = fit_scaler("whiten", source(rows, "vector")).to_model(rows).double().numpy()
    np.testing.assert_allclose(np.cov(items, rowvar=False), np.eye(3), atol=1e-3)
    moments = fit_scaler("moments", source(rows, "vector")).to_model(rows).double().numpy()
    assert abs(np.cov(moments, rowvar=False) - np.eye(3)).max() > 0.1, "moments alone leave the correlation"


@pytest.mark.parametrize("kind", ["range", "moments", "whiten"])
@pytest.mark.parametrize("shape", [(3,), (6, 2), (4, 4, 2)], ids=["vector", "series", "image"])
def test_floats_come_back_to_their_precision(kind: str, shape: tuple[int, ...]) -> None:
    rows = (random.normal(size=(200, *shape)) * 7 + 3).astype(np.float32)
    form = {1: "vector", 2: "series", 3: "image"}[len(shape)]
    scaler = fit_scaler(kind, source(rows, form))
    np.testing.assert_allclose(scaler.to_data(scaler.to_model(rows)), rows, atol=2e-4)


@pytest.mark.parametrize("kind", ["range", "moments"])
def test_missing_cells_stay_missing_and_count_for_nothing(kind: str) -> None:
    rows = vectors()
    holes = random.random(rows.shape) < 0.2
    shown = np.where(holes, np.nan, rows).astype(np.float32)
    scaler = fit_scaler(kind, source(shown, "vector"))
    items = scaler.to_model(shown)
    assert np.array_equal(items.isnan().numpy(), holes)
    assert np.array_equal(np.isnan(scaler.to_data(items)), holes)
    if kind == "moments":
        np.testing.assert_allclose(np.nanstd(items.numpy().astype(np.float64), axis=0), np.ones(3), atol=1e-4)


@pytest.mark.parametrize("kind", ["range", "moments", "whiten"])
def test_a_constant_feature_comes_back_as_it_was(kind: str) -> None:
    rows = np.stack([vectors()[:, 0], np.full(500, 7.0, np.float32)], axis=1)
    scaler = fit_scaler(kind, source(rows, "vector"))
    items = scaler.to_model(rows)
    assert items.isfinite().all()
    assert items[:, 1].abs().max() < 10
    assert (scaler.to_data(torch.randn(50, 2) * 5)[:, 1] == 7.0).all()


@pytest.mark.parametrize("kind", ["range", "moments"])
def test_a_feature_without_a_value_is_answered_with_nothing_and_disturbs_no_other(kind: str) -> None:
    rows = vectors()
    empty = np.column_stack([rows, np.full(len(rows), np.nan, np.float32)])
    scaler, alone = fit_scaler(kind, source(empty, "vector")), fit_scaler(kind, source(rows, "vector"))
    torch.testing.assert_close(scaler.shift[:3], alone.shift)
    torch.testing.assert_close(scaler.factor[:3], alone.factor)
    assert not scaler.to_data(torch.randn(5, 4))[:, 3].any()


def test_answers_are_clipped_to_the_values_that_training_saw() -> None:
    rows = vectors()
    got = fit_scaler("moments", source(rows, "vector")).to_data(torch.randn(200, 3) * 100)
    np.testing.assert_allclose(got.max(0), rows.max(0), rtol=1e-6)
    np.testing.assert_allclose(got.min(0), rows.min(0), rtol=1e-6)


def test_fitted_on_the_training_part_alone() -> None:
    rows = vectors(1000)
    config = replace(Config(), data={"held_out": 0.2})
    before = fit_scaler("moments", split(source(rows, "vector"), config).train)
    tampered = source(rows.copy(), "vector")
    tampered.array[split(tampered, config).held_out.keep] = 1e6
    after = fit_scaler("moments", split(tampered, config).train)
    assert all(torch.equal(a, b) for a, b in zip(before.state().values(), after.state().values(), strict=True))
    assert not torch.equal(fit_scaler("moments", tampered).shift, before.shift)


def test_state_makes_the_same_scaler_again() -> None:
    rows = vectors()
    scaler = fit_scaler("whiten", source(rows, "vector"))
    again = Scaler("whiten", scaler.spec, **scaler.state())
    assert torch.equal(again.to_model(rows), scaler.to_model(rows))


def test_data_without_any_value_is_refused() -> None:
    with pytest.raises(DataError, match="every cell is missing"):
        fit_scaler("moments", source(np.full((20, 3), np.nan, np.float32), "vector"))


def test_whitening_refuses_missing_cells_and_names_another_way() -> None:
    rows = vectors()
    rows[3, 1] = np.nan
    with pytest.raises(DataError, match="Use 'moments'"):
        fit_scaler("whiten", source(rows, "vector"))


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64"])
def test_whole_numbers_stay_within_their_dtype(dtype: str) -> None:
    limits = np.iinfo(dtype)
    rows = np.array([[limits.min], [0], [limits.max]] * 10, dtype)
    scaler = fit_scaler("range", source(rows, "vector"))
    got = scaler.to_data(torch.tensor([[-2.0], [0.0], [2.0]]))
    assert got.dtype == rows.dtype
    assert got[0, 0] < 0 < got[2, 0]


@pytest.mark.parametrize("kind", ["range", "moments"])
def test_whether_stays_whether(kind: str) -> None:
    rows = np.array([[True, False], [False, False], [True, True], [False, False]] * 20)
    scaler = fit_scaler(kind, source(rows, "vector"))
    back = scaler.to_data(scaler.to_model(rows))
    assert back.dtype == bool
    assert np.array_equal(back, rows)
    near = scaler.to_data(scaler.to_model(np.where(rows, 0.9, 0.1)))
    assert np.array_equal(near, rows), "what is nearly 0 is not true"


@pytest.mark.parametrize("dtype", ["float64", "int64"])
def test_small_steps_far_from_nothing_are_kept(dtype: str) -> None:
    offset = 2_460_000 if dtype == "float64" else 1_700_000_000
    step = 0.001 if dtype == "float64" else 1
    rows = (offset + step * np.arange(100)[:, None]).astype(dtype)
    scaler = fit_scaler("moments", source(rows, "vector"))
    items = scaler.to_model(rows)
    assert items.dtype == torch.float32
    expected = (np.arange(100) - 49.5) / np.arange(100).std()
    np.testing.assert_allclose(items[:, 0], expected, atol=1e-4)
    np.testing.assert_allclose(scaler.to_data(items), rows, rtol=0, atol=step / 10)


@pytest.mark.parametrize("kind", ["range", "moments", "whiten"])
@pytest.mark.parametrize("unit", [1e-13, 1e-30, 1e30])
def test_the_unit_of_the_data_does_not_matter(kind: str, unit: float) -> None:
    rows = vectors().astype(np.float64)
    plain, tiny = fit_scaler(kind, source(rows, "vector")), fit_scaler(kind, source(rows * unit, "vector"))
    np.testing.assert_allclose(tiny.to_model(rows * unit), plain.to_model(rows), atol=1e-3)
