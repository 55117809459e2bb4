"""Frechet distance: closed forms, scipy's square root, torchmetrics, and implementations that must fail."""

import numpy as np
import pytest
import scipy.linalg
import torch

from sparring.metrics.estimate import jackknife
from sparring.metrics.frechet import Moments, frechet_distance, frechet_from_moments, moments


def normal(n: int, d: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / np.sqrt(d) + rng.normal(size=d)


def by_square_root(a: np.ndarray, b: np.ndarray) -> float:
    cov_a, cov_b = np.cov(a.T), np.cov(b.T)
    root = scipy.linalg.sqrtm(cov_a @ cov_b)
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a + cov_b - 2 * np.real(root)))


def without_the_root(a: np.ndarray, b: np.ndarray) -> float:
    """Known wrong: commuting covariances assumed, so that the roots may be taken one by one."""
    root = scipy.linalg.sqrtm(np.cov(a.T)) - scipy.linalg.sqrtm(np.cov(b.T))
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(root @ root).real)


def test_equals_scipy_and_not_the_wrong_one() -> None:
    a, b = normal(300, 12, 0), normal(250, 12, 1)
    value = frechet_distance(a, b)
    assert value == pytest.approx(by_square_root(a, b), rel=1e-8)
    assert value != pytest.approx(without_the_root(a, b), rel=1e-3)


def test_equals_torchmetrics() -> None:
    from torchmetrics.image.fid import _compute_fid

    a, b = moments(normal(300, 10, 0)), moments(normal(250, 10, 1))
    arrays = (a.mean, a.covariance, b.mean, b.covariance)
    theirs = _compute_fid(*(torch.from_numpy(x) for x in arrays))
    assert frechet_from_moments(a, b) == pytest.approx(float(theirs), rel=1e-8)


def test_diagonal_covariances_have_a_closed_form() -> None:
    s, t, shift = np.array([1.0, 4.0, 0.0, 9.0]), np.array([4.0, 1.0, 2.0, 0.0]), np.array([1.0, 0, 2, 0])
    value = frechet_from_moments(Moments(np.zeros(4), np.diag(s)), Moments(shift, np.diag(t)))
    assert value == pytest.approx(5 + ((np.sqrt(s) - np.sqrt(t)) ** 2).sum(), rel=1e-12)


@pytest.mark.parametrize(("n", "m", "d"), [(20, 15, 50), (20, 60, 40), (3, 2, 500), (64, 64, 64)])
def test_fewer_items_than_dimensions_is_exact(n: int, m: int, d: int) -> None:
    a, b = normal(n, d, 0), normal(m, d, 1)
    # Independent truth: the roots of the eigenvalues of the product of both covariances, real and not negative
    x, y = np.cov(a.T), np.cov(b.T)
    roots = np.sqrt(np.linalg.eigvals(x @ y).real.clip(min=0))
    truth = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(x) + np.trace(y) - 2 * roots[roots > 1e-6].sum()
    assert frechet_distance(a, b) == pytest.approx(truth, rel=1e-6)
    assert frechet_distance(a, b) == pytest.approx(frechet_from_moments(moments(a), moments(b)), rel=1e-5)


def test_identity_symmetry_and_growth() -> None:
    a, b = normal(200, 8, 0), normal(150, 8, 1)
    scale = np.trace(np.cov(a.T))
    # Rounding of the eigenvalues enters under a root: d * sqrt(machine epsilon) of the scale bounds it.
    assert 0 <= frechet_distance(a, a) <= 8 * np.sqrt(np.finfo(float).eps) * scale
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)
    values = [frechet_distance(a, a + shift) for shift in (0.1, 0.5, 2.0)]
    np.testing.assert_allclose(values, 8 * np.array([0.01, 0.25, 4.0]), rtol=1e-6)


def test_singular_covariances_stay_finite() -> None:
    constant = np.ones((50, 6))
    spread = normal(50, 6, 0)
    expected = ((spread.mean(0) - 1) ** 2).sum() + np.trace(np.cov(spread.T))
    assert frechet_distance(constant, spread) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(spread, constant) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(constant, constant) == 0


@pytest.mark.parametrize("groups", [10, 20])
def test_jackknife_interval_covers_a_known_distance(groups: int) -> None:
    # One dimension: the distance is (mean gap)^2 + (deviation gap)^2 = 1 + 1 = 2.
    def one(i: int) -> bool:
        rng = np.random.default_rng(i)
        a, b = rng.normal(0, 1, (300, 1)), rng.normal(1, 2, (300, 1))
        estimate = jackknife(frechet_distance, a, b, groups=groups)
        return estimate.low <= 2 <= estimate.high

    assert 0.9 <= np.mean([one(i) for i in range(300)]) <= 0.995


def test_few_groups_tell_their_own_noise() -> None:
    # The mean of one sample is Student's: with 4 groups 1.96 standard errors hold it in 86 % of cases.
    found = [jackknife(lambda x: x.mean(), np.random.default_rng(i).normal(size=400), groups=4) for i in range(600)]
    assert np.mean([e.low <= 0 <= e.high for e in found]) == pytest.approx(0.95, abs=0.025)
