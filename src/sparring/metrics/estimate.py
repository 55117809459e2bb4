"""A number with its 95 % interval, and the resampling that gives one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import hypot
from typing import Literal

import numpy as np
from scipy.special import stdtrit

Z95 = 1.959964  # of the standard normal: 95 % lie within


@dataclass(frozen=True)
class Estimate:
    """A measured value and the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


def is_ahead(a: Estimate, b: Estimate, better: Literal["lower", "higher"]) -> bool:
    """Whether `a` is better than `b` by more than the noise of both."""
    if better == "lower":
        return b.value - a.value > hypot(a.high - a.value, b.value - b.low)
    return a.value - b.value > hypot(a.value - a.low, b.high - b.value)


def normal_interval(value: float, variance: float, freedom: float = np.inf) -> Estimate:
    """The interval of an estimate that is about normal: value -+ 1.96 standard errors.

    Args:
        value: the estimate.
        variance: of it.
        freedom: degrees of freedom that the variance itself was estimated with; with few, Student's law makes the
            interval longer.
    """
    quantile = Z95 if np.isinf(freedom) else float(stdtrit(freedom, 0.975))
    reach = quantile * float(np.sqrt(max(variance, 0.0)))
    return Estimate(float(value), float(value) - reach, float(value) + reach)


def percentile_interval(value: float, replicates: np.ndarray) -> Estimate:
    """The bootstrap's percentile interval (Efron 1979), stretched to hold the value itself."""
    low, high = np.percentile(np.asarray(replicates, np.float64), [2.5, 97.5])
    return Estimate(float(value), min(float(low), float(value)), max(float(high), float(value)))


def proportion(hits: float, n: int) -> Estimate:
    """The share of `hits` in `n` trials with Wilson's interval (1927), honest at 0 and 1 too; ties count in part."""
    share, spread = hits / n, Z95**2 / n
    center = (share + spread / 2) / (1 + spread)
    reach = Z95 * float(np.sqrt(share * (1 - share) / n + spread / (4 * n))) / (1 + spread)
    return Estimate(share, max(0.0, min(share, center - reach)), min(1.0, max(share, center + reach)))


def bootstrap_mean(values: np.ndarray, rng: np.random.Generator, replicates: int = 200) -> Estimate:
    """The mean of per-item values, shape (n,), with its bootstrap interval."""
    draws = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(replicates)]
    return percentile_interval(float(values.mean()), np.array(draws))


def jackknife(statistic: Callable[..., float], *samples: np.ndarray, groups: int = 20) -> Estimate:
    """A statistic of one or more samples, its interval from leaving out one group of one sample at a time.

    The delete-group jackknife (Shao and Wu 1989) needs as many evaluations as there are groups, at nearly the full n,
    so that a statistic whose bias depends on n, such as the Frechet distance, keeps its place in the interval.

    Args:
        statistic: takes the samples and returns a number.
        *samples: each of shape (n, ...), in random order.
        groups: how many groups each sample is dealt into; fewer where it has fewer items.

    Returns:
        The statistic of all items, with the interval of `jackknife_interval`.
    """
    without = []
    for place, sample in enumerate(samples):
        before, after = samples[:place], samples[place + 1 :]
        without.append(np.array([statistic(*before, rest, *after) for rest in _without_each_group(sample, groups)]))
    return jackknife_interval(statistic(*samples), *without)


def jackknife_interval(value: float, *without: np.ndarray) -> Estimate:
    """The interval of a statistic, for each sample from its values without one group of the sample at a time.

    The variances of the samples add up; their degrees of freedom, groups less one each, as Satterthwaite (1946) says.
    """
    parts = np.array([(len(values) - 1) * values.var() for values in without])
    freedoms = np.array([max(1, len(values) - 1) for values in without])
    total = float(parts.sum())
    return normal_interval(value, total, total**2 / float((parts**2 / freedoms).sum()) if total > 0 else np.inf)


def _without_each_group(rows: np.ndarray, groups: int) -> Iterator[np.ndarray]:
    groups = min(groups, len(rows))
    return (np.delete(rows, np.s_[i::groups], axis=0) for i in range(groups))
