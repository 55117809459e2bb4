"""Look at items, and compare one set with real ones: every measure that needs no training data."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sparring.data.source import Source, Spec
from sparring.extractors.base import Extractor, with_holes
from sparring.metrics.estimate import Estimate, jackknife
from sparring.metrics.frechet import frechet_distance
from sparring.metrics.kernel import kernel_distance
from sparring.metrics.neighbours import manifold
from sparring.metrics.spectrum import ring_powers, spectrum_distance
from sparring.metrics.two_sample import two_sample_accuracy
from sparring.rng import stream_seed

BATCH_NUMBERS = 2**24  # numbers of the items that are in memory at a time


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


class Sampler(Protocol):
    """What makes items: a model or a baseline."""

    def sample(self, n: int, /, seed: int = 0) -> np.ndarray:
        """`n` items in the data's own form, shape (n, *spec.shape)."""
        ...


def look(batches: Iterable[np.ndarray], extractor: Extractor, spectra: bool) -> Seen:
    """Features, and spectra where wanted, of items that come in batches of rows (n, *shape)."""
    features, rings = [], []
    for rows in batches:
        features.append(extractor(rows))
        if spectra:
            rings.append(ring_powers(rows))
    return Seen(np.concatenate(features), np.concatenate(rings) if spectra else None)


def batch_of(spec: Spec) -> int:
    """Items that are in memory at a time."""
    return max(1, BATCH_NUMBERS // spec.size)


@dataclass(frozen=True)
class Eye:
    """Looks at items, a batch at a time, so that memory stays bounded.

    Generated items are seen with the holes of real ones, so that both are filled alike.
    """

    extractor: Extractor
    spec: Spec
    holes: np.ndarray | None

    def real(self, source: Source, indices: np.ndarray, spectra: bool = True) -> Seen:
        order, batch = np.argsort(indices), batch_of(self.spec)  # archives are read fastest in their own order
        rows = (source.rows(indices[order[i : i + batch]]) for i in range(0, len(indices), batch))
        return look(rows, self.extractor, spectra and self.spectra).part(np.argsort(order))

    def made(self, maker: Sampler, n: int, seed: int) -> Seen:
        batch = batch_of(self.spec)
        starts = range(0, n, batch)
        rows = (maker.sample(min(batch, n - i), stream_seed(seed, "evaluate", i) >> 32) for i in starts)
        seen = (with_holes(part, self.holes, i) for i, part in zip(starts, rows, strict=True))
        return look(seen, self.extractor, self.spectra)

    @property
    def spectra(self) -> bool:
        return self.spec.kind == "image" and not self.spec.missing


def compare(real: Seen, fake: Seen, k: int) -> dict[str, Estimate]:
    """Every measure of `fake` against `real`, by name.

    Args:
        real: real items.
        fake: items to be judged.
        k: neighbours of the neighbourhoods.

    Returns:
        The estimates.
    """
    near = manifold(real.features, fake.features, k)
    found = {
        "frechet": _frechet(real.features, fake.features),
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


def _frechet(real: np.ndarray, fake: np.ndarray) -> Estimate:
    found = jackknife(frechet_distance, real, fake, groups=10)
    return Estimate(found.value, max(0.0, found.low), found.high)
