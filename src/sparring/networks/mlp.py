"""Fully connected networks: for vectors, and as the plainest choice for everything else."""

import math
from collections.abc import Callable
from itertools import pairwise

from torch import Tensor, nn

from sparring.networks.base import SLOPE, Discriminator, Generator

GENERATOR_LAYERS, DISCRIMINATOR_LAYERS = 4, 3


class MLPGenerator(Generator):
    """Four hidden layers of `width` tanh units, then the item.

    A unit that saturates can be flat within a cluster of the data and steep between two, so that few items fall in
    between; a LeakyReLU is never flat.
    """

    family = "mlp"

    def __init__(self, shape: tuple[int, ...], latent: int, width: int, output: str = "linear") -> None:
        super().__init__(shape, latent, width, output)
        self.body = _hidden(latent, width, GENERATOR_LAYERS, nn.Tanh)
        self.last = nn.Linear(width, math.prod(shape))

    def paint(self, z: Tensor) -> Tensor:
        return self.last(self.body(z)).view(-1, *self.shape)


class MLPDiscriminator(Discriminator):
    """Three hidden layers of `width` units over the flattened item; the last of them is the features."""

    family = "mlp"

    def __init__(self, shape: tuple[int, ...], width: int) -> None:
        super().__init__(shape, width)
        self.body = _hidden(math.prod(shape), width, DISCRIMINATOR_LAYERS, lambda: nn.LeakyReLU(SLOPE))
        self.head = nn.Linear(width, 1)

    def features(self, x: Tensor) -> Tensor:
        return self.body(x.flatten(1))


def _hidden(inputs: int, width: int, count: int, unit: Callable[[], nn.Module]) -> nn.Sequential:
    sizes = [inputs] + [width] * count
    layers = [(nn.Linear(a, b), unit()) for a, b in pairwise(sizes)]
    return nn.Sequential(*(layer for pair in layers for layer in pair))
