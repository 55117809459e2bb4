"""The data's own numbers as features: pixels scaled by their range, or cells standardised."""

from typing import Any, Self

import numpy as np

from sparring.errors import UsageError
from sparring.extractors.base import column_means, deviations, fill_missing, flatten


def dtype_range(dtype: np.dtype) -> tuple[float, float]:
    """The range that a dtype's values stand for: the limits of 8 and 16 bits; 0 to 1 for all others, which stay."""
    if np.issubdtype(dtype, np.integer) and np.dtype(dtype).itemsize <= 2:
        return float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)
    return 0.0, 1.0


class Pixels:
    """The item's numbers, flat, scaled by the range of their dtype; missing cells become the mean.

    Args:
        means: per cell of an item, what stands in for a missing one, shape (d,); zeros where None.
    """

    name = "pixels"
    default_size = None

    def __init__(self, means: np.ndarray | None = None) -> None:
        self._means = 0.0 if means is None else means

    @classmethod
    def build(cls, size: int | None, model: Any, reference: np.ndarray | None) -> Self:
        """Make the extractor (see `Buildable`); without a reference a missing cell becomes 0."""
        return cls(None if reference is None else column_means(reference))

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Features of rows (n, *shape), float64 (n, d)."""
        low, high = dtype_range(rows.dtype)
        return (fill_missing(flatten(rows), np.asarray(self._means)) - low) / (high - low)


class Standardised:
    """The item's numbers, each with mean 0 and deviation 1 over the reference; missing cells become 0.

    Args:
        reference: rows that fix the moments, shape (n, *shape).
    """

    name = "standardised"
    default_size = None

    def __init__(self, reference: np.ndarray) -> None:
        self._means = column_means(reference)
        self._scales = deviations(fill_missing(flatten(reference), self._means), self._means)

    @classmethod
    def build(cls, size: int | None, model: Any, reference: np.ndarray | None) -> Self:
        """Make the extractor from the reference (see `Buildable`)."""
        if reference is None:
            raise UsageError("The extractor 'standardised' needs reference rows. Pass `reference`.")
        return cls(reference)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Features of rows (n, *shape), float64 (n, d)."""
        return (fill_missing(flatten(rows), self._means) - self._means) / self._scales
