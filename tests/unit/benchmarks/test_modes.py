"""Counting of modes: perfect samplers, collapsed ones, and ones that blur."""

import numpy as np
import pytest

from sparring.benchmarks import mixtures, stacked_mnist
from sparring.benchmarks.bench import Bench, Cell, Column
from sparring.benchmarks.page import figure_rows


@pytest.mark.parametrize(("name", "floor"), [("ring", 0.0014), ("grid", 0.0049)])
def test_the_mixture_itself_reaches_the_published_ceiling(name: str, floor: float):
    toy = mixtures.TOYS[name]()
    found = [mixtures.judge(toy.points(mixtures.COUNT, seed), toy) for seed in range(1, 31)]
    assert {figures["modes"] for figures in found} == {len(toy.centres)}
    assert np.mean([figures["high_quality"] for figures in found]) == pytest.approx(1 - np.exp(-4.5), abs=0.002)
    assert np.mean([figures["kl"] for figures in found]) == pytest.approx(floor, rel=0.25)
    assert np.mean([figures["width"] for figures in found]) == pytest.approx(1, abs=0.01)


def test_a_collapsed_sampler_has_one_mode_and_the_largest_kl():
    toy = mixtures.TOYS["ring"]()
    figures = mixtures.judge(np.repeat(toy.centres[:1], 50, axis=0), toy)
    assert (figures["modes"], figures["high_quality"]) == (1, 1.0)
    assert figures["kl"] == pytest.approx(np.log(8))
    assert figures["width"] == 0


def test_points_between_the_modes_count_for_none():
    toy = mixtures.TOYS["grid"]()
    beside = np.add(toy.centres, (0.151, 0))
    figures = mixtures.judge(beside, toy)
    assert (figures["modes"], figures["high_quality"], figures["kl"]) == (0, 0.0, None)


def test_stacks_hold_a_digit_in_every_channel():
    digits = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 28, 28, 1), np.uint8)
    images = stacked_mnist.stacks(digits, 5000, seed=0)
    assert images.shape == (5000, 28, 28, 3)
    assert (images == images[:, :1, :1]).all()
    figures = stacked_mnist.count_modes(images[:, 0, 0].astype(int) @ [100, 10, 1])
    assert figures["modes"] > 980  # of 5,000 draws, exp(-5) of the numbers are missing


def test_the_kl_of_a_perfect_sampler_is_its_sampling_noise():
    numbers = np.random.default_rng(0).integers(1000, size=stacked_mnist.COUNT)
    figures = stacked_mnist.count_modes(numbers)
    assert figures["modes"] == 1000
    assert figures["kl"] == pytest.approx(0.0195, rel=0.1)
    assert stacked_mnist.count_modes(numbers // 2)["kl"] == pytest.approx(np.log(2), rel=0.05)


def test_several_seeds_get_a_row_of_mean_and_deviation():
    bench = Bench("b", "B", "", (("s", "m"),), lambda cell, context: {}, (Column("x", "x", ".1f"),))
    lines = [
        {"set": "s", "method": "m", "seed": seed, "figures": {"x": x}, "seconds": 1} for seed, x in enumerate((1, 2, 6))
    ]
    assert figure_rows(bench, lines[:1]) == [["s", "m", "0", "1.0", "1"]]
    assert figure_rows(bench, lines)[-1] == ["s", "m", "3 seeds", "3.0 ± 2.6", ""]
    assert Cell("s", "m", 0) in bench.cells()
