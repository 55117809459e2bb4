"""The measures of metrics.json as rows of a table, with who is ahead."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sparring.metrics.estimate import Estimate, is_ahead
from sparring.tasks.findings import COPYING

TITLES = {
    "frechet": "Frechet distance",
    "kernel": "Kernel distance",
    "two_sample": "Two-sample test",
    "spectrum": "Power spectrum",
    "pca_gaussian": "One Gaussian",
    "gaussian_mixture": "Mixture of Gaussians",
}


@dataclass(frozen=True)
class Cell:
    """One figure.

    Attributes:
        text: the value, empty where there is none.
        interval: its 95 % interval, empty where there is none.
        standing: "best", "level" (it leads or trails by less than the noise of both), or empty.
    """

    text: str = ""
    interval: str = ""
    standing: str = ""


@dataclass(frozen=True)
class Row:
    """One measure: ours, the floor, and a cell per baseline of the table.

    Attributes:
        name: in words.
        better: "lower" or "higher" is better, or empty.
        n: items judged, as text.
        ours: the model's figure.
        floor: real items against real items.
        baselines: in the order of the table's baselines.
        note: number of the footnote that says how it was measured.
    """

    name: str
    better: str
    n: str
    ours: Cell
    floor: str
    baselines: tuple[Cell, ...]
    note: int


@dataclass(frozen=True)
class Table:
    """All measures of a run.

    Attributes:
        baselines: names of the columns beside ours.
        rows: the measures.
        notes: the footnotes, feature space and protocol.
        remarks: sentences on the whole table.
    """

    baselines: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def measure_table(metrics: Mapping[str, Any]) -> Table:
    """The table of one run's metrics.json."""
    measures = metrics.get("measures", [])
    baselines = tuple(dict.fromkeys(name for measure in measures for name in measure.get("baselines") or {}))
    notes = list(dict.fromkeys(_note(measure) for measure in measures))
    rows = (_row(measure, baselines, notes.index(_note(measure)) + 1, metrics) for measure in measures)
    return Table(tuple(map(_words, baselines)), tuple(rows), tuple(notes), tuple(_remarks(metrics)))


def side_by_side(metrics: Mapping[str, Mapping[str, Any]], ranked: bool = True) -> Table:
    """One table of several runs: the first is ours, the others stand where baselines stand.

    Args:
        metrics: metrics.json by run name; empty where a run has none.
        ranked: whether to mark the best; figures on different data do not rank runs.
    """
    names = list(metrics)
    ours = metrics[names[0]].get("measures", [])
    notes = list(dict.fromkeys(_note(measure) for measure in ours))
    rows = []
    for measure in ours:
        others = {name: _find(metrics[name], measure["name"]) for name in names[1:]}
        merged = {**measure, "baselines": {name: found for name, found in others.items() if found}}
        rows.append(_row(merged, tuple(names[1:]), notes.index(_note(measure)) + 1, metrics[names[0]], ranked))
    return Table(tuple(names[1:]), tuple(rows), tuple(notes))


def number(value: Any) -> str:
    """A value to three significant figures, with separators from a thousand on; empty for no number."""
    if not is_number(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def is_number(value: Any) -> bool:
    """Whether `value` is a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)


def _row(
    measure: Mapping[str, Any],
    baselines: tuple[str, ...],
    note: int,
    metrics: Mapping[str, Any],
    ranked: bool = True,
) -> Row:
    given = measure.get("baselines") or {}
    rivals = {name: _figure(given[name]) for name in baselines if name in given}
    ranked = ranked and measure["name"] not in COPYING  # less than what is right copies nothing, and is no better
    standings = _standings(_figure(measure), rivals, measure.get("better", "") if ranked else "")
    cells = tuple(_cell(rivals[name], standings[name]) if name in rivals else Cell() for name in baselines)
    return Row(
        name=_words(measure["name"]),
        better=measure.get("better", ""),
        n=number(measure.get("n", metrics.get("n"))),
        ours=_cell(_figure(measure), standings[None]),
        floor=number(measure.get("floor")),
        baselines=cells,
        note=note,
    )


def _standings(ours: Mapping[str, Any], rivals: Mapping[str, Mapping[str, Any]], better: str) -> dict[str | None, str]:
    """Who leads; None stands for ours. Where its lead is within the noise of both, the leader and we are level."""
    values = {None: ours["value"], **{name: rival["value"] for name, rival in rivals.items()}}
    values = {name: value for name, value in values.items() if is_number(value)}
    standings: dict[str | None, str] = dict.fromkeys([None, *rivals], "")
    if better not in ("lower", "higher") or len(values) < 2:
        return standings
    order = sorted(values, key=lambda name: values[name], reverse=better == "higher")
    if None in values:
        rival = next(name for name in order if name is not None)
        one, other = _estimate(ours), _estimate(rivals[rival])
        if not is_ahead(one, other, better) and not is_ahead(other, one, better):
            return standings | {None: "level", rival: "level"}
    return standings | {order[0]: "best"}


def _estimate(figure: Mapping[str, Any]) -> Estimate:
    """A figure with its interval, of no length where it came without one."""
    value = float(figure["value"])
    low, high = (figure.get(name) for name in ("low", "high"))
    return Estimate(value, value if low is None else float(low), value if high is None else float(high))


def _figure(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {"value": value}


def _cell(figure: Mapping[str, Any], standing: str) -> Cell:
    low, high = number(figure.get("low")), number(figure.get("high"))
    return Cell(number(figure.get("value")), f"{low} to {high}" if low and high else "", standing)


def _find(metrics: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    return next((measure for measure in metrics.get("measures", []) if measure["name"] == name), None)


def _note(measure: Mapping[str, Any]) -> str:
    extractor, protocol = (str(measure.get(part) or "") for part in ("extractor", "protocol"))
    return f"Feature space {extractor}. {protocol}" if extractor else protocol


def _remarks(metrics: Mapping[str, Any]) -> list[str]:
    """What the floor was measured with, and what the baselines were fitted to."""
    floor, fitted = metrics.get("floor"), metrics.get("fitted")
    sentences = [f"Floor: {floor}." if floor else "", f"Baselines were fitted to {fitted}." if fitted else ""]
    return list(filter(None, sentences))


def _words(name: str) -> str:
    text = name.replace("_", " ")
    return TITLES.get(name, text[:1].upper() + text[1:])
