"""The facts of a run, gathered from its folder into one dataclass that the template renders."""

import json
import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import sparring
from sparring.assembly import split
from sparring.config import from_json
from sparring.data.blobs import printable
from sparring.data.cache import open_cache
from sparring.data.folders import Folders
from sparring.data.source import Source, Spec
from sparring.report.comparison import Comparison, Loader, compare_runs
from sparring.report.facts import Facts, read_facts
from sparring.report.figures import draw_chart, image_picture, themed, training_charts
from sparring.report.gallery import Gallery, Strip, make_gallery
from sparring.report.history import History
from sparring.report.measures import Table, measure_table
from sparring.report.understanding import Understanding, look_inside

MAX_MOMENTS = 6
MAX_NAMES = 20


@dataclass(frozen=True)
class Page:
    """Everything that the template shows; what a run does not have yet is empty or None."""

    title: str
    run: str
    run_path: str
    is_vector: bool
    verdict: tuple[str, ...]
    summary: tuple[tuple[str, str], ...]
    gallery: Gallery
    understanding: Understanding | None
    table: Table | None
    charts: tuple[Strip, ...]
    events: tuple[tuple[str, str], ...]
    moments: tuple[Strip, ...]
    cleaned: Mapping[str, Any]
    counts: tuple[tuple[str, int], ...]
    left_out: tuple[tuple[str, str], ...]
    num_left_out: int
    decisions: tuple[str, ...]
    settings: tuple[tuple[str, str], ...]
    environment: tuple[tuple[str, str], ...]
    comparison: Comparison | None


def gather(run: Path, compare: Sequence[Path], load: Loader) -> Page:
    """The page of `run`, beside the other runs of `compare`; `load` gives the model of a run folder."""
    facts = read_facts(run)
    distinct = {other.resolve(): other for other in (run, *compare)}
    others = [read_facts(other) for place, other in distinct.items() if place != run.resolve()]
    source = open_cache(run / "cache")
    parts = split(source, from_json(facts.config.get("config", {}), f"{run / 'config.json'}"))
    model = load(run)
    gallery = make_gallery(model, source, parts.train)
    history, cleaned = facts.history, facts.cleaned
    return Page(
        title=facts.data_name,
        run=printable(run.resolve().name),
        run_path=shlex.quote(printable(str(run))),
        is_vector=source.spec.kind == "vector",
        verdict=tuple(_verdict(facts.metrics, model.facts)),
        summary=tuple(_summary(facts, source)),
        gallery=gallery,
        understanding=look_inside(model, source, parts, Folders.from_json(facts.folders, len(source))),
        table=measure_table(facts.metrics) if facts.metrics.get("measures") else None,
        charts=tuple(_charts(history)),
        events=tuple(_events(history)),
        moments=tuple(_moments(facts)),
        cleaned=cleaned,
        counts=tuple(_counts(cleaned)),
        left_out=tuple(_left_out(cleaned)[:MAX_NAMES]),
        num_left_out=len(_left_out(cleaned)),
        decisions=tuple(map(str, facts.config.get("decisions", ()))),
        settings=tuple(_flat(facts.config.get("config", {}))),
        environment=tuple(_environment(facts)),
        comparison=compare_runs(facts, others, gallery, load) if others else None,
    )


def _verdict(metrics: Mapping[str, Any], model: Mapping[str, Any]) -> list[str]:
    """The sentences of an evaluation, after one that says so where another state of the model was judged."""
    judged, now = metrics.get("samples"), model.get("samples")
    sentences = list(map(str, metrics.get("verdict", ())))
    if not (sentences and judged and now and judged != now):
        return sentences
    return [f"Judged after {judged:,} samples; the model has seen {now:,} now: evaluate it again.", *sentences]


def _summary(facts: Facts, source: Source) -> list[tuple[str, str]]:
    """The facts at the head of the page: (label, value)."""
    config, history = facts.config.get("config", {}), facts.history
    objective = (config.get("objective") or {}).get("name", "")
    penalties = (config.get("penalties") or {}).get("names") or ()
    noun = {"image": "images", "series": "series", "vector": "rows"}[source.spec.kind]
    rows = [
        ("Data", f"{len(source):,} {noun}"),
        ("Form", _form(source.spec)),
        ("Samples seen", f"{history.ended_at or history.samples:,}" if history.samples else "none yet"),
        ("Samples a second", f"{history.samples_per_second:,.0f}" if history.samples_per_second else ""),
        ("Networks", _network(config.get("network") or {})),
        ("Objective", str(objective)),
        ("Penalties", ", ".join(map(str, penalties))),
    ]
    return [(label, value) for label, value in rows if value]


def _network(network: Mapping[str, Any]) -> str:
    players = filter(None, [network.get("generator"), network.get("discriminator")])
    name = " against ".join(dict.fromkeys(map(str, players))) or network.get("name") or ""
    return f"{name}, width {network['width']}" if network.get("width") else str(name)


def _form(spec: Spec) -> str:
    if spec.kind == "vector":
        return f"{spec.size} columns"
    if spec.kind == "series":
        return f"{spec.shape[0]} steps, {spec.shape[1]} channels"
    colours = {1: "grey", 3: "colour"}.get(spec.shape[2], f"{spec.shape[2]} channels")
    return f"{spec.shape[0]} by {spec.shape[1]}, {colours}"


def _charts(history: History) -> list[Strip]:
    strips = []
    for chart in training_charts(history):
        draw = partial(draw_chart, chart, history)
        strips.append(Strip(chart.title, themed(draw, f"{chart.title} over samples seen")))
    return strips


def _events(history: History) -> list[tuple[str, str]]:
    """Resumptions, rollbacks, notes and the end, in the order of the clock: (samples seen, text)."""
    words = {"resumed": "Training was resumed here.", "rollback": "Rolled back to an earlier checkpoint"}
    events = [
        (mark.samples, f"{words[mark.kind]}{f': {mark.reason}' if mark.reason else ''}") for mark in history.marks
    ]
    ends = [(history.ended_at, history.end)] if history.end else []
    events = sorted([*events, *ends, *history.notes], key=lambda event: event[0])
    return [(f"{samples:,}", text) for samples, text in events]


def _moments(facts: Facts) -> list[Strip]:
    """First, last and evenly spaced ones between of the grids over time, at most six."""
    found = facts.moments()
    chosen = np.unique(np.linspace(0, len(found) - 1, min(MAX_MOMENTS, len(found))).round().astype(int))
    strips = []
    for samples, path in (found[index] for index in chosen):
        with Image.open(path) as image:
            picture = image_picture(image, f"samples after {samples:,} samples seen")
        strips.append(Strip(f"{samples:,}", picture))
    return strips


def _counts(cleaned: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Items found, kept, and left out by reason: (label, count)."""
    reasons = [(reason.capitalize(), count) for reason, count in (cleaned.get("counts") or {}).items()]
    equal = len(cleaned.get("duplicates", ()))
    kept = [("Found", cleaned.get("found", 0)), ("Kept", cleaned.get("kept", 0))]
    weighty = cleaned.get("kept_duplicates", 0)
    return [*kept, *reasons, ("Duplicates", equal), *([("Duplicates, kept", weighty)] if weighty else [])]


def _left_out(cleaned: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names of the items that were left out, each with the reason."""
    skipped = [(item["name"], f"{item['reason']}: {item['detail']}") for item in cleaned.get("skipped", ())]
    equal = [(item["name"], f"duplicate of {item['of']}") for item in cleaned.get("duplicates", ())]
    return skipped + equal


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as (dotted key, value)."""
    rows = []
    for key, value in values.items():
        nested = isinstance(value, Mapping)
        rows += _flat(value, f"{prefix}{key}.") if nested else [(f"{prefix}{key}", json.dumps(value))]
    return rows


def _environment(facts: Facts) -> list[tuple[str, str]]:
    rows = [
        ("Trained with Sparring", str(facts.config.get("version", "unknown"))),
        ("Hardware", str(facts.config.get("hardware", ""))),
        ("Data", str(facts.data.get("path", ""))),
        ("Fingerprint of the data", str(facts.data.get("fingerprint", ""))),
        ("Report made with", f"Sparring {sparring.__version__}, Python {platform.python_version()}"),
    ]
    return [(label, value) for label, value in rows if value]
