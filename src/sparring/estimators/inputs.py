"""What a user may pass as X -> what training reads, checked as scikit-learn checks it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data
from torch import Tensor
from torch.utils.data import Dataset

from sparring.data.arrays import survey_array
from sparring.data.images import convert
from sparring.data.open import survey
from sparring.data.source import Source, Spec
from sparring.data.survey import MINIMUM, Survey
from sparring.errors import DataError, UsageError, rule

Data = str | Path | np.ndarray
COLOURS = 3


def read(estimator: BaseEstimator, X: Any, *, reset: bool, missing: bool = True) -> Data:
    """A path or name as it is; anything else as a checked array of numbers.

    Args:
        estimator: whose number and names of features a table must have, or whose they become.
        X: a path, a bundled name, an array, a data frame, a tensor or a map-style torch Dataset.
        reset: whether the estimator is being fitted.
        missing: whether cells may be NaN.

    Raises:
        ValueError: for another number or other names of features, and for values that are not finite.
        UsageError: for a Dataset whose items cannot be stacked, and for columns of a data frame that are no numbers.
    """
    if isinstance(X, str | Path):
        return X
    X = _within_reach(X)
    finite = "allow-nan" if missing else True
    if getattr(X, "ndim", 2) <= 2:
        table = np.asarray(validate_data(estimator, X, reset=reset, dtype="numeric", ensure_all_finite=finite))  # type: ignore[arg-type]
        if table.dtype.kind != "O":
            return table
        return check_array(_numbers(X), ensure_all_finite=finite, input_name="X")  # type: ignore[arg-type]
    return check_array(X, dtype="numeric", allow_nd=True, ensure_all_finite=finite, input_name="X")  # type: ignore[arg-type]


def require_items(X: Data) -> None:
    """Refuse an array that cannot be learned from, in the words that scikit-learn's users know.

    Raises:
        DataError: for fewer than 10 items, and for an item without any value, to which no answer could be given.
    """
    if not isinstance(X, np.ndarray):
        return
    if len(X) < MINIMUM:
        got = f"n_samples={len(X)}, n_features={X[0].size}"
        raise DataError(rule("X", f"at least {MINIMUM} items", got, "Add more items."))
    if X.dtype.kind == "f" and (empty := np.flatnonzero(np.isnan(X).reshape(len(X), -1).all(1))).size:
        raise DataError(_without_value(f"row {empty[0]}: every value of it is NaN"))


def look(X: Data, spec: Spec) -> Survey:
    """Survey data that a fitted model is asked about.

    Args:
        X: as `read` gives it.
        spec: the form that the model knows.

    Raises:
        UsageError: where the items are not of that form. Images may be of another size and of 8 or 16 bits, and
            grey where the model knows colours.
        DataError: where a row of an array has no value at all, so that it has no answer.
    """
    found = survey_array(X, "X", images=spec.kind == "image") if isinstance(X, np.ndarray) else survey(X)
    require_form(found, spec)
    if isinstance(X, np.ndarray) and found.cleaning.skipped:
        first = found.cleaning.skipped[0]
        raise DataError(_without_value(f"{first.name}: {first.detail}"))
    found.warn_of_what_is_left_out()
    return found


def _without_value(what: str) -> str:
    return f"Every item of X must have a value. Got {what}. Leave such items out."


def require_form(found: Survey, spec: Spec) -> None:
    """Refuse items that cannot be brought to the form that the model knows.

    Raises:
        UsageError: naming both forms, or that cells are missing where the model never saw any missing.
    """
    if not _fits(found.spec, spec):
        must = f"{_words(spec)} like those that the model was fitted on"
        grey = spec.kind == found.spec.kind == "image" and spec.shape[-1] == 1 and found.spec.shape[-1] == COLOURS
        fix = "At least one is in colour: convert it to grey." if grey else ""
        raise UsageError(rule("The items", must, _words(found.spec), fix))
    if found.missing and not spec.missing:
        must = "complete, since the model was fitted on items without missing cells"
        raise UsageError(
            rule("The items", must, f"{found.missing:,} missing cells", "Fill these in or leave them out.")
        )


def items_of(found: Survey, spec: Spec, keep_duplicates: bool = False) -> Source:
    """The items of a survey that `look` made, images in the size, channels and depth of the model."""
    if spec.kind != "image":
        return found.source(None, keep_duplicates)
    own = found.source((*spec.shape[:2], found.spec.shape[-1]), keep_duplicates)
    return own if own.spec.dtype == spec.dtype and own.spec.shape == spec.shape else ConvertedSource(own, spec)


class ConvertedSource:
    """Images of another Source, brought to the channels and depth of `spec`."""

    def __init__(self, base: Source, spec: Spec) -> None:
        self.base, self.spec = base, spec

    def __len__(self) -> int:
        return len(self.base)

    def rows(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(convert(self.base.rows(indices), self.spec.shape[-1], self.spec.dtype))


def _within_reach(X: Any) -> Any:
    if isinstance(X, Dataset):
        return _stack(X)
    if isinstance(X, Tensor):
        return X.detach().cpu().numpy()
    if hasattr(X, "to_numpy") and not hasattr(X, "__array__"):
        return X.to_numpy()
    return X


def _numbers(frame: Any) -> np.ndarray:
    """A data frame with columns of categories, which scikit-learn leaves as objects, as numbers."""
    columns = {name: np.asarray(frame[name]) for name in frame.columns}
    wrong = [str(name) for name, column in columns.items() if not _are_numbers(column)]
    if wrong:
        fix = "Encode them first, such as with sklearn.preprocessing.OrdinalEncoder."
        raise UsageError(rule("The columns of X", "of numbers", ", ".join(wrong), fix))
    return np.column_stack([column.astype(np.float64) for column in columns.values()])


def _are_numbers(column: np.ndarray) -> bool:
    try:
        column.astype(np.float64)
    except (TypeError, ValueError):
        return False
    return True


def _stack(items: Dataset) -> np.ndarray:
    if not hasattr(items, "__len__"):
        raise UsageError(rule("A torch Dataset", "map-style, with a length", type(items).__name__))
    try:
        return np.stack([_item(items[index]) for index in range(len(items))])  # type: ignore[arg-type]
    except ValueError as error:
        raise UsageError(f"The items of a torch Dataset must be numbers of one shape. Got: {error}.") from None


def _item(entry: Any) -> np.ndarray:
    item = entry[0] if isinstance(entry, tuple | list) else entry
    if isinstance(item, Tensor):
        numbers = item.detach().cpu().numpy()
        # torch's own pictures are (channels, height, width)
        return np.moveaxis(numbers, 0, -1) if numbers.ndim == 3 else numbers
    return np.asarray(item)


def _fits(own: Spec, spec: Spec) -> bool:
    """Whether items can be brought to the model's form: any size, 8 and 16 bits, and grey where it knows colours."""
    if own.kind != "image" or spec.kind != "image":
        return (own.kind, own.shape) == (spec.kind, spec.shape)
    channels = own.shape[-1] in (spec.shape[-1], 1) if spec.shape[-1] == COLOURS else own.shape[-1] == spec.shape[-1]
    return channels and _depth(own) == _depth(spec)


def _depth(spec: Spec) -> str:
    return "integer" if spec.dtype in ("uint8", "uint16") else "float" if spec.dtype.startswith("float") else spec.dtype


def _words(spec: Spec) -> str:
    if spec.kind == "image":
        return f"images of {spec.shape[-1]} channels in {spec.dtype}"
    return f"{'series' if spec.kind == 'series' else 'vectors'} of shape {spec.shape}"
