"""A data set after one look: what it is, what was cleaned, and the source that training reads."""

import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sparring.data.clean import Cleaning
from sparring.data.source import Source, Spec
from sparring.errors import DataError, SparringWarning, rule

MINIMUM = 10
SIZES_SHOWN = 5
NAMES_SHOWN = 20

OpenSource = Callable[[tuple[int, ...] | None, bool], Source]


@dataclass(frozen=True)
class Survey:
    """What `survey` found.

    Attributes:
        path: where the data came from, or "array".
        form: what it is in words, such as "folder of images".
        spec: the natural form of an item: own dtype, own channels, median size where sizes differ.
        cleaning: what was left out and why.
        fingerprint: hex digest of the content that training depends on.
        value_range: smallest and largest value among the readable items.
        names: of the readable items, duplicates included, in the data's order; None for arrays.
        sizes: for images, (height, width) -> number of kept items.
        missing: cells that are NaN among the readable items.
        constant: whether no feature or channel of an array takes two values.
    """

    path: str
    form: str
    spec: Spec
    cleaning: Cleaning
    fingerprint: str
    value_range: tuple[float, float]
    open_source: OpenSource = field(repr=False, compare=False)
    names: tuple[str, ...] | None = field(default=None, repr=False)
    sizes: dict[tuple[int, int], int] = field(default_factory=dict)
    missing: int = 0
    constant: bool = False

    def source(self, shape: tuple[int, ...] | None = None, keep_duplicates: bool = False) -> Source:
        """The items, decoded when they are asked for.

        Args:
            shape: (height, width, channels) to bring images to by `images.RESIZE_POLICY`; the natural shape
                where None. The channels are the natural ones.
            keep_duplicates: every readable item in the data's order; otherwise the kept ones alone.

        Raises:
            DataError: where the shape is not one that the data can be brought to.
        """
        if shape is not None and shape != self.spec.shape:
            self._check_shape(shape)
        return self.open_source(shape, keep_duplicates)

    def item_names(self) -> tuple[str, ...]:
        """A name for each readable item, in the data's order, duplicates included: its file, or its row."""
        if self.names is not None:
            return self.names
        skipped = {item.name for item in self.cleaning.skipped}
        return tuple(name for name in map("row {}".format, range(self.cleaning.found)) if name not in skipped)

    def warn_of_what_is_left_out(self, duplicates: bool = False) -> None:
        """Say with a `SparringWarning` that items were skipped, or, where asked, that equal ones count once."""
        if self.cleaning.skipped or (duplicates and self.cleaning.duplicates):
            text = f"Not all of {self.path} is used: {self.cleaning.summary()}{self.cleaning.example()}."
            warnings.warn(text, SparringWarning, stacklevel=3)

    def require(self, minimum: int = MINIMUM) -> "Survey":
        """This survey, where enough is left to learn from.

        Raises:
            DataError: where fewer than `minimum` items are usable, or all of them are constant.
        """
        if self.cleaning.kept < minimum:
            raise DataError(
                f"{self.path}: training needs at least {minimum} usable items. "
                f"Got {self.cleaning.summary()}. Add more data, or mend what was left out."
            )
        if self.constant:
            raise DataError(rule(f"{self.path}: the array", "of rows that differ", "no feature with two values in it"))
        return self

    def with_note(self, note: str) -> "Survey":
        """This survey with one more sentence in its account."""
        return replace(self, cleaning=replace(self.cleaning, notes=(note, *self.cleaning.notes)))

    def to_json(self) -> dict[str, Any]:
        """What `sparring inspect` says, as JSON values."""
        shown = sorted(self.sizes.items(), key=lambda entry: (-entry[1], entry[0]))[:SIZES_SHOWN]
        return {
            "path": self.path,
            "form": self.form,
            "count": self.cleaning.kept,
            "found": self.cleaning.found,
            "kind": self.spec.kind,
            "shape": list(self.spec.shape),
            "dtype": self.spec.dtype,
            "range": list(self.value_range),
            "sizes": [{"height": h, "width": w, "count": count} for (h, w), count in shown],
            "num_sizes": len(self.sizes),
            "skipped": self.cleaning.counts(),
            "skipped_items": [asdict(item) for item in self.cleaning.skipped[:NAMES_SHOWN]],
            "duplicates": len(self.cleaning.duplicates),
            "kept_duplicates": self.cleaning.kept_duplicates,
            "duplicate_items": [asdict(item) for item in self.cleaning.duplicates[:NAMES_SHOWN]],
            "missing": self.missing,
            "notes": list(self.cleaning.notes),
            "fingerprint": self.fingerprint,
        }

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        natural = self.spec.shape
        fits = self.spec.kind == "image" and len(shape) == 3 and shape[2] == natural[2] and min(shape) >= 1
        if not fits:
            why = "only images change their size, and never their channels"
            raise DataError(f"{self.path}: items of shape {natural} cannot become {tuple(shape)}; {why}.")
