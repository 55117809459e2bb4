"""`sparring bench reconstruct`: how near to an item the decoder comes from few numbers."""

from collections.abc import Sequence
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
)
from sparring.data.pictures import save_grid
from sparring.data.source import ArraySource, Spec
from sparring.extractors.pca import PCA
from sparring.metrics.spectrum import ring_powers, spectrum_distance
from sparring.tasks.reconstruct import STEPS, reconstruct

DIMS = (10, 32, 64)
OURS, PLAIN, PCA_NAME, AUTOENCODER = "sparring", "sparring, not refined", "PCA of pixels", "autoencoder"
SET_NAMES = ("fashion", "mnist")
SHOWN = 32

PROTOCOL = f"""
`sparring train DATA --minutes {MINUTES:g}`, no other option; the test items are encoded, all but the first D numbers of
their codes are dropped, and they are painted again. The error is the mean square over pixels from 0 to 1. `{OURS}` is
what `GAN.reconstruct` does: {STEPS} steps that move an item's codes to where the decoder paints it better; `{PLAIN}` is
without them. Spectrum: root mean square difference in decibel of the mean power spectra of the painted and the real
items, where blur shows. `{PCA_NAME}`: D principal components of the training pixels. `{AUTOENCODER}-D`: the
discriminator's convolutions and the encoder's layers down to D numbers, and the generator's kind of network and width
back up, trained end to end on the mean square error for as many minutes as the run took, for each D anew;
`{AUTOENCODER}-D, refined` takes the same steps as ours. The encoder was designed with a look at the errors of
Fashion-MNIST's test part (`benchmarks/LOG.md`).
"""


def run(cell: Cell, context: Context, minutes: float = MINUTES) -> Figures:
    """Errors of one method at every length that it has."""
    known = default_run(cell.set, cell.seed, context, minutes)
    figures: Figures = dict(known.figures)
    for dim in DIMS:
        painted = _painted(cell, known, dim, minutes)
        if painted is None:
            continue
        real = known.test.images.astype(np.float64) / 255
        powers = [ring_powers(items) for items in (real, painted)]
        figures |= {
            f"mse_{dim}": float(((painted - real) ** 2).mean()),
            f"spectrum_{dim}": spectrum_distance(powers[0], powers[1]).value,
        }
        context.note(f"  {dim}: {figures}")
        pairs = np.stack([real[:SHOWN], painted[:SHOWN]], axis=1).reshape(-1, *real.shape[1:])
        method = cell.method if cell.method.startswith(AUTOENCODER) else f"{cell.method}-{dim}"
        picture = context.picture(Cell(cell.set, method, cell.seed))
        save_grid((pairs * 255).round().astype(np.uint8), Spec("image", real.shape[1:], "uint8"), picture)
    if cell.method.startswith(AUTOENCODER):
        size = int(cell.method.partition(", ")[0].rpartition("-")[2])
        figures |= kept_autoencoder(known, size, minutes, cell.seed).figures
    return figures


def _painted(cell: Cell, known: Known, dim: int, minutes: float) -> np.ndarray | None:
    """The test items painted from `dim` numbers, from 0 to 1; None where the method has no such length."""
    images = known.test.images
    if cell.method in (OURS, PLAIN):
        model = known.model
        source = ArraySource(images, model.spec)
        return reconstruct(model, source, dim, STEPS if cell.method == OURS else 0).rows / 255.0
    if cell.method == PCA_NAME:
        pca = PCA(known.train.images, dim)
        return (pca.invert(pca(images)).clip(0, 255) / 255).reshape(images.shape)
    name, _, refined = cell.method.partition(", ")
    if name != f"{AUTOENCODER}-{dim}":
        return None
    model = autoencoder_as_model(known, kept_autoencoder(known, dim, minutes, cell.seed))
    return reconstruct(model, ArraySource(images, model.spec), dim, STEPS if refined else 0).rows / 255.0


def _ratio(dim: int, rival: str, figure: str, lines: Sequence[Line]) -> float | None:
    """Our figure over the rival's, the largest of any set and seed; None while they cannot be compared."""
    pairs, key = pairs_of_one_run(lines, SET_NAMES, OURS, (rival,)), f"{figure}_{dim}"
    return max((ours[key] / theirs[key] for ours, theirs in pairs or []), default=None)


RECONSTRUCT = Bench(
    name="reconstruct",
    title="Items painted again from few numbers after one default run",
    protocol=PROTOCOL,
    grid=tuple(
        (name, method)
        for name in SET_NAMES
        for method in (
            *(OURS, PLAIN, PCA_NAME),
            *(f"{AUTOENCODER}-{dim}{refined}" for dim in DIMS for refined in ("", ", refined")),
        )
    ),
    run=run,
    columns=(
        *(
            Column(f"{figure}_{dim}", f"{words}, {dim}", form)
            for dim in DIMS
            for figure, words, form in (("mse", "error", ".5f"), ("spectrum", "spectrum (dB)", ".2f"))
        ),
        Column("steps", "steps of the autoencoder", ","),
        Column("training_minutes", "minutes of training", ".1f"),
        Column("trained_at", "commit of the run"),
    ),
    bars=tuple(
        Bar(f"refined error at {dim} over the autoencoder's{words}", "<=", 1.1, partial(_ratio, dim, rival, "mse"))
        for words, end in ((" as it is", ""), (", refined too", ", refined"))
        for dim, rival in ((dim, f"{AUTOENCODER}-{dim}{end}") for dim in DIMS)
    ),
)
