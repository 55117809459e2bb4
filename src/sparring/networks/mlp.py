"""Fully connected networks: for vectors, and as the plainest choice for everything else."""

import math
from itertools import pairwise

from torch import Tensor, nn

from sparring.networks.base import SLOPE, Discriminator, Generator

HIDDEN = 3


class MLPGenerator(Generator):
    """Three hidden layers of `width` units, then the item."""

    family = "mlp"

    def __init__(self, shape: tuple[int, ...], latent: int, width: int, output: str = "linear") -> None:
        super().__init__(shape, latent, width, output)
        self.body = _hidden(latent, width)
        self.last = nn.Linear(width, math.prod(shape))

    def paint(self, z: Tensor) -> Tensor:
        return self.last(self.body(z)).view(-1, *self.shape)


class MLPDiscriminator(Discriminator):
    """Three hidden layers of `width` units over the flattened item; the last of them is the features."""

    family = "mlp"

    def __init__(self, shape: tuple[int, ...], width: int) -> None:
        super().__init__(shape, width)
        self.body = _hidden(math.prod(shape), width)
        self.head = nn.Linear(width, 1)

    def features(self, x: Tensor) -> Tensor:
        return self.body(x.flatten(1))


def _hidden(inputs: int, width: int) -> nn.Sequential:
    sizes = [inputs] + [width] * HIDDEN
    layers = [(nn.Linear(a, b), nn.LeakyReLU(SLOPE)) for a, b in pairwise(sizes)]
    return nn.Sequential(*(layer for pair in layers for layer in pair))
