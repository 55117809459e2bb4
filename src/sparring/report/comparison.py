"""Runs side by side: their samples, measures and curves."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sparring.data.blobs import printable
from sparring.data.cache import open_cache
from sparring.report.facts import Facts
from sparring.report.figures import Picture, comparing_charts, draw_charts, themed
from sparring.report.gallery import Gallery, Generative, Strip, samples_picture
from sparring.report.measures import Table, side_by_side

Loader = Callable[[Path], Generative]


@dataclass(frozen=True)
class Comparison:
    """Several runs side by side.

    Attributes:
        runs: samples by run, this one first.
        names: of the runs, in the same order.
        table: the measures, this run as "ours"; None where this run has none.
        curves: one figure with a line a run.
        warning: said where the runs did not see the same data, or were not judged alike; else empty.
    """

    runs: tuple[Strip, ...]
    names: tuple[str, ...]
    table: Table | None
    curves: Picture | None
    warning: str


def compare_runs(facts: Facts, others: list[Facts], gallery: Gallery, load: Loader) -> Comparison:
    """Put `facts`, whose pictures are in `gallery`, beside `others`."""
    named = _named([facts, *others])
    strips = [Strip(name, gallery.samples if run is facts else _samples(run, load)) for name, run in named.items()]
    charts = comparing_charts({name: run.history for name, run in named.items()})
    metrics = {name: run.metrics for name, run in named.items()}
    warning = _warning(list(named.values()))
    return Comparison(
        runs=tuple(strips),
        names=tuple(named),
        table=side_by_side(metrics, ranked=not warning) if facts.metrics.get("measures") else None,
        curves=themed(lambda ink: draw_charts(charts, ink), "curves of all runs") if charts else None,
        warning=warning,
    )


def _warning(runs: list[Facts]) -> str:
    """Why the figures of runs do not rank them; empty where they do."""
    judged = [run.metrics for run in runs if run.metrics.get("measures")]
    if len({run.data.get("fingerprint") for run in runs}) > 1:
        return "These runs did not see the same data: their figures do not rank them."
    if len({(found.get("fingerprint"), found.get("n"), found.get("extractor")) for found in judged}) > 1:
        return (
            "These runs were not judged by equally many of the same items in the same features: their figures do not "
            "rank them. `sparring evaluate` each on the same data."
        )
    if len({str((run.data.get("spec") or {}).get("shape")) for run in runs}) > 1:
        return "These runs make items of different sizes, so that they were judged at different sizes: not ranked."
    return ""


def _samples(facts: Facts, load: Loader) -> Picture:
    return samples_picture(load(facts.folder), open_cache(facts.folder / "cache"))


def _named(runs: list[Facts]) -> dict[str, Facts]:
    """The runs by folder name, by whole path where two share a name."""
    names = [printable(run.folder.resolve().name) for run in runs]
    paths = [printable(str(run.folder.resolve())) for run in runs]
    return {path if names.count(name) > 1 else name: run for name, path, run in zip(names, paths, runs, strict=True)}
