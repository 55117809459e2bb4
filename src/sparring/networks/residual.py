"""Residual networks without normalisation layers: branches that start at zero (Fixup, Zhang et al. 2019).

The shape of R3GAN (Huang et al. 2024) with dense 3x3 convolutions in place of its grouped ones, which are
a hundred times slower on a CPU.
"""

import math
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, avg_pool2d, interpolate

from sparring.networks.base import (
    Discriminator,
    Generator,
    activate,
    channels,
    convolution,
    from_map,
    pad_even,
    resolutions,
    strides,
    to_map,
)


class Branch(nn.Module):
    """activation, 3x3, activation, 3x3: what a block adds to its input; `last` starts at zero."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.first = convolution(rank)(width, width, 3, padding=1)
        self.last = convolution(rank)(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(activate(self.first(activate(x))))


class Block(nn.Module):
    """x + branch(x)."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.branch = Branch(width, rank)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class ResidualGenerator(Generator):
    """A linear layer to the coarsest map; at each resolution a block, then 1x1 to the next width and doubling."""

    family = "residual"

    def __init__(self, shape: tuple[int, ...], latent: int, width: int, output: str = "linear") -> None:
        super().__init__(shape, latent, width, output)
        rank = len(shape) - 1
        self.sizes = resolutions(shape[1:])[::-1]
        wide = channels(width, len(self.sizes), most=4)[::-1]
        self.first = nn.Linear(latent, math.prod(self.sizes[0]) * wide[0])
        self.blocks = nn.ModuleList(Block(channel, rank) for channel in wide)
        self.narrow = nn.ModuleList(convolution(rank)(a, b, 1) for a, b in pairwise(wide))
        self.last = convolution(rank)(wide[-1], shape[0], 3, padding=1)

    def paint(self, z: Tensor) -> Tensor:
        x = self.blocks[0](to_map(self.first(z), self.sizes[0]))
        for narrow, block, size in zip(self.narrow, self.blocks[1:], self.sizes[1:], strict=True):
            x = block(interpolate(narrow(x), size=size, mode="nearest"))
        return self.last(activate(x))


class ResidualDiscriminator(Discriminator):
    """3x3 to the first width; at each resolution a block, then mean pooling and 1x1 to the next width."""

    family = "residual"

    def __init__(self, shape: tuple[int, ...], width: int) -> None:
        super().__init__(shape, width)
        rank = len(shape) - 1
        sizes = resolutions(shape[1:])
        wide = channels(width, len(sizes), most=4)
        self.steps = strides(sizes)
        self.first = convolution(rank)(shape[0], wide[0], 3, padding=1)
        self.blocks = nn.ModuleList(Block(channel, rank) for channel in wide)
        self.widen = nn.ModuleList(convolution(rank)(a, b, 1) for a, b in pairwise(wide))
        self.head = nn.Linear(math.prod(sizes[-1]) * wide[-1], 1)

    def features(self, x: Tensor) -> Tensor:
        x = self.blocks[0](self.first(x))
        for widen, block, step in zip(self.widen, self.blocks[1:], self.steps, strict=True):
            x = block(widen(_pool(pad_even(x, step), step)))
        return from_map(activate(x))


def _pool(x: Tensor, stride: tuple[int, ...]) -> Tensor:
    if max(stride) == 1:
        return x
    return avg_pool1d(x, stride, stride) if len(stride) == 1 else avg_pool2d(x, stride, stride)
