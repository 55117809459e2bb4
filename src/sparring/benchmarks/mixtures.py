"""`sparring bench ring` and `grid`: are all modes of a mixture found, equally often, and sharply?"""

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from statistics import mean

import numpy as np
from scipy.spatial import KDTree
from scipy.special import rel_entr

from sparring.benchmarks.bench import Bar, Bench, Cell, Column, Context, Figures, Line, Published, figures_of
from sparring.benchmarks.command import run_sparring, sample_run
from sparring.data.toys import Toy, grid, ring

MINUTES = 3.0
COUNT = 2_500
SIGMAS = 3.0
SEEDS = (0, 1, 2, 3, 4)
FLOOR, OURS = "the mixture itself", "sparring"
TOYS: dict[str, Callable[[], Toy]] = {"ring": ring, "grid": grid}

PROTOCOL = f"""
PacGAN's protocol (Lin et al. 2018, arXiv 1712.04086, section 4.1): {COUNT:,} generated points after
`sparring train NAME --minutes {MINUTES:g}` on 100,000 points. A point is of high quality within {SIGMAS:g} standard
deviations of the nearest centre; a mode is found where it has a point of high quality; KL is that of the
histogram of high-quality points over the modes from the uniform one. The row `{FLOOR}` is {COUNT:,} points of the
mixture. Bars on high quality and KL are on the mean of the seeds, the one on modes is on the worst. The generator's
form for vectors was chosen with a look at these figures of these mixtures (`benchmarks/LOG.md`). Width: the variance of
points of high quality about their centre, over that of the mixture's own; below 1 the modes are too narrow, which high
quality and KL do not see.
"""


def run(cell: Cell, context: Context, minutes: float = MINUTES) -> Figures:
    """Train on one mixture, and judge the points."""
    toy = TOYS[cell.set]()
    points = toy.points(COUNT, seed=1000 + cell.seed) if cell.method == FLOOR else _ours(cell, context, minutes)
    _draw(points, toy, context, cell)
    return judge(points, toy)


def judge(points: np.ndarray, toy: Toy) -> Figures:
    """Modes found, share of points of high quality, and KL of the modes' histogram, of points (n, 2)."""
    distance, nearest = KDTree(toy.centres).query(points)
    good = np.asarray(distance) <= SIGMAS * toy.sigma
    share = np.bincount(np.asarray(nearest)[good], minlength=len(toy.centres)) / max(1, good.sum())
    kl = float(rel_entr(share, 1 / len(toy.centres)).sum()) if good.any() else None
    width = float(np.mean(np.asarray(distance)[good] ** 2) / _variance(toy.sigma)) if good.any() else None
    figures = {"modes": int((share > 0).sum()), "high_quality": float(good.mean()), "kl": kl, "width": width}
    return {**figures, "n": len(points)}


def _variance(sigma: float) -> float:
    """Mean squared distance of a mode's points from its centre, of those within SIGMAS: a truncated chi-square law."""
    half = SIGMAS**2 / 2
    return 2 * sigma**2 * (1 - half * np.exp(-half) / (1 - np.exp(-half)))


def _ours(cell: Cell, context: Context, minutes: float) -> np.ndarray:
    folder = context.work / f"{cell.set}-{cell.seed}"
    shutil.rmtree(folder, ignore_errors=True)
    run_sparring("train", cell.set, "--run", folder / "run", "--minutes", minutes, "--seed", cell.seed)
    return sample_run(folder / "run", COUNT)


def _draw(points: np.ndarray, toy: Toy, context: Context, cell: Cell) -> None:
    """The points, with the centres behind them."""
    from matplotlib.figure import Figure

    picture = context.picture(cell)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(4, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(*toy.centres.T, "o", markersize=12, color="0.85")
    axes.plot(*points.T, ".", markersize=1.5, color="C0")
    axes.set(aspect="equal", title=cell.label)
    figure.savefig(picture, dpi=100)


def _of(measure: Callable[[list[float]], float], figure: str, lines: Sequence[Line]) -> float | None:
    found = figures_of(lines, figure, OURS)
    return measure(found) if found else None


def _bench(name: str, kl: float, published: tuple[Published, ...]) -> Bench:
    modes = len(TOYS[name]().centres)
    return Bench(
        name=name,
        title=f"The {name} of {modes} Gaussians in {MINUTES:g} minutes",
        protocol=PROTOCOL,
        grid=((name, FLOOR), (name, OURS)),
        run=run,
        columns=(
            Column("modes", f"modes of {modes}", ".1f"),
            Column("high_quality", "high quality", ".2%"),
            Column("kl", "KL", ".4f"),
            Column("width", "width", ".2f"),
        ),
        bars=(
            Bar("modes found, worst seed", ">=", modes, partial(_of, min, "modes")),
            Bar("high quality, mean", ">=", 0.95, partial(_of, mean, "high_quality")),
            Bar("KL, mean", "<=", kl, partial(_of, mean, "kl")),
        ),
        seeds=SEEDS,
        published=published,
    )


PACGAN = "Lin et al. 2018"
RING = _bench(
    "ring",
    kl=0.004,
    published=(
        Published("GAN", "6.3 modes, 98.2 %, KL 0.45", PACGAN),
        Published("PacGAN2", "7.9 modes, 95.6 %, KL 0.07", PACGAN),
        Published("PacGAN3", "7.8 modes, 97.7 %, KL 0.10", PACGAN),
    ),
)
GRID = _bench(
    "grid",
    kl=0.010,
    published=(
        Published("GAN", "17.3 modes, 94.8 %, KL 0.70", PACGAN),
        Published("PacGAN4", "24.8 modes, 93.6 %, KL 0.04", PACGAN),
    ),
)
