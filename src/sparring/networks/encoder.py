"""What an item is in few numbers: two small networks on what the discriminator sees in it and on the item; and back."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool1d, adaptive_avg_pool2d

from sparring.networks import GENERATORS
from sparring.networks.base import Generator

HIDDEN_LAYERS, DECODER_LAYERS = 2, 3
MOST_FEATURES, MOST_CELLS = 512, 256  # that an encoder reads; of more their principal components, which cost less
MOST_FITTED = 1024  # items that these are taken from
MOST_LOOKED_AT = 4096  # numbers of an item that its components are taken from; a larger one is made small before
SHORT, STEP = 16, 4


def lengths(size: int) -> tuple[int, ...]:
    """Of the vectors of an embedding: 4, 8, 12, 16, then each twice the one before, and `size` at the end."""
    some = [*range(STEP, SHORT + 1, STEP)]
    while some[-1] < size:
        some.append(2 * some[-1])
    return (*(length for length in some if length < size), size)


class Encoder(nn.Module):
    """Maps items (batch, *shape) and the discriminator's features of them (batch, num_features) to codes and embedding.

    From codes a decoder paints the item. They are ordered: from eight on, their first numbers alone are the best code
    of that length that training found (nested dropout, Rippel et al. 2014, arXiv 1402.0915).
    From an embedding the features themselves can be told, and items that are near each other in features and codes are
    near in it. It is several vectors side by side, each of another length and none a part of another: what keeps
    neighbours best in many numbers does not begin with what keeps them best in few. Of any other length, the first
    numbers of the next longer vector serve, which are ordered down to the length before.
    Both read the features, of more than 512 their first 512 principal components, and the item itself, of more than
    256 numbers their first 256: a discriminator does not go by all that an item looks like.

    Args:
        num_features: of the discriminator.
        shape: of an item, channels first.
        width: units of a hidden layer.
        size: numbers in a code, and in the longest vector of an embedding.

    Attributes:
        lengths: of the vectors of an embedding.
        features: how features are read.
        items: how the items themselves are.
    """

    def __init__(self, num_features: int, shape: Sequence[int], width: int, size: int) -> None:
        super().__init__()
        self.num_features, self.shape, self.width, self.size = num_features, tuple(shape), width, size
        self.lengths, self._looked_at = lengths(size), _looked_at(self.shape)
        self.features = Components(num_features, MOST_FEATURES)
        self.items = Components(math.prod(self._looked_at), MOST_CELLS)
        num_read = self.features.count + self.items.count
        self.codes = Perceptron(num_read, width, size)
        self.embedding = Perceptron(num_read, width, sum(self.lengths))

    def read(self, features: Tensor, items: Tensor) -> Tensor:
        """What codes and embedding are made of, (batch, features.count + items.count)."""
        return torch.cat([self.features(features), self.items(self._look(items))], 1)

    def fit(self, features: Tensor, items: Tensor) -> None:
        """Take means, deviations and components from some items (n, *shape) and their features (n, num_features)."""
        self.features.fit(features)
        self.items.fit(self._look(items))

    def _look(self, items: Tensor) -> Tensor:
        """The numbers of items, (batch, any); of larger ones, of what they are at a smaller size."""
        if self._looked_at == self.shape:
            return items.flatten(1)
        height, *width = self._looked_at[1:]
        small = adaptive_avg_pool2d(items, (height, width[0])) if width else adaptive_avg_pool1d(items, height)
        return small.flatten(1)

    def vector(self, embedding: Tensor, dim: int) -> Tensor:
        """Of all vectors of an embedding the first `dim` numbers of the shortest that has so many, (batch, dim)."""
        start = sum(length for length in self.lengths if length < dim)
        return embedding[:, start : start + dim]


class Components(nn.Module):
    """Rows of many numbers in fewer: of more than `most`, their principal components; on one common scale.

    Args:
        numbers: in a row.
        most: that are given.

    Attributes:
        count: of the numbers that are given.
    """

    shift: Tensor
    factor: Tensor
    axes: Tensor | None

    def __init__(self, numbers: int, most: int) -> None:
        super().__init__()
        self.count = min(numbers, most)
        self.register_buffer("shift", torch.zeros(numbers))
        self.register_buffer("factor", torch.ones(1))
        self.register_buffer("axes", None if numbers <= most else torch.eye(numbers, most))

    def standardise(self, rows: Tensor) -> Tensor:
        """Rows less their mean, over one common deviation."""
        return (rows - self.shift) * self.factor

    def forward(self, rows: Tensor) -> Tensor:
        """(batch, count), the mean square of all numbers about 1."""
        rows = self.standardise(rows)
        return rows if self.axes is None else rows @ self.axes

    def fit(self, rows: Tensor) -> None:
        """Take mean, deviation and components from some rows, (n, numbers)."""
        rows = rows.double()
        mean = rows.mean(0)
        deviation = (rows - mean).square().mean().sqrt().clamp_min(1e-12)
        self.shift.copy_(mean)
        self.factor.copy_(1.0 / deviation)
        if self.axes is not None:
            some = rows[:: -(-len(rows) // MOST_FITTED)]
            self.axes.copy_(_principal((some - mean) / deviation, self.count))


def _looked_at(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of an item, channels first, with its sides halved until it has few enough numbers."""
    while math.prod(shape) > MOST_LOOKED_AT and max(shape[1:], default=1) > 1:
        shape = (shape[0], *(-(-side // 2) for side in shape[1:]))
    return shape


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
    It starts with zeros, the middle of the scaler's units: its last layer is a `branch.last`, which `initialise` makes
    zero.
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
