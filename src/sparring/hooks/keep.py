"""The end of the encoder's lessons: how much of unseen items it keeps, and the model with it in `checkpoint/best`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from sparring.engine import Engine, Hook
from sparring.hooks.record import History
from sparring.model import Model


class Keep(Hook):
    """Measures the reconstruction of held-out items and writes the model.

    Args:
        model: the model with its encoder.
        held_out: real items that training does not see, (n, *spec.shape).
        slot: RUN/checkpoint/best.
        history: where the measurement is written.
    """

    def __init__(self, model: Callable[[], Model], held_out: np.ndarray, slot: Path, history: History) -> None:
        self.model, self.held_out, self.slot, self.history = model, held_out, slot, history

    def end(self, engine: Engine) -> None:
        model = self.model()
        share = unexplained(self.held_out, model.decode(model.encode(self.held_out)))
        text = (
            f"the encoder's {model.generator.latent} numbers keep {1 - share:.1%} of the variance of held-out items"
            if np.isfinite(share)
            else "the encoder's weights are not finite: its answers are not to be trusted"
        )
        self.history.add("note", engine.clock, text=text, unexplained=share)
        model.save(self.slot)


def unexplained(rows: np.ndarray, painted: np.ndarray) -> float:
    """Mean square error over the variance about each cell's mean, missing cells left out; not finite where broken."""
    rows = rows.astype(np.float64)
    deviations = rows - np.nanmean(rows, axis=0)
    return float(np.nanmean((painted - rows) ** 2) / max(np.nanmean(deviations**2), 1e-12))
