"""What every kind of data looks like to the rest of Sparring: a Spec, a length, and rows by index."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

Kind = Literal["image", "series", "vector"]


@dataclass(frozen=True)
class Spec:
    """The form of one item.

    Attributes:
        kind: what the axes mean.
        shape: of an item, channels last: (height, width, channels), (steps, channels) or (features,).
        dtype: numpy name of the data's own dtype, such as "uint8".
        missing: whether cells may be NaN.
        squeezed: whether the data's own form has no channel axis, so that answers leave it out.
        names: column names of a vector or channel names of a series, empty where there are none.
    """

    kind: Kind
    shape: tuple[int, ...]
    dtype: str
    missing: bool = False
    squeezed: bool = False
    names: tuple[str, ...] = ()

    @property
    def network_shape(self) -> tuple[int, ...]:
        """Shape of an item as the networks see it, channels first; a vector stays as it is."""
        return self.shape if self.kind == "vector" else (self.shape[-1], *self.shape[:-1])

    @property
    def size(self) -> int:
        """Numbers in one item."""
        return int(np.prod(self.shape))


class Source(Protocol):
    """Items by index. Rows come in the data's own dtype, shape (batch, *spec.shape), C-contiguous."""

    @property
    def spec(self) -> Spec: ...

    def __len__(self) -> int: ...

    def rows(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """The items at `indices` (any order, repeats allowed): shape (len(indices), *spec.shape)."""
        ...


class ArraySource:
    """A Source over an array in memory or a memory-mapped file, optionally only some of its rows.

    Args:
        array: shape (n, *spec.shape).
        spec: the form of an item.
        keep: indices into `array` of the rows that belong; all where None.
    """

    def __init__(self, array: np.ndarray, spec: Spec, keep: np.ndarray | None = None) -> None:
        assert array.shape[1:] == spec.shape, (array.shape, spec.shape)
        self.array = array
        self.spec = spec
        self.keep = keep

    def __len__(self) -> int:
        return len(self.array) if self.keep is None else len(self.keep)

    def rows(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        index = np.asarray(indices)
        return np.ascontiguousarray(self.array[index if self.keep is None else self.keep[index]])


class SubsetSource:
    """Some items of another Source, by index."""

    def __init__(self, base: Source, keep: np.ndarray) -> None:
        self.base = base
        self.spec = base.spec
        self.keep = np.asarray(keep)

    def __len__(self) -> int:
        return len(self.keep)

    def rows(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        return self.base.rows(self.keep[np.asarray(indices)])


def spread_rows(source: Source, most: int, numbers: int = 2**26) -> np.ndarray:
    """At most so many rows, spread evenly over the source, and at most so many numbers in all."""
    return source.rows(spread(len(source), min(most, numbers // source.spec.size)))


def spread(count: int, most: int) -> np.ndarray:
    """The places of at most `most` items, at least one, spread evenly over `count`."""
    return np.linspace(0, count - 1, max(1, min(count, most))).astype(int)


def iterate(source: Source, batch: int = 1024) -> Iterator[np.ndarray]:
    """All rows in order, `batch` at a time."""
    for start in range(0, len(source), batch):
        yield source.rows(np.arange(start, min(start + batch, len(source))))


def own_form(rows: np.ndarray, spec: Spec) -> np.ndarray:
    """Rows as the user knows them: without the channel axis where the data came without one."""
    return rows[..., 0] if spec.squeezed else rows
