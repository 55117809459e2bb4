"""The moving average of a network's weights, its half-life counted in samples seen (Karras et al. 2024, section 3)."""

import copy
from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def half_life(clock: int, share: float, cap: float) -> float:
    """Samples after which a weight's part has halved: a share of what was seen, so that the start is forgotten."""
    return min(share * clock, cap)


def average(network: Network) -> Network:
    """A frozen copy of `network` that `update` keeps as the average."""
    return copy.deepcopy(network).requires_grad_(False).eval()


@torch.no_grad()
def update(averaged: nn.Module, network: nn.Module, batch: int, life: float) -> None:
    """Move the average towards the network by the part that `batch` samples are worth, in place."""
    weight = 1.0 - 0.5 ** (batch / max(life, 1e-8))
    torch._foreach_lerp_(  # pyright: ignore[reportPrivateImportUsage]
        list(averaged.parameters()), list(network.parameters()), weight
    )
