"""`sparring bench few`: sixty photographs, and a hundred to ten thousand pictures of clothes."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from sparring.assembly import split
from sparring.benchmarks.bench import Bar, Bench, Cell, Column, Context, Figures, Line, figures_of, on_one_machine
from sparring.benchmarks.command import run_sparring
from sparring.benchmarks.generation import COUNT, SHOWN, compare
from sparring.benchmarks.picturesets import SETS, make_judge
from sparring.checkpoint import FACTS
from sparring.data.cache import open_cache
from sparring.data.open import survey
from sparring.data.pictures import save_grid
from sparring.data.source import Source, spread_rows
from sparring.extractors.build import build_extractor
from sparring.metrics.copying import memorisation
from sparring.metrics.estimate import Estimate
from sparring.metrics.kernel import kernel_difference, kernel_distance
from sparring.model import Model
from sparring.rng import numpy_stream

MINUTES = 10.0
MADE = 5_000
FLOWERS = ("daisy", "iris", "sunflower")
FASHION = (100, 1_000, 10_000, 60_000)
OURS, PLAIN = "sparring", "without augmentation"
OPTIONS: dict[str, tuple[str, ...]] = {OURS: (), PLAIN: ("--set", "augment.name=none")}

PROTOCOL = f"""
`sparring train DATA --minutes {MINUTES:g}` on 60 photographs of a flower (the training folders of flowers12, 64 x 64),
and on the first n images of Fashion-MNIST's training part in an order drawn at random; then {MADE:,} generated items
against the test part (20 photographs, or {MADE:,} pictures of clothes), all in `random_conv-512`: kernel distance;
memorisation, the chance that a generated item is nearer to its nearest training item than a test item is to its own
(0.5 is right, above it items are copied); and preference, how often the nearest of as many training and test items is
a training item (0.5 for whatever does not remember), each with its 95 % interval.
`{PLAIN}` is the same command with `--set augment.name=none`. The kernel distances of both are to the same test
items, so that their difference (below 0: augmentation helps) is known better than each: it has an interval of its own.
For Fashion-MNIST also the Frechet distance and coverage of {COUNT:,} generated images in the features of a classifier,
trained as the one of `fashion` is.

Training raises how often it augments by a closeness like that of memorisation, in the same features and by training
items alone; preference steers nothing. At n = 60,000, where there is too much to remember, memorisation shows what this
generator gets without any. The rules for few images were changed three times after a look at the cell of 1,000 pictures
(`benchmarks/LOG.md`), with candidates compared on other training images.
"""


def run(cell: Cell, context: Context, minutes: float = MINUTES) -> Figures:
    """Train on few items and hold the result against items that were not trained on."""
    folder = _folder(cell, context)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    train, test = _paths(cell, context, folder)
    options = ("--minutes", minutes, "--seed", cell.seed, *OPTIONS[cell.method])
    run_sparring("train", train, "--run", folder / "run", *options)
    model = Model.load(folder / "run")
    made = model.sample(COUNT, seed=cell.seed)
    save_grid(made[:SHOWN], model.spec, context.results / "pictures" / f"few-{folder.name}.png")
    unseen = spread_rows(survey(test).source(model.spec.shape), MADE)
    figures = _without_labels(made[:MADE], split(open_cache(folder / "run" / "cache"), model.config).train, unseen)
    if cell.method == PLAIN:
        figures |= _gain_of(_folder(replace(cell, method=OURS), context) / "run", made[:MADE], unseen, cell.seed)
    else:
        figures["run"] = _identity(folder / "run")
    if cell.set not in FLOWERS:
        judge = make_judge("fashion", context)
        found = compare(judge(SETS["fashion"].read(context.data, "test").images), judge(made))
        figures |= {f"judge_{name}": found[name] for name in ("frechet", "coverage")}
        figures["judge_accuracy"] = judge.facts.test_accuracy
    return figures


def _folder(cell: Cell, context: Context) -> Path:
    return context.work / cell.label.replace("/", "-").replace(" ", "-")


def _paths(cell: Cell, context: Context, folder: Path) -> tuple[Path, Path]:
    """What is trained on, and what is compared with."""
    if cell.set in FLOWERS:
        flowers = context.data / "images" / "flowers12"
        return flowers / "train" / cell.set, flowers / "test" / cell.set
    pictures, (train, test) = SETS["fashion"], (folder / "train.npy", folder / "test.npy")
    rows = pictures.read(context.data, "train").images
    chosen = numpy_stream(cell.seed, "few").permutation(len(rows))[: int(cell.set.split("-")[1])]
    np.save(train, rows[chosen, ..., 0])
    np.save(test, pictures.read(context.data, "test").images[..., 0])
    return train, test


def _without_labels(made: np.ndarray, train: Source, unseen: np.ndarray) -> Figures:
    """Kernel distance and memorisation."""
    extractor = build_extractor("random_conv", reference=unseen)
    order = numpy_stream(0, "few").permutation(len(train))
    fake, real, seen = (extractor(rows) for rows in (made, unseen, train.rows(order)))
    distance, found = kernel_distance(real, fake), memorisation(fake, seen, real)
    return {
        "kernel": distance.value,
        "kernel_error": distance.high - distance.value,
        **_ends("memorisation", found.closeness),
        **_ends("preference", found.preference),
        "copies": found.copies.value,
        "expected_copies": found.expected_copies,
    }


def _gain_of(ours: Path, plain: np.ndarray, unseen: np.ndarray, seed: int) -> Figures:
    """The kernel distance of the run with augmentation less that without; nothing where its folder is gone."""
    if not ours.is_dir():
        return {}
    extractor = build_extractor("random_conv", reference=unseen)
    rows = (unseen, Model.load(ours).sample(MADE, seed=seed), plain)
    return {**_ends("difference", kernel_difference(*map(extractor, rows))), "compared_with": _identity(ours)}


def _identity(run: Path) -> str:
    """What tells the model of a run from any other."""
    return json.loads((run / "checkpoint" / "best" / FACTS).read_text(encoding="utf-8"))["checksums"]["model"]


def _ends(name: str, estimate: Estimate) -> Figures:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _worst_start(figure: str, lines: Sequence[Line]) -> float | None:
    """The largest lower end of the interval of one of our figures."""
    return max(figures_of(lines, f"{figure}_low", OURS), default=None)


def _gain(lines: Sequence[Line]) -> float | None:
    """The largest difference of our kernel distance to that without augmentation; of pairs, each with its own."""
    runs = {(line["set"], line["figures"].get("run")) for line in lines if line["method"] == OURS}
    pairs = [line for line in lines if line["method"] == PLAIN]
    told = [x for x in pairs if "difference" in x["figures"] and "compared_with" in x["figures"]]
    told = [x for x in told if (x["set"], x["figures"]["compared_with"]) in runs]
    return max(figures_of(told, "difference"), default=None) if len(told) == len(pairs) else None


def _cost(lines: Sequence[Line], few: str, many: str) -> float | None:
    """Frechet distance with few items over that with many."""
    both = [line for line in lines if line["set"] in (few, many)]
    by_set = {name: figures_of([x for x in both if x["set"] == name], "judge_frechet", OURS) for name in (few, many)}
    if not on_one_machine(both):
        return None
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
        Column("kernel_error", "give or take", ".4f"),
        Column("difference", "augmented less plain", ".4f"),
        Column("difference_low", "from", ".4f"),
        Column("difference_high", "to", ".4f"),
        Column("memorisation", "memorisation", ".3f"),
        Column("memorisation_low", "from", ".3f"),
        Column("memorisation_high", "to", ".3f"),
        Column("preference", "preference", ".3f"),
        Column("preference_low", "from", ".3f"),
        Column("preference_high", "to", ".3f"),
        Column("copies", "copies", ".1%"),
        Column("expected_copies", "copies of a perfect one", ".1%"),
        Column("judge_frechet", "Frechet distance (judge)", ".2f"),
        Column("judge_coverage", "coverage (judge)", ".3f"),
    ),
    bars=(
        Bar("memorisation, largest lower end", "<=", 0.5, partial(_worst_start, "memorisation")),
        Bar("preference, largest lower end", "<=", 0.5, partial(_worst_start, "preference")),
        Bar("kernel distance less that without augmentation, worst set", "<=", 0.0, _gain),
        Bar(
            "Frechet distance at n = 1,000 over that at 60,000",
            "<=",
            1.5,
            partial(_cost, few="fashion-1000", many="fashion-60000"),
        ),
    ),
)
