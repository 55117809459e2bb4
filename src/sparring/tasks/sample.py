"""New items from a trained model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sparring.data.source import Spec, own_form
from sparring.errors import UsageError, rule

if TYPE_CHECKING:
    from sparring.model import Model


@dataclass(frozen=True)
class SampleResult:
    """New items, and what makes them the same again.

    Attributes:
        rows: (n, *spec.shape), in the data's own dtype and units, channels last.
        spec: the form of an item.
        seed: of the latents that they were made from.
    """

    rows: np.ndarray
    spec: Spec
    seed: int

    @property
    def samples(self) -> np.ndarray:
        """The items in the data's own form: without a channel axis where the data came without one."""
        return own_form(self.rows, self.spec)

    def to_json(self) -> dict[str, Any]:
        """Count, seed and form; the items themselves go to a file."""
        return {
            "n": len(self.rows),
            "seed": self.seed,
            "kind": self.spec.kind,
            "shape": list(self.samples.shape),
            "dtype": str(self.rows.dtype),
        }


def sample(model: Model, n: int, seed: int = 0) -> SampleResult:
    """Draw `n` new items.

    Args:
        model: a trained model.
        n: how many, at least 1.
        seed: the same seed gives the same items.

    Returns:
        The items, in the data's own dtype and units.

    Raises:
        UsageError: `n` is not a positive whole number.
    """
    if n < 1:
        raise UsageError(rule("`n` of `sample`", "1 or more", n, "Ask for at least one item."))
    return SampleResult(model.sample(n, seed=seed), model.spec, seed)
