"""What an augmentation is: what the discriminator sees in the place of an item, real and generated alike.

The generator has to make the plain items, because only those look right in every view; few items then take the
discriminator longer to learn by heart (Karras et al. 2020, arXiv 2006.06676; Zhao et al. 2020, arXiv 2006.10738).
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor


class View(ABC):
    """An affine map of each item of a batch, drawn once."""

    @abstractmethod
    def __call__(self, items: Tensor) -> Tensor:
        """The items as they are seen, (batch, *shape)."""

    @abstractmethod
    def linear(self, change: Tensor) -> Tensor:
        """What a change of the items becomes, (batch, *shape): the map without what it adds."""

    @abstractmethod
    def part(self, index: Tensor) -> "View":
        """The view of some of the items, by their places in the batch."""


class Plain(View):
    """Items as they are."""

    def __call__(self, items: Tensor) -> Tensor:
        return items

    def linear(self, change: Tensor) -> Tensor:
        return change

    def part(self, index: Tensor) -> View:
        return self


class Augment(ABC):
    """A law that views are drawn from; `kind` is the kind of data that it is for."""

    kind: ClassVar[str]

    @abstractmethod
    def draw(self, items: Tensor, probability: float, stream: torch.Generator, count: int | None = None) -> View:
        """A view of a batch.

        Args:
            items: (batch, *shape), for their shape, type and device.
            probability: with which an item is seen changed, from 0 to 1.
            stream: random numbers, on the CPU.
            count: of items to draw for, where it is not the batch's.
        """
