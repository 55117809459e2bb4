"""Fidelity and diversity from nearest neighbours: precision, recall, density, coverage."""

from dataclasses import dataclass

import numpy as np

from sparring.metrics.distances import nearest, squared_distances
from sparring.metrics.estimate import Estimate, bootstrap_mean, jackknife_interval, proportion
from sparring.rng import numpy_stream

GROUPS = 20  # of the generated items, each of which is left out once
RIM = 1e-9  # of the squared radius: what rounding may do to an item on the rim of a ball


@dataclass(frozen=True)
class Manifold:
    """How two samples lie in each other's neighbourhoods; every figure is better when higher.

    Attributes:
        precision: share of generated items within some real item's neighbourhood (Kynkaanniemi et al. 2019).
        recall: share of real items within some generated item's neighbourhood (the same).
        density: real neighbourhoods that hold a generated item, over k; 1 when the samples agree
            (Naeem et al. 2020).
        coverage: share of real items whose neighbourhood holds a generated item (the same).
    """

    precision: Estimate
    recall: Estimate
    density: Estimate
    coverage: Estimate


def manifold(real: np.ndarray, fake: np.ndarray, k: int = 5) -> Manifold:
    """Precision, recall, density and coverage.

    An item's neighbourhood is the closed ball that reaches to its k-th nearest other item of the same
    sample. The intervals take the balls as given: Wilson's for shares of independent items, the bootstrap's for
    density. Whether real items are covered hangs together, since one generated item may cover some of them: coverage
    has the interval of a jackknife over groups of generated items.

    Args:
        real: features of real items, shape (n, d), n > k.
        fake: features of generated items, shape (m, d), m > k.
        k: neighbours that make a neighbourhood.

    Returns:
        The four figures with their 95 % intervals.
    """
    real, fake = np.asarray(real, np.float64), np.asarray(fake, np.float64)
    real_reach, fake_reach = _reach(real, k), _reach(fake, k)
    balls_around = np.zeros(len(fake))  # real ones, of each generated item
    recalled, inside_by_group = np.zeros(len(real), bool), np.zeros((GROUPS, len(real)))
    groups = np.arange(len(fake)) % GROUPS
    for rows, squared in squared_distances(fake, real):
        inside = squared <= real_reach
        balls_around[rows] = inside.sum(1)
        inside_by_group += (groups[rows] == np.arange(GROUPS)[:, None]).astype(np.float32) @ inside.astype(np.float32)
        recalled |= (squared <= fake_reach[rows, None]).any(0)
    others = inside_by_group.sum(0) - inside_by_group[: len(fake)]  # each row without a group
    covered, without = float((inside_by_group.sum(0) > 0).mean()), (others > 0).mean(1)
    coverage = jackknife_interval(covered, without) if np.ptp(without) else proportion(covered * len(real), len(real))
    return Manifold(
        precision=proportion(int((balls_around > 0).sum()), len(fake)),
        recall=proportion(int(recalled.sum()), len(real)),
        density=bootstrap_mean(balls_around / k, numpy_stream(0, "density")),
        coverage=Estimate(covered, max(0.0, coverage.low), min(1.0, coverage.high)),
    )


def _reach(rows: np.ndarray, k: int) -> np.ndarray:
    """Squared distance to the k-th nearest other item, with room for rounding; shape (n,)."""
    radius = nearest(rows, rows, k, exclude_self=True).distances[:, -1]
    return radius**2 * (1 + RIM) + 1e-12 * float(rows.var(0).sum())
