"""What an item is in few numbers: two small networks on the features that the discriminator learned."""

from itertools import pairwise

import torch
from torch import Tensor, nn

HIDDEN_LAYERS = 2


class Encoder(nn.Module):
    """Maps the discriminator's features (batch, num_features) to codes and to an embedding.

    Both are ordered: from four on, their first numbers alone are the best description of that length that training
    found (nested dropout, Rippel et al. 2014, arXiv 1402.0915). From codes a decoder paints the item. From an embedding
    the features themselves can be told, so that it keeps what the discriminator goes by, not every pixel.

    Args:
        num_features: of the discriminator.
        width: units of a hidden layer.
        size: numbers in a code, and in an embedding.
    """

    shift: Tensor
    factor: Tensor

    def __init__(self, num_features: int, width: int, size: int) -> None:
        super().__init__()
        self.num_features, self.width, self.size = num_features, width, size
        self.codes = perceptron(num_features, width, size)
        self.embedding = perceptron(num_features, width, size)
        self.register_buffer("shift", torch.zeros(num_features))
        self.register_buffer("factor", torch.ones(1))

    def standardise(self, features: Tensor) -> Tensor:
        """Features less their mean, over one common deviation."""
        return (features - self.shift) * self.factor

    def fit_scale(self, features: Tensor) -> None:
        """Take mean and deviation from the features of some items, (n, num_features)."""
        features = features.double()
        mean = features.mean(0)
        deviation = (features - mean).square().mean().sqrt().clamp_min(1e-12)
        self.shift.copy_(mean)
        self.factor.copy_(1.0 / deviation)


def perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Two hidden layers of SiLU units."""
    sizes = [inputs] + [width] * HIDDEN_LAYERS
    layers = [part for pair in pairwise(sizes) for part in (nn.Linear(*pair), nn.SiLU())]
    return nn.Sequential(*layers, nn.Linear(width, outputs))
