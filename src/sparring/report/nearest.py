"""The training items that lie nearest to given ones, found in one pass over the data."""

from collections.abc import Callable, Mapping

import numpy as np

from sparring.data.source import Source, SubsetSource, spread_rows
from sparring.extractors.build import build_extractor
from sparring.rng import numpy_stream

MAX_SEARCHED = 20_000
BATCH = 512

Embed = Callable[[np.ndarray], np.ndarray]


def searched(source: Source, seed: int = 0) -> Source:
    """The items that are searched: all, or 20,000 at random of more."""
    if len(source) <= MAX_SEARCHED:
        return source
    keep = numpy_stream(seed, "report/searched").choice(len(source), MAX_SEARCHED, replace=False)
    return SubsetSource(source, np.sort(keep))


def nearest(rows: np.ndarray, source: Source, spaces: Mapping[str, Embed]) -> dict[str, np.ndarray]:
    """The item of `source` with the smallest Euclidean distance to each row, in each space.

    Args:
        rows: (n, *shape), the items to find neighbours of.
        source: where they are looked for, read batch by batch.
        spaces: by name, what turns rows (m, *shape) into features (m, d).

    Returns:
        By name of the space, the nearest items: (n, *shape).
    """
    queries = {name: embed(rows) for name, embed in spaces.items()}
    best = {name: np.full(len(rows), np.inf) for name in spaces}
    index = {name: np.zeros(len(rows), np.int64) for name in spaces}
    for start in range(0, len(source), BATCH):
        batch = source.rows(np.arange(start, min(start + BATCH, len(source))))
        for name, embed in spaces.items():
            distance = _distances(queries[name], embed(batch))
            nearer = distance.min(axis=1) < best[name]
            best[name] = np.where(nearer, distance.min(axis=1), best[name])
            index[name] = np.where(nearer, start + distance.argmin(axis=1), index[name])
    return {name: source.rows(index[name]) for name in spaces}


def own_values(source: Source) -> Embed:
    """The space of an item's own numbers, float64 (n, size): those of vectors standardised, a missing one the mean."""
    reference = spread_rows(source, MAX_SEARCHED)
    return build_extractor("standardised" if source.spec.kind == "vector" else "pixels", reference=reference)


def _distances(queries: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances (n, m), float64; taken about the queries' mean, far from which digits get lost."""
    left, right = np.asarray(queries, np.float64), np.asarray(features, np.float64)
    center = left.mean(axis=0)
    left, right = left - center, right - center
    return (left**2).sum(axis=1)[:, None] - 2 * left @ right.T + (right**2).sum(axis=1)
