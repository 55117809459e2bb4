"""Dense strided convolutions without normalisation layers (DCGAN, Radford et al. 2016, less its batch norm)."""

import math
from itertools import pairwise

from torch import Tensor, nn

from sparring.networks.base import (
    Discriminator,
    Generator,
    activate,
    channels,
    crop,
    down,
    from_map,
    pad_even,
    resolutions,
    smooth,
    strides,
    to_map,
    up,
)


class ConvGenerator(Generator):
    """A linear layer to the coarsest map, then one transposed convolution a doubling; the last one paints the item."""

    family = "conv"

    def __init__(self, shape: tuple[int, ...], latent: int, width: int, output: str = "linear") -> None:
        super().__init__(shape, latent, width, output)
        self.sizes = resolutions(shape[1:])[::-1]
        wide = channels(width, len(self.sizes) - 1)[::-1]
        steps = strides(self.sizes[::-1])[::-1]
        self.first = nn.Linear(latent, math.prod(self.sizes[0]) * wide[0])
        self.ups = nn.ModuleList(up(a, b, s) for (a, b), s in zip(pairwise(wide), steps[:-1], strict=True))
        self.last = up(wide[-1], shape[0], steps[-1])

    def paint(self, z: Tensor) -> Tensor:
        x = to_map(smooth(self.first(z)), self.sizes[0])
        for layer, size in zip(self.ups, self.sizes[1:], strict=False):
            x = smooth(crop(layer(x), size))
        return crop(self.last(x), self.sizes[-1])


class ConvDiscriminator(Discriminator):
    """One strided convolution a halving; the flattened coarsest map is the features."""

    family = "conv"

    def __init__(self, shape: tuple[int, ...], width: int) -> None:
        super().__init__(shape, width)
        sizes = resolutions(shape[1:])
        wide = [shape[0], *channels(width, len(sizes) - 1)]
        self.steps = strides(sizes)
        self.downs = nn.ModuleList(down(a, b, s) for (a, b), s in zip(pairwise(wide), self.steps, strict=True))
        self.head = nn.Linear(math.prod(sizes[-1]) * wide[-1], 1)

    def features(self, x: Tensor) -> Tensor:
        for layer, step in zip(self.downs, self.steps, strict=True):
            x = activate(layer(pad_even(x, step)))
        return from_map(x)
