"""Simple generators that a model has to beat: Gaussians in the training data's principal components."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sparring.data.scale import in_dtype
from sparring.data.source import Spec
from sparring.extractors.pca import PCA
from sparring.rng import numpy_stream, stream_seed

COMPONENTS = 256  # principal components that a baseline draws
MIXED = 50  # of those, the first ones in which a mixture is fitted; the rest stay one Gaussian
GROUPS = 10  # Gaussians of the mixture
FITTED = 5000  # items that a mixture is fitted to
PREDICTORS, ROUNDS = 20, 5  # columns that a missing cell is told from, and how often all are gone through

Coordinates = Callable[[int, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Baseline:
    """A fitted generator of items in the data's own form.

    Attributes:
        pca: turns coordinates into items.
        coordinates: draws n of them, shape (n, components).
        limits: the training data's smallest and largest value, of vectors in each column, of series in each channel;
            items are clipped to them.
        spec: the form of an item.
    """

    pca: PCA
    coordinates: Coordinates
    limits: tuple[np.ndarray, np.ndarray]
    spec: Spec

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        """`n` items, shape (n, *spec.shape), in the data's own dtype."""
        flat = self.pca.invert(self.coordinates(n, numpy_stream(seed, "baseline"))).clip(*self.limits)
        return in_dtype(flat, np.dtype(self.spec.dtype)).reshape(n, *self.spec.shape)


def fit_baselines(rows: np.ndarray, spec: Spec, seed: int = 0) -> Iterator[tuple[str, Baseline]]:
    """Fit the baselines to training items.

    Args:
        rows: training items, shape (n, *spec.shape); cells that are missing are drawn first, since the items of a
            baseline are seen with holes like those of real ones.
        spec: the form of an item.
        seed: of the mixture's start.

    Yields:
        "pca_gaussian": one Gaussian in the first 256 principal components; and "gaussian_mixture": ten full
        Gaussians in the first 50 of them, with the rest as in the former.
    """
    limits = _limits(rows, spec)
    rows = _completed(rows[:FITTED], seed) if spec.missing and np.isnan(rows).any() else rows
    pca = PCA(rows, COMPONENTS)
    yield "pca_gaussian", Baseline(pca, _gaussian(pca.variances), limits, spec)
    yield "gaussian_mixture", Baseline(pca, _mixture(pca, rows[:FITTED], seed), limits, spec)


def _limits(rows: np.ndarray, spec: Spec) -> tuple[np.ndarray, np.ndarray]:
    """For each number of an item: its column's or channel's smallest and largest value, of images that of all."""
    alike = 1 if spec.kind == "image" else spec.shape[-1]
    values = rows.reshape(-1, alike)
    low, high = (np.nan_to_num(law.reduce(values, 0).astype(np.float64)) for law in (np.fmin, np.fmax))
    return np.tile(low, spec.size // alike), np.tile(high, spec.size // alike)


def _completed(rows: np.ndarray, seed: int) -> np.ndarray:
    """Rows whose missing cells were drawn from what a linear regression on the item's other cells leaves open."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    flat = rows.reshape(len(rows), -1).astype(np.float64)
    imputer = IterativeImputer(
        sample_posterior=True,
        max_iter=ROUNDS,
        n_nearest_features=PREDICTORS if flat.shape[1] > PREDICTORS else None,
        keep_empty_features=True,
        random_state=stream_seed(seed, "completed") % 2**32,
    )
    return np.asarray(imputer.fit_transform(flat)).reshape(rows.shape)


def _gaussian(variances: np.ndarray) -> Coordinates:
    deviations = np.sqrt(variances)
    return lambda n, rng: rng.normal(size=(n, len(deviations))) * deviations


def _mixture(pca: PCA, rows: np.ndarray, seed: int) -> Coordinates:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    scale = np.sqrt(pca.variances[0]) or 1.0
    mixture = GaussianMixture(max(1, min(GROUPS, len(rows) // 50)), random_state=stream_seed(seed, "mixture") % 2**32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a mixture stopped early is a baseline still
        mixture.fit(pca(rows)[:, :MIXED] / scale)
    roots = [np.linalg.cholesky(covariance) for covariance in np.asarray(mixture.covariances_)]
    weights, means = np.asarray(mixture.weights_), np.asarray(mixture.means_)
    rest = _gaussian(pca.variances[MIXED:])

    def draw(n: int, rng: np.random.Generator) -> np.ndarray:
        groups = rng.choice(len(roots), n, p=weights)
        noise = rng.normal(size=(n, roots[0].shape[0]))
        spread = np.stack([roots[group] @ z for group, z in zip(groups, noise, strict=True)])
        return np.concatenate([(means[groups] + spread) * scale, rest(n, rng)], axis=1)

    return draw
