"""Compare one set of items with real ones: every measure that needs no training data."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sparring.extractors.base import Extractor
from sparring.metrics.estimate import Estimate, jackknife
from sparring.metrics.frechet import frechet_distance
from sparring.metrics.kernel import kernel_distance
from sparring.metrics.neighbours import manifold
from sparring.metrics.spectrum import ring_powers, spectrum_distance
from sparring.metrics.two_sample import two_sample_accuracy


@dataclass(frozen=True)
class Seen:
    """What is kept of items once they were looked at.

    Attributes:
        features: shape (n, d).
        rings: power spectra of images, shape (n, rings, channels), None for other data.
    """

    features: np.ndarray
    rings: np.ndarray | None

    def __len__(self) -> int:
        return len(self.features)

    def part(self, rows: slice | np.ndarray) -> "Seen":
        """Some of the items, in the order of `rows`."""
        return Seen(self.features[rows], None if self.rings is None else self.rings[rows])


def look(batches: Iterable[np.ndarray], extractor: Extractor, spectra: bool) -> Seen:
    """Features, and spectra where wanted, of items that come in batches of rows (n, *shape)."""
    features, rings = [], []
    for rows in batches:
        features.append(extractor(rows))
        if spectra:
            rings.append(ring_powers(rows))
    return Seen(np.concatenate(features), np.concatenate(rings) if spectra else None)


def compare(real: Seen, fake: Seen, k: int, intervals: bool = True) -> dict[str, Estimate]:
    """Every measure of `fake` against `real`, by name.

    Args:
        real: real items.
        fake: items to be judged.
        k: neighbours of the neighbourhoods.
        intervals: whether the Frechet distance needs one; the other intervals come free.

    Returns:
        The estimates.
    """
    near = manifold(real.features, fake.features, k)
    found = {
        "frechet": _frechet(real.features, fake.features, intervals),
        "kernel": kernel_distance(real.features, fake.features),
        "precision": near.precision,
        "recall": near.recall,
        "density": near.density,
        "coverage": near.coverage,
        "two_sample": two_sample_accuracy(real.features, fake.features),
    }
    if real.rings is not None and fake.rings is not None:
        found["spectrum"] = spectrum_distance(real.rings, fake.rings)
    return found


def _frechet(real: np.ndarray, fake: np.ndarray, interval: bool) -> Estimate:
    if interval:
        found = jackknife(frechet_distance, real, fake, groups=10)
        return Estimate(found.value, max(0.0, found.low), found.high)
    value = frechet_distance(real, fake)
    return Estimate(value, value, value)
