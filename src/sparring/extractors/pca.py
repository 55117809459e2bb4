"""Principal components of the reference as a feature space."""

from typing import Any, Self

import numpy as np

from sparring.errors import UsageError
from sparring.extractors.base import column_means, deviations, fill_missing, flatten

EXACT = 2048  # numbers in an item up to which the covariance is decomposed exactly
LIMIT = 2**26  # numbers of the reference that are decomposed; evenly spaced rows beyond


class PCA:
    """Coordinates along the first principal components of the reference, not whitened.

    Columns of vectors and channels of series, whose units have nothing in common, are first brought to deviation 1
    each.

    At most as many components as the reference supports; the name tells the number that there are.

    Args:
        reference: rows that fix the components, shape (n, *shape), n >= 2.
        size: number of components, at least 1.
    """

    default_size = 64

    def __init__(self, reference: np.ndarray, size: int = 64) -> None:
        flat = flatten(reference[:: max(1, -(-reference.size // LIMIT))])
        self._means = column_means(flat)
        size = min(size, *flat.shape)
        filled = fill_missing(flat, self._means)
        self._scales = _units(filled, self._means, reference.shape[1:])
        centred = (filled - self._means) / self._scales
        self.components, self.variances = _decompose(centred, size)
        self.name = f"pca-{size}"

    @classmethod
    def build(cls, size: int | None, model: Any, reference: np.ndarray | None) -> Self:
        """Make the extractor from the reference (see `Buildable`)."""
        if reference is None:
            raise UsageError("The extractor 'pca' needs reference rows. Pass `reference`.")
        return cls(reference, cls.default_size if size is None else size)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Features of rows (n, *shape), float64 (n, d)."""
        return ((fill_missing(flatten(rows), self._means) - self._means) / self._scales) @ self.components.T

    def invert(self, coordinates: np.ndarray) -> np.ndarray:
        """Flat rows at the given coordinates, shape (n, numbers in one item)."""
        return (coordinates @ self.components) * self._scales + self._means


def _units(flat: np.ndarray, means: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """What each number of an item is divided by: a column's deviation, a series channel's, 1 for images."""
    if len(shape) == 1:
        return deviations(flat, means)
    if len(shape) == 2:
        channels = flat.reshape(-1, shape[-1])
        return np.tile(deviations(channels, channels.mean(0)), shape[0])
    return np.ones(())


def _decompose(centred: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Principal axes, shape (size, d), and the variance along each; randomised where d is large."""
    if centred.shape[1] <= EXACT:
        values, vectors = np.linalg.eigh(centred.T @ centred / max(1, len(centred) - 1))
        return vectors[:, ::-1][:, :size].T, values[::-1][:size].clip(min=0)
    from sklearn.utils.extmath import randomized_svd

    _, singular, axes = randomized_svd(centred, size, random_state=0)
    return axes, singular**2 / max(1, len(centred) - 1)
