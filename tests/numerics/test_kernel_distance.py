"""Kernel distance: closed forms, torchmetrics, a biased version that must fail, and honest intervals."""

import numpy as np
import pytest
import torch

from sparring.metrics.kernel import kernel_difference, kernel_distance


def naive(a: np.ndarray, b: np.ndarray, biased: bool = False) -> float:
    """The definition, pair by pair; with `biased`, the V-statistic that is a common mistake."""
    kernel = lambda x, y: (x @ y / len(x) + 1) ** 3  # noqa: E731
    aa = np.array([[kernel(x, y) for y in a] for x in a])
    bb = np.array([[kernel(x, y) for y in b] for x in b])
    ab = np.array([[kernel(x, y) for y in b] for x in a])
    if biased:
        return float(aa.mean() + bb.mean() - 2 * ab.mean())
    off_a, off_b = ~np.eye(len(a), dtype=bool), ~np.eye(len(b), dtype=bool)
    return float(aa[off_a].mean() + bb[off_b].mean() - 2 * ab.mean())


def normal(n: int, d: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, (n, d))


def test_equals_the_definition_also_for_unequal_sizes_and_not_the_biased_form() -> None:
    a, b = normal(23, 4, 0), normal(31, 4, 1, 0.3)
    value = kernel_distance(a, b).value
    assert value == pytest.approx(naive(a, b), rel=1e-12)
    assert value != pytest.approx(naive(a, b, biased=True), rel=1e-2)


def test_tiles_do_not_change_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = normal(50, 3, 0), normal(41, 3, 1)
    whole = kernel_distance(a, b)
    monkeypatch.setattr("sparring.metrics.kernel.TILE", 16)
    tiled = kernel_distance(a, b)
    np.testing.assert_allclose([tiled.value, tiled.low], [whole.value, whole.low], rtol=1e-10)


def test_equals_torchmetrics() -> None:
    from torchmetrics.image.kid import poly_mmd

    a, b = normal(60, 8, 0), normal(60, 8, 1, 0.5)
    theirs = poly_mmd(torch.from_numpy(a), torch.from_numpy(b), 3, None, 1.0)
    assert kernel_distance(a, b).value == pytest.approx(float(theirs), rel=1e-9)


def test_two_points_have_a_closed_form() -> None:
    # In one dimension, all of a at 0 and all of b at s: k(0, .) = 1, k(s, s) = (s^2 + 1)^3.
    a, b = np.zeros((5, 1)), np.full((7, 1), 2.0)
    assert kernel_distance(a, b).value == pytest.approx(1 + 125 - 2, rel=1e-12)


def test_is_symmetric_and_grows_with_the_shift() -> None:
    a = normal(200, 5, 0)
    values = [kernel_distance(a, normal(200, 5, 1, shift)).value for shift in [0.0, 0.5, 1.0, 2.0]]
    assert values == sorted(values)
    b = normal(150, 5, 1, 0.5)
    assert kernel_distance(a, b).value == pytest.approx(kernel_distance(b, a).value, rel=1e-12)


def test_is_unbiased_and_its_interval_holds_the_truth() -> None:
    # Equal distributions: truth 0. Mean of 200 estimates within 4 of its own standard errors.
    estimates = [kernel_distance(normal(40, 3, 2 * s), normal(40, 3, 2 * s + 1)) for s in range(200)]
    values = np.array([e.value for e in estimates])
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(200)
    assert np.mean([e.low <= 0 <= e.high for e in estimates]) > 0.9


def test_the_interval_holds_the_truth_when_the_distributions_differ() -> None:
    # In one dimension with E over normals of variance 1 and means 0 and s the kernel expands in moments:
    # MMD^2 = sum_k C(3, k) (E[x^k] - E[y^k])^2.
    s = 0.8
    moments_x, moments_y = [1, 0, 1, 0], [1, s, s**2 + 1, s**3 + 3 * s]
    truth = sum(c * (x - y) ** 2 for c, x, y in zip([1, 3, 3, 1], moments_x, moments_y, strict=True))
    estimates = [kernel_distance(normal(400, 1, 2 * i), normal(300, 1, 2 * i + 1, s)) for i in range(200)]
    values = np.array([e.value for e in estimates])
    assert abs(values.mean() - truth) < 4 * values.std() / np.sqrt(200)
    assert 0.85 < np.mean([e.low <= truth <= e.high for e in estimates]) <= 1


def test_blocks_are_deterministic_unbiased_and_follow_the_rng() -> None:
    a, b = normal(400, 3, 0), normal(400, 3, 1, 0.7)
    blocks = kernel_distance(a, b, block=100)
    assert blocks == kernel_distance(a, b, block=100)
    assert blocks != kernel_distance(a, b, block=100, rng=np.random.default_rng(5))
    assert blocks.low < kernel_distance(a, b).value < blocks.high
    planted = kernel_distance(np.zeros((40, 1)), np.full((40, 1), 2.0), block=10)
    assert planted.value == pytest.approx(124, rel=1e-12)


def test_a_difference_is_that_of_two_distances_with_the_jackknife_of_all_three_samples() -> None:
    real, a, b = normal(9, 3, 0), normal(12, 3, 1, 0.4), normal(14, 3, 2)
    found = kernel_difference(real, a, b)
    assert found.value == pytest.approx(kernel_distance(real, a).value - kernel_distance(real, b).value, rel=1e-10)
    variance = 0.0
    for left_out in range(3):
        samples, n = [real, a, b], len((real, a, b)[left_out])
        without = np.empty(n)
        for item in range(n):
            samples[left_out] = np.delete((real, a, b)[left_out], item, 0)
            without[item] = naive(samples[0], samples[1]) - naive(samples[0], samples[2])
        variance += (n - 1) * without.var()
    assert found.high - found.value == pytest.approx(1.959964 * np.sqrt(variance), rel=1e-6)


def test_few_real_items_tell_two_samples_apart_though_not_their_distances() -> None:
    real, near, far = normal(12, 4, 3), normal(2000, 4, 4, 0.2), normal(2000, 4, 5, 0.5)
    apart = kernel_difference(real, near, far)
    assert apart.high < 0
    assert kernel_distance(real, far).low < kernel_distance(real, near).high
