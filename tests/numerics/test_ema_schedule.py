"""The moving average and the schedules against their closed forms."""

import math

import pytest
import torch
from torch import nn

from sparring import ema, schedule


def constant(value: float) -> nn.Linear:
    layer = nn.Linear(2, 1).double()
    for weight in layer.parameters():
        nn.init.constant_(weight, value)
    return layer


def test_average_of_a_constant_network_is_half_way_after_one_half_life() -> None:
    averaged, network = ema.average(constant(1.0)), constant(3.0)
    for _ in range(10):
        ema.update(averaged, network, batch=100, life=1000.0)
    assert [weight.mean().item() for weight in averaged.parameters()] == pytest.approx([2.0, 2.0], rel=1e-12)


def test_average_depends_on_samples_and_not_on_the_number_of_steps() -> None:
    many, once = ema.average(constant(1.0)), ema.average(constant(1.0))
    for _ in range(8):
        ema.update(many, constant(3.0), batch=32, life=500.0)
    ema.update(once, constant(3.0), batch=256, life=500.0)
    assert many.weight.flatten().tolist() == pytest.approx(once.weight.flatten().tolist(), rel=1e-12)


def test_average_follows_the_sum_by_hand() -> None:
    averaged, values, keep = ema.average(constant(0.0)), [1.0, 4.0, -2.0, 8.0], 0.5 ** (10 / 25)
    for value in values:
        ema.update(averaged, constant(value), batch=10, life=25.0)
    expected = sum((1 - keep) * keep ** (len(values) - 1 - i) * value for i, value in enumerate(values))
    assert averaged.weight[0, 0].item() == pytest.approx(expected, rel=1e-12)


def test_average_forgets_the_start_at_once_where_the_half_life_is_nothing() -> None:
    averaged = ema.average(constant(1.0))
    ema.update(averaged, constant(3.0), batch=1, life=ema.half_life(0, share=0.05, cap=1e6))
    assert averaged.weight.tolist() == [[3.0, 3.0]]


def test_average_is_a_frozen_copy() -> None:
    network = constant(1.0)
    averaged = ema.average(network)
    nn.init.zeros_(network.weight)
    assert averaged.weight.tolist() == [[1.0, 1.0]]
    assert not any(weight.requires_grad for weight in averaged.parameters())


@pytest.mark.parametrize(("clock", "expected"), [(0, 0.0), (1000, 50.0), (20_000, 1000.0), (10**9, 1000.0)])
def test_half_life_is_a_share_of_the_samples_seen_up_to_a_cap(clock: int, expected: float) -> None:
    assert ema.half_life(clock, share=0.05, cap=1000.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("progress", "expected"), [(-1.0, 2.0), (0.0, 2.0), (1 / 3, 3.0), (0.5, 4.0), (1.0, 6.0), (7.0, 6.0)]
)
def test_cosine_at_the_angles_that_everybody_knows(progress: float, expected: float) -> None:
    assert schedule.cosine(progress, 2.0, 6.0) == pytest.approx(expected)


@pytest.mark.parametrize(("progress", "expected"), [(0.0, 100.0), (1 / 3, 10**1.5), (0.5, 10.0), (1.0, 1.0)])
def test_geometric_moves_the_logarithm(progress: float, expected: float) -> None:
    assert schedule.geometric(progress, 100.0, 1.0) == pytest.approx(expected)


def test_geometric_between_equal_ends_stays_even_at_nothing() -> None:
    assert schedule.geometric(0.3, 0.0, 0.0) == 0.0


@pytest.mark.parametrize(
    ("progress", "hold", "expected"), [(0.2, 0.5, 0.0), (0.5, 0.5, 0.0), (0.75, 0.5, 0.5), (1.0, 0.5, 1.0), (1, 1, 0)]
)
def test_after_begins_at_the_hold_and_ends_at_one(progress: float, hold: float, expected: float) -> None:
    assert schedule.after(progress, hold) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("progress", "expected"), [(0.0, 0.002), (0.05, 1.0), (0.1, 2.0), (0.5, 2.0), (0.75, 1.1), (1.0, 0.2)]
)
def test_learning_rate_rises_stays_and_falls(progress: float, expected: float) -> None:
    assert schedule.learning_rate(progress, base=2.0, warmup=0.1, hold=0.5, end=0.1) == pytest.approx(expected)


def test_learning_rate_without_warmup_starts_whole() -> None:
    assert schedule.learning_rate(0.0, base=2.0, warmup=0.0, hold=0.5, end=0.1) == 2.0


@pytest.mark.parametrize(
    ("progress", "expected"), [(0.0, 0.9), (0.25, 1 - math.sqrt(0.1 * 0.01)), (0.5, 0.99), (1.0, 0.99)]
)
def test_second_moment_has_risen_at_half_time(progress: float, expected: float) -> None:
    assert schedule.second_moment(progress, 0.9, 0.99) == pytest.approx(expected)


def test_the_average_has_no_part_in_gradients() -> None:
    network = constant(1.0)
    averaged = ema.average(network)
    ema.update(averaged, network, 1, 10.0)
    assert not averaged(torch.ones(1, 2, dtype=torch.float64)).requires_grad


def test_gamma_falls_over_the_first_half_and_stays() -> None:
    assert schedule.gamma(0.0, 8.0, 0.03) == pytest.approx(8.0)
    assert schedule.gamma(0.25, 8.0, 0.03) == pytest.approx(8.0 * math.sqrt(0.03))
    assert schedule.gamma(0.5, 8.0, 0.03) == schedule.gamma(1.0, 8.0, 0.03) == pytest.approx(0.24)
    assert schedule.gamma(0.3, 0.0, 0.03) == 0.0
