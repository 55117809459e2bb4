"""A number with its 95 % interval, and the resampling that gives one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A measured value and the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


def normal_interval(value: float, variance: float) -> Estimate:
    """The interval of an estimate that is about normal: value -+ 1.96 standard errors."""
    reach = 1.959964 * float(np.sqrt(max(variance, 0.0)))
    return Estimate(float(value), float(value) - reach, float(value) + reach)


def percentile_interval(value: float, replicates: np.ndarray) -> Estimate:
    """The bootstrap's percentile interval, stretched to hold the value itself.

    Args:
        value: the measured value.
        replicates: the same measure on resampled data, shape (replicates,).

    Returns:
        The value with the 2.5th and 97.5th percentile of the replicates.
    """
    low, high = np.percentile(np.asarray(replicates, np.float64), [2.5, 97.5])
    return Estimate(float(value), min(float(low), float(value)), max(float(high), float(value)))


def bootstrap_mean(values: np.ndarray, rng: np.random.Generator, replicates: int = 200) -> Estimate:
    """The mean of per-item values with its bootstrap interval.

    Args:
        values: one number per item, shape (n,).
        rng: draws the resamples.
        replicates: how many resamples.

    Returns:
        The statistic of all items, with its percentile interval.
    """
    return bootstrap(lambda rows: float(values[rows].mean()), len(values), rng, replicates)


def bootstrap(
    statistic: Callable[[np.ndarray], float], n: int, rng: np.random.Generator, replicates: int = 200
) -> Estimate:
    """A statistic of `n` items with its bootstrap interval (Efron 1979).

    Args:
        statistic: takes the indices of items, shape (n,), and returns a number.
        n: number of items.
        rng: draws the resamples.
        replicates: how many resamples.

    Returns:
        The statistic of all items, with its percentile interval.
    """
    draws = np.array([statistic(rng.integers(0, n, n)) for _ in range(replicates)])
    return percentile_interval(statistic(np.arange(n)), draws)
