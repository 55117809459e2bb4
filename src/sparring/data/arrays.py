"""A numeric array as a data set: what its axes mean, which rows are usable, and in which form they are read.

The axes: (n, features) is vectors; (n, height, width, channels) is images; of rank 3, RANK_THREE decides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sparring.data.clean import Cleaning, Duplicate, Skipped, digest, fingerprint, first_equals, pack
from sparring.data.images import fit
from sparring.data.source import ArraySource, Kind, Source, Spec
from sparring.data.survey import Survey
from sparring.errors import DataError, rule

RANK_THREE = (
    "an array of rank 3 is grey images where it is uint8 or uint16 and both sides are at least 8, "
    "else series (n, steps, channels)"
)
MAX_CHANNELS = 64
SMALLEST_IMAGE = 8
CHUNK_BYTES = 2**24
FACTS_SHOWN = 5
_IMAGE_DEPTHS = ("uint8", "uint16")


class NativeSource:
    """A Source whose rows come in the byte order of this machine, over an array of the other one."""

    def __init__(self, base: ArraySource) -> None:
        self.base = base
        self.spec = base.spec

    def __len__(self) -> int:
        return len(self.base)

    def rows(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        return self.base.rows(indices).astype(self.spec.dtype)


class ResizedSource:
    """A Source of images at another size, by `images.fit`."""

    def __init__(self, base: Source, shape: tuple[int, ...]) -> None:
        self.base = base
        self.spec = replace(base.spec, shape=shape)

    def __len__(self) -> int:
        return len(self.base)

    def rows(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        height, width, _ = self.spec.shape
        batch = np.empty((len(indices), *self.spec.shape), self.spec.dtype)
        for row, pixels in zip(batch, self.base.rows(indices), strict=True):
            row[:] = fit(pixels, (height, width))
        return batch


@dataclass
class _Look:
    """What one pass gathers: faulty rows, and of the others the digests, smallest and largest values."""

    infinite: list[int] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)
    digests: list[np.ndarray] = field(default_factory=list)
    lows: list[np.ndarray] = field(default_factory=list)
    highs: list[np.ndarray] = field(default_factory=list)
    missing: int = 0


def survey_array(
    array: np.ndarray, path: str, form: str = "array", images: bool = False, names: Sequence[str] = ()
) -> Survey:
    """Check every row of an array, in chunks, so that it may be a memory-mapped file.

    Args:
        array: shape (n, ...) as the module says.
        path: of the data, for errors.
        form: what it is in words.
        images: whether a rank of 3 always means grey images, as in idx.
        names: of the columns of a table.

    Raises:
        DataError: where the dtype or shape is not one of those, or no row is usable.
    """
    _check_dtype(array, path)
    spec = _spec(array, path, images)
    rows = array[..., None] if spec.squeezed else array
    look = _look(rows)
    readable = np.delete(np.arange(len(rows)), [*look.infinite, *look.empty])
    if not len(readable):
        raise DataError(f"{path}: an array must have a row of finite numbers. All {len(rows)} rows are skipped.")
    spec = replace(spec, missing=look.missing > 0, names=tuple(names))
    found = _survey(rows, spec, look, readable, path, form)
    return found.with_note(_reading(spec)) if array.ndim == 3 and not images else found


def _survey(rows: np.ndarray, spec: Spec, look: _Look, readable: np.ndarray, path: str, form: str) -> Survey:
    digests = np.concatenate(look.digests)
    first = first_equals(digests)
    is_copy = first != np.arange(len(first))
    dropped = is_copy & (spec.kind == "image")
    kept = readable[~dropped]
    low, high = np.fmin.reduce(look.lows), np.fmax.reduce(look.highs)
    pairs = zip(readable[dropped], readable[first[dropped]], strict=True)

    def open_source(shape: tuple[int, ...] | None, keep_duplicates: bool) -> Source:
        return _source(rows, spec, readable if keep_duplicates else kept, shape)

    return Survey(
        path=path,
        form=form,
        spec=spec,
        cleaning=Cleaning(
            found=len(rows),
            kept=len(kept),
            skipped=tuple(_skipped(look)),
            duplicates=tuple(Duplicate(_row(copy), _row(original)) for copy, original in pairs),
            notes=tuple(_notes(spec, int(is_copy.sum()), low, high)),
            kept_duplicates=int((is_copy & ~dropped).sum()),
        ),
        fingerprint=fingerprint(f"{spec.kind} {spec.shape} {spec.dtype}", digests[~dropped]),
        value_range=(float(np.nanmin(low)), float(np.nanmax(high))),
        open_source=open_source,
        sizes={(spec.shape[0], spec.shape[1]): len(kept)} if spec.kind == "image" else {},
        missing=look.missing,
        constant=not (low < high).any(),
    )


def _check_dtype(array: np.ndarray, path: str) -> None:
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        got = f"dtype {array.dtype}"
        raise DataError(rule(f"{path}: the array", "of numbers (bool, int, uint or float up to 64 bits)", got))


def _spec(array: np.ndarray, path: str, images: bool) -> Spec:
    if array.ndim not in (2, 3, 4) or 0 in array.shape:
        must = "of shape (n, features), (n, steps, channels) or (n, height, width[, channels]), no axis empty"
        raise DataError(rule(f"{path}: the array", must, array.shape))
    if array.ndim == 4:
        _check_channels(array.shape, path)
    squeezed = array.ndim == 3 and (images or _holds_grey_images(array))
    shape = (*array.shape[1:], 1) if squeezed else array.shape[1:]
    kinds: dict[int, Kind] = {1: "vector", 2: "series", 3: "image"}
    return Spec(kinds[len(shape)], shape, array.dtype.name, squeezed=squeezed)


def _holds_grey_images(array: np.ndarray) -> bool:
    return array.dtype.name in _IMAGE_DEPTHS and min(array.shape[1:]) >= SMALLEST_IMAGE


def _check_channels(shape: tuple[int, ...], path: str) -> None:
    first, middle, last = shape[1:]
    are_first = first < last and last > 4 and (middle == last or first < SMALLEST_IMAGE <= middle)
    if (first in (1, 3, 4) and last not in (1, 3, 4)) or are_first:
        fix = "Transpose it with `array.transpose(0, 2, 3, 1)`."
        raise DataError(rule(f"{path}: the array", "of shape (n, height, width, channels)", shape, fix))
    if last > MAX_CHANNELS:
        raise DataError(rule(f"{path}: the last axis", f"channels, 1 to {MAX_CHANNELS}", last))


def _look(rows: np.ndarray) -> _Look:
    look = _Look()
    step = max(1, CHUNK_BYTES // max(1, rows[:1].nbytes))
    for start in range(0, len(rows), step):
        _look_at(np.ascontiguousarray(rows[start : start + step]), start, look)
    return look


def _look_at(chunk: np.ndarray, start: int, look: _Look) -> None:
    flat = chunk.reshape(len(chunk), -1)
    good = np.ones(len(flat), dtype=bool)
    if chunk.dtype.kind == "f":
        absent = np.isnan(flat)
        infinite, empty = np.isinf(flat).any(axis=1), absent.all(axis=1)
        good = ~(infinite | empty)
        look.infinite += (start + np.flatnonzero(infinite)).tolist()
        look.empty += (start + np.flatnonzero(empty)).tolist()
        look.missing += int(absent[good].sum())
    if good.any():
        usable = chunk[good].reshape(-1, *chunk.shape[1:])
        look.digests.append(pack(digest(row.data) for row in flat[good].view(np.uint8)))
        across = tuple(range(usable.ndim - 1)) if usable.ndim > 2 else (0,)
        look.lows.append(np.fmin.reduce(usable, axis=across))
        look.highs.append(np.fmax.reduce(usable, axis=across))


def _source(rows: np.ndarray, spec: Spec, indices: np.ndarray, shape: tuple[int, ...] | None) -> Source:
    keep = None if len(indices) == len(rows) else indices
    source: Source = ArraySource(rows, spec, keep)
    if not rows.dtype.isnative:
        source = NativeSource(source)
    return source if shape in (None, spec.shape) else ResizedSource(source, shape)


def _skipped(look: _Look) -> Iterator[Skipped]:
    faults = dict.fromkeys(look.infinite, ("infinite", "a value of it is infinite"))
    faults |= dict.fromkeys(look.empty, ("all missing", "every value of it is NaN"))
    for row in sorted(faults):
        yield Skipped(_row(row), *faults[row])


def _notes(spec: Spec, copies: int, low: np.ndarray, high: np.ndarray) -> Iterator[str]:
    if spec.kind == "image":
        return
    if copies:
        yield f"Rows that equal an earlier one: {copies}; they are kept, since they carry weight."
    part = "features" if spec.kind == "vector" else "channels"
    yield from _listed(f"Constant {part}", low == high)
    yield from _listed(f"Empty {part}, which generated items have as 0", low != low)


def _reading(spec: Spec) -> str:
    plural = "images" if spec.kind == "image" else "series"
    return f"Read as {plural} of shape {spec.shape}: {RANK_THREE}."


def _listed(what: str, which: np.ndarray) -> Iterator[str]:
    found = np.flatnonzero(which).tolist()
    if found:
        shown = ", ".join(map(str, found[:FACTS_SHOWN])) + (" and more" if len(found) > FACTS_SHOWN else "")
        yield f"{what} ({len(found)}): {shown}."


def _row(index: int) -> str:
    return f"row {index}"
