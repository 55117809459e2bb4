"""Data that comes with Sparring or its dependencies, by name: no network, the same on every machine."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from sparring.data import toys

PATCH_SIZE = 32
PATCH_STRIDE = 10
_DIGITS_WHITE = 16


def digits() -> np.ndarray:
    """scikit-learn's handwritten digits: shape (1797, 8, 8), uint8, its 17 levels spread over 0..255."""
    from sklearn.datasets import load_digits

    levels, _ = load_digits(return_X_y=True)
    return np.round(levels.reshape(-1, 8, 8) * (255 / _DIGITS_WHITE)).astype(np.uint8)


def patches() -> np.ndarray:
    """Colour patches of scikit-learn's two photographs: shape (4880, 32, 32, 3), uint8."""
    from sklearn.datasets import load_sample_image

    return np.concatenate([_cut(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")])


def ring() -> np.ndarray:
    """100,000 points of `toys.ring`: shape (100000, 2), float32."""
    return toys.ring().points()


def grid() -> np.ndarray:
    """100,000 points of `toys.grid`: shape (100000, 2), float32."""
    return toys.grid().points()


BUNDLED: Mapping[str, Callable[[], np.ndarray]] = MappingProxyType(
    {"digits": digits, "patches": patches, "ring": ring, "grid": grid}
)


def _cut(photograph: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(photograph, (PATCH_SIZE, PATCH_SIZE), axis=(0, 1))
    chosen = windows[::PATCH_STRIDE, ::PATCH_STRIDE].transpose(0, 1, 3, 4, 2)
    return np.ascontiguousarray(chosen).reshape(-1, PATCH_SIZE, PATCH_SIZE, 3)
