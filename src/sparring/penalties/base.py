"""What a penalty is: a per-sample price for a discriminator that is too steep."""

from abc import ABC, abstractmethod

from torch import Tensor


class Penalty(ABC):
    """A price per sample from the gradients of the logits with respect to the items, before its weight gamma / 2."""

    @abstractmethod
    def __call__(self, real_gradient: Tensor, fake_gradient: Tensor) -> Tensor:
        """The price, (batch,), of d D(x) / d x at the real items and at the fake ones, each (batch, *shape)."""
