"""What an extractor is, and the preparation of rows that all of them share."""

from typing import Any, Protocol, Self

import numpy as np


class Extractor(Protocol):
    """A named feature space; the name is part of a result's protocol."""

    @property
    def name(self) -> str: ...

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Features of rows in the data's own form, (n, *shape), as float64 (n, d)."""
        ...


class Buildable(Extractor, Protocol):
    """A class of extractors, as `build_extractor` sees it."""

    default_size: int | None  # None where the name takes no number

    @classmethod
    def build(cls, size: int | None, model: Any, reference: np.ndarray | None) -> Self:
        """Make the extractor.

        Args:
            size: the number in the name ("pca-64"), None where the kind takes none.
            model: the trained model, for extractors that read its networks.
            reference: real rows that fix the extractor, shape (n, *shape).
        """
        ...


def flatten(rows: np.ndarray, dtype: type[np.floating] = np.float64) -> np.ndarray:
    """Rows as vectors, shape (n, numbers in one item)."""
    return np.asarray(rows).reshape(len(rows), -1).astype(dtype, copy=False)


def column_means(rows: np.ndarray) -> np.ndarray:
    """Mean of each cell over the rows where it is known, zero where it never is; shape of one item, flat."""
    if not np.issubdtype(rows.dtype, np.floating):
        return rows.reshape(len(rows), -1).mean(0, dtype=np.float64)
    flat = flatten(rows)
    known = ~np.isnan(flat)
    return np.where(known, flat, 0.0).sum(0) / np.maximum(known.sum(0), 1)


def fill_missing(flat: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Flat rows with each missing (NaN) cell replaced by that cell's mean."""
    missing = np.isnan(flat)
    return np.where(missing, means, flat) if missing.any() else flat


def deviations(flat: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Standard deviation of each column of whole rows (n, d); 1 where there is none but that of rounding."""
    found = flat.std(0)
    return np.where(found > 1e-12 * np.abs(means), found, 1.0)


def with_holes(rows: np.ndarray, holes: np.ndarray | None, start: int = 0) -> np.ndarray:
    """Generated rows as real ones are seen: without the cells that real ones miss, so that both are filled alike.

    Args:
        rows: (n, *shape).
        holes: which cells real rows miss, (m, *shape); the rows go through them again and again. None for none.
        start: the place of the first row among all.
    """
    if holes is None:
        return rows
    return np.where(holes[np.arange(start, start + len(rows)) % len(holes)], np.nan, rows)
