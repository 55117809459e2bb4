"""Dense strided convolutions without normalisation layers (DCGAN, Radford et al. 2016, less its batch norm)."""

import math
from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor, nn

from sparring.networks.base import (
    Discriminator,
    Generator,
    activate,
    channels,
    convolution,
    crop,
    down,
    enlarge,
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

    def maps(self, z: Tensor) -> Iterator[Tensor]:
        """The feature map of every resolution but the item's own, coarsest first."""
        x = to_map(smooth(self.first(z)), self.sizes[0])
        yield x
        for layer, size in zip(self.ups, self.sizes[1:], strict=False):
            x = smooth(crop(layer(x), size))
            yield x

    def paint(self, z: Tensor) -> Tensor:
        *_, x = self.maps(z)
        return crop(self.last(x), self.sizes[-1])


class SkipGenerator(ConvGenerator):
    """The same, with a picture drawn from every map: each is enlarged and the next one added to it.

    Coarse maps decide the item as a whole without a say of the finer ones (the skip generator of Karras et al. 2020,
    StyleGAN2, arXiv 1912.04958, section 4.1). Pictures are divided by the root of their number.
    """

    family = "skip"

    def __init__(self, shape: tuple[int, ...], latent: int, width: int, output: str = "linear") -> None:
        super().__init__(shape, latent, width, output)
        wide = channels(width, len(self.sizes) - 1)[::-1]
        self.sketches = nn.ModuleList(convolution(len(shape) - 1)(count, shape[0], 1) for count in wide)

    def paint(self, z: Tensor) -> Tensor:
        item: Tensor | float = 0.0
        for x, sketch, size in zip(self.maps(z), self.sketches, self.sizes[1:], strict=True):
            item = enlarge(item + sketch(x), size)
        return (item + crop(self.last(x), self.sizes[-1])) / math.sqrt(len(self.sizes))


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
