"""Spectrum distance and the two-sample test: closed forms, planted blur, and honest intervals."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sparring.metrics.estimate import bootstrap_mean, proportion
from sparring.metrics.spectrum import ring_powers, spectrum_distance
from sparring.metrics.two_sample import two_sample_accuracy


def noise(n: int, shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, *shape))


@pytest.mark.parametrize("shape", [(16, 16, 1), (12, 20, 3), (9, 7, 2)])
def test_white_noise_has_a_flat_spectrum_of_its_variance(shape: tuple[int, ...]) -> None:
    powers = ring_powers(3 * noise(400, shape, 0))
    assert powers.shape == (400, min(shape[:2]) // 2, shape[2])
    # Each ring holds at least 3 independent frequencies: 400 images give a deviation below 0.03 of the mean.
    np.testing.assert_allclose(powers.mean(0), 9, rtol=0.15)


def test_a_wave_lands_in_the_ring_of_its_frequency() -> None:
    column = np.arange(32)
    wave = np.cos(2 * np.pi * 5 * column / 32)[None, None, :, None] * np.ones((1, 32, 1, 1))
    powers = ring_powers(wave)[0, :, 0]
    assert powers.argmax() == 5 - 1
    assert np.delete(powers, 4).max() < 1e-20


def test_scaling_by_ten_is_twenty_decibel_in_every_ring() -> None:
    powers = ring_powers(noise(50, (16, 16, 1), 0))
    assert spectrum_distance(powers, 100 * powers).value == pytest.approx(20, abs=1e-3)
    assert spectrum_distance(powers, powers).value == 0
    assert spectrum_distance(powers, 4 * powers).value == pytest.approx(
        spectrum_distance(4 * powers, powers).value, rel=1e-9
    )


def test_blur_shows_and_grows() -> None:
    sharp = noise(200, (16, 16, 1), 0)
    once = (sharp + np.roll(sharp, 1, 2)) / 2
    twice = (once + np.roll(once, 1, 1)) / 2
    reference = ring_powers(noise(200, (16, 16, 1), 1))
    values = [spectrum_distance(ring_powers(x), reference) for x in (sharp, once, twice)]
    assert values[0].high < values[1].low
    assert values[1].high < values[2].low


def test_black_images_give_a_number() -> None:
    black = ring_powers(np.zeros((10, 8, 8, 1), np.uint8))
    assert spectrum_distance(black, black).value == 0
    assert np.isfinite(spectrum_distance(black, ring_powers(noise(10, (8, 8, 1), 0))).value)


def test_equal_samples_cannot_be_told_apart_and_shifted_ones_can() -> None:
    same = two_sample_accuracy(noise(600, (5,), 0), noise(600, (5,), 1))
    assert same.low <= 0.5 <= same.high
    values = [two_sample_accuracy(noise(600, (5,), 0), noise(600, (5,), 1) + s).value for s in (0.3, 1, 9)]
    assert values == sorted(values)
    assert values[-1] == 1


def test_accuracy_reaches_what_theory_allows() -> None:
    # Two unit normals whose means are 2 apart: the best accuracy is Phi(1) = 0.8413.
    shift = np.array([2.0, 0, 0])
    estimate = two_sample_accuracy(noise(4000, (3,), 0), noise(3000, (3,), 1) + shift)
    assert estimate.low <= 0.8413 <= estimate.high


def test_judging_the_training_half_would_be_caught() -> None:
    # A known-wrong version: in 150 dimensions 100 items a side are told apart by whatever was fitted to them.
    real, fake = noise(200, (150,), 0), noise(200, (150,), 1)
    rows, labels = np.concatenate([real[:100], fake[:100]]), np.repeat([0, 1], 100)
    assert LogisticRegression().fit(rows, labels).score(rows, labels) > 0.85
    found = two_sample_accuracy(real, fake)
    assert found.low <= 0.5 <= found.high


def test_wilson_and_bootstrap_intervals_cover_the_truth() -> None:
    rng = np.random.default_rng(0)
    shares = [proportion(int(rng.binomial(60, 0.9)), 60) for _ in range(400)]
    assert 0.9 < np.mean([e.low <= 0.9 <= e.high for e in shares]) < 0.99
    assert proportion(0, 20).low == 0 < proportion(0, 20).high < 0.2
    assert proportion(20, 20).high == 1 > proportion(20, 20).low > 0.8
    means = [bootstrap_mean(rng.exponential(2, 200), rng) for _ in range(200)]
    assert 0.88 < np.mean([e.low <= 2 <= e.high for e in means]) < 0.99
