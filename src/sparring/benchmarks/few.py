"""`sparring bench few`: sixty photographs, and a hundred to ten thousand pictures of clothes."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from sparring.benchmarks.bench import Bar, Bench, Cell, Column, Context, Figures, Line, figures_of
from sparring.benchmarks.command import run_sparring, sample_run
from sparring.benchmarks.generation import COUNT, SHOWN, compare
from sparring.benchmarks.picturesets import SETS, make_judge
from sparring.data.pictures import save_grid
from sparring.data.source import Spec
from sparring.rng import numpy_stream

MINUTES = 10.0
FLOWERS = ("daisy", "iris", "sunflower")
FASHION = (100, 1_000, 10_000, 60_000)
OURS, PLAIN = "sparring", "without augmentation"
OPTIONS: dict[str, tuple[str, ...]] = {OURS: (), PLAIN: ("--set", "augment.name=none")}

PROTOCOL = f"""
`sparring train DATA --minutes {MINUTES:g}` on 60 photographs of a flower (the training folders of flowers12, 64 x 64),
and on the first n images of Fashion-MNIST's training part in an order drawn at random; then `sparring evaluate` against
the test part: kernel distance in `random_conv-512`, and memorisation, the chance that a generated item is nearer to its
nearest training item than a test item is to its own, with its 95 % interval (0.5 is right, above it items are copied).
For Fashion-MNIST also the Frechet distance and coverage of {COUNT:,} generated images in the features of the classifier
that `fashion` uses. `{PLAIN}` is the same command with `--set augment.name=none`.
"""


@dataclass(frozen=True)
class Paths:
    """What is trained on, and what is compared with."""

    train: Path
    test: Path


def run(cell: Cell, context: Context, minutes: float = MINUTES) -> Figures:
    """Train on few items and hold the result against many."""
    folder = context.work / cell.label.replace("/", "-").replace(" ", "-")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    paths = _paths(cell, context, folder)
    options = ("--minutes", minutes, "--seed", cell.seed, *OPTIONS[cell.method])
    run_sparring("train", paths.train, "--run", folder / "run", *options)
    found = json.loads(run_sparring("evaluate", folder / "run", paths.test))
    measures = {measure["name"]: measure for measure in found["measures"]}
    figures = {name: measures[name]["value"] for name in ("kernel", "coverage", "copies", "memorisation")}
    figures |= {f"memorisation_{end}": measures["memorisation"][end] for end in ("low", "high")}
    figures["n_test"] = found["n"]
    return {**figures, **_pictures(cell, context, folder)}


def _paths(cell: Cell, context: Context, folder: Path) -> Paths:
    if cell.set in FLOWERS:
        flowers = context.data / "images" / "flowers12"
        return Paths(flowers / "train" / cell.set, flowers / "test" / cell.set)
    pictures = SETS["fashion"]
    rows = pictures.read(context.data, "train").images
    chosen = numpy_stream(cell.seed, "few").permutation(len(rows))[: int(cell.set.split("-")[1])]
    paths = Paths(folder / "train.npy", folder / "test.npy")
    np.save(paths.train, rows[chosen, ..., 0])
    np.save(paths.test, pictures.read(context.data, "test").images[..., 0])
    return paths


def _pictures(cell: Cell, context: Context, folder: Path) -> Figures:
    """A grid of samples; for clothes also the figures of `fashion`."""
    made = sample_run(folder / "run", COUNT)
    made = made if made.ndim == 4 else made[..., None]
    picture = context.results / "pictures" / f"few-{folder.name}.png"
    save_grid(made[:SHOWN], Spec("image", made.shape[1:], "uint8", squeezed=made.shape[-1] == 1), picture)
    if cell.set in FLOWERS:
        return {}
    judge = make_judge("fashion", context)
    figures = compare(judge(SETS["fashion"].read(context.data, "test").images), judge(made))
    return {f"judge_{name}": figures[name] for name in ("frechet", "coverage")}


def _worst_start(lines: Sequence[Line]) -> float | None:
    """The largest lower end of memorisation's interval."""
    return max(figures_of(lines, "memorisation_low", OURS), default=None)


def _gain(lines: Sequence[Line]) -> float | None:
    """The largest of our kernel distance less that without augmentation, of sets that have both."""
    found = {(line["set"], line["seed"], line["method"]): line["figures"]["kernel"] for line in lines}
    pairs = [(found[s, i, m], found[s, i, PLAIN]) for s, i, m in found if m == OURS and (s, i, PLAIN) in found]
    return max((ours - plain for ours, plain in pairs), default=None)


def _cost(lines: Sequence[Line], few: str, many: str) -> float | None:
    """Frechet distance with few items over that with many."""
    by_set = {name: figures_of([x for x in lines if x["set"] == name], "judge_frechet", OURS) for name in (few, many)}
    return max(by_set[few]) / min(by_set[many]) if all(by_set.values()) else None


FEW = Bench(
    name="few",
    title="Few data, ten minutes",
    protocol=PROTOCOL,
    grid=(
        *((name, method) for name in FLOWERS for method in OPTIONS),
        *((f"fashion-{n}", method) for n in FASHION[:-1] for method in OPTIONS),
        (f"fashion-{FASHION[-1]}", OURS),
    ),
    run=run,
    columns=(
        Column("kernel", "kernel distance", ".4f"),
        Column("coverage", "coverage", ".3f"),
        Column("memorisation", "memorisation", ".3f"),
        Column("memorisation_low", "from", ".3f"),
        Column("memorisation_high", "to", ".3f"),
        Column("copies", "copies", ".1%"),
        Column("judge_frechet", "Frechet distance (judge)", ".2f"),
        Column("judge_coverage", "coverage (judge)", ".3f"),
    ),
    bars=(
        Bar("memorisation, largest lower end", "<=", 0.5, _worst_start),
        Bar("kernel distance less that without augmentation, worst set", "<=", 0.0, _gain),
        Bar(
            "Frechet distance at n = 1,000 over that at 60,000",
            "<=",
            1.5,
            partial(_cost, few="fashion-1000", many="fashion-60000"),
        ),
    ),
)
