"""Scaling: the data's own units <-> the numbers that the networks see, fitted on the training part only."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sparring.data.source import Source, Spec, spread, spread_rows
from sparring.errors import DataError

FIT_ITEMS, FIT_NUMBERS = 65_536, 2**25  # at most as many are in memory as float64
SCANNED_ITEMS, SCANNED_NUMBERS = 1024, 2**31


@dataclass(frozen=True)
class Scaler:
    """An invertible map from rows (channels last, own dtype) to network items (channels first, float32).

    Constants, and what is reckoned with them, are float64 where the data's own numbers need it (a year's seconds, a
    thousandth of a day in a calendar of days), else float32.

    Attributes:
        kind: "range" maps the smallest and largest value to -1 and 1; "moments" maps each feature (of a series:
            each channel) to mean 0 and standard deviation 1; "whiten" maps to uncorrelated unit-variance features.
        spec: the form of an item.
        shift: subtracted first; broadcasts against (batch, *spec.shape).
        factor: multiplied next, likewise.
        low: smallest value seen per feature, where answers are clipped.
        high: largest value seen, likewise.
        rotation: for "whiten", (size, size): principal axes as columns, divided by their standard deviations.
    """

    kind: str
    spec: Spec
    shift: Tensor
    factor: Tensor
    low: Tensor
    high: Tensor
    rotation: Tensor | None = None

    def to_model(self, rows: np.ndarray | Tensor) -> Tensor:
        """Items as the networks see them, shape (batch, *spec.network_shape), float32; NaN stays NaN.

        Images come out in channels-last memory without a copy for it.
        """
        values = torch.as_tensor(_plain(rows)).to(self.shift.dtype)
        values = (values - self.shift).mul_(self.factor)
        if self.rotation is not None:
            values = (values.flatten(1) @ self.rotation).view(values.shape)
        return values.to(torch.float32).movedim(-1, _channel_axis(self.spec))

    def to_data(self, items: Tensor) -> np.ndarray:
        """Rows in the data's own units and dtype, clipped to the range that training saw; inverse of `to_model`."""
        values = items.detach().to(self.shift.device, self.shift.dtype).movedim(_channel_axis(self.spec), -1)
        if self.rotation is not None:
            values = (values.flatten(1) @ torch.linalg.inv(self.rotation)).view(values.shape)
        values = (values / self.factor + self.shift).clamp(self.low, self.high)
        return np.ascontiguousarray(in_dtype(values.cpu().numpy(), np.dtype(self.spec.dtype)))

    def to(self, device: torch.device | str) -> "Scaler":
        """The same scaler with its constants on another device."""
        moved = {name: tensor.to(device) for name, tensor in self.state().items()}
        return Scaler(self.kind, self.spec, **moved)

    def state(self) -> dict[str, Tensor]:
        """The constants by name, for a checkpoint."""
        names = ("shift", "factor", "low", "high", "rotation")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


def fit_scaler(kind: str, source: Source) -> Scaler:
    """Fit a scaler on the items of `source`, in float64: the extremes of all, moments of some, spread evenly.

    Raises:
        DataError: when no cell has a value, or "whiten" meets missing cells or has too many features.
    """
    axes = _shared_axes(kind, source.spec)
    low, high = _extremes(source, axes)
    if not np.isfinite(low).any():
        raise DataError("The data has no value at all to learn from: every cell is missing.")
    low, high = np.nan_to_num(low), np.nan_to_num(high)  # a feature without a value is 0
    if kind == "range":
        return _scaler(kind, source.spec, (low + high) / 2, (high - low) / 2, low, high)
    sample = spread_rows(source, FIT_ITEMS, FIT_NUMBERS).astype(np.float64)
    sample = np.where(np.isfinite(sample).any(axes, keepdims=True), sample, 0.0)
    mean, deviation = np.nanmean(sample, axes, keepdims=True)[0], np.nanstd(sample, axes, keepdims=True)[0]
    if kind == "moments":
        return _scaler(kind, source.spec, mean, deviation, low, high)
    return _scaler(kind, source.spec, mean, np.ones_like(mean), low, high, _whitening(sample))


def _extremes(source: Source, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest values over the axes, NaN where there is none; of very large data, of some billion."""
    index = spread(len(source), SCANNED_NUMBERS // source.spec.size)
    lows, highs = [], []
    for part in np.array_split(index, len(index) // SCANNED_ITEMS + 1):
        rows = source.rows(part)
        lows.append(np.fmin.reduce(rows, axes, keepdims=True)[0].astype(np.float64))
        highs.append(np.fmax.reduce(rows, axes, keepdims=True)[0].astype(np.float64))
    return np.fmin.reduce(lows), np.fmax.reduce(highs)


def _whitening(sample: np.ndarray) -> np.ndarray:
    flat = sample.reshape(len(sample), -1)
    if np.isnan(flat).any() or flat.shape[1] > 4096:
        raise DataError(
            "`data.scale` whiten must have no missing cells and at most 4,096 features. "
            f"Got {flat.shape[1]} features. Use 'moments'."
        )
    values, axes = np.linalg.eigh(np.cov(flat, rowvar=False).reshape(flat.shape[1], -1))
    floor = 1e-6 * values.max()
    return axes / np.sqrt(np.maximum(values, floor) if floor > 0 else 1.0)


def _scaler(
    kind: str,
    spec: Spec,
    shift: np.ndarray,
    spread: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    rotation: np.ndarray | None = None,
) -> Scaler:
    # A constant feature has no spread but that of rounding: leave it as it is rather than divide by nothing.
    factor = 1.0 / np.where(spread > 1e-12 * np.maximum(np.abs(low), np.abs(high)), spread, 1.0)
    constants = {"shift": shift, "factor": factor, "low": low, "high": high, "rotation": rotation}
    given = {name: value for name, value in constants.items() if value is not None}
    dtype = torch.float32 if fits_float32(np.dtype(spec.dtype)) else torch.float64
    return Scaler(kind, spec, **{name: torch.tensor(value, dtype=dtype) for name, value in given.items()})


def fits_float32(dtype: np.dtype) -> bool:
    """Whether float32 holds every number of a dtype as it is."""
    return np.can_cast(dtype, np.float32)


def in_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Floats as the nearest numbers of a dtype: whole ones within its limits for integers, above a half for bool."""
    if dtype.kind == "b":
        return values > 0.5
    return _round(values, dtype) if dtype.kind in "iu" else values.astype(dtype)


def _shared_axes(kind: str, spec: Spec) -> tuple[int, ...]:
    """Axes that share one constant: everything for an image, time for a series, nothing for a vector."""
    if spec.kind == "image" and kind != "whiten":
        return (0, 1, 2, 3)
    return (0, 1) if spec.kind == "series" and kind != "whiten" else (0,)


def _channel_axis(spec: Spec) -> int:
    return -1 if spec.kind == "vector" else 1


def _round(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """To the nearest whole number that the dtype has; the float nearest to its largest may lie beyond it."""
    limits, zero = np.iinfo(dtype), array.dtype.type(0)
    top = array.dtype.type(limits.max)
    top = top if int(top) <= limits.max else np.nextafter(top, zero)
    return np.rint(array).clip(array.dtype.type(limits.min), top).astype(dtype)


def _plain(rows: np.ndarray | Tensor) -> np.ndarray | Tensor:
    # torch has no arithmetic for the wider unsigned integers
    if isinstance(rows, np.ndarray) and rows.dtype in (np.uint16, np.uint32, np.uint64):
        return rows.astype(np.float32 if fits_float32(rows.dtype) else np.float64)
    return rows
