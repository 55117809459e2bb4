"""What a benchmark is: a protocol, the cells to run, and bars that can fail."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sparring.errors import DataError

Figures = dict[str, Any]
Line = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """One piece of work that is finished or not: a data set, a method, a seed."""

    set: str
    method: str
    seed: int = 0

    @property
    def label(self) -> str:
        """The cell in one word, such as "fashion/sparring/0"."""
        return f"{self.set}/{self.method}/{self.seed}"


@dataclass(frozen=True)
class Column:
    """A figure as the table shows it.

    Attributes:
        figure: key in the figures of a cell.
        heading: words above the column, with the unit.
        form: format specification of the value, such as ".3f".
    """

    figure: str
    heading: str
    form: str = ""


@dataclass(frozen=True)
class Bar:
    """A bound that the finished cells pass or fail.

    Attributes:
        name: what is measured, in words.
        must: on which side of the bound the value must lie.
        bound: the bound itself, which passes.
        measure: the value from the lines of all finished cells; None while it cannot be told.
    """

    name: str
    must: Literal[">=", "<="]
    bound: float
    measure: Callable[[Sequence[Line]], float | None]

    def judge(self, lines: Sequence[Line], complete: bool = True) -> "Verdict":
        """Hold the finished cells, all of them where `complete`, against the bound."""
        value = self.measure(lines)
        if value is None:
            return Verdict(self, None, None, complete)
        passed = value >= self.bound if self.must == ">=" else value <= self.bound
        return Verdict(self, value, bool(passed), complete)


@dataclass(frozen=True)
class Verdict:
    """A bar, the value that was held against it, whether it passed (None: not told yet), and whether by all cells."""

    bar: Bar
    value: float | None
    passed: bool | None
    complete: bool = True

    def to_json(self) -> dict[str, Any]:
        """The verdict as plain values."""
        bar = self.bar
        return {
            "bar": bar.name,
            "must": bar.must,
            "bound": bar.bound,
            "value": self.value,
            "passed": self.passed,
            "complete": self.complete,
        }


@dataclass(frozen=True)
class Published:
    """A row of the literature: what, its figures in words, and where they were published."""

    method: str
    figures: str
    source: str


@dataclass(frozen=True)
class Context:
    """What a cell may use beside itself.

    Attributes:
        results: folder of the published results; pictures go into its folder `pictures`.
        work: folder for runs and other large leftovers.
    """

    results: Path
    work: Path

    @property
    def data(self) -> Path:
        """The folder of real data sets, named by SPARRING_DATA (default ../shared/data).

        Raises:
            DataError: the folder does not exist.
        """
        folder = Path(os.environ.get("SPARRING_DATA", "../shared/data"))
        if not folder.is_dir():
            raise DataError(
                f"SPARRING_DATA must name the folder of the real data sets. {str(folder)!r} is not a folder. "
                "Set it, for example SPARRING_DATA=/data sparring bench ..."
            )
        return folder.resolve()

    def picture(self, cell: Cell) -> Path:
        """Where the picture of a cell goes."""
        return self.results / "pictures" / f"{cell.label.replace('/', '-').replace(' ', '-')}.png"

    def note(self, text: str) -> None:
        """Say on standard error how far the cell is."""
        print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Bench:
    """A published protocol.

    Attributes:
        name: as `sparring bench NAME` takes it.
        title: one line.
        protocol: what is measured and how, in Markdown.
        grid: the (set, method) pairs to run.
        run: does one cell and returns its figures, plain values that JSON can hold.
        columns: the figures that the table shows.
        bars: the bounds.
        seeds: the seeds that every pair is run with.
        published: rows of the literature that stand beside ours.
    """

    name: str
    title: str
    protocol: str
    grid: tuple[tuple[str, str], ...]
    run: Callable[[Cell, Context], Figures]
    columns: tuple[Column, ...]
    bars: tuple[Bar, ...] = ()
    seeds: tuple[int, ...] = (0,)
    published: tuple[Published, ...] = ()

    def cells(self, seeds: Sequence[int] | None = None) -> list[Cell]:
        """Every pair of the grid with every seed, in the order in which they run."""
        return [Cell(s, m, seed) for seed in (seeds or self.seeds) for s, m in self.grid]

    def judge(self, lines: Sequence[Line]) -> list[Verdict]:
        """Every bar with its value by the finished cells."""
        finished = {(line["set"], line["method"], line["seed"]) for line in lines}
        complete = all((cell.set, cell.method, cell.seed) in finished for cell in self.cells())
        return [bar.judge(lines, complete) for bar in self.bars]


def total(figure: str) -> Callable[[Sequence[Line]], float | None]:
    """A measure: the sum of a figure over all cells that have it."""

    def measure(lines: Sequence[Line]) -> float | None:
        values = figures_of(lines, figure)
        return sum(values) if values else None

    return measure


def figures_of(lines: Sequence[Line], figure: str, method: str | None = None) -> list[float]:
    """The values of one figure, of one method where `method` is given."""
    chosen = [line for line in lines if method is None or line["method"] == method]
    return [line["figures"][figure] for line in chosen if line["figures"].get(figure) is not None]


LONGER = 1.05  # times a rival's minutes that ours may take


def on_one_machine(lines: Sequence[Line]) -> bool:
    """Whether all cells ran on hardware that says the same of itself: what minutes buy is not the same elsewhere."""
    return len({str(line.get("hardware")) for line in lines}) <= 1
