"""Networks asked in parts of one size, so that an answer depends on its own item alone."""

from collections.abc import Callable, Iterable

import numpy as np

PART = 64


def in_parts(ask: Callable[[np.ndarray], np.ndarray], batches: Iterable[np.ndarray]) -> np.ndarray:
    """Ask about all rows, PART of them at a time.

    Matrix products round differently for different numbers of rows. With always the same number, an item gets the
    same answer to the last bit whether it is asked about alone or among others.

    Args:
        ask: PART rows -> PART answers, each a function of its own row.
        batches: the rows in order, each array at most PART long; at least one row in all.

    Returns:
        The answers in the order of the rows.
    """
    return np.concatenate([ask(_filled(rows))[: len(rows)] for rows in batches])


def cut(rows: np.ndarray) -> list[np.ndarray]:
    """An array as views of at most PART rows."""
    return [rows[start : start + PART] for start in range(0, len(rows), PART)]


def _filled(rows: np.ndarray) -> np.ndarray:
    return np.concatenate([rows, np.repeat(rows[-1:], PART - len(rows), axis=0)])
