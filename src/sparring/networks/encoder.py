"""What an item is in few numbers: two small networks on the features that the discriminator learned; and back."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from sparring.networks import GENERATORS
from sparring.networks.base import Generator

HIDDEN_LAYERS, DECODER_LAYERS = 2, 3
MOST_READ = 512  # numbers that an encoder reads; of more features their principal components, which cost less
MOST_FITTED = 1024  # items that these are taken from
SHORT, STEP = 16, 4


def lengths(size: int) -> tuple[int, ...]:
    """Of the vectors of an embedding: 4, 8, 12, 16, then each twice the one before, and `size` at the end."""
    some = [*range(STEP, SHORT + 1, STEP)]
    while some[-1] < size:
        some.append(2 * some[-1])
    return (*(length for length in some if length < size), size)


class Encoder(nn.Module):
    """Maps the discriminator's features (batch, num_features) to codes and to an embedding.

    From codes a decoder paints the item. They are ordered: from eight on, their first numbers alone are the best code
    of that length that training found (nested dropout, Rippel et al. 2014, arXiv 1402.0915).
    From an embedding the features themselves can be told, and items that are near each other in features and codes are
    near in it. It is several vectors side by side, each of another length and none a part of another: what keeps
    neighbours best in many numbers does not begin with what keeps them best in few. Of any other length, the first
    numbers of the next longer vector serve, which are ordered down to the length before.
    What it reads of more than 512 features are their first 512 principal components.

    Args:
        num_features: of the discriminator.
        width: units of a hidden layer.
        size: numbers in a code, and in the longest vector of an embedding.

    Attributes:
        lengths: of the vectors of an embedding.
    """

    shift: Tensor
    factor: Tensor
    components: Tensor | None

    def __init__(self, num_features: int, width: int, size: int) -> None:
        super().__init__()
        self.num_features, self.width, self.size, self.lengths = num_features, width, size, lengths(size)
        self.num_read = min(num_features, MOST_READ)
        self.codes = Perceptron(self.num_read, width, size)
        self.embedding = Perceptron(self.num_read, width, sum(self.lengths))
        self.register_buffer("shift", torch.zeros(num_features))
        self.register_buffer("factor", torch.ones(1))
        few = num_features <= MOST_READ
        self.register_buffer("components", None if few else torch.eye(num_features, self.num_read))

    def standardise(self, features: Tensor) -> Tensor:
        """Features less their mean, over one common deviation."""
        return (features - self.shift) * self.factor

    def read(self, known: Tensor) -> Tensor:
        """What codes and embedding are made of, (batch, num_read): standardised features, or components of them."""
        return known if self.components is None else known @ self.components

    def vector(self, embedding: Tensor, dim: int) -> Tensor:
        """Of all vectors of an embedding the first `dim` numbers of the shortest that has so many, (batch, dim)."""
        start = sum(length for length in self.lengths if length < dim)
        return embedding[:, start : start + dim]

    def fit(self, features: Tensor) -> None:
        """Take mean, deviation and components from the features of some items, (n, num_features)."""
        features = features.double()
        mean = features.mean(0)
        deviation = (features - mean).square().mean().sqrt().clamp_min(1e-12)
        self.shift.copy_(mean)
        self.factor.copy_(1.0 / deviation)
        if self.components is not None:
            some = features[:: -(-len(features) // MOST_FITTED)]
            self.components.copy_(_principal((some - mean) / deviation, self.num_read))


def _principal(rows: Tensor, count: int) -> Tensor:
    """The first principal axes of centred rows (n, d) as columns, (d, count), scaled so that the mean square of what
    they read is 1. Where the rows have fewer, the others are 0.
    """
    squares, turned = torch.linalg.eigh(rows @ rows.T)  # far cheaper than the singular values of wide rows
    some = squares > 1e-12 * squares[-1]
    axes = ((turned[:, some] / squares[some].sqrt()).T @ rows).flip(0)[:count]
    signs = axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()  # else they would be the library's whim
    found = rows.new_zeros(rows.shape[1], count)
    found[:, : len(axes)] = (axes * signs).T
    return found / (rows @ found).square().mean().sqrt().clamp_min(1e-12)


class Perceptron(nn.Module):
    """Hidden layers of SiLU units beside one linear layer, which starts at nothing; both are added.

    A pair of the linear ways alone can be principal components and back.
    """

    def __init__(self, inputs: int, width: int, outputs: int, layers: int = HIDDEN_LAYERS) -> None:
        super().__init__()
        sizes = [inputs] + [width] * layers
        self.hidden = nn.Sequential(*(part for pair in pairwise(sizes) for part in (nn.Linear(*pair), nn.SiLU())))
        self.last, self.shortcut = nn.Linear(width, outputs), nn.Linear(inputs, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.hidden(x)) + self.shortcut(x)


class PerceptronDecoder(Generator):
    """A perceptron of three hidden layers that paints the item.

    From few numbers a step of it costs a fraction of a step of convolutions, and in the same time it paints better.
    It starts with the mean item: its last layer is a `branch.last`, which `initialise` makes zero.
    """

    family = "perceptron"

    def __init__(self, shape: tuple[int, ...], latent: int, width: int, output: str = "linear") -> None:
        super().__init__(shape, latent, width, output)
        self.branch = Perceptron(latent, width, math.prod(shape), DECODER_LAYERS)

    def paint(self, z: Tensor) -> Tensor:
        return self.branch(z).view(-1, *self.shape)


def make_decoder(family: str, shape: tuple[int, ...], latent: int, width: int, output: str) -> Generator:
    """A decoder: a `PerceptronDecoder` for "perceptron", else of a family of generators."""
    kind = PerceptronDecoder if family == PerceptronDecoder.family else GENERATORS[family]
    return kind(shape, latent, width, output)
