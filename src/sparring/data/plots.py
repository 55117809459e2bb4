"""Vectors and series as figures: a scatter in the plane of the real items, or a line a series.

Figures are made directly, never through pyplot, so nothing here touches its global state.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from sparring.data.source import Spec

MAX_POINTS = 4000
SHAPES = "o^s"  # of the points of groups, once the colours are used up
PINNED_A_SIDE, PINNED_PIXELS = 26, 18  # pictures along the longer side of a map, and the points that one is wide


@dataclass(frozen=True)
class Ink:
    """Colours of a figure: text and axes, the faint backdrop, and what is drawn, in order."""

    text: str
    faint: str
    marks: tuple[str, ...]


LIGHT = Ink("#565d69", "#cfd4dc", ("#4353d6", "#d9702b", "#168a78", "#b8398a", "#8a6d10"))
DARK = Ink("#a3abb8", "#414855", ("#8e9bff", "#f2a065", "#4fc3ae", "#e58cc4", "#d8bc5c"))


@dataclass(frozen=True)
class Plane:
    """The plane in which vectors are drawn: two of their own columns, or their first principal components.

    Attributes:
        centre: (features,), the origin; zero where the axes are columns.
        fill: (features,), stands in for missing cells.
        basis: (features, 1 or 2), unit columns.
        labels: a name for each axis.
        low: (1 or 2,), smallest coordinate of the items that the plane was fitted to.
        high: (1 or 2,), largest coordinate of them.
    """

    centre: np.ndarray
    fill: np.ndarray
    basis: np.ndarray
    labels: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray

    def project(self, rows: np.ndarray) -> np.ndarray:
        """Coordinates of `rows` (n, features) in the plane: (n, 1 or 2), in the data's units."""
        return (_filled(rows, self.fill) - self.centre) @ self.basis


def fit_plane(rows: np.ndarray, spec: Spec) -> Plane:
    """The plane of `rows` (n, features): their columns where there are one or two, else principal ones."""
    fill = _means(rows)
    values = _filled(rows, fill)
    if spec.size <= 2:
        centre, basis = np.zeros(spec.size), np.eye(spec.size)
        labels = spec.names or tuple(f"f{index}" for index in range(spec.size))
    else:
        centre, basis = fill, _principal(values - fill)
        labels = ("first component", "second component")
    points = (values - centre) @ basis
    return Plane(centre, fill, basis, labels, points.min(axis=0), points.max(axis=0))


def scatter(rows: np.ndarray, plane: Plane, backdrop: np.ndarray | None = None, ink: Ink = LIGHT) -> Figure:
    """Vectors as points in `plane`, the first 4,000 of them, over those of `backdrop` in a faint colour."""
    figure = Figure(figsize=(4.4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    if plane.basis.shape[1] == 1:
        _histogram(axes, rows, plane, backdrop, ink)
    else:
        if backdrop is not None:
            _points(axes, plane.project(backdrop[:MAX_POINTS]), ink.faint)
        _points(axes, plane.project(rows[:MAX_POINTS]), ink.marks[0])
        frame_plane(axes, plane)
    dress(axes, ink)
    return figure


def paths(tracks: np.ndarray, plane: Plane, backdrop: np.ndarray, ink: Ink = LIGHT) -> Figure:
    """Vectors joined by lines: (tracks, steps, features), a ring at each start and a dot at each end."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    points = [_raised(plane.project(track)) for track in tracks]
    behind = plane.project(backdrop[:MAX_POINTS])
    _points(axes, behind if behind.shape[1] == 2 else np.column_stack([behind, 0 * behind]), ink.faint)
    for index, track in enumerate(points):
        colour = ink.marks[index % len(ink.marks)]
        axes.plot(track[:, 0], track[:, 1], color=colour, lw=1.3)
        axes.plot(*track[0], marker="o", ms=5, mfc="none", color=colour)
        axes.plot(*track[-1], marker="o", ms=4, color=colour)
    frame_plane(axes, plane)
    dress(axes, ink)
    return figure


def lines(rows: np.ndarray, columns: int, limits: tuple[float, float] | None = None, ink: Ink = LIGHT) -> Figure:
    """Series as small line plots in `columns` columns, every cell on the same scale.

    Args:
        rows: (n, steps, channels), or (n, features) drawn as one line over the features.
        columns: cells side by side.
        limits: values at the foot and the head of every cell; the extremes of `rows` where None.
        ink: colours; a channel takes one of `ink.marks`.

    Returns:
        A figure without axes, a line of cells for every `columns` series.
    """
    series = np.asarray(rows, np.float64)
    series = series[..., None] if series.ndim == 2 else series
    down = -(-len(series) // columns)
    figure = Figure(figsize=(1.1 * columns, 0.85 * down))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, columns)
    axes.set_ylim(-down, 0)
    for channel in range(series.shape[2]):
        segments = _cells(series[:, :, channel], columns, limits or value_limits(series))
        colour = ink.marks[channel % len(ink.marks)]
        axes.add_collection(LineCollection(segments, colors=colour, linewidths=1.1))
    return figure


def value_limits(rows: np.ndarray) -> tuple[float, float]:
    """Smallest and largest finite value, a unit apart where they are the same; (0, 1) where there is none."""
    values = np.asarray(rows)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    return low, high if high > low else low + 1.0


def frame_plane(axes: Axes, plane: Plane) -> None:
    """Give `axes` the labels of `plane`, and its range with a margin of 8 %, the same for every picture."""
    margin = 0.08 * np.where(plane.high > plane.low, plane.high - plane.low, 1.0)
    axes.set_xlim(plane.low[0] - margin[0], plane.high[0] + margin[0])
    axes.set_xlabel(as_is(plane.labels[0]))
    if len(plane.labels) == 2:
        axes.set_ylim(plane.low[1] - margin[1], plane.high[1] + margin[1])
        axes.set_ylabel(as_is(plane.labels[1]))


@contextmanager
def quiet_glyphs() -> Iterator[None]:
    """While entered, letters that matplotlib's font lacks become boxes without a warning for each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from")
        yield


def as_is(name: str) -> str:
    """A name as matplotlib is to write it: not as a formula, and in legends also where it begins with a line."""
    return ("\u200b" if name.startswith("_") else "") + name.replace("$", r"\$")


def dress(axes: Axes, ink: Ink) -> None:
    """Take away the frame's upper and right side and draw what is left in the colours of `ink`."""
    axes.set_facecolor("none")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(ink.faint)
    axes.tick_params(colors=ink.text, labelsize=9, length=3)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(ink.text)
        label.set_fontsize(9)


def rasterise(figure: Figure, dpi: int = 110) -> np.ndarray:
    """The pixels of `figure`: uint8 (height, width, 4)."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    with quiet_glyphs():
        canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


def _means(rows: np.ndarray) -> np.ndarray:
    """Mean of the known cells of each column; 0 where none is known."""
    values, known = np.asarray(rows, np.float64), np.isfinite(rows)
    return np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)


def _filled(rows: np.ndarray, fill: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(rows), np.asarray(rows, np.float64), fill)


def _principal(centred: np.ndarray) -> np.ndarray:
    """The two leading principal axes as unit columns, each with its largest entry positive."""
    if centred.shape[1] > len(centred):  # the same axes from the smaller of both matrices of products
        values, vectors = np.linalg.eigh(centred @ centred.T)
        basis = centred.T @ (vectors[:, :-3:-1] / np.sqrt(np.maximum(values[:-3:-1], np.finfo(float).tiny)))
        basis /= np.maximum(np.linalg.norm(basis, axis=0), np.finfo(float).tiny)
    else:
        _, vectors = np.linalg.eigh(centred.T @ centred)
        basis = vectors[:, :-3:-1]
    return basis * np.sign(basis[np.abs(basis).argmax(axis=0), [0, 1]])


def _raised(track: np.ndarray) -> np.ndarray:
    """Points of a plane as they are; those of a line lifted step by step, so that they can be told apart."""
    return track if track.shape[1] == 2 else np.column_stack([track, np.linspace(0, 1, len(track))])


def _points(axes: Axes, points: np.ndarray, colour: str) -> None:
    size = float(np.clip(9000 / max(len(points), 1), 2.5, 22))
    axes.scatter(points[:, 0], points[:, 1], s=size, c=colour, alpha=0.65, linewidths=0, rasterized=True)


def _histogram(axes: Axes, rows: np.ndarray, plane: Plane, backdrop: np.ndarray | None, ink: Ink) -> None:
    bins = np.linspace(plane.low[0], max(plane.high[0], plane.low[0] + 1e-12), 41)
    drawn: Sequence[tuple[np.ndarray | None, str]] = ((backdrop, ink.faint), (rows, ink.marks[0]))
    for values, colour in drawn:
        if values is not None:
            axes.hist(plane.project(values)[:, 0], bins=bins, density=True, color=colour, alpha=0.65)
    axes.set_xlabel(as_is(plane.labels[0]))
    axes.set_ylabel("density")


def _cells(series: np.ndarray, columns: int, limits: tuple[float, float]) -> list[np.ndarray]:
    """Each series (steps,) moved into its cell of the unit grid, as (steps, 2) points."""
    low, high = limits
    across = np.linspace(0.06, 0.94, series.shape[1])
    height = 0.08 + 0.84 * np.clip((series - low) / (high - low), -0.05, 1.05)
    return [
        np.column_stack([across + index % columns, height[index] - index // columns - 1])
        for index in range(len(series))
    ]


def draw_map(places: np.ndarray, pictures: np.ndarray | None, ink: Ink = LIGHT) -> Figure:
    """Items on a map as points, and where they are images as small pictures where there is room for one.

    Args:
        places: (n, 2).
        pictures: uint8, (n, height, width[, channels]), or None.
        ink: colours.
    """
    figure, axes = _blank_map()
    _points(axes, places[:MAX_POINTS], ink.marks[0] if pictures is None else ink.faint)
    if pictures is not None:
        _pin(axes, places, pictures)
    dress(axes, ink)
    return figure


def draw_groups(places: np.ndarray, groups: np.ndarray, names: Sequence[str], ink: Ink = LIGHT) -> Figure:
    """Items on a map as points in the colour and form of their group.

    Args:
        places: (n, 2).
        groups: (n,), the place of each item's group in `names`.
        names: of the groups; beyond as many as there are colours times forms, they come again.
        ink: colours.
    """
    figure, axes = _blank_map()
    size = float(np.clip(9000 / max(len(places), 1), 10, 50))
    for group, name in enumerate(map(as_is, names)):
        form, colour = SHAPES[group // len(ink.marks) % len(SHAPES)], ink.marks[group % len(ink.marks)]
        own = places[groups == group]
        axes.scatter(own[:, 0], own[:, 1], s=size, c=colour, marker=form, alpha=0.75, linewidths=0, label=name)
    dress(axes, ink)
    figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize=9, labelcolor=ink.text)
    return figure


def _blank_map() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.2, 7.2), layout="constrained")
    axes = figure.add_subplot(aspect="equal", xticks=[], yticks=[])
    axes.set_adjustable("datalim")
    return figure, axes


def _pin(axes: Axes, places: np.ndarray, pictures: np.ndarray) -> None:
    """Small pictures of items at their places, in order, where no other one is in the way."""
    side = max(float(np.ptp(places, axis=0).max()), 1e-6) / PINNED_A_SIDE
    taken: set[tuple[int, int]] = set()
    for place, picture in zip(places, pictures, strict=True):
        cell = (int(np.floor(place[0] / side)), int(np.floor(place[1] / side)))
        if cell in taken:
            continue
        taken.add(cell)
        image = picture[..., 0] if picture.ndim == 3 and picture.shape[-1] == 1 else picture
        box = OffsetImage(image, zoom=PINNED_PIXELS / max(image.shape[:2]), cmap="gray", norm=Normalize(0, 255))
        centre = ((cell[0] + 0.5) * side, (cell[1] + 0.5) * side)
        axes.add_artist(AnnotationBbox(box, centre, frameon=False, pad=0))
