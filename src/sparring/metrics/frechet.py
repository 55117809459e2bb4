"""Frechet distance between the Gaussians that fit two samples: exact, float64, never complex, never NaN."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Moments:
    """Mean, shape (d,), and unbiased covariance, shape (d, d), of a sample."""

    mean: np.ndarray
    covariance: np.ndarray


def moments(rows: np.ndarray) -> Moments:
    """The moments of a sample, shape (n, d), n >= 2, in float64."""
    mean, centred = _centred(rows)
    return Moments(mean, centred.T @ centred)


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Squared Frechet distance between the Gaussians of two samples (Heusel et al. 2017, equation 6).

    |mean_a - mean_b|^2 + tr(A + B - 2 (A B)^1/2). Where both samples have fewer items than dimensions, the
    last trace is the sum of the singular values of an n x m matrix of inner products, so that no d x d
    matrix is ever made; otherwise it comes from `frechet_from_moments`. It is biased upwards at small n:
    compare figures of equal n only.

    Args:
        a: features, shape (n, d), n >= 2.
        b: features, shape (m, d), m >= 2.

    Returns:
        The distance, at least 0, in squared units of the features.
    """
    if max(len(a), len(b)) >= a.shape[1]:
        return frechet_from_moments(moments(a), moments(b))
    (mean_a, x), (mean_b, y) = _centred(a), _centred(b)
    cross = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    return _combine(mean_a - mean_b, (x * x).sum() + (y * y).sum(), float(cross))


def frechet_from_moments(a: Moments, b: Moments) -> float:
    """The same distance from stored statistics, of equal d.

    With A = L L', the eigenvalues of A B are those of the symmetric L' B L, so that the trace of the root
    needs no square root of a matrix.

    Args:
        a: moments of one sample.
        b: moments of the other.

    Returns:
        The distance, at least 0.
    """
    factor = _factor(a.covariance)
    eigenvalues = np.linalg.eigvalsh(factor.T @ b.covariance @ factor)
    cross = np.sqrt(eigenvalues.clip(min=0)).sum()
    return _combine(a.mean - b.mean, float(np.trace(a.covariance) + np.trace(b.covariance)), float(cross))


def _centred(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean, and the rows X with X'X = covariance."""
    rows = np.asarray(rows, np.float64)
    mean = rows.mean(0)
    return mean, (rows - mean) / np.sqrt(len(rows) - 1)


def _factor(covariance: np.ndarray) -> np.ndarray:
    """L with L L' = covariance: Cholesky's, or the eigenvectors' where the covariance is singular."""
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        return vectors * np.sqrt(values.clip(min=0))


def _combine(shift: np.ndarray, traces: float, cross: float) -> float:
    return max(0.0, float(shift @ shift + traces - 2 * cross))
