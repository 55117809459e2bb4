"""Batches as a function of the clock: the same samples seen, the same batch, whatever happened before."""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from sparring.data.scale import Scaler
from sparring.data.source import Source, iterate
from sparring.rng import numpy_stream

PART = 1024  # rows that are moved to a device at a time


class Feed(Protocol):
    """What the engine asks for batches."""

    def batch(self, clock: int, size: int, rank: int = 0, world: int = 1) -> Tensor:
        """The `rank`-th of `world` equal parts of the batch that starts at `clock` samples seen."""
        ...


class ShuffledFeed:
    """Every epoch is a new permutation of the source; a batch may span two epochs.

    Args:
        source: the training items.
        scaler: brings rows into the networks' form.
        seed: of the run; the permutations are the stream "epochs" of it.
        device: where batches are wanted; a GPU holds the whole source where there is room.
    """

    def __init__(self, source: Source, scaler: Scaler, seed: int, device: torch.device) -> None:
        self.source = source
        self.scaler = scaler.to(device)
        self.seed = seed
        self.device = device
        self._resident = resident(source, device)
        self._orders: dict[int, np.ndarray] = {}

    def batch(self, clock: int, size: int, rank: int = 0, world: int = 1) -> Tensor:
        part = size // world
        indices = self._indices(clock + rank * part, part)
        if self._resident is None:
            rows: np.ndarray | Tensor = self.source.rows(indices)
            if self.device.type != "cpu":
                rows = torch.as_tensor(rows).to(self.device, non_blocking=True)
        else:
            rows = self._resident[torch.from_numpy(indices).to(self.device)]
        return self.scaler.to_model(rows)

    def _indices(self, start: int, count: int) -> np.ndarray:
        length = len(self.source)
        positions = np.arange(start, start + count)
        epochs, offsets = positions // length, positions % length
        parts = [self._order(int(epoch))[offsets[epochs == epoch]] for epoch in np.unique(epochs)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _order(self, epoch: int) -> np.ndarray:
        if epoch not in self._orders:
            self._orders = {key: order for key, order in self._orders.items() if key == epoch - 1}
            self._orders[epoch] = numpy_stream(self.seed, "epochs", epoch).permutation(len(self.source))
        return self._orders[epoch]


def resident(source: Source, device: torch.device) -> Tensor | None:
    """The whole source as one tensor on a GPU, where a quarter of its free memory holds it; nothing elsewhere."""
    dtype = np.dtype(source.spec.dtype)
    if device.type != "cuda" or dtype.kind not in "fiu" or dtype in (np.uint16, np.uint32, np.uint64):
        return None
    if len(source) * source.spec.size * dtype.itemsize > torch.cuda.mem_get_info(device)[0] // 4:
        return None
    return load(source, device)


def load(source: Source, device: torch.device) -> Tensor:
    """All rows of a source as one tensor, (n, *spec.shape), moved a part at a time."""
    dtype = torch.from_numpy(source.rows([0])).dtype
    rows = torch.empty((len(source), *source.spec.shape), dtype=dtype, device=device)
    for start, part in zip(range(0, len(source), PART), iterate(source, PART), strict=True):
        rows[start : start + PART] = torch.from_numpy(part)
    return rows
