"""Memorisation: do generated items lie nearer to the training items than unseen real items do?"""

from dataclasses import dataclass

import numpy as np

from sparring.metrics.distances import nearest
from sparring.metrics.estimate import Estimate, normal_interval, percentile_interval, proportion
from sparring.rng import numpy_stream


@dataclass(frozen=True)
class Memorisation:
    """Distances to the nearest training item: of generated items against unseen real ones.

    Attributes:
        closeness: chance that a generated item is nearer to its nearest training item than an unseen real
            item is to its own; 0.5 for a perfect generator, towards 1 for one that copies.
        z: Mann-Whitney's z of the same comparison, about standard normal for a perfect generator; negative
            when generated items are nearer, and below -3 not by chance (C_T of Meehan et al. 2020,
            A Non-Parametric Test to Detect Data-Copying, without the cells).
        ratio: median distance of generated items over that of unseen ones; 1 for a perfect generator.
        copies: share of generated items that are nearer to a training item than all but 1 % of the unseen
            real items; 0.01 for a perfect generator. It shows copies among many items that are none.
        preference: share of generated items whose nearest item among as many training as unseen items is a
            training item; 0.5 for any generator that does not remember, also for one whose items are merely
            more typical than real ones, which raises the other figures. Copies of training items beyond
            the number of unseen ones go unseen here.
    """

    closeness: Estimate
    z: float
    ratio: Estimate
    copies: Estimate
    preference: Estimate


def memorisation(fake: np.ndarray, train: np.ndarray, held_out: np.ndarray) -> Memorisation:
    """Compare generated items with real ones that were never trained on, by nearest training item.

    Args:
        fake: features of generated items, shape (n, d).
        train: features of the training items in random order, shape (t, d); all of them, or copies go unseen.
        held_out: features of unseen real items, shape (m, d).

    Returns:
        The figures with their 95 % intervals.
    """
    ours, theirs = nearest(fake, train).distances[:, 0], nearest(held_out, train).distances[:, 0]
    return Memorisation(
        closeness=closeness(ours, theirs),
        z=mann_whitney_z(ours, theirs),
        ratio=_median_ratio(ours, theirs),
        copies=proportion(int((ours < np.quantile(theirs, 0.01)).sum()), len(fake)),
        preference=_preference(fake, train, held_out),
    )


def _preference(fake: np.ndarray, train: np.ndarray, held_out: np.ndarray) -> Estimate:
    m = min(len(train), len(held_out))
    seen, unseen = (nearest(fake, rows[:m]).distances[:, 0] for rows in (train, held_out))
    decided = seen != unseen
    return proportion(int((seen < unseen).sum()), int(decided.sum())) if decided.any() else proportion(1, 2)


def mann_whitney_z(a: np.ndarray, b: np.ndarray) -> float:
    """Mann-Whitney's U of two sets of numbers in standard errors; negative when `a` tends to be smaller."""
    n, m = len(a), len(b)
    ties = np.unique(np.concatenate([a, b]), return_counts=True)[1].astype(np.float64)
    correction = 1 - float((ties**3 - ties).sum()) / ((n + m) ** 3 - (n + m))
    deviation = np.sqrt(max(0.0, (n + m + 1) / (12 * n * m) * correction))
    return float((0.5 - _share_above(a, b).mean()) / deviation) if deviation > 0 else 0.0


def closeness(fake: np.ndarray, held_out: np.ndarray) -> Estimate:
    """P(fake < held_out) of two sets of distances, ties counting half, with the variance of DeLong et al. 1988."""
    wins, losses = _share_above(fake, held_out), _share_above(held_out, fake)
    return normal_interval(float(wins.mean()), float(wins.var() / len(fake) + losses.var() / len(held_out)))


def _share_above(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """For each value, the share of the others that are larger, ties counting half."""
    ordered = np.sort(others)
    twice_below = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    return 1 - twice_below / (2 * len(others))


def _median_ratio(a: np.ndarray, b: np.ndarray, replicates: int = 200) -> Estimate:
    rng = numpy_stream(0, "memorisation")
    tiny = 1e-12 * float(b.max()) or 1.0  # keeps the ratio finite where most distances are zero

    def ratio(x: np.ndarray, y: np.ndarray) -> float:
        return float((np.median(x) + tiny) / (np.median(y) + tiny))

    draws = [ratio(rng.choice(a, len(a)), rng.choice(b, len(b))) for _ in range(replicates)]
    return percentile_interval(ratio(a, b), np.array(draws))
