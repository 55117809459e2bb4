"""Euclidean distances between large sets, a block of rows at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

BLOCK = 2**24  # distances that are in memory at a time
NARROW = 64  # numbers of a point, up to which double precision costs little
SPARE = 8  # candidates beyond k that single precision may have put in the wrong order
REFINED = 256  # queries whose candidates are compared in float64 at a time


@dataclass(frozen=True)
class Neighbours:
    """The nearest points of each query, nearest first.

    Attributes:
        distances: shape (queries, k), float64.
        indices: of the points, shape (queries, k).
    """

    distances: np.ndarray
    indices: np.ndarray


def nearest(queries: np.ndarray, points: np.ndarray, k: int = 1, exclude_self: bool = False) -> Neighbours:
    """The `k` nearest points of each query.

    Candidates come from matrix products about the points' mean, in single precision where there are more than 64
    numbers; their distances and their order are then computed in float64 from the differences, so that a copy is at
    distance 0. With more than 64 numbers, among more than k + 8 points that are equally far within single precision
    (about 1e-6 of the squared distance to the mean) not the very nearest may be found.

    Args:
        queries: shape (n, d).
        points: shape (m, d), m >= k (m > k with `exclude_self`).
        k: number of neighbours.
        exclude_self: whether query i is point i, which then does not count as its own neighbour.

    Returns:
        Distances and indices.
    """
    others = len(points) - exclude_self
    assert others >= k, (len(points), k)
    exact_queries, exact_points = (torch.from_numpy(np.require(x, np.float64, ["C", "W"])) for x in (queries, points))
    center = exact_points.mean(0)
    distances, indices = [], []
    dtype = torch.float64 if queries.shape[1] <= NARROW else torch.float32
    for start, squared in _blocks((exact_queries - center).to(dtype), (exact_points - center).to(dtype)):
        rows = torch.arange(len(squared))
        if exclude_self:
            squared[rows, start + rows] = torch.inf
        candidates = squared.topk(min(k + SPARE, others), largest=False, sorted=False).indices
        best = _refine(exact_queries[start : start + len(squared)], exact_points, candidates, k)
        distances.append(best.distances)
        indices.append(best.indices)
    return Neighbours(np.concatenate(distances), np.concatenate(indices))


def squared_distances(queries: np.ndarray, points: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Squared distances in float64, a block of queries against all points at a time.

    Args:
        queries: shape (n, d), float64.
        points: shape (m, d), float64.

    Yields:
        The slice of the queries, and their squared distances, shape (block, m).
    """
    center = points.mean(0)
    for start, squared in _blocks(torch.from_numpy(queries - center), torch.from_numpy(points - center)):
        yield slice(start, start + len(squared)), squared.numpy()


def _blocks(queries: Tensor, points: Tensor) -> Iterator[tuple[int, Tensor]]:
    norms = points.square().sum(1)
    size = max(1, BLOCK // len(points))
    for start in range(0, len(queries), size):
        q = queries[start : start + size]
        squared = torch.addmm(norms + q.square().sum(1, keepdim=True), q, points.T, alpha=-2)
        yield start, squared.clamp_min_(0)


def _refine(queries: Tensor, points: Tensor, candidates: Tensor, k: int) -> Neighbours:
    """The `k` best of the candidates by exact distance, equal distances in the order of the points."""
    candidates = candidates.sort(1).values
    distances = torch.empty(candidates.shape, dtype=torch.float64)
    for i in range(0, len(queries), REFINED):
        chosen = points[candidates[i : i + REFINED]]
        distances[i : i + REFINED] = (chosen - queries[i : i + REFINED, None]).square().sum(2).sqrt()
    order = distances.argsort(dim=1, stable=True)[:, :k]
    return Neighbours(distances.gather(1, order).numpy(), candidates.gather(1, order).numpy())
