"""Items as pictures: displayable pixels, a grid of items in one picture, and its atomic PNG.

Images need Pillow alone; matplotlib is imported only where vectors or series are drawn.
"""

import math
from pathlib import Path

import numpy as np
from PIL import Image

from sparring.atomic import replacing
from sparring.data.source import Spec

MIN_CELL = 56
GAP = 2


def display_range(rows: np.ndarray, spec: Spec) -> tuple[float, float]:
    """The values that are shown as black and as white.

    That of the dtype for bool and uint8, (0, 1) for floats that lie in it, else the extremes of `rows`.

    Args:
        rows: (n, height, width, channels), in the data's own units.
        spec: the form of an item; its dtype decides.

    Returns:
        (black, white), white larger than black.
    """
    dtype = np.dtype(spec.dtype)
    if dtype == np.bool_:
        return 0.0, 1.0
    if dtype == np.uint8:
        return 0.0, 255.0
    finite = rows[np.isfinite(rows)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if dtype.kind == "f" and low >= 0 and high <= 1:
        return 0.0, 1.0
    return low, high if high > low else low + 1.0


def to_displayable(rows: np.ndarray, spec: Spec, limits: tuple[float, float] | None = None) -> np.ndarray:
    """Images as a screen can show them.

    Args:
        rows: (n, height, width, channels), in the data's own dtype and units.
        spec: the form of an item.
        limits: values shown as black and white; `display_range(rows, spec)` where None.

    Returns:
        uint8 (n, height, width, 1 or 3): grey and colour as they are, two channels as red and green, four as
        colour with transparency over white, of more than four the first three. NaN is black.
    """
    pixels = rows if rows.dtype == np.uint8 else _to_bytes(rows, limits or display_range(rows, spec))
    channels = pixels.shape[-1]
    if channels in (1, 3):
        return pixels
    if channels == 2:
        return np.concatenate([pixels, np.zeros_like(pixels[..., :1])], axis=-1)
    if channels == 4:
        alpha = pixels[..., 3:] / 255.0
        return np.rint(pixels[..., :3] * alpha + 255.0 * (1 - alpha)).astype(np.uint8)
    return pixels[..., :3]


def grid(rows: np.ndarray, spec: Spec, columns: int | None = None, reference: np.ndarray | None = None) -> Image.Image:
    """Items in one picture.

    Args:
        rows: (n, *spec.shape), in the data's own units; n at least 1.
        spec: the form of an item.
        columns: cells side by side; about as many as there are lines where None.
        reference: real items, (m, *spec.shape): they fix range, scale or plane, so that pictures made with
            the same reference can be compared. `rows` themselves where None.

    Returns:
        Images: a grid with transparent gaps, tiny ones enlarged by whole factors until a cell's longer side
        is 56 pixels or more. Series: a line plot a cell. Vectors: a scatter, the reference faint behind.
    """
    across = min(columns or math.ceil(math.sqrt(len(rows))), len(rows))
    if spec.kind != "image":
        return _drawn(rows, spec, across, reference)
    cells = to_displayable(rows, spec, display_range(rows if reference is None else reference, spec))
    scale = max(1, math.ceil(MIN_CELL / max(cells.shape[1:3])))
    return _as_image(_tiled(cells.repeat(scale, axis=1).repeat(scale, axis=2), across))


def save_grid(
    rows: np.ndarray,
    spec: Spec,
    path: Path,
    columns: int | None = None,
    reference: np.ndarray | None = None,
) -> None:
    """Write `grid(rows, spec, columns, reference)` to `path` as PNG: complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        grid(rows, spec, columns, reference).save(partial, format="PNG")


def _to_bytes(rows: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    low, high = limits
    share = (np.asarray(rows, np.float64) - low) / (high - low)
    return np.rint(255 * np.clip(np.nan_to_num(share), 0, 1)).astype(np.uint8)


def _tiled(cells: np.ndarray, columns: int) -> np.ndarray:
    """Cells (n, h, w, c) line by line on a transparent ground: (height, width, c + 1), alpha last."""
    count, height, width, channels = cells.shape
    lines = -(-count // columns)
    canvas = np.zeros((lines * columns, height + GAP, width + GAP, channels + 1), np.uint8)
    canvas[:count, :height, :width, :channels] = cells
    canvas[:count, :height, :width, channels] = 255
    canvas = canvas.reshape(lines, columns, height + GAP, width + GAP, channels + 1).swapaxes(1, 2)
    return canvas.reshape(lines * (height + GAP), columns * (width + GAP), channels + 1)[:-GAP, :-GAP]


def _as_image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels), "LA" if pixels.shape[-1] == 2 else "RGBA")


def _drawn(rows: np.ndarray, spec: Spec, columns: int, reference: np.ndarray | None) -> Image.Image:
    from sparring.data.plots import fit_plane, lines, rasterise, scatter, value_limits

    known = rows if reference is None else reference
    if spec.kind == "series":
        figure = lines(rows, columns, value_limits(known))
    else:
        figure = scatter(rows, fit_plane(known, spec), reference)
    return Image.fromarray(rasterise(figure))
