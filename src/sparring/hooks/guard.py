"""Notices a training that broke (NaN, divergence, collapse), names it, and rolls it back."""

import math
from typing import Any

from torch import Tensor

from sparring.engine import Engine, Hook
from sparring.games.adversarial import Numbers
from sparring.hooks.moments import due
from sparring.hooks.record import POINTS, History

HEALTHY = 0.25
ALIVE, BORN = 1e-3, 0.05  # the least that items vary, and the share of the budget after which they have to
DIVERGED_LOGIT = 1e4
GOOD_POINTS = 25  # divides POINTS, so that both are due at the same step
LOW_POINTS = 3  # in a row: one real item that is far out makes the share of its batch small, whatever is generated


class Guard(Hook):
    """Keeps a copy of the last healthy weights and goes back to it.

    A batch is healthy when its fake items vary at least a quarter as much as its real ones. Training counts as
    collapsed when that share is under `guard.variance` three times in a row after it had been healthy; as stillborn
    when it never was, and is under a thousandth three times in a row after a twentieth of the budget; as diverged when
    a mean logit leaves +-10,000; and as broken when a number is not finite. Each rollback halves the learning rate and
    doubles gamma; after `guard.rollbacks` of them training stops.

    Args:
        history: where rollbacks are written.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.good: dict[str, Tensor] = {}
        self.was_healthy = False
        self.low = 0

    def start(self, engine: Engine) -> None:
        if not self.good:
            self.good = engine.weights()

    def step(self, engine: Engine, numbers: Numbers) -> None:
        if not due(engine.clock, engine.batch, engine.total, POINTS):
            return
        reason = self.diagnose(numbers, engine)
        if reason:
            self._go_back(engine, reason)
        elif due(engine.clock, engine.batch, engine.total, GOOD_POINTS) and numbers.variance.item() >= HEALTHY:
            self.good = engine.weights()
            self.was_healthy = True

    def diagnose(self, numbers: Numbers, engine: Engine) -> str:
        """What is wrong, in words, or nothing."""
        values = [numbers.d_loss, numbers.g_loss, numbers.r1, numbers.r2, numbers.variance]
        if not all(math.isfinite(value.item()) for value in values) or not _weights_are_finite(engine):
            return "a loss or a weight is not a finite number"
        logits = max(abs(numbers.real_logit.item()), abs(numbers.fake_logit.item()))
        if logits > DIVERGED_LOGIT:
            return f"training diverged: a mean logit reached {logits:.3g}"
        share = numbers.variance.item()
        self.low = self.low + 1 if share < self._least(engine) else 0
        if self.low >= LOW_POINTS:
            what = "the generator collapsed" if self.was_healthy else "the generator never made different items"
            return f"{what}: its items vary {round(share, 6):.2g} times as much as the data"
        return ""

    def _least(self, engine: Engine) -> float:
        """How much items have to vary by now, as a share of the real ones."""
        if self.was_healthy:
            return engine.config.guard.variance
        is_early = engine.clock - engine.begin < BORN * (engine.total - engine.begin)
        return 0.0 if is_early else min(ALIVE, engine.config.guard.variance)

    def _go_back(self, engine: Engine, reason: str) -> None:
        self.low = 0
        if engine.progress.rollbacks >= engine.config.guard.rollbacks:
            engine.load_weights(self.good)
            engine.stop(f"{reason}, and {engine.progress.rollbacks} rollbacks had not helped")
            return
        engine.roll_back(self.good)
        self.history.add("rollback", engine.clock, reason=reason)

    def end(self, engine: Engine) -> None:
        if not self.was_healthy:
            text = f"the items never varied {HEALTHY} times as much as the data: this model is not to be trusted"
            self.history.add("note", engine.clock, text=text)

    def state(self) -> dict[str, Any]:
        return {"was_healthy": self.was_healthy, "low": self.low}

    def tensors(self) -> dict[str, Tensor]:
        return self.good

    def restore(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        self.was_healthy, self.low = state["was_healthy"], state.get("low", 0)
        self.good = {name: tensor.clone() for name, tensor in tensors.items()}


def _weights_are_finite(engine: Engine) -> bool:
    networks = [*engine.game.players.values(), engine.averaged]
    return all(math.isfinite(weight.detach().sum().item()) for net in networks for weight in net.parameters())
