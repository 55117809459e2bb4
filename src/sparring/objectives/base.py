"""What an objective is: per-sample losses of both players from the discriminator's logits."""

from abc import ABC, abstractmethod

from torch import Tensor


class Objective(ABC):
    """Per-sample losses; `real` and `fake` are logits (batch,), the i-th real paired with the i-th fake.

    Attributes:
        balance: the discriminator's loss per sample when it cannot tell, the value to watch for.
    """

    balance: float

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the discriminator minimises, (batch,)."""

    @abstractmethod
    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the generator minimises, (batch,)."""
