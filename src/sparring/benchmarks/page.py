"""The finished cells as a page in Markdown and as a table in the terminal."""

from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any

from sparring.benchmarks.bench import Bar, Bench, Cell, Column, Line, Verdict
from sparring.benchmarks.machine import in_words

FILE_WIDTH = 400  # of a table that no terminal shows: a file has no edge


def markdown(bench: Bench, lines: Sequence[Line], num_cells: int, again: Sequence[Cell] = ()) -> str:
    """The page of a benchmark.

    Args:
        bench: the protocol.
        lines: the finished cells.
        num_cells: how many cells the protocol asks for.
        again: the cells that were run more than once.

    Returns:
        Title, protocol, command, hardware, date, figures, bars and published rows.
    """
    blocks = [
        f"# {bench.title}",
        bench.protocol.strip(),
        _origin(bench, lines, num_cells, again),
        "## Figures",
        _table(headings(bench), figure_rows(bench, lines)),
    ]
    if bench.bars:
        verdicts = bench.judge(lines)
        blocks += ["## Bars", _table(["bar", "bound", "value", ""], [verdict_row(v) for v in verdicts])]
    if bench.published:
        rows = [[p.method, p.figures, p.source] for p in bench.published]
        blocks += ["## Published", _table(["method", "figures", "source"], rows)]
    return "\n\n".join(blocks) + "\n"


def headings(bench: Bench) -> list[str]:
    """What stands above the table of figures."""
    return ["set", "method", "seed", *(column.heading for column in bench.columns), "seconds"]


def figure_rows(bench: Bench, lines: Sequence[Line]) -> list[list[str]]:
    """A row of words for every finished cell, then one for every method that has several seeds."""
    rows = [
        [
            line["set"],
            line["method"],
            str(line["seed"]),
            *(_word(line["figures"].get(column.figure), column.form) for column in bench.columns),
            f"{line['seconds']:.0f}",
        ]
        for line in lines
    ]
    return rows + _mean_rows(bench, lines)


def _mean_rows(bench: Bench, lines: Sequence[Line]) -> list[list[str]]:
    """Mean and standard deviation of every figure, for every set and method with several seeds."""
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        groups.setdefault((line["set"], line["method"]), []).append(line)
    return [
        [set_, method, f"{len(group)} seeds", *(_spread(group, column) for column in bench.columns), ""]
        for (set_, method), group in groups.items()
        if len(group) > 1
    ]


def _spread(lines: Sequence[Line], column: Column) -> str:
    values = [line["figures"].get(column.figure) for line in lines]
    if not all(isinstance(value, int | float) for value in values):
        return ""
    form = {"": ".2f", ",": ",.0f"}.get(column.form, column.form)
    return f"{format(mean(values), form)} ± {format(stdev(values), form)}"


def verdict_row(verdict: Verdict) -> list[str]:
    """A bar in words: what, bound, value, and whether it passed, by all cells or by those that there are."""
    bar = verdict.bar
    passed = "pass" if verdict.complete else "pass so far"
    mark = {True: passed, False: "**fail**", None: "not told yet"}[verdict.passed]
    return [bar.name, f"{bar.must} {bar.bound:g}", _value(bar, verdict.value), mark]


def print_tables(bench: Bench, lines: Sequence[Line], verdicts: Sequence[Verdict]) -> None:
    """Show figures and bars on standard error."""
    from rich.console import Console
    from rich.table import Table

    console = Console(stderr=True)
    if not console.is_terminal:
        console.width = FILE_WIDTH
    for title, head, rows in (
        (bench.title, headings(bench), figure_rows(bench, lines)),
        ("Bars", ["bar", "bound", "value", ""], [verdict_row(v) for v in verdicts]),
    ):
        table = Table(*head, title=title)
        for row in rows:
            table.add_row(*(cell.replace("*", "") for cell in row))
        console.print(table)


def _origin(bench: Bench, lines: Sequence[Line], num_cells: int, again: Sequence[Cell]) -> str:
    """Where the figures come from: command, cells, commits, machines, dates."""
    facts = {
        "Command": [f"`make bench NAME={bench.name}`"],
        "Cells": [f"{len(lines)} of {num_cells} finished"],
        "Run again": [f"{', '.join(cell.label for cell in again)} (the newest counts)"] if again else [],
        "Commit": _distinct(line["commit"] for line in lines),
        "Hardware": _distinct(in_words(line["hardware"]) for line in lines),
        "torch": _distinct(line["torch"] for line in lines),
        "Date": _distinct(line["date"][:10] for line in lines),
    }
    return "\n".join(f"- {key}: {', '.join(values)}" for key, values in facts.items() if values)


def _distinct(values: Any) -> list[str]:
    return list(dict.fromkeys(values))


def _value(bar: Bar, value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _word(value: Any, form: str) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else format(value, form)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    body = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(word.replace("|", "\\|") for word in row) + " |" for row in body)
