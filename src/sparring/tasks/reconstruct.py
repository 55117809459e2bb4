"""Items as the decoder paints them from their codes, and how far these are from the items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sparring.data.source import Source, Spec, iterate, own_form
from sparring.errors import UsageError, rule

if TYPE_CHECKING:
    from sparring.model import Model

STEPS = 60
BATCH_NUMBERS = 2**24  # numbers of the items that are in memory at a time


@dataclass(frozen=True)
class ReconstructResult:
    """Reconstructions.

    Attributes:
        rows: (n, *spec.shape), in the data's own dtype and units, channels last.
        codes: (n, dim), float32, which they were painted from.
        errors: (n,), mean square error of each, over the known cells, in the data's units.
        spec: the form of an item.
    """

    rows: np.ndarray
    codes: np.ndarray
    errors: np.ndarray
    spec: Spec

    @property
    def reconstructed(self) -> np.ndarray:
        """The items in the data's own form: without a channel axis where the data came without one."""
        return own_form(self.rows, self.spec)

    def to_json(self) -> dict[str, Any]:
        """Count, length of the codes and mean error; the items themselves go to a file."""
        return {"n": len(self.rows), "dim": self.codes.shape[1], "mean_square_error": float(self.errors.mean())}


def reconstruct(model: Model, source: Source, dim: int | None = None, steps: int = STEPS) -> ReconstructResult:
    """Encode items and paint them again.

    Args:
        model: a trained model with an encoder.
        source: the items, in the form of the model's.
        dim: numbers of a code; all that the encoder has where None.
        steps: of refinement: how often the codes are moved towards what paints the item better; 0 for none.

    Raises:
        UsageError: where `dim` is not from 1 to the encoder's numbers, or `steps` is negative.
        RunError: where the model has no encoder.
    """
    size = model.code_size
    if dim is not None and not 1 <= dim <= size:
        raise UsageError(rule("`dim` of `reconstruct`", f"from 1 to {size}, the numbers of a code", dim))
    if steps < 0:
        raise UsageError(rule("`steps` of `reconstruct`", "0 or more", steps))
    batch = max(1, min(1024, BATCH_NUMBERS // model.spec.size))
    parts = [_reconstruct(model, rows, dim or size, steps) for rows in iterate(source, batch)]
    rows, codes, errors = (np.concatenate(found) for found in zip(*parts, strict=True))
    return ReconstructResult(rows, codes, errors, model.spec)


def _reconstruct(model: Model, rows: np.ndarray, dim: int, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    codes = model.encode(rows)[:, :dim]
    codes = model.refine(rows, codes, steps) if steps else codes
    painted = model.decode(codes)
    squares = (painted.astype(np.float64) - rows.astype(np.float64)) ** 2
    return painted, codes, np.nanmean(squares.reshape(len(rows), -1), axis=1)
