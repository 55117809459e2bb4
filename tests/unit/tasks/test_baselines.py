"""Baselines: they have the moments of the training data, its form and its limits."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sparring.data.source import Spec
from sparring.metrics.kernel import kernel_distance
from sparring.tasks.baselines import fit_baselines


def test_they_make_items_of_the_datas_own_form() -> None:
    rows = (load_digits().images[..., None] * 15).astype(np.uint8)
    spec = Spec("image", (8, 8, 1), "uint8")
    for name, baseline in fit_baselines(rows, spec):
        items = baseline.sample(200, seed=3)
        assert items.shape == (200, 8, 8, 1), name
        assert items.dtype == np.uint8
        assert items.max() <= 240
        np.testing.assert_array_equal(items, baseline.sample(200, seed=3))
        assert (items != baseline.sample(200, seed=4)).any()


def test_they_have_the_mean_and_covariance_of_the_data() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(4000, 6)) @ rng.normal(size=(6, 6)) + 5
    for name, baseline in fit_baselines(rows, Spec("vector", (6,), "float64")):
        items = baseline.sample(20_000)
        spread = np.sqrt(np.trace(np.cov(rows.T)))
        np.testing.assert_allclose(items.mean(0), rows.mean(0), atol=0.05 * spread, err_msg=name)
        np.testing.assert_allclose(np.cov(items.T), np.cov(rows.T), atol=0.05 * spread**2, err_msg=name)


def test_missing_cells_take_nothing_from_their_moments() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(4000, 6)) @ rng.normal(size=(6, 6)) + 5
    shown = np.where(rng.random(rows.shape) < 0.4, np.nan, rows)
    for name, baseline in fit_baselines(shown, Spec("vector", (6,), "float64", missing=True)):
        items = baseline.sample(20_000)
        spread = np.sqrt(np.trace(np.cov(rows.T)))
        np.testing.assert_allclose(items.mean(0), rows.mean(0), atol=0.05 * spread, err_msg=name)
        np.testing.assert_allclose(np.cov(items.T), np.cov(rows.T), atol=0.07 * spread**2, err_msg=name)
        np.testing.assert_allclose(items.var(0), rows.var(0), rtol=0.15, err_msg=name)


def test_columns_without_a_known_cell_and_wide_rows_are_completed_too() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 40, 2)).astype(np.float32)
    rows[:, 3, 1], rows[::3, 5, 0] = np.nan, np.nan
    for name, baseline in fit_baselines(rows, Spec("series", (40, 2), "float32", missing=True)):
        assert np.isfinite(baseline.sample(50)).all(), name


def test_a_mixture_finds_groups_that_one_gaussian_cannot() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(0, 0.1, (2000, 2)) + rng.choice([-1.0, 1.0], (2000, 2))
    samples = {n: b.sample(2000) for n, b in fit_baselines(rows[:1000], Spec("vector", (2,), "float64"))}
    between = {name: np.abs(np.abs(items) - 1).max(1) for name, items in samples.items()}
    assert np.mean(between["gaussian_mixture"] < 0.5) > 0.95
    assert np.mean(between["pca_gaussian"] < 0.5) < 0.6
    assert kernel_distance(samples["gaussian_mixture"], rows[1000:]).low < 1e-2


@pytest.mark.parametrize("n", [16, 60])
def test_few_or_constant_items_still_give_a_baseline(n: int) -> None:
    rows = np.full((n, 3), 7.0)
    for _, baseline in fit_baselines(rows, Spec("vector", (3,), "float64")):
        np.testing.assert_allclose(baseline.sample(5), 7.0)


def test_columns_of_very_different_size_have_groups_each() -> None:
    rng = np.random.default_rng(0)
    groups = rng.choice([-1.0, 1.0], (4000, 1))
    rows = np.concatenate([groups * 30_000, groups * 12], 1) + rng.normal(size=(4000, 2)) * [3000, 1.2]
    mixture = dict(fit_baselines(rows, Spec("vector", (2,), "float64")))["gaussian_mixture"]
    items = mixture.sample(4000)
    np.testing.assert_allclose(items.std(0), rows.std(0), rtol=0.05)
    for column, spread in enumerate([3000, 1.2]):
        near = np.abs(np.abs(items[:, column]) - np.abs(rows[:, column]).mean()) < 4 * spread
        assert near.mean() > 0.95


def test_a_baseline_of_true_and_false_is_as_often_true() -> None:
    rows = np.random.default_rng(0).random((2000, 3)) < [0.2, 0.5, 0.8]
    for _, baseline in fit_baselines(rows, Spec("vector", (3,), "bool")):
        np.testing.assert_allclose(baseline.sample(4000).mean(0), [0.2, 0.5, 0.8], atol=0.08)


def test_each_column_of_a_table_keeps_to_its_own_limits() -> None:
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.exponential(1e5, 2000), rng.exponential(30, 2000)])
    for name, baseline in fit_baselines(rows, Spec("vector", (2,), "float64")):
        items = baseline.sample(3000)
        assert (items.min(0) >= rows.min(0)).all(), name
        assert (items.max(0) <= rows.max(0)).all(), name


def test_channels_of_series_keep_to_their_own_limits() -> None:
    rows = np.random.default_rng(0).uniform(size=(500, 8, 2)) * [1000.0, 1.0]
    for name, baseline in fit_baselines(rows, Spec("series", (8, 2), "float64")):
        items = baseline.sample(1000)
        assert 0 <= items[..., 1].min() < 0.05, name
        assert 0.95 < items[..., 1].max() <= 1, name
        np.testing.assert_allclose(items.std((0, 1)), rows.std((0, 1)), rtol=0.1, err_msg=name)
