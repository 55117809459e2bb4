"""`checkpoint/last`: the whole state, at the start, every so many seconds, and at the end."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from sparring import checkpoint
from sparring.engine import Engine, Hook
from sparring.model import Model


class Save(Hook):
    """Writes checkpoints; must be the last of the hooks, so that it sees what the others did in a step.

    Args:
        slot: RUN/checkpoint/last.
        model: the model that is being trained.
        tell: called at the end with the seconds that checkpoints took and all seconds of training, those before a
            resumption included.
    """

    def __init__(
        self, slot: Path, model: Callable[[], Model], tell: Callable[[float, float], None] = lambda took, all_: None
    ) -> None:
        self.slot, self.model, self.tell = slot, model, tell
        self.spent = self.before = 0.0
        self._began = time.perf_counter()

    def start(self, engine: Engine) -> None:
        self._last = time.perf_counter()
        self._began = self._last - self.before
        if engine.clock == 0:
            self.write(engine)

    def step(self, engine: Engine, numbers: Any) -> None:
        if time.perf_counter() - self._last >= engine.config.checkpoint.seconds and not engine.finished:
            self.write(engine)

    def end(self, engine: Engine) -> None:
        self.write(engine)
        self.tell(self.spent, time.perf_counter() - self._began)

    def write(self, engine: Engine) -> None:
        """Write the state of this moment."""
        began = time.perf_counter()
        facts, tensors = engine.state()
        model = self.model()
        checkpoint.write(self.slot, facts | model.description(), {"model": model.tensors(), "state": tensors})
        self._last = time.perf_counter()
        self.spent += self._last - began

    def state(self) -> dict[str, Any]:
        return {"checkpoint_seconds": self.spent, "seconds": time.perf_counter() - self._began}

    def restore(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        self.spent, self.before = state.get("checkpoint_seconds", 0.0), state.get("seconds", 0.0)
