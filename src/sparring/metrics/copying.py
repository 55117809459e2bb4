"""Memorisation: do generated items lie nearer to the training items than unseen real items do?"""

from dataclasses import dataclass

import numpy as np

from sparring.metrics.distances import nearest
from sparring.metrics.estimate import Z95, Estimate, normal_interval, proportion


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
            real items. It shows copies among many items that are none.
        expected_copies: what a perfect generator reaches there: 0.01 of many unseen items, more of few.
        preference: share of generated items whose nearest item among as many training as unseen items is a
            training item; 0.5 for any generator that does not remember, also for one whose items are merely
            more typical than real ones, which raises the other figures. Copies of training items beyond
            the number of unseen ones go unseen here.
    """

    closeness: Estimate
    z: float
    ratio: float
    copies: Estimate
    expected_copies: float
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
    share, expected = copies(ours, theirs)
    return Memorisation(
        closeness=closeness(ours, theirs),
        z=mann_whitney_z(ours, theirs),
        ratio=_median_ratio(ours, theirs),
        copies=share,
        expected_copies=expected,
        preference=_preference(fake, train, held_out),
    )


def copies(fake: np.ndarray, held_out: np.ndarray) -> tuple[Estimate, float]:
    """The share of distances below those of all but 1 % of the unseen items, and what to expect of equal ones.

    The bound is the r-th smallest of m unseen distances, r about m / 100. As many equal ones lie below it as a Beta
    law with r and m + 1 - r says, whose spread is a part of the interval. Distances on the bound, where several unseen
    ones are (rows that repeat training rows), count in part: so much that those unseen ones are as many as expected.
    """
    m = len(held_out)
    rank = max(1, round(0.01 * (m + 1)))
    bound, expected = np.sort(held_out)[rank - 1], rank / (m + 1)
    part = float(np.clip((expected * m - (held_out < bound).sum()) / (held_out == bound).sum(), 0, 1))
    found = proportion(float((fake < bound).sum() + part * (fake == bound).sum()), len(fake))
    unsure = Z95 * np.sqrt(expected * (1 - expected) / (m + 2))
    return _widened(found, unsure), expected


def _preference(fake: np.ndarray, train: np.ndarray, held_out: np.ndarray) -> Estimate:
    """The share of items whose nearest is a training item; which real items there are is a part of its interval."""
    m = min(len(train), len(held_out))
    seen, unseen = (nearest(fake, rows[:m]) for rows in (train, held_out))
    ours, theirs = seen.distances[:, 0], unseen.distances[:, 0]
    decided = ours != theirs
    if not decided.any():
        return proportion(1, 2)
    found = proportion(int((ours < theirs).sum()), int(decided.sum()))
    won = np.where(ours < theirs, seen.indices[:, 0], m + unseen.indices[:, 0])[decided]
    masses = np.bincount(won, minlength=2 * m) / len(won)
    unsure = Z95 * float(np.sqrt(masses.var() * 2 * m / (2 * m - 1) * 2 * m / 4))  # had the parts been dealt otherwise
    return _widened(found, unsure)


def _widened(share: Estimate, unsure: float) -> Estimate:
    """A share whose interval also holds another source of noise, given by the half width of its own interval."""
    low, high = (float(np.hypot(unsure, share.value - end)) for end in (share.low, share.high))
    return Estimate(share.value, max(0.0, share.value - low), min(1.0, share.value + high))


def mann_whitney_z(a: np.ndarray, b: np.ndarray) -> float:
    """Mann-Whitney's U of two sets of numbers in standard errors; negative when `a` tends to be smaller."""
    n, m = len(a), len(b)
    ties = np.unique(np.concatenate([a, b]), return_counts=True)[1].astype(np.float64)
    correction = 1 - float((ties**3 - ties).sum()) / ((n + m) ** 3 - (n + m))
    deviation = np.sqrt(max(0.0, (n + m + 1) / (12 * n * m) * correction))
    return float((0.5 - _share_above(a, b).mean()) / deviation) if deviation > 0 else 0.0


def closeness(fake: np.ndarray, held_out: np.ndarray) -> Estimate:
    """P(fake < held_out) of two sets of distances, ties counting half, with the variance of DeLong et al. 1988.

    Where one set lies wholly below the other, that variance is 0; the interval is then that of a share of the smaller.
    """
    wins, losses = _share_above(fake, held_out), _share_above(held_out, fake)
    value, fewest = float(wins.mean()), min(len(fake), len(held_out))
    if value in (0.0, 1.0):
        return proportion(round(value) * fewest, fewest)
    found = normal_interval(value, float(wins.var() / len(fake) + losses.var() / len(held_out)))
    return Estimate(value, max(0.0, found.low), min(1.0, found.high))


def _share_above(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """For each value, the share of the others that are larger, ties counting half."""
    ordered = np.sort(others)
    twice_below = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    return 1 - twice_below / (2 * len(others))


def _median_ratio(a: np.ndarray, b: np.ndarray) -> float:
    tiny = 1e-12 * float(b.max()) or 1.0  # keeps the ratio finite where most distances are zero
    return float((np.median(a) + tiny) / (np.median(b) + tiny))
