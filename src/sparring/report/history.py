"""What happened in training, read from a run's history.jsonl."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

CURVES = ("d_loss", "g_loss", "r1", "r2", "variance")
ENCODING = ("reconstruction", "description")
MAX_POINTS = 400


@dataclass(frozen=True)
class Curve:
    """One quantity over the clock.

    Attributes:
        samples: (points,), samples seen, increasing.
        values: (points,), finite.
    """

    samples: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.samples)


@dataclass(frozen=True)
class Mark:
    """Something that happened at a moment of the clock: kind "resumed" or "rollback", and why."""

    kind: str
    samples: int
    reason: str = ""


EMPTY = Curve(np.empty(0), np.empty(0))


@dataclass(frozen=True)
class History:
    """A run's history.

    Attributes:
        curves: by name, those of `CURVES` and `ENCODING` that were recorded.
        kernel: the held-out kernel distance.
        best: (samples seen, kernel distance) of the best checkpoint.
        marks: resumptions and rollbacks, in order.
        notes: sentences written during training, in order, with the samples seen.
        end: how training ended, in words; empty while it has not.
        ended_at: samples that the two players had seen then.
        samples: samples seen at the last event.
        samples_per_second: speed, median over the recorded steps.
    """

    curves: dict[str, Curve] = field(default_factory=dict)
    kernel: Curve = EMPTY
    best: tuple[int, float] | None = None
    marks: tuple[Mark, ...] = ()
    notes: tuple[tuple[int, str], ...] = ()
    end: str = ""
    ended_at: int = 0
    samples: int = 0
    samples_per_second: float | None = None


def read_history(path: Path) -> History:
    """Read a history; a line that was cut off by a kill is passed over, and no file is an empty history."""
    events = list(_events(path))
    steps = [event for event in events if event["event"] == "step"]
    judged = [event for event in events if event["event"] == "validation"]
    lessons = [event for event in events if event["event"] == "encoding"]
    curves = {name: _thinned(_curve(steps, name)) for name in CURVES}
    curves |= {name: _thinned(_curve(lessons, name)) for name in ENCODING}
    best = [(event["samples"], event["kernel_distance"]) for event in judged if event.get("best")]
    ends = [(str(event.get("text", "")), event["samples"]) for event in events if event["event"] == "end"]
    speeds = [event["samples_per_second"] for event in steps if _is_number(event.get("samples_per_second"))]
    return History(
        curves={name: curve for name, curve in curves.items() if len(curve)},
        kernel=_curve(judged, "kernel_distance"),
        best=best[-1] if best else None,
        marks=tuple(_marks(events)),
        notes=tuple((event["samples"], _sentence(event)) for event in events if event["event"] == "note"),
        end=ends[-1][0] if ends else "",
        ended_at=ends[-1][1] if ends else 0,
        samples=events[-1]["samples"] if events else 0,
        samples_per_second=float(np.median(speeds)) if speeds else None,
    )


def _events(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(event, dict) and "event" in event and _is_number(event.get("samples")):
            yield event


def _marks(events: Iterable[dict[str, Any]]) -> Iterator[Mark]:
    kinds = {"resumed_at": "resumed", "rollback": "rollback"}
    for event in events:
        if event["event"] in kinds:
            yield Mark(kinds[event["event"]], event["samples"], str(event.get("reason", "")))


def _sentence(note: Mapping[str, Any]) -> str:
    if "checkpoint_seconds" in note:
        return f"Checkpoints took {note['checkpoint_seconds']:.3g} of {note.get('seconds', 0):,.0f} seconds."
    return str(note.get("text", ""))


def _curve(events: list[dict[str, Any]], name: str) -> Curve:
    """The curve of `name`; where the clock was set back, what came later replaces what it set aside."""
    points: list[tuple[float, float]] = []
    for event in events:
        while points and points[-1][0] >= event["samples"]:
            points.pop()
        if _is_number(event.get(name)):
            points.append((event["samples"], event[name]))
    values = np.array(points, np.float64).reshape(-1, 2)
    return Curve(values[:, 0], values[:, 1])


def _thinned(curve: Curve) -> Curve:
    """The means of at most `MAX_POINTS` runs of neighbouring points."""
    if len(curve) <= MAX_POINTS:
        return curve
    edges = np.linspace(0, len(curve), MAX_POINTS + 1).astype(int)
    counts = np.diff(edges)
    return Curve(*(np.add.reduceat(axis, edges[:-1]) / counts for axis in (curve.samples, curve.values)))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
