"""A number with its 95 % interval, and the resampling that gives one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Z95 = 1.959964  # of the standard normal: 95 % lie within


@dataclass(frozen=True)
class Estimate:
    """A measured value and the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


def normal_interval(value: float, variance: float) -> Estimate:
    """The interval of an estimate that is about normal: value -+ 1.96 standard errors."""
    reach = Z95 * float(np.sqrt(max(variance, 0.0)))
    return Estimate(float(value), float(value) - reach, float(value) + reach)


def percentile_interval(value: float, replicates: np.ndarray) -> Estimate:
    """The bootstrap's percentile interval (Efron 1979), stretched to hold the value itself."""
    low, high = np.percentile(np.asarray(replicates, np.float64), [2.5, 97.5])
    return Estimate(float(value), min(float(low), float(value)), max(float(high), float(value)))


def proportion(hits: int, n: int) -> Estimate:
    """The share of `hits` in `n` trials with Wilson's interval (1927), honest at 0 and 1 too."""
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
        The statistic of all items, with a normal interval.
    """
    variance = 0.0
    for place, sample in enumerate(samples):
        before, after = samples[:place], samples[place + 1 :]
        without = np.array([statistic(*before, rest, *after) for rest in _without_each_group(sample, groups)])
        variance += float((len(without) - 1) * without.var())
    return normal_interval(statistic(*samples), variance)


def _without_each_group(rows: np.ndarray, groups: int) -> list[np.ndarray]:
    groups = min(groups, len(rows))
    return [np.delete(rows, np.s_[i::groups], axis=0) for i in range(groups)]
