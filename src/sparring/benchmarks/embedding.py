"""`sparring bench embedding`: how well neighbours and a linear probe tell classes by the vectors of items."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from sparring.benchmarks.bench import Bar, Bench, Cell, Column, Context, Figures, Line
from sparring.benchmarks.defaults import (
    MINUTES,
    Known,
    autoencoder_as_model,
    default_run,
    kept_autoencoder,
    with_random_weights,
)
from sparring.extractors.pca import PCA
from sparring.metrics.distances import nearest
from sparring.tasks.embed import Embedder

DIMS = (10, 50)
PROBED = 20_000
AHEAD = 5e-5  # half an item of the ten thousand of a test part
OURS, RANDOM, PIXELS, AUTOENCODER = "sparring", "random weights", "pixels", "autoencoder"
PCA_NAME = "PCA of pixels"
SET_NAMES = ("fashion", "mnist", "digits", "cifar")

PROTOCOL = f"""
`sparring train DATA --minutes {MINUTES:g}`, no other option and no label; then every training and test item becomes a
vector, as `sparring embed RUN DATA --dim D` makes it. Labels score, and do nothing else: 1-NN, the share of the test
items whose nearest training item (Euclidean, all of them) is of their class; probe, the accuracy of a logistic
regression on the first {PROBED:,} training items (standardised numbers, C = 1, at most 300 iterations). "full" is all
that the model knows: the embedding and the discriminator's features.

`{PCA_NAME}`: the first principal components of the training pixels. `{PIXELS}`: these themselves. `{AUTOENCODER}`: the
discriminator's convolutions and the encoder's layers down to D numbers and the decoder back up, trained end to end on
the mean square error for the same {MINUTES:g} minutes, for each D anew. `{RANDOM}`: the same pipeline with a
discriminator that never learned, whose encoder was taught as long. `digits` are scikit-learn's, the last 500 of them
the test part.
"""


def run(cell: Cell, context: Context, minutes: float = MINUTES) -> Figures:
    """Score the vectors of one method at every length that it has."""
    known = default_run(cell.set, cell.seed, context, minutes)
    figures: Figures = {"trained_at": known.commit}
    for name, vectors in _methods(cell, known, context, minutes):
        train, test = vectors(known.train.images), vectors(known.test.images)
        figures |= score(name, train, test, known)
        context.note(f"  {name}: {figures}")
    return figures


def score(name: str, train: np.ndarray, test: np.ndarray, known: Known) -> Figures:
    """1-NN and probe of vectors (n, d)."""
    labels, truth = known.train.labels, known.test.labels
    return {
        f"nn_{name}": float((labels[nearest(test, train).indices[:, 0]] == truth).mean()),
        f"probe_{name}": probe(train[:PROBED], labels[:PROBED], test, truth),
    }


def probe(train: np.ndarray, labels: np.ndarray, test: np.ndarray, truth: np.ndarray) -> float:
    """Test accuracy of a logistic regression on standardised numbers."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return float(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(train, labels).score(test, truth)
    )


Vectors = Callable[[np.ndarray], np.ndarray]


def _methods(cell: Cell, known: Known, context: Context, minutes: float) -> list[tuple[str, Vectors]]:
    """The vectors of a method, by the name of their length."""
    if cell.method in (OURS, RANDOM):
        model = known.model if cell.method == OURS else with_random_weights(known, cell.seed)
        return [*((str(dim), Embedder(model, dim)) for dim in DIMS), ("full", model.embed)]
    if cell.method == PIXELS:
        return [("full", lambda images: images.reshape(len(images), -1))]
    if cell.method == PCA_NAME:
        pca = PCA(known.train.images, max(DIMS))
        return [(str(dim), lambda images, dim=dim: pca(images)[:, :dim]) for dim in DIMS]
    size = int(cell.method.rpartition("-")[2])
    return [(str(size), _autoencoder(known, size, minutes, cell.seed))]


def _autoencoder(known: Known, size: int, minutes: float, seed: int) -> Vectors:
    return autoencoder_as_model(known, kept_autoencoder(known, size, minutes, seed)).encode


def _lead(figure: str, rivals: Sequence[str], lines: Sequence[Line]) -> float | None:
    """Ours less the best of the rivals', the smallest of any set and seed; None while one of them is missing."""
    found = {
        (line["set"], line["seed"], line["method"]): line["figures"][figure]
        for line in lines
        if figure in line["figures"] and line["set"] in ("fashion", "mnist")
    }
    ours = {(name, seed): value for (name, seed, method), value in found.items() if method == OURS}
    pairs = [(value, found.get((*group, rival))) for group, value in ours.items() for rival in rivals]
    leads = [value - theirs for value, theirs in pairs if theirs is not None]
    return min(leads) if leads and len(leads) == len(pairs) else None


EMBEDDING = Bench(
    name="embedding",
    title="Vectors of items after one default run",
    protocol=PROTOCOL,
    grid=tuple(
        (name, method)
        for name in SET_NAMES
        for method in (OURS, PCA_NAME, PIXELS, RANDOM, *(f"{AUTOENCODER}-{dim}" for dim in DIMS))
    ),
    run=run,
    columns=tuple(
        Column(f"{kind}_{name}", f"{words}, {name}", ".4f")
        for name in (*map(str, DIMS), "full")
        for kind, words in (("nn", "1-NN"), ("probe", "probe"))
    ),
    bars=tuple(
        Bar(
            f"{words} at {dim}: ahead of PCA, autoencoder and random weights (Fashion-MNIST, MNIST)",
            ">=",
            AHEAD,
            partial(_lead, f"{kind}_{dim}", (PCA_NAME, RANDOM, f"{AUTOENCODER}-{dim}")),
        )
        for dim in DIMS
        for kind, words in (("nn", "1-NN"), ("probe", "probe"))
    ),
)
