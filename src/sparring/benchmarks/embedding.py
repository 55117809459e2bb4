"""`sparring bench embedding`: how well neighbours and a linear probe tell classes by the vectors of items."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from sparring.benchmarks.bench import Bar, Bench, Cell, Column, Context, Figures, Line
from sparring.benchmarks.defaults import (
    MINUTES,
    Known,
    autoencoder_as_model,
    default_run,
    kept_autoencoder,
    pairs_of_one_run,
    with_random_weights,
)
from sparring.extractors.pca import PCA
from sparring.metrics.distances import nearest
from sparring.metrics.estimate import normal_interval
from sparring.rng import numpy_stream
from sparring.tasks.embed import Embedder

DIMS = (10, 50)
LENGTHS = (*map(str, DIMS), "full")
SCORES = (("nn", "1-NN"), ("probe", "probe"))
PROBED = 20_000
OURS, RANDOM, PIXELS, AUTOENCODER = "sparring", "random weights", "pixels", "autoencoder"
PCA_NAME = "PCA of pixels"
SET_NAMES = ("fashion", "mnist", "digits", "cifar")
HELD_AGAINST = ("fashion", "mnist")  # the sets of the bars

PROTOCOL = f"""
`sparring train DATA --minutes {MINUTES:g}`, no other option and no label; then every training and test item becomes a
vector, as `sparring embed RUN DATA --dim D` makes it. Labels score: 1-NN, the share of the test items whose nearest
training item (Euclidean, all of them) is of their class; probe, the accuracy of a logistic regression on {PROBED:,}
training items drawn at random (standardised numbers, C = 1, at most 300 iterations). "full" is all that the model
knows: the embedding and the discriminator's features. The encoder was designed with a look at these figures of
Fashion-MNIST (`benchmarks/LOG.md`); nothing was chosen by those of the other sets.
A lead is ours less the method's by the same test items, whose wrong ones are counted in pairs; the bars ask that the
lower end of its 95 % interval is not below 0. The interval is that of the test items: how much one run differs from the
next of the same rules (about .003) is not in it.

`{PCA_NAME}`: the first principal components of the training pixels. `{PIXELS}`: these themselves. `{AUTOENCODER}`: the
discriminator's convolutions and the encoder's layers down to D numbers, and the generator's kind of network and width
back up, trained end to end on the mean square error for as many minutes as the run took, for each D anew. `{RANDOM}`:
the same pipeline with a discriminator that never learned, whose encoder was taught as long. `digits` are
scikit-learn's, the last 500 of them the test part.
"""


def run(cell: Cell, context: Context, minutes: float = MINUTES) -> Figures:
    """Score the vectors of one method at every length that it has."""
    known = default_run(cell.set, cell.seed, context, minutes)
    figures: Figures = dict(known.figures)
    hits: dict[str, np.ndarray] = {}
    for name, vectors in _methods(cell, known, minutes):
        hits |= score(name, vectors(known.train.images), vectors(known.test.images), known, cell.seed)
        context.note(f"  {name}: " + ", ".join(f"{key} {found.mean():.4f}" for key, found in hits.items()))
    figures |= {key: float(found.mean()) for key, found in hits.items()}
    ours = known.folder.with_name("hits.npz")
    if cell.method == OURS:
        np.savez(ours, **hits)  # pyright: ignore[reportArgumentType]
    elif ours.exists():
        figures |= _leads(np.load(ours, allow_pickle=False), hits)
    if cell.method.startswith(AUTOENCODER):
        figures |= kept_autoencoder(known, int(cell.method.rpartition("-")[2]), minutes, cell.seed).figures
    return figures


def score(name: str, train: np.ndarray, test: np.ndarray, known: Known, seed: int) -> dict[str, np.ndarray]:
    """Which test items 1-NN and probe are right about, by vectors (n, d)."""
    labels, truth = known.train.labels, known.test.labels
    some = numpy_stream(seed, "probe").permutation(len(train))[:PROBED]
    return {
        f"nn_{name}": labels[nearest(test, train).indices[:, 0]] == truth,
        f"probe_{name}": probe(train[some], labels[some], test) == truth,
    }


def probe(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """What a logistic regression on standardised numbers takes the test items for."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(train, labels).predict(test)


def _leads(ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]) -> Figures:
    """How much more often ours is right than another, item by item."""
    figures: Figures = {}
    for key in theirs.keys() & ours.keys():
        apart = ours[key].astype(np.float64) - theirs[key]
        lead = normal_interval(float(apart.mean()), float(apart.var() / len(apart)))
        figures |= {f"lead_{key}": lead.value, f"lead_{key}_low": lead.low}
    return figures


Vectors = Callable[[np.ndarray], np.ndarray]


def _methods(cell: Cell, known: Known, minutes: float) -> list[tuple[str, Vectors]]:
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
    """The smallest lower end of our lead over a rival, of any set and seed; None while they cannot be compared."""
    pairs = pairs_of_one_run(lines, HELD_AGAINST, OURS, rivals)
    leads = [theirs.get(f"lead_{figure}_low") for _, theirs in pairs or []]
    told = [lead for lead in leads if lead is not None]
    return min(told) if told and len(told) == len(leads) else None


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
    columns=(
        *(Column(f"{kind}_{name}", f"{words}, {name}", ".4f") for name in LENGTHS for kind, words in SCORES),
        *(Column(f"lead_{kind}_{name}", f"lead, {words}, {name}", ".4f") for name in LENGTHS for kind, words in SCORES),
        Column("steps", "steps of the autoencoder", ","),
        Column("training_minutes", "minutes of training", ".1f"),
        Column("trained_at", "commit of the run"),
    ),
    bars=tuple(
        Bar(
            f"{words} at {dim}: least lead over PCA, autoencoder and random weights (Fashion-MNIST, MNIST)",
            ">=",
            0.0,
            partial(_lead, f"{kind}_{dim}", (PCA_NAME, RANDOM, f"{AUTOENCODER}-{dim}")),
        )
        for dim in DIMS
        for kind, words in SCORES
    ),
)
