"""What a game is: who plays, and one update of each player on one batch."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from sparring.augment.base import Plain, View

Move = Callable[[str], None]
See = Callable[[Tensor], View]
PLAIN = Plain()


class Game(Protocol):
    """The players and one update of each.

    Attributes:
        name: in the table of games.
        averaged: the player whose moving average is the result of training.
    """

    name: str
    averaged: str

    @property
    def players(self) -> dict[str, nn.Module]:
        """The networks that are trained, by name."""
        ...

    def play(self, real: Tensor, z: Tensor, gamma: float, move: Move, see: See) -> Any:
        """Update every player.

        Args:
            real: items (batch, *shape), float32, NaN where missing.
            z: latents (batch, latent).
            gamma: weight of the penalties, where the game has any.
            move: called with a player's name when its weights have their `.grad`; takes the optimiser's step.
            see: draws what is seen of some items in their place.

        Returns:
            A dataclass of detached scalars: what each player saw before its own move.
        """
        ...


def set_gradients(weights: Sequence[nn.Parameter], gradients: Sequence[Tensor]) -> None:
    """Fused optimisers pair numbers by place in memory, so a gradient must lie there as its weight does."""
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = gradient if gradient.stride() == weight.stride() else torch.empty_like(weight).copy_(gradient)


def hide(items: Tensor, unknown: Tensor | None) -> Tensor:
    """Put 0 of the scaler's units (the mean, or the middle of the range) in the cells that are missing."""
    return items if unknown is None else items.masked_fill(unknown, 0.0)
