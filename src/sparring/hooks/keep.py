"""The end of the encoder's lessons: how much of unseen items it keeps, and the model with it in `checkpoint/best`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sparring.engine import Engine, Hook
from sparring.hooks.record import History
from sparring.model import BATCH, Model


class Keep(Hook):
    """Measures the reconstruction of items and writes the model, unless the encoder broke.

    Args:
        model: the model with its encoder.
        items: real items, (n, *spec.shape).
        are_apart: whether training did not see these.
        slot: RUN/checkpoint/best.
        history: where the measurement is written.
    """

    def __init__(
        self, model: Callable[[], Model], items: np.ndarray, are_apart: bool, slot: Path, history: History
    ) -> None:
        self.model, self.items, self.slot, self.history = model, items, slot, history
        self.whose = "held-out" if are_apart else "training"

    def end(self, engine: Engine) -> None:
        if not all(bool(weight.isfinite().all()) for weight in engine.averaged.parameters()):
            self._note(
                engine, "the encoder broke: a weight of it is not a finite number, so the model is kept without it"
            )
            return
        model = self.model()
        share = unexplained(self.items, lambda rows: model.decode(model.encode(rows)))
        text = f"the encoder's {model.code_size} numbers keep {1 - share:.1%} of the variance of {self.whose} items"
        self._note(engine, text, unexplained=share)
        model.save(self.slot)

    def _note(self, engine: Engine, text: str, **values: Any) -> None:
        self.history.add("note", engine.clock, text=text, **values)


def unexplained(items: np.ndarray, paint: Callable[[np.ndarray], np.ndarray]) -> float:
    """Mean square error of what is painted of items over their variance about each cell's mean; NaN is left out.

    Columns of vectors and channels of series, whose units have nothing in common, each have a share; theirs is the mean
    over those that vary.

    Args:
        items: (n, *shape).
        paint: rows -> what is painted of them, of the same shape; asked for a batch at a time.
    """
    parts = [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
    known = sum((~np.isnan(part)).sum(0) for part in parts)
    mean = sum(np.nan_to_num(part.astype(np.float64)).sum(0) for part in parts) / np.maximum(known, 1)
    spread = np.sum([_by_unit((part - mean) ** 2) for part in parts], axis=0)
    error = np.sum([_by_unit((paint(part).astype(np.float64) - part) ** 2) for part in parts], axis=0)
    varies = spread > 0
    return float((error[varies] / spread[varies]).mean()) if varies.any() else float(error.sum())


def _by_unit(squares: np.ndarray) -> np.ndarray:
    """Sums over everything that shares a unit: of a column, of a channel of series, of whole images; shape (units,)."""
    return np.nansum(squares.reshape(-1, squares.shape[-1] if squares.ndim < 4 else 1), axis=0)
