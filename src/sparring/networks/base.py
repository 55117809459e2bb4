"""What every generator and discriminator has in common, and the pieces that the families share."""

import math
from abc import ABC, abstractmethod
from itertools import pairwise
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from sparring.networks.patches import TransposedConvolution

SLOPE = 0.2
SMALLEST = 4
FEWEST_STEPS = 3


class Generator(nn.Module, ABC):
    """Maps latents (batch, latent) to items (batch, *shape) in the scaler's units.

    Args:
        shape: of an item, channels first.
        latent: numbers in a latent vector.
        width: channels of the finest layer, or units of a hidden layer.
        output: "tanh" for items that are scaled to [-1, 1], "linear" for others.
    """

    family: ClassVar[str]

    def __init__(self, shape: tuple[int, ...], latent: int, width: int, output: str = "linear") -> None:
        super().__init__()
        self.shape, self.latent, self.width, self.output = shape, latent, width, output

    @abstractmethod
    def paint(self, z: Tensor) -> Tensor:
        """The items before the output's bound, (batch, *shape)."""

    @final
    def forward(self, z: Tensor) -> Tensor:
        items = self.paint(z)
        return items.tanh() if self.output == "tanh" else items


class Discriminator(nn.Module, ABC):
    """Maps items (batch, *shape) to logits (batch,): a linear head on features (batch, num_features).

    All of it is linear layers (`nn.Linear`, convolutions), LeakyReLUs and fixed linear maps such as pooling: the
    game's short way to the penalties' gradient relies on it (`games/tape.py`).

    Args:
        shape: of an item, channels first.
        width: channels of the finest layer, or units of a hidden layer.
    """

    family: ClassVar[str]
    head: nn.Linear

    def __init__(self, shape: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.shape, self.width = shape, width

    @property
    def num_features(self) -> int:
        """Numbers in a feature vector."""
        return self.head.in_features

    @abstractmethod
    def features(self, x: Tensor) -> Tensor:
        """What the discriminator knows of each item, (batch, num_features), before its verdict."""

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x)).squeeze(1)


def resolutions(size: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Spatial sizes from the item's own down to at most 4 on every axis, each axis halved (rounded up) at a step.

    A small item stays at its own size for the first steps, so that a network has at least three of them.
    """
    chain = [size]
    while max(chain[-1]) > SMALLEST:
        chain.append(tuple(-(-side // 2) if side > SMALLEST else side for side in chain[-1]))
    return [size] * (FEWEST_STEPS + 1 - len(chain)) + chain


def strides(chain: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Stride of each step of a chain: 2 on an axis that is halved there, 1 on one that is small already."""
    return [tuple(2 if large > small else 1 for large, small in zip(*step, strict=True)) for step in pairwise(chain)]


def channels(width: int, steps: int, most: int = 8) -> list[int]:
    """Channels at each resolution of a chain, finest first: doubled at every step, up to `most` times the width."""
    return [width * min(2**step, most) for step in range(max(steps, 1))]


def crop(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """The first `size` places of every spatial axis; the map itself where it has no more.

    Cut by padding with less than nothing: unlike a slice's, its gradient stays in the memory format of the map.
    """
    if x.shape[2:] == size:
        return x
    cuts = [side - own for side, own in zip(size, x.shape[2:], strict=True)]
    return nn.functional.pad(x, [places for cut in reversed(cuts) for places in (0, cut)])


def to_map(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """(batch, places * channels) as a feature map (batch, channels, *size) in channels-last memory, without a copy."""
    return x.view(len(x), *size, -1).movedim(-1, 1)


def from_map(x: Tensor) -> Tensor:
    """A feature map as vectors (batch, places * channels); without a copy where memory is channels-last."""
    return x.movedim(1, -1).flatten(1)


GAIN = math.sqrt(2.0 / (1.0 + SLOPE**2))


def initialise(module: nn.Module, stream: torch.Generator) -> None:
    """Start all weights of `module` from a stream of random numbers.

    ==============================  =================================================
    layer                           law
    ==============================  =================================================
    convolution, hidden linear      normal, std = GAIN / sqrt(inputs of one output)
    `last` (output layer)           normal, std = 1 / sqrt(inputs of one output)
    `last` of a residual branch     zero (Zhang et al. 2019, Fixup, section 3)
    `shortcut` of a perceptron      zero
    biases                          zero
    ==============================  =================================================
    """
    for name, layer in module.named_modules():
        if isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)):
            own = name.rpartition(".")[2]
            is_nothing = name.endswith("branch.last") or own == "shortcut"
            scale = 0.0 if is_nothing else 1.0 if own in ("last", "head") else GAIN
            nn.init.normal_(layer.weight, std=scale / math.sqrt(_fan_in(layer)), generator=stream)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _fan_in(layer: nn.Linear | nn.Conv1d | nn.Conv2d | nn.ConvTranspose1d | nn.ConvTranspose2d) -> float:
    weight = layer.weight
    if isinstance(layer, (nn.ConvTranspose1d, nn.ConvTranspose2d)):
        # each output place of a strided transposed convolution hears only kernel / stride of the taps
        taps = math.prod(k / s for k, s in zip(layer.kernel_size, layer.stride, strict=True))
        return weight.shape[0] * taps
    return float(weight[0].numel())


def convolution(rank: int) -> type[nn.Conv1d] | type[nn.Conv2d]:
    """The convolution for series (rank 1) or images (rank 2)."""
    return (nn.Conv1d, nn.Conv2d)[rank - 1]


def down(inputs: int, outputs: int, stride: tuple[int, ...]) -> nn.Module:
    """A convolution that halves the axes of stride 2 (rounding up) and keeps those of stride 1."""
    # kernel 4 at stride 2 rounds down: `pad_even` makes odd sizes even first
    kernel = tuple(4 if s == 2 else 3 for s in stride)
    return convolution(len(stride))(inputs, outputs, kernel, stride, padding=1)  # type: ignore[arg-type]


def up(inputs: int, outputs: int, stride: tuple[int, ...]) -> nn.Module:
    """A transposed convolution that doubles the axes of stride 2 and keeps those of stride 1."""
    kernel = tuple(4 if s == 2 else 3 for s in stride)
    transposed = (nn.ConvTranspose1d, TransposedConvolution)[len(stride) - 1]
    return transposed(inputs, outputs, kernel, stride, padding=1)  # type: ignore[arg-type]


def enlarge(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """A map at another size, linear between its places."""
    return nn.functional.interpolate(x, size=size, mode=("linear", "bilinear")[len(size) - 1], align_corners=False)


def pad_even(x: Tensor, stride: tuple[int, ...]) -> Tensor:
    """Zeros behind every odd axis that is about to be halved, so that halving rounds up."""
    missing = [side % 2 if step == 2 else 0 for side, step in zip(x.shape[2:], stride, strict=True)]
    if not any(missing):
        return x
    return nn.functional.pad(x, [places for extra in reversed(missing) for places in (0, extra)])


def activate(x: Tensor) -> Tensor:
    """LeakyReLU with slope 0.2: every discriminator's."""
    return nn.functional.leaky_relu(x, SLOPE)


def smooth(x: Tensor) -> Tensor:
    """SiLU (Elfwing et al. 2018, arXiv 1702.03118): the convolutional generator's."""
    return nn.functional.silu(x)
