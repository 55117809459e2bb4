"""Neighbours in one space and in another, against the formulas written as loops."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.special import rel_entr
from torch import Tensor

from sparring.games.neighbours import FEWEST, affinities, misplaced
from sparring.rng import torch_stream


def some(count: int, size: int, seed: int = 0) -> Tensor:
    return torch.randn(count, size, generator=torch_stream(seed, "some"), dtype=torch.float64)


def test_affinities_are_those_of_the_formula() -> None:
    items = some(20, 3)
    squares, found = cdist(items, items, "sqeuclidean"), affinities(items).numpy()
    for row, wanted in zip(squares, found, strict=True):
        near = np.sort(row)[1:]
        kernel = np.exp(-6 * (row - near[0]) / (near[4] - near[0])) * (row > 0)
        assert wanted == pytest.approx(kernel / kernel.sum(), abs=1e-9)


def test_affinities_do_not_depend_on_scale_or_place() -> None:
    items = some(20, 3)
    assert torch.allclose(affinities(items), affinities(7.0 + 1e3 * items), atol=1e-6)


def test_items_that_are_equal_share_their_affinity() -> None:
    found = affinities(torch.zeros(FEWEST, 2))
    assert torch.allclose(found, (1 - torch.eye(FEWEST)) / (FEWEST - 1))
    assert affinities(some(3, 2).repeat(5, 1)).isfinite().all()


@pytest.mark.parametrize("size", [1, 2, 10])
def test_divergence_is_that_of_the_formula(size: int) -> None:
    wanted, vectors = affinities(some(12, 5)), some(12, size, seed=1)
    freedom = max(1, size - 1)
    kernel = (1 + cdist(vectors, vectors, "sqeuclidean") / freedom) ** (-(freedom + 1) / 2)
    np.fill_diagonal(kernel, 0.0)
    found = kernel / kernel.sum(1, keepdims=True)
    truth = rel_entr(wanted.numpy(), found).sum(1)
    assert misplaced([vectors], wanted).item() == pytest.approx(truth.mean(), rel=1e-9)


def test_divergence_is_nothing_where_neighbours_are_the_same() -> None:
    vectors = some(12, 3)
    kernel = (1 + torch.cdist(vectors, vectors).square() / 2) ** -1.5
    kernel.fill_diagonal_(0.0)
    assert misplaced([vectors], kernel / kernel.sum(1, keepdim=True)).item() == pytest.approx(0.0, abs=1e-12)


def test_gradient_is_exact() -> None:
    wanted = affinities(some(8, 5))
    assert torch.autograd.gradcheck(lambda vectors: misplaced([vectors], wanted), some(8, 3, seed=1).requires_grad_())


def test_descent_brings_the_neighbours_of_a_circle_together() -> None:
    """Items on a circle in ten dimensions, described by two numbers that start anywhere."""
    angle = torch.arange(60) * (2 * math.pi / 60)
    items = torch.stack([angle.cos(), angle.sin()], 1) @ torch.linalg.qr(torch.eye(10)[:, :2] + 0.1).Q.T
    wanted, vectors = affinities(items), some(60, 2, seed=2).float().requires_grad_()
    optimiser = torch.optim.Adam([vectors], lr=0.1)
    for _ in range(500):
        optimiser.zero_grad()
        misplaced([vectors], wanted).backward()
        optimiser.step()
    near = torch.cdist(vectors, vectors).fill_diagonal_(torch.inf).topk(2, largest=False).indices
    apart = (near - torch.arange(60)[:, None]).abs()
    steps = torch.minimum(apart, 60 - apart)
    assert (steps <= 2).float().mean() > 0.8
