"""Keep the best: the kernel distance between generated and held-out items, at evenly spread moments."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from sparring.distribution import from_first, rank
from sparring.engine import Engine, Hook
from sparring.extractors.base import Extractor
from sparring.games.adversarial import Numbers
from sparring.hooks.moments import due
from sparring.hooks.record import History
from sparring.metrics.kernel import kernel_distance


class Validate(Hook):
    """Measures, keeps the best and stops a training that no longer gains.

    Args:
        generate: gives that many items of the averaged generator, always from the same latents.
        held_out: real items that training does not see, (n, *spec.shape).
        extractor: the feature space to compare in.
        keep: called when the model is the best so far.
        history: where measurements are written.
    """

    def __init__(
        self,
        generate: Callable[[int], np.ndarray],
        held_out: np.ndarray,
        extractor: Extractor,
        keep: Callable[[], None],
        history: History,
    ) -> None:
        self.generate, self.extractor, self.keep, self.history = generate, extractor, keep, history
        self.count = len(held_out)
        self.real = extractor(held_out)
        self.best, self.best_at, self.since = math.inf, 0, 0

    def step(self, engine: Engine, numbers: Numbers) -> None:
        options = engine.config.validation
        if not due(engine.clock, engine.batch, engine.total, options.points):
            return
        distance = from_first(self.measure(options.items) if rank() == 0 else math.inf)
        better = distance < self.best
        self.history.add("validation", engine.clock, kernel_distance=distance, best=better)
        if better:
            self.best, self.best_at, self.since = distance, engine.clock, 0
            self.keep()
            return
        self.since += 1
        if self.since >= options.patience:
            engine.stop(
                f"the held-out kernel distance had not improved for {self.since} measurements in a row, "
                "the patience that `validation.patience` sets"
            )

    def measure(self, count: int) -> float:
        """The kernel distance of that many generated items to the held-out ones; infinite where not finite."""
        rows = self.generate(count)
        if not len(rows):
            return math.inf
        features = self.extractor(rows)
        if not np.isfinite(features).all():
            return math.inf
        return kernel_distance(features, self.real).value

    def end(self, engine: Engine) -> None:
        why = engine.progress.stopped or "the budget was used up"
        kept = (
            f"checkpoint/best is the model at {self.best_at:,} samples, kernel distance {self.best:.4g}"
            if math.isfinite(self.best)
            else "no measurement succeeded, so checkpoint/last is the model"
        )
        self.history.add("end", engine.clock, text=f"Training ended because {why}; {kept}.")

    def state(self) -> dict[str, Any]:
        return {
            "best": self.best if math.isfinite(self.best) else None,
            "at": self.best_at,
            "since": self.since,
        }

    def restore(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        self.best = math.inf if state["best"] is None else state["best"]
        self.best_at, self.since = state["at"], state["since"]
