"""`sparring bench frechet`: our Frechet distance against the square root of a matrix that everybody takes."""

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import TypeVar

import numpy as np
import scipy.linalg

from sparring.benchmarks.bench import Bar, Bench, Cell, Column, Context, Figures, Line, figures_of
from sparring.metrics.frechet import Moments, frechet_distance, frechet_from_moments, moments
from sparring.rng import numpy_stream

T = TypeVar("T")

TOLERANCE = 1e-6
LARGEST = "d=2048"
DECAY = 1.0
ROUNDS = {64: 9, 512: 3, 2048: 1}

PROTOCOL = f"""
From two samples of n features of d dimensions each (float64, a power spectrum like that of real features: the
k-th variance is 1/k) to the distance. `textbook` is what most implementations do: covariances, then
`scipy.linalg.sqrtm` of their product, real part. Medians of {", ".join(f"{r} at d = {d}" for d, r in ROUNDS.items())}.

Where n > d the root is real and is the truth. Where n < d the product is singular and its root may be complex or
not a number; the truth is then our other exact form, by the factors of the d x d covariances, which is also where
the time of the textbook is shown against.
"""


def run(cell: Cell, context: Context) -> Figures:
    """Time both on the same samples, and compare."""
    n, d = (int(word.split("=")[1]) for word in cell.set.split(" "))
    a, b = sample(n, d, cell.seed, "a"), sample(n, d, cell.seed, "b")
    ours, our_seconds = _time(lambda: frechet_distance(a, b), ROUNDS[d] * 3)
    theirs, their_seconds = _time(lambda: textbook(moments(a), moments(b)), ROUNDS[d])
    other = frechet_from_moments(moments(a), moments(b))
    is_real = n > d
    truth = theirs.real if is_real else other
    return {
        "value": ours,
        "root_is_real": is_real,
        "textbook_imaginary": _number(theirs.imag),
        "textbook_difference": _number(abs(theirs.real - ours) / ours),
        "difference": abs(ours - truth) / truth,
        "finite": bool(np.isfinite(ours)),
        "our_seconds": our_seconds,
        "their_seconds": their_seconds,
        "speed_up": their_seconds / our_seconds,
    }


def sample(n: int, d: int, seed: int, name: str) -> np.ndarray:
    """Features (n, d): Gaussian, with variances 1/k along axes that are turned at random, and a mean of its own."""
    random = numpy_stream(seed, f"frechet {name}")
    turned, _ = np.linalg.qr(random.normal(size=(d, d)))
    scales = np.arange(1, d + 1) ** (-DECAY / 2)
    return (random.normal(size=(n, d)) * scales) @ turned + 0.1 * random.normal(size=d)


def textbook(a: Moments, b: Moments) -> complex:
    """The distance by the square root of the product, as complex as that comes."""
    root = scipy.linalg.sqrtm(a.covariance @ b.covariance)
    shift = a.mean - b.mean
    return complex(shift @ shift + np.trace(a.covariance) + np.trace(b.covariance) - 2 * np.trace(root))


def _time(call: Callable[[], T], rounds: int) -> tuple[T, float]:
    """What the call returns, and its median seconds."""
    value, seconds = call(), []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return value, median(seconds)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _largest_difference(lines: Sequence[Line]) -> float | None:
    return max(figures_of(lines, "difference"), default=None)


def _slowest(lines: Sequence[Line]) -> float | None:
    return min(figures_of([line for line in lines if LARGEST in line["set"]], "speed_up"), default=None)


def _broken(lines: Sequence[Line]) -> float | None:
    return sum(not finite for finite in figures_of(lines, "finite")) if lines else None


FRECHET = Bench(
    name="frechet",
    title="Frechet distance: exactness and time",
    protocol=PROTOCOL,
    grid=tuple(
        (f"n={n} d={d}", "sparring")
        for d, n in ((64, 1000), (64, 32), (512, 2000), (512, 256), (2048, 5000), (2048, 1000))
    ),
    run=run,
    columns=(
        Column("value", "distance", ".6f"),
        Column("difference", "off the truth, relative", ".1e"),
        Column("textbook_difference", "textbook off ours, relative", ".1e"),
        Column("textbook_imaginary", "textbook's imaginary part", ".1e"),
        Column("our_seconds", "ours, s", ".4f"),
        Column("their_seconds", "textbook, s", ".4f"),
        Column("speed_up", "speed-up", ".1f"),
    ),
    bars=(
        Bar("largest relative difference from the truth", "<=", TOLERANCE, _largest_difference),
        Bar("distances that are not finite", "<=", 0, _broken),
        Bar("smallest speed-up at 2048 dimensions", ">=", 5, _slowest),
    ),
)
