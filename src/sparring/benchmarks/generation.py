"""`sparring bench fashion`, `mnist` and `cifar`: some minutes of training against as many of three textbook GANs."""

import json
import shutil
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from sparring.benchmarks.bench import (
    LONGER,
    Bar,
    Bench,
    Cell,
    Column,
    Context,
    Figures,
    Line,
    Published,
    figures_of,
    on_one_machine,
)
from sparring.benchmarks.command import run_sparring, sample_run, samples_seen
from sparring.benchmarks.machine import hardware
from sparring.benchmarks.picturesets import SETS, make_judge
from sparring.benchmarks.rivals import RIVALS, train_rival
from sparring.data.pictures import save_grid
from sparring.metrics.frechet import frechet_distance
from sparring.metrics.kernel import kernel_distance
from sparring.metrics.neighbours import manifold
from sparring.rng import numpy_stream

COUNT = 10_000
NEIGHBOURS = 5
SHOWN = 64
FLOOR, OURS = "real train images", "sparring"
MINUTES = {"fashion": 10.0, "mnist": 10.0, "cifar": 30.0}
PUBLISHED = {
    "fashion": (
        Published("seven GANs, each the best of a search", "FID 21.5 to 30.7 (Inception)", "Lucic et al. 2018"),
    ),
    "mnist": (Published("seven GANs, each the best of a search", "FID 6.7 to 20.3 (Inception)", "Lucic et al. 2018"),),
    "cifar": (
        Published("SNGAN", "FID 16.77 (Inception, the original images)", "Miyato et al. 2018"),
        Published("WGAN-GP", "FID 22.3 (Inception, the original images)", "Gulrajani et al. 2017"),
        Published("DCGAN", "FID 48 (Inception, the original images)", "StudioGAN, Kang et al. 2023"),
    ),
}

PROTOCOL = """
{minutes:g} minutes of training on the {train:,} train images, without their labels and without options
(`sparring train DATA --minutes {minutes:g}`), then {count:,} generated images against the {count:,} test
images. The rivals are a DCGAN, a WGAN-GP and a hinge GAN with spectral norms on DCGAN's networks, as a textbook
writes them (`src/sparring/benchmarks/rivals.py`: float32, contiguous memory, batches of 128, the last weights and no
average of them), for the same minutes of training on the same machine: the comparison is of what one gets, engineering
included, not of objectives alone. The rivals have the settings that their papers give and were not searched for this
budget; ours were chosen for budgets like it, and the best model of a run is kept by held-out training images. Ours
turns minutes into a number of samples at the start, so a machine that slows down makes it take longer, where rivals
stop at the minute: minutes of training are what it took, rivals that come after ours on a machine are given as many,
and nothing is compared where ours took 5 % longer all the same. The row
`{floor}` is the floor: {count:,} random train images in the place of generated ones.

Figures are taken in the penultimate layer of a small classifier that is trained on the real labels and must
reach {accuracy:.0%} test accuracy; no training sees them. Some rules of Sparring were chosen among several with a
look at figures of Fashion-MNIST's test part (`benchmarks/LOG.md`), none by those of the other sets. Precision, recall,
density and coverage are with k = {neighbours}, the kernel distance is that of KID. They compare with each other, not
with figures that were taken in Inception's features.
"""


def run(cell: Cell, context: Context, minutes: float | None = None) -> Figures:
    """Generate with one method and judge what it made."""
    minutes, judge = minutes or MINUTES[cell.set], make_judge(cell.set, context)
    made, training = _generate(cell, context, minutes)
    save_grid(made[:SHOWN], SETS[cell.set].spec, context.picture(cell))
    figures = compare(judge(SETS[cell.set].read(context.data, "test").images), judge(made))
    return {**figures, "n": len(made), "judge_accuracy": judge.facts.test_accuracy, **training}


def compare(real: np.ndarray, fake: np.ndarray) -> Figures:
    """The figures of generated items against real ones, both as features (n, d)."""
    near = manifold(real, fake, NEIGHBOURS)
    found = {"kernel": kernel_distance(real, fake), **vars(near)}
    ends = {f"{name}_{end}": getattr(found[name], end) for name in found for end in ("low", "high")}
    return {"frechet": frechet_distance(real, fake), **{name: found[name].value for name in found}, **ends}


def _generate(cell: Cell, context: Context, minutes: float) -> tuple[np.ndarray, Figures]:
    """Images, uint8 (10,000, height, width, channels), the minutes that training took and the items that it saw."""
    rows, start = SETS[cell.set].read(context.data, "train").images, time.perf_counter()
    if cell.method == FLOOR:
        return rows[numpy_stream(cell.seed, "floor").permutation(len(rows))[:COUNT]], {}
    if cell.method == OURS:
        run, taken = _ours(cell, context, minutes)
        training = {"training_minutes": taken, "samples": samples_seen(run)}
        return sample_run(run, COUNT).reshape(COUNT, *SETS[cell.set].spec.shape), training
    sample, seen, steps = train_rival(cell.method, rows, _minutes_of_ours(cell, context, minutes), cell.seed)
    training = {"training_minutes": (time.perf_counter() - start) / 60, "samples": seen, "generator_steps": steps}
    return sample(COUNT), training


def _ours(cell: Cell, context: Context, minutes: float) -> tuple[Path, float]:
    """Our run, and the minutes that it took, which are kept beside it for the rivals."""
    folder, data, start = _folder(cell, context), context.data / SETS[cell.set].data, time.perf_counter()
    shutil.rmtree(folder, ignore_errors=True)
    run_sparring("train", data, "--run", folder / "run", "--minutes", minutes, "--seed", cell.seed)
    taken = (time.perf_counter() - start) / 60
    (folder / "done.json").write_text(json.dumps({"minutes": minutes, "taken": taken, "hardware": hardware()}))
    return folder / "run", taken


def _minutes_of_ours(cell: Cell, context: Context, minutes: float) -> float:
    """As many as our run of this set and seed took, where it was made on this machine and took longer."""
    done = _folder(cell, context) / "done.json"
    facts = json.loads(done.read_text()) if done.exists() else {}
    is_same = facts.get("minutes") == minutes and facts.get("hardware") == hardware()
    return max(minutes, facts["taken"]) if is_same else minutes


def _folder(cell: Cell, context: Context) -> Path:
    return context.work / f"{cell.set}-{cell.seed}"


def _on_equal_terms(lines: Sequence[Line]) -> bool:
    """Whether all ran on one machine, and none of ours took longer than a rival."""
    longest, shortest = max(_minutes(lines, (OURS,)), default=0.0), min(_minutes(lines, (*RIVALS,)), default=np.inf)
    return on_one_machine(lines) and longest <= LONGER * shortest


def _minutes(lines: Sequence[Line], methods: Sequence[str]) -> list[float]:
    """Minutes that training took, or, where that was not kept, all of the cell."""
    chosen = [line for line in lines if line["method"] in methods]
    return [line["figures"].get("training_minutes") or line["seconds"] / 60 for line in chosen]


def _worst(figure: str, lines: Sequence[Line]) -> float | None:
    return min(figures_of(lines, figure, OURS), default=None)


def _ratio(lines: Sequence[Line], rivals: Sequence[str] = tuple(RIVALS)) -> float | None:
    """Our largest Frechet distance over the smallest of the rivals, once each of them has one."""
    ours, theirs = figures_of(lines, "frechet", OURS), [figures_of(lines, "frechet", name) for name in rivals]
    if not _on_equal_terms(lines):
        return None
    return max(ours) / min(map(min, theirs)) if ours and all(theirs) else None


def _lead(figure: str, lines: Sequence[Line]) -> float | None:
    """Our smallest figure less the rivals' largest, once each of them has one."""
    ours, theirs = figures_of(lines, figure, OURS), [figures_of(lines, figure, name) for name in RIVALS]
    if not _on_equal_terms(lines):
        return None
    return min(ours) - max(map(max, theirs)) if ours and all(theirs) else None


TEN_MINUTES = (
    Bar("coverage", ">=", 0.90, partial(_worst, "coverage")),
    Bar("density", ">=", 0.80, partial(_worst, "density")),
    Bar("Frechet distance over that of DCGAN", "<=", 0.5, partial(_ratio, rivals=("dcgan",))),
    Bar("Frechet distance over the best rival's", "<=", 0.4, _ratio),
)
HALF_AN_HOUR = (
    Bar("Frechet distance over the best rival's", "<=", 1.0, _ratio),
    Bar("coverage ahead of the best rival's", ">=", 0.0, partial(_lead, "coverage")),
)


def _bench(name: str, train: int, bars: tuple[Bar, ...]) -> Bench:
    pictures, minutes = SETS[name], MINUTES[name]
    return Bench(
        name=name,
        title=f"{pictures.title} in {minutes:g} minutes",
        protocol=PROTOCOL.format(
            minutes=minutes, train=train, count=COUNT, floor=FLOOR, accuracy=pictures.accuracy, neighbours=NEIGHBOURS
        ),
        grid=tuple((name, method) for method in (FLOOR, OURS, *RIVALS)),
        run=run,
        columns=(
            Column("frechet", "Frechet distance", ".3f"),
            Column("kernel", "kernel distance", ".4f"),
            *(Column(figure, figure, ".3f") for figure in ("precision", "recall", "density", "coverage")),
            Column("coverage_low", "from", ".3f"),
            Column("coverage_high", "to", ".3f"),
            Column("judge_accuracy", "judge's accuracy", ".3f"),
            Column("training_minutes", "minutes of training", ".1f"),
            Column("samples", "images seen", ","),
            Column("generator_steps", "steps of a rival's generator", ","),
        ),
        bars=bars,
        published=PUBLISHED[name],
    )


FASHION = _bench("fashion", 60_000, TEN_MINUTES)
MNIST = _bench("mnist", 60_000, TEN_MINUTES)
CIFAR = _bench("cifar", 50_000, HALF_AN_HOUR)
