"""`history.jsonl`: one JSON object a line, each with an event and the samples seen."""

import json
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from sparring.atomic import replacing
from sparring.engine import Engine, Hook
from sparring.hooks.moments import due

POINTS = 400


class History:
    """The file, appended line by line.

    Args:
        path: of the file.
        writes: whether this process writes it; the others of a distributed run do not.
    """

    def __init__(self, path: Path, writes: bool = True) -> None:
        self.path, self.writes = path, writes

    def add(self, event: str, clock: int, **values: Any) -> None:
        """Append one event; numbers that are not finite become null."""
        if self.writes:
            line = {
                "event": event,
                "samples": clock,
                **{name: _plain(value) for name, value in values.items()},
            }
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def rewind(self, clock: int) -> None:
        """Forget what came after `clock`, and a line that was cut short: a resumed run tells it again."""
        if not self.writes or not self.path.exists():
            return
        kept = [line for line in self.path.read_text(encoding="utf-8").splitlines() if _is_until(line, clock)]
        with replacing(self.path) as fresh:
            fresh.write_text("".join(line + "\n" for line in kept), encoding="utf-8")


class Record(Hook):
    """Writes a game's numbers, the schedules and the speed at 400 moments of a run.

    Args:
        history: where to.
        event: name of what is written.
    """

    def __init__(self, history: History, event: str = "step") -> None:
        self.history, self.event = history, event
        self.seconds = 0.0
        self._since = time.perf_counter()
        self._mark = (0.0, 0)

    def start(self, engine: Engine) -> None:
        self._since = time.perf_counter() - self.seconds
        self._mark = (self.seconds, engine.clock)

    def step(self, engine: Engine, numbers: Any) -> None:
        self.seconds = time.perf_counter() - self._since
        if due(engine.clock, engine.batch, engine.total, POINTS):
            settings = engine.settings()
            self.history.add(
                self.event,
                engine.clock,
                seconds=round(self.seconds, 3),
                **{name: value.item() for name, value in asdict(numbers).items()},
                samples_per_second=self._speed(engine.clock),
                gamma=settings.gamma,
                lr=settings.learning_rate,
                augmented=settings.probability,
            )

    def _speed(self, clock: int) -> float:
        seconds, seen = self._mark
        self._mark = (self.seconds, clock)
        return round((clock - seen) / max(self.seconds - seconds, 1e-9), 1)

    def state(self) -> dict[str, Any]:
        return {"seconds": self.seconds}

    def restore(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        self.seconds = state.get("seconds", 0.0)


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _is_until(line: str, clock: int) -> bool:
    try:
        return json.loads(line)["samples"] <= clock
    except (ValueError, KeyError, TypeError):
        return False
