"""Runs the cells of a benchmark that are not finished yet, keeps each at once, and writes the page."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sparring.benchmarks.bench import Bench, Cell, Context, Line, Verdict
from sparring.benchmarks.ledger import append_line, cell_of, read_lines, run_again
from sparring.benchmarks.machine import commit, hardware
from sparring.benchmarks.page import markdown, print_tables
from sparring.benchmarks.table import BENCHMARKS
from sparring.errors import UsageError, rule

RESULTS = Path("benchmarks/results")
WORK = Path("runs/bench")


@dataclass(frozen=True)
class Summary:
    """A benchmark after a run.

    Attributes:
        bench: its name.
        lines: every finished cell.
        verdicts: every bar with its value.
        page: the Markdown file that was written.
    """

    bench: str
    lines: Sequence[Line]
    verdicts: Sequence[Verdict]
    page: Path

    @property
    def passed(self) -> bool | None:
        """Whether every bar passed by all cells; None where none failed and some cannot be told yet."""
        if any(verdict.passed is False for verdict in self.verdicts):
            return False
        return True if all(verdict.passed and verdict.complete for verdict in self.verdicts) else None

    def to_json(self) -> dict[str, Any]:
        """The summary as plain values."""
        return {
            "bench": self.bench,
            "passed": self.passed,
            "bars": [verdict.to_json() for verdict in self.verdicts],
            "cells": [dict(line) for line in self.lines],
            "page": str(self.page),
        }


def run_bench(
    name: str,
    seeds: Sequence[int] | None = None,
    only: str | None = None,
    redo: bool = False,
    results: Path = RESULTS,
    benches: Mapping[str, Bench] = BENCHMARKS,
) -> Summary:
    """Run what is not finished of a benchmark; JSON goes to standard output, a table to standard error.

    Args:
        name: of the benchmark.
        seeds: instead of the benchmark's own.
        only: run only the cells whose label ("set/method/seed") contains this.
        redo: run cells again that have a line; the newest line counts.
        results: folder of NAME.jsonl and NAME.md.
        benches: the benchmarks by name.

    Returns:
        All finished cells and the bars that they pass or fail.

    Raises:
        UsageError: no benchmark has this name, or no cell contains `only`.
        DataError: the benchmark needs real data and SPARRING_DATA names no folder.
    """
    bench = benches[name]
    cells = _chosen(bench, seeds, only)
    lines = results / f"{name}.jsonl"
    finished = set() if redo else {cell_of(line) for line in read_lines(lines)}
    context = Context(results.resolve(), (WORK / name).resolve())
    for cell in (cell for cell in cells if cell not in finished):
        append_line(lines, _finish(bench, cell, context))
        _write_page(bench, results)
    return _summarise(bench, results)


def _chosen(bench: Bench, seeds: Sequence[int] | None, only: str | None) -> list[Cell]:
    cells = bench.cells(seeds)
    chosen = [cell for cell in cells if only is None or only in cell.label]
    if not chosen:
        labels = ", ".join(cell.label for cell in cells)
        raise UsageError(rule("`only` of `bench`", "part of a cell's label", only, f"The cells are {labels}."))
    return chosen


def _finish(bench: Bench, cell: Cell, context: Context) -> dict[str, Any]:
    """Run one cell and word its line."""
    import torch

    context.note(f"{bench.name}: {cell.label}")
    origin = commit()
    start = time.perf_counter()
    figures = bench.run(cell, context)
    return {
        "set": cell.set,
        "method": cell.method,
        "seed": cell.seed,
        "commit": origin,
        "hardware": hardware(),
        "torch": torch.__version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - start, 1),
        "command": f"sparring bench {bench.name} --only {cell.label}",
        "figures": figures,
    }


def _write_page(bench: Bench, results: Path) -> Path:
    lines = read_lines(results / f"{bench.name}.jsonl")
    page = results / f"{bench.name}.md"
    again = run_again(results / f"{bench.name}.jsonl")
    page.write_text(markdown(bench, lines, len(bench.cells()), again), encoding="utf-8")
    return page


def _summarise(bench: Bench, results: Path) -> Summary:
    """Write the page, show the table, print the JSON."""
    lines = read_lines(results / f"{bench.name}.jsonl")
    verdicts = bench.judge(lines)
    summary = Summary(bench.name, lines, verdicts, _write_page(bench, results))
    print_tables(bench, lines, verdicts)
    json.dump(summary.to_json(), sys.stdout, indent=2)
    sys.stdout.write("\n")
    return summary
