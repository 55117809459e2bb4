"""A set of image files: one look at each, then decoding on demand."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

import numpy as np

from sparring.data import images
from sparring.data.blobs import Blobs
from sparring.data.clean import Cleaning, Duplicate, Skipped, Unreadable, fingerprint, first_equals, pack
from sparring.data.damage import quiet
from sparring.data.images import Examined
from sparring.data.source import Source, Spec
from sparring.data.survey import Survey
from sparring.errors import DataError

# Files are read in order by one thread and decoded by several; this much is in memory at a time.
IN_FLIGHT = 32
IN_FLIGHT_BYTES = 2**26
MAX_THREADS = 8
# Below this average size threads cost more than they gain: most of the time holds Python's lock.
LIGHT_BYTES = 2**13
Result = TypeVar("Result")


@dataclass(frozen=True)
class _Readable:
    """The readable files: indices into the blobs, what is known of each, and which ones training keeps."""

    indices: np.ndarray
    examined: list[Examined]
    first: np.ndarray

    @property
    def is_kept(self) -> np.ndarray:
        return self.first == np.arange(len(self.first))


class ImageSource:
    """Image files as a Source: decoded by threads when asked for, brought to one size by `images.fit`.

    Args:
        blobs: the files.
        indices: of the files that belong, in order.
        spec: the form of an item.
        path: of the data, for errors.
    """

    def __init__(self, blobs: Blobs, indices: np.ndarray, spec: Spec, path: str) -> None:
        self.blobs = blobs
        self.indices = indices
        self.spec = spec
        self.path = path

    def __len__(self) -> int:
        return len(self.indices)

    def rows(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        chosen = self.indices[np.asarray(indices, dtype=np.int64)]
        batch = np.empty((len(chosen), *self.spec.shape), self.spec.dtype)
        with quiet():
            for row, pixels in zip(batch, _threaded(self.blobs, chosen, self._item), strict=True):
                if isinstance(pixels, Unreadable):
                    raise DataError(f"{self.path}: the data changed while it was in use ({pixels}). Start again.")
                row[:] = pixels
        return batch

    def _item(self, blob: bytes) -> np.ndarray:
        height, width, channels = self.spec.shape
        pixels = images.decode(blob)
        if pixels.shape[2] > channels or not images.can_become(pixels.dtype.name, self.spec.dtype):
            raise Unreadable("changed", "an image has more channels or depth than when it was first read")
        return images.fit(images.convert(pixels, channels, self.spec.dtype), (height, width))


def survey_images(blobs: Blobs, path: str) -> Survey:
    """Look at every file once and account for it.

    Raises:
        DataError: where no file is a readable image.
    """
    with quiet():
        outcomes = _of_one_kind(list(_threaded(blobs, range(len(blobs.names)), images.examine)))
    skipped = [*blobs.skipped, *_skipped(blobs.names, outcomes)]
    readable = _readable(outcomes)
    cleaning = _cleaning(blobs, readable, skipped)
    if not readable.examined:
        raise DataError(_nothing(path, blobs, cleaning))
    return _survey(blobs, readable, cleaning, path)


def _survey(blobs: Blobs, readable: _Readable, cleaning: Cleaning, path: str) -> Survey:
    kept = [one for one, keep in zip(readable.examined, readable.is_kept, strict=True) if keep]
    sizes = Counter(one.size for one in kept)
    spec = _spec(readable.examined, sizes)

    def open_source(shape: tuple[int, ...] | None, keep_duplicates: bool) -> Source:
        indices = readable.indices if keep_duplicates else readable.indices[readable.is_kept]
        wanted = Spec(spec.kind, shape or spec.shape, spec.dtype, squeezed=spec.squeezed)
        return ImageSource(blobs, indices, wanted, path)

    return Survey(
        path=path,
        form=blobs.form,
        spec=spec,
        cleaning=cleaning,
        fingerprint=fingerprint("images", pack(one.digest for one in kept)),
        value_range=_value_range(readable.examined, spec.dtype),
        open_source=open_source,
        names=tuple(blobs.names[index] for index in readable.indices),
        sizes=dict(sizes),
    )


def _of_one_kind(outcomes: list[Examined | Unreadable]) -> list[Examined | Unreadable]:
    """The same, but images of floats refused where most are whole numbers: they have no full scale in common."""
    common = images.common_depth(one.dtype for one in outcomes if isinstance(one, Examined))
    odd = Unreadable("other depth", "it holds floats or signed numbers, and most images hold 8 or 16 bits")

    def fits(one: Examined | Unreadable) -> bool:
        return isinstance(one, Unreadable) or images.can_become(one.dtype, common)

    return [one if fits(one) else odd for one in outcomes]


def _threaded(blobs: Blobs, indices: Iterable[int], work: Callable[[bytes], Result]) -> Iterator[Result | Unreadable]:
    """`work` on the bytes of each file, in order; a file that cannot be read yields its Unreadable."""

    def attempt(blob: bytes | Unreadable) -> Result | Unreadable:
        if isinstance(blob, Unreadable):
            return blob
        try:
            return work(blob)
        except Unreadable as error:
            return error

    with ThreadPoolExecutor(min(os.cpu_count() or 1, MAX_THREADS)) as pool:
        for batch in _batches(blobs, indices):
            yield from map(attempt, batch) if _is_light(batch) else pool.map(attempt, batch)


def _batches(blobs: Blobs, indices: Iterable[int]) -> Iterator[list[bytes | Unreadable]]:
    batch, size = [], 0
    for index in indices:
        batch.append(blob := _read(blobs, int(index)))
        size += len(blob) if isinstance(blob, bytes) else 0
        if len(batch) >= IN_FLIGHT or size >= IN_FLIGHT_BYTES:
            yield batch
            batch, size = [], 0
    yield batch


def _is_light(batch: list[bytes | Unreadable]) -> bool:
    return sum(len(blob) for blob in batch if isinstance(blob, bytes)) < LIGHT_BYTES * len(batch)


def _read(blobs: Blobs, index: int) -> bytes | Unreadable:
    try:
        return blobs.read(index)
    except Unreadable as error:
        return error


def _skipped(names: list[str], outcomes: Sequence[Examined | Unreadable]) -> Iterator[Skipped]:
    for name, outcome in zip(names, outcomes, strict=True):
        if isinstance(outcome, Unreadable):
            suffix = PurePosixPath(name).suffix.lower()
            if outcome.reason != "not an image" or suffix not in images.SUFFIXES + images.UNREAD_SUFFIXES:
                yield Skipped(name, outcome.reason, outcome.detail)
            elif suffix in images.SUFFIXES:
                yield Skipped(name, "corrupt", "it is damaged, or of a form that is not read; save it as PNG or JPEG")
            else:
                yield Skipped(name, "unread form", f"{suffix} is not read; save it as PNG or JPEG")


def _readable(outcomes: Sequence[Examined | Unreadable]) -> _Readable:
    pairs = [(index, one) for index, one in enumerate(outcomes) if isinstance(one, Examined)]
    examined = [one for _, one in pairs]
    first = first_equals(pack(one.digest for one in examined))
    return _Readable(np.array([index for index, _ in pairs], dtype=np.int64), examined, first)


def _cleaning(blobs: Blobs, readable: _Readable, skipped: list[Skipped]) -> Cleaning:
    names = [blobs.names[index] for index in readable.indices]
    copies = np.flatnonzero(~readable.is_kept)
    return Cleaning(
        found=len(names) + len(skipped),
        kept=len(names) - len(copies),
        skipped=tuple(sorted(skipped, key=lambda item: item.name)),
        duplicates=tuple(Duplicate(names[copy], names[readable.first[copy]]) for copy in copies),
        notes=tuple(_notes(readable.examined)),
    )


def _notes(examined: list[Examined]) -> Iterator[str]:
    animated = sum(one.animated for one in examined)
    if animated:
        yield f"{animated} files hold several frames; the first frame of each is used."
    see_through = sum(one.see_through for one in examined)
    if see_through:
        yield f"{see_through} of {len(examined)} images are see-through in places; those lie on white."
    cut = sum(one.cut for one in examined)
    if cut:
        yield f"{cut} of {len(examined)} images have 16 bits a colour, of which 8 are read; a .npy array keeps all."
    depths = Counter(one.dtype for one in examined)
    if len(depths) > 1:
        counts = ", ".join(f"{count} {dtype}" for dtype, count in sorted(depths.items()))
        common = images.common_depth(one.dtype for one in examined)
        how = "whole numbers divided by their full scale" if common.startswith("float") else "white to white"
        yield f"The images differ in depth ({counts}); all are brought to {common}, {how}."
    greys = sum(one.channels == 1 for one in examined)
    if 0 < greys < len(examined):
        yield f"{greys} of {len(examined)} images are grey; they become colour images like the others."
    if len({one.size for one in examined}) > 1:
        yield f"The images differ in size: {images.RESIZE_POLICY}."


def _spec(examined: list[Examined], sizes: Counter[tuple[int, int]]) -> Spec:
    height, width = np.median(np.array(list(sizes.elements())), axis=0).astype(int).tolist()
    channels = max(one.channels for one in examined)
    depth = images.common_depth(one.dtype for one in examined)
    return Spec("image", (height, width, channels), depth, squeezed=channels == 1)


def _value_range(examined: list[Examined], dtype: str) -> tuple[float, float]:
    lows = [images.rescale(one.low, one.dtype, dtype) for one in examined]
    highs = [images.rescale(one.high, one.dtype, dtype) for one in examined]
    return min(lows), max(highs)


def _nothing(path: str, blobs: Blobs, cleaning: Cleaning) -> str:
    if cleaning.found == 0:
        return f"{path}: the {blobs.form} must hold readable images. It is empty."
    return f"{path}: the {blobs.form} must hold readable images. Got {cleaning.summary()}{cleaning.example()}."
