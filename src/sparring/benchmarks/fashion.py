"""`sparring bench fashion` and `mnist`: ten minutes of training against ten of a textbook DCGAN."""

import gzip
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from sparring.benchmarks.bench import Bar, Bench, Cell, Column, Context, Figures, Line, Published, figures_of
from sparring.benchmarks.command import run_sparring
from sparring.benchmarks.dcgan import train_dcgan
from sparring.data.arrayfiles import read_idx
from sparring.data.pictures import save_grid
from sparring.data.source import Spec
from sparring.errors import RunError
from sparring.extractors.classifier import Judge, train_judge
from sparring.metrics.frechet import frechet_distance
from sparring.metrics.kernel import kernel_distance
from sparring.metrics.neighbours import manifold
from sparring.rng import numpy_stream

MINUTES = 10.0
COUNT = 10_000
NEIGHBOURS = 5
ACCURACY = 0.91
SHOWN = 64
LABELS_START = 8
FOLDERS = {"fashion": "images/fashion_mnist", "mnist": "images/mnist"}
FLOOR, OURS, BASELINE = "real train images", "sparring", "dcgan"
SPEC = Spec("image", (28, 28, 1), "uint8", squeezed=True)

PROTOCOL = f"""
{MINUTES:g} minutes of training on the 60,000 train images, without their labels and without options
(`sparring train DATA --minutes {MINUTES:g}`), then {COUNT:,} generated images against the {COUNT:,} test
images. `{BASELINE}` is Radford et al. 2016 as a textbook writes it (`src/sparring/benchmarks/dcgan.py`), for
the same minutes on the same machine. The row `{FLOOR}` is the floor: {COUNT:,} random train images in the
place of generated ones.

Figures are taken in the penultimate layer of a small classifier that is trained on the real labels and must
reach {ACCURACY:.0%} test accuracy; labels touch nothing else. Precision, recall, density and coverage are
with k = {NEIGHBOURS}, the kernel distance is that of KID. They compare with each other, not with figures that
were taken in Inception's features.
"""


def images(context: Context, name: str, part: str) -> np.ndarray:
    """The images of "train" or "t10k", uint8 (n, 28, 28, 1)."""
    return read_idx(_file(context, name, part, "images-idx3"))[..., None]


def labels(context: Context, name: str, part: str) -> np.ndarray:
    """The classes of "train" or "t10k", (n,)."""
    content = gzip.decompress(_file(context, name, part, "labels-idx1").read_bytes())
    return np.frombuffer(content, np.uint8, offset=LABELS_START)


def run(cell: Cell, context: Context, minutes: float = MINUTES) -> Figures:
    """Generate with one method and judge what it made."""
    judge = make_judge(cell.set, context)
    made = GENERATE[cell.method](cell, context, minutes)
    picture = context.results / "pictures" / f"{cell.label.replace('/', '-').replace(' ', '-')}.png"
    save_grid(made[:SHOWN], SPEC, picture)
    figures = compare(judge(images(context, cell.set, "t10k")), judge(made))
    return {**figures, "n": len(made), "judge_accuracy": judge.facts.test_accuracy, "minutes": minutes}


def compare(real: np.ndarray, fake: np.ndarray) -> Figures:
    """The figures of generated items against real ones, both as features (n, d)."""
    near = manifold(real, fake, NEIGHBOURS)
    return {
        "frechet": frechet_distance(real, fake),
        "kernel": kernel_distance(real, fake).value,
        "precision": near.precision.value,
        "recall": near.recall.value,
        "density": near.density.value,
        "coverage": near.coverage.value,
    }


def make_judge(name: str, context: Context) -> Judge:
    """The classifier whose features are used, trained once and kept beside the benchmark's runs.

    Raises:
        RunError: it does not reach the accuracy that the protocol asks for.
    """
    folder = context.work.parent / f"judge-{name}"
    if not (folder / "judge.json").exists():
        context.note(f"  training the judge of {name}")
        train, test = [(images(context, name, part), labels(context, name, part)) for part in ("train", "t10k")]
        train_judge(*train, *test).save(folder)
    judge = Judge.load(folder)
    if judge.facts.test_accuracy < ACCURACY:
        raise RunError(
            f"The judge in {str(folder)!r} must reach a test accuracy of {ACCURACY:.0%}. "
            f"Got {judge.facts.test_accuracy:.1%}. Remove the folder to train it again."
        )
    return judge


def _floor(cell: Cell, context: Context, minutes: float) -> np.ndarray:
    rows = images(context, cell.set, "train")
    return rows[numpy_stream(cell.seed, "floor").permutation(len(rows))[:COUNT]]


def _ours(cell: Cell, context: Context, minutes: float) -> np.ndarray:
    folder = context.work / f"{cell.set}-{cell.seed}"
    shutil.rmtree(folder, ignore_errors=True)
    data = _file(context, cell.set, "train", "images-idx3")
    run_sparring("train", data, "--run", folder / "run", "--minutes", minutes, "--seed", cell.seed)
    run_sparring("sample", folder / "run", "-n", COUNT, "--out", folder / "samples.npz")
    with np.load(folder / "samples.npz", allow_pickle=False) as arrays:
        return arrays["samples"].reshape(COUNT, *SPEC.shape)


def _baseline(cell: Cell, context: Context, minutes: float) -> np.ndarray:
    return train_dcgan(images(context, cell.set, "train"), minutes, cell.seed)(COUNT)


def _file(context: Context, name: str, part: str, kind: str) -> Path:
    return context.data / FOLDERS[name] / f"{part}-{kind}-ubyte.gz"


def _worst(figure: str, lines: Sequence[Line]) -> float | None:
    return min(figures_of(lines, figure, OURS), default=None)


def _ratio(lines: Sequence[Line]) -> float | None:
    """Our largest Frechet distance over the baseline's smallest."""
    ours, theirs = figures_of(lines, "frechet", OURS), figures_of(lines, "frechet", BASELINE)
    return max(ours) / min(theirs) if ours and theirs else None


def _bench(name: str, title: str) -> Bench:
    return Bench(
        name=name,
        title=title,
        protocol=PROTOCOL,
        grid=((name, FLOOR), (name, OURS), (name, BASELINE)),
        run=run,
        columns=(
            Column("frechet", "Frechet distance", ".3f"),
            Column("kernel", "kernel distance", ".4f"),
            *(Column(figure, figure, ".3f") for figure in ("precision", "recall", "density", "coverage")),
            Column("judge_accuracy", "judge's accuracy", ".3f"),
        ),
        bars=(
            Bar("coverage", ">=", 0.80, partial(_worst, "coverage")),
            Bar("density", ">=", 0.80, partial(_worst, "density")),
            Bar("Frechet distance over that of DCGAN", "<=", 0.5, _ratio),
        ),
        published=(PUBLISHED[name],),
    )


GENERATE = {FLOOR: _floor, OURS: _ours, BASELINE: _baseline}
PUBLISHED = {
    "fashion": Published("best of a search over eight GANs", "FID 21.5 to 30.7 (Inception)", "Lucic et al. 2018"),
    "mnist": Published("best of a search over eight GANs", "FID 6.7 to 7.8 (Inception)", "Lucic et al. 2018"),
}
FASHION = _bench("fashion", "Fashion-MNIST in ten minutes")
MNIST = _bench("mnist", "MNIST in ten minutes")
