"""Features of a fixed random convolutional network: no training, no download, the same on every machine.

Untrained filters respond to strokes, edges and textures at four scales; the means and deviations of their
responses make a feature space in which kernel and Frechet distances rank samples (random networks judge
generators off ImageNet: Naeem et al. 2020, Reliable Fidelity and Diversity Metrics, section 3.2).
"""

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sparring.data.scale import fits_float32
from sparring.errors import UsageError, rule
from sparring.extractors.base import column_means, deviations, fill_missing, flatten
from sparring.rng import torch_stream

LEVELS = 4
CELLS = 4  # an image is pooled in 2 x 2 quarters, a series in 4 stretches
STEP = 2 * LEVELS * CELLS  # features that one more channel a level brings
LARGEST = 64  # longest side that is looked at; a larger item is averaged down to it
BATCH = 512


class RandomConv:
    """Pooled responses of a random convolutional network to images or series.

    Each of four levels convolves, rectifies, reports the mean and the deviation of every channel in every
    quarter of the item, and halves the resolution. Inputs are standardised per channel with the moments of
    the reference. Features are centred, and those of one level and kind (means or deviations) divided by
    one number, so that each level has mean variance one over the reference.

    Args:
        reference: rows that fix the scales, shape (n, height, width, channels) or (n, steps, channels).
        size: number of features, a multiple of 32.
    """

    default_size = 512

    def __init__(self, reference: np.ndarray, size: int = 512) -> None:
        if reference.ndim not in (3, 4):
            got = reference.shape[1:]
            raise UsageError(rule("The items of 'random_conv'", "images or series", got, "Use 'pca-64'."))
        if size < STEP or size % STEP:
            raise UsageError(rule("The size of 'random_conv'", f"a positive multiple of {STEP}", size))
        self.name = f"random_conv-{size}"
        self._cells = column_means(reference)
        self._mean, self._deviation = _channel_moments(reference, self._cells)
        self._weights = _weights(reference.ndim - 2, reference.shape[-1], size // STEP)
        self._center, self._scale = _feature_scales(self._responses(reference))

    @classmethod
    def build(cls, size: int | None, model: Any, reference: np.ndarray | None) -> Self:
        """Make the extractor from its name's number and the reference (see `Buildable`)."""
        if reference is None:
            raise UsageError("The extractor 'random_conv' needs reference rows. Pass `reference`.")
        return cls(reference, cls.default_size if size is None else size)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Features of rows (n, *shape), float64 (n, size)."""
        return (self._responses(rows) - self._center) / self._scale

    @torch.no_grad()
    def _responses(self, rows: np.ndarray) -> np.ndarray:
        parts = [_forward(self._input(rows[i : i + BATCH]), self._weights) for i in range(0, len(rows), BATCH)]
        return torch.cat(parts).double().numpy()

    def _input(self, rows: np.ndarray) -> Tensor:
        exact = np.float32 if fits_float32(rows.dtype) else np.float64
        filled = fill_missing(flatten(rows, exact), self._cells.astype(exact)).reshape(rows.shape)
        standard = ((filled - self._mean) / self._deviation).astype(np.float32)
        return _at_most(torch.from_numpy(standard).movedim(-1, 1).contiguous(), LARGEST)


def _channel_moments(rows: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each channel; a constant channel gets deviation 1."""
    channels = fill_missing(flatten(rows), cells).reshape(-1, rows.shape[-1])
    means = channels.mean(0)
    return means, deviations(channels, means)


def _weights(dimensions: int, channels: int, width: int) -> list[Tensor]:
    """Filters of every level: normal, variance 2 / fan-in (He et al. 2015), from a stream of their own."""
    generator = torch_stream(0, "random_conv")
    weights = []
    for inputs in [channels] + [width] * (LEVELS - 1):
        shape = (width, inputs, *([3] * dimensions if dimensions == 2 else [9]))
        fan_in = int(np.prod(shape[1:]))
        weights.append(torch.randn(shape, generator=generator) * (2 / fan_in) ** 0.5)
    return weights


def _forward(x: Tensor, weights: list[Tensor]) -> Tensor:
    """Responses of a batch, (n, features), in the order level, kind, channel, cell."""
    images = x.ndim == 4
    convolve = functional.conv2d if images else functional.conv1d
    halve = functional.avg_pool2d if images else functional.avg_pool1d
    features = []
    for weight in weights:
        x = functional.leaky_relu(convolve(x, weight, padding="same"), 0.2)
        features += _moments(x)
        x = halve(x, 2, ceil_mode=True) if min(x.shape[2:]) > 1 else x
    return torch.cat(features, 1)


def _moments(x: Tensor) -> list[Tensor]:
    """Mean and deviation of every channel in every cell, each (n, channels * CELLS)."""
    mean, square = _pool(x), _pool(x * x)
    return [mean.flatten(1), (square - mean * mean).clamp_min(0).sqrt().flatten(1)]


def _pool(x: Tensor) -> Tensor:
    if x.ndim == 3:
        return functional.adaptive_avg_pool1d(x, CELLS)
    return functional.adaptive_avg_pool2d(x, (2, CELLS // 2))


def _at_most(x: Tensor, largest: int) -> Tensor:
    """A batch averaged down so that its longest side is at most `largest`."""
    longest = max(x.shape[2:])
    if longest <= largest:
        return x
    shape = [max(1, round(side * largest / longest)) for side in x.shape[2:]]
    return functional.interpolate(x, shape, mode="area")


def _feature_scales(responses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Center of every feature, and the root mean variance of its level and kind."""
    variances = responses.var(0).reshape(2 * LEVELS, -1).mean(1)
    scales = np.sqrt(np.where(variances > 0, variances, 1.0))
    return responses.mean(0), np.repeat(scales, responses.shape[1] // (2 * LEVELS))
