"""Keep the best: the kernel distance between generated and held-out items, at evenly spread moments.

The distance is that of a sample, so the lowest of many is a lucky draw more often than a better model. A model
takes the place of the kept one unless it is worse than the best by more than the best's own 95 % interval:
between models that cannot be told apart the longer trained one is kept.

The same items tell whether the generator may remember: the discriminator sees more augmentation the nearer they lie to
training items, from somewhat farther than these lie from each other on. There a perfect generator's lie too, which is
not to be told from one that begins to remember.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from sparring.distribution import from_first, rank
from sparring.engine import Engine, Hook
from sparring.extractors.base import Extractor, with_holes
from sparring.hooks.moments import due
from sparring.hooks.record import History
from sparring.metrics.copying import closeness
from sparring.metrics.distances import nearest
from sparring.metrics.estimate import Estimate
from sparring.metrics.kernel import kernel_distance

NOTHING = Estimate(math.inf, math.inf, math.inf)
RAISE = 5.0  # of the loss to keep, per closeness above the least that raises it


class Known:
    """Training items, to tell whether generated ones lie nearer to them than they lie to each other.

    Args:
        features: of the training items, shape (n, d), n > 1.
    """

    def __init__(self, features: np.ndarray) -> None:
        self.features = features
        self.apart = nearest(features, features, exclude_self=True).distances[:, 0]

    def closeness(self, fake: np.ndarray) -> float:
        """P(a generated item is nearer to its nearest training item than such an item is to its own)."""
        return closeness(nearest(fake, self.features).distances[:, 0], self.apart).value


class Validate(Hook):
    """Measures, keeps the best and stops a training that has become worse.

    Args:
        generate: gives that many items of the averaged generator, always from the same latents.
        held_out: real items that training does not see, (n, *spec.shape).
        extractor: the feature space to compare in.
        keep: called when the model takes the place of the kept one.
        history: where measurements are written.
        known: training items in the extractor's features, where what is remembered asks for augmentation.
    """

    def __init__(
        self,
        generate: Callable[[int], np.ndarray],
        held_out: np.ndarray,
        extractor: Extractor,
        keep: Callable[[], None],
        history: History,
        known: np.ndarray | None = None,
    ) -> None:
        self.generate, self.extractor, self.keep, self.history = generate, extractor, keep, history
        self.real = extractor(held_out)
        self.holes = np.isnan(held_out) if held_out.dtype.kind == "f" and np.isnan(held_out).any() else None
        self.known = None if known is None or len(known) < 2 else Known(known)
        self.lowest, self.lowest_high = math.inf, math.inf
        self.kept, self.kept_at, self.since = math.inf, 0, 0

    def step(self, engine: Engine, numbers: Any) -> None:
        options = engine.config.validation
        if not due(engine.clock, engine.batch, engine.total, options.points):
            return
        value, high, close = self._measured(options.items)
        keeps = value < math.inf and value <= self.lowest_high
        remembered = {} if self.known is None else {"closeness": close}
        self.history.add("validation", engine.clock, kernel_distance=value, best=keeps, **remembered)
        least = engine.config.augment.closeness
        if engine.adapts and math.isfinite(close) and least is not None:
            engine.raise_target(RAISE * (close - least))
        if value < self.lowest:
            self.lowest, self.lowest_high = value, high
        if keeps:
            self.kept, self.kept_at, self.since = value, engine.clock, 0
            self.keep()
            return
        self.since += 1
        if self.since >= options.patience:
            engine.stop(
                f"the kernel distance had been worse than its best for {self.since} measurements in a row, "
                "the patience that `validation.patience` sets"
            )

    def _measured(self, count: int) -> tuple[float, float, float]:
        """The distance, the upper end of its interval and the closeness, as the first process sees them."""
        distance, close = self.measure(count) if rank() == 0 else (NOTHING, math.nan)
        return from_first(distance.value), from_first(distance.high), from_first(close)

    def measure(self, count: int) -> tuple[Estimate, float]:
        """The kernel distance of that many generated items to the held-out ones, infinite where not finite; and how
        close they are to training items, not a number where that is not asked for.
        """
        rows = self.generate(count)
        features = self.extractor(with_holes(rows, self.holes)) if len(rows) else np.full((1, 1), math.nan)
        if not np.isfinite(features).all():
            return NOTHING, math.nan
        close = math.nan if self.known is None else self.known.closeness(features)
        return kernel_distance(features, self.real), close

    def end(self, engine: Engine) -> None:
        why = engine.progress.stopped or "the budget was used up"
        kept = (
            f"checkpoint/best is the model at {self.kept_at:,} samples, kernel distance {self.kept:.4g} "
            f"(the lowest was {self.lowest:.4g}; of models that it cannot be told from, the newest is kept)"
            if math.isfinite(self.kept)
            else "no measurement succeeded, so checkpoint/last is the model"
        )
        self.history.add("end", engine.clock, text=f"Training ended because {why}; {kept}.")

    def state(self) -> dict[str, Any]:
        values = {"lowest": self.lowest, "lowest_high": self.lowest_high, "kept": self.kept}
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        return {**finite, "at": self.kept_at, "since": self.since}

    def restore(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        values = (state["lowest"], state["lowest_high"], state["kept"])
        self.lowest, self.lowest_high, self.kept = (math.inf if value is None else value for value in values)
        self.kept_at, self.since = state["at"], state["since"]
