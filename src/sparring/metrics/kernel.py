"""Kernel distance: the unbiased squared maximum mean discrepancy under the cubic kernel of KID."""

from dataclasses import dataclass

import numpy as np

from sparring.metrics.estimate import Estimate, normal_interval
from sparring.rng import numpy_stream

TILE = 2048  # rows of a kernel matrix that are in memory at a time


def kernel_distance(
    a: np.ndarray, b: np.ndarray, *, block: int = 5000, rng: np.random.Generator | None = None
) -> Estimate:
    """Squared MMD between two samples, unbiased, so about zero (either sign) for equal distributions.

    The kernel is (x.y / d + 1)^3 of Binkowski et al. 2018 (Demystifying MMD GANs), section 4. Up to `block`
    items a side it is the full U-statistic, which needs no randomness; larger samples are split at
    random into disjoint blocks and their estimates averaged, so time grows linearly with n.

    Args:
        a: features, shape (n, d), n >= 3.
        b: features, shape (m, d), m >= 3.
        block: the most items of a side that are compared with each other, at least 8.
        rng: deals the items into blocks; a fixed one where None.

    Returns:
        The estimate; its interval comes from the two-sample jackknife, which errs on the wide side.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    assert a.shape[1:] == b.shape[1:], (a.shape, b.shape)
    assert min(len(a), len(b), block // 2) >= 3, (len(a), len(b), block)
    count = min(-(-max(len(a), len(b)) // block), min(len(a), len(b)) // 3)
    rng = numpy_stream(0, "kernel_distance") if rng is None else rng
    estimates = [_block(x, y) for x, y in zip(_deal(a, count, rng), _deal(b, count, rng), strict=True)]
    value = float(np.mean([e[0] for e in estimates]))
    return normal_interval(value, float(np.mean([e[1] for e in estimates])) / count)


def kernel_difference(real: np.ndarray, a: np.ndarray, b: np.ndarray) -> Estimate:
    """How much further from `real` the sample `a` is than `b`, by the unbiased squared MMD of `kernel_distance`.

    What the choice of real items does to both distances cancels, so that few real items tell two samples apart.

    Args:
        real: features, shape (n, d), n >= 3.
        a: features, shape (m, d), m >= 3; all pairs are taken, so some thousand at most.
        b: features, shape (k, d), k >= 3; likewise.

    Returns:
        The difference of the distances, below 0 where `a` is nearer; its interval comes from the jackknife.
    """
    real, a, b = (np.asarray(rows, np.float64) for rows in (real, a, b))
    assert min(len(real), len(a), len(b)) >= 3, (len(real), len(a), len(b))
    n, (mine, its), (near, far) = len(real), (_within(a), _within(b)), (_between(a, real), _between(b, real))
    value, spread = 0.0, 0.0
    for sign, inner, cross in ((1, mine, near), (-1, its, far)):
        m = len(inner.rows)
        value += sign * (inner.total / (m * (m - 1)) - 2 * cross.total / (m * n))
        without = (inner.total - 2 * inner.rows) / ((m - 1) * (m - 2)) - 2 * (cross.total - cross.rows) / ((m - 1) * n)
        spread += (m - 1) * without.var()
    pulls = (near.total - near.columns) / len(a) - (far.total - far.columns) / len(b)
    spread += (n - 1) * (2 * pulls / (n - 1)).var()
    return normal_interval(value, float(spread))


def _deal(rows: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    if count == 1:
        return [rows]
    return [rows[index] for index in np.array_split(rng.permutation(len(rows)), count)]


@dataclass(frozen=True)
class _Sums:
    """Sums of the kernel over the rows and columns of a matrix, without its diagonal where symmetric."""

    rows: np.ndarray
    columns: np.ndarray
    total: float


def _block(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """The unbiased statistic of one block and its variance, by leaving out each item once."""
    n, m = len(a), len(b)
    aa, bb, ab = _within(a), _within(b), _between(a, b)
    within_a, within_b = aa.total / (n * (n - 1)), bb.total / (m * (m - 1))
    value = within_a + within_b - 2 * ab.total / (n * m)
    without_a = (aa.total - 2 * aa.rows) / ((n - 1) * (n - 2)) - 2 * (ab.total - ab.rows) / ((n - 1) * m)
    without_b = (bb.total - 2 * bb.rows) / ((m - 1) * (m - 2)) - 2 * (ab.total - ab.columns) / (n * (m - 1))
    return value, float((n - 1) * without_a.var() + (m - 1) * without_b.var())


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    inner = x @ y.T
    inner /= x.shape[1]
    inner += 1
    return inner * inner * inner


def _within(x: np.ndarray) -> _Sums:
    sums = np.zeros(len(x))
    for i in range(0, len(x), TILE):
        for j in range(i, len(x), TILE):
            tile = _kernel(x[i : i + TILE], x[j : j + TILE])
            if i == j:
                np.fill_diagonal(tile, 0.0)
            else:
                sums[j : j + TILE] += tile.sum(0)
            sums[i : i + TILE] += tile.sum(1)
    return _Sums(sums, sums, float(sums.sum()))


def _between(x: np.ndarray, y: np.ndarray) -> _Sums:
    rows, columns = np.zeros(len(x)), np.zeros(len(y))
    for i in range(0, len(x), TILE):
        for j in range(0, len(y), TILE):
            tile = _kernel(x[i : i + TILE], y[j : j + TILE])
            rows[i : i + TILE] += tile.sum(1)
            columns[j : j + TILE] += tile.sum(0)
    return _Sums(rows, columns, float(rows.sum()))
