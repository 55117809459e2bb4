"""Draws items of one data set, every picture on the scale of the same real items."""

from dataclasses import dataclass

import numpy as np

from sparring.data.pictures import grid
from sparring.data.plots import fit_plane, lines, paths, scatter, value_limits
from sparring.data.source import Spec
from sparring.report.figures import Picture, image_picture, themed

LARGE_SIDE = 96


@dataclass(frozen=True)
class Layout:
    """How many items a picture shows.

    Attributes:
        columns: cells side by side.
        shown: items in a picture of samples.
        pairs: samples that are shown beside their nearest training items.
        walks: interpolations.
    """

    columns: int
    shown: int
    pairs: int
    walks: int


def layout_for(spec: Spec) -> Layout:
    """The layout that keeps cells legible: fewer large images and series, many points."""
    if spec.kind == "vector":
        return Layout(columns=1, shown=2000, pairs=40, walks=5)
    if spec.kind == "series" or max(spec.shape[:2]) > LARGE_SIDE:
        return Layout(columns=5, shown=25, pairs=5, walks=4)
    return Layout(columns=8, shown=64, pairs=8, walks=6)


class Artist:
    """Pictures of items.

    Args:
        spec: the form of an item.
        real: (n, *spec.shape), the items that fix range, scale or plane of every picture.
    """

    def __init__(self, spec: Spec, real: np.ndarray) -> None:
        self.spec = spec
        self.real = real
        self.layout = layout_for(spec)

    def items(self, rows: np.ndarray, alt: str, columns: int | None = None) -> Picture:
        """Items (n, *spec.shape) as a grid of images or lines; vectors as a scatter."""
        columns = columns or self.layout.columns
        if self.spec.kind == "image":
            return image_picture(grid(rows, self.spec, columns, self.real), alt)
        if self.spec.kind == "series":
            limits = value_limits(self.real)
            return themed(lambda ink: lines(rows, columns, limits, ink), alt)
        plane = fit_plane(self.real, self.spec)
        return themed(lambda ink: scatter(rows, plane, self.real, ink), alt)

    def tracks(self, rows: np.ndarray, alt: str) -> Picture:
        """Items that follow each other, (tracks, steps, *spec.shape): a line of cells each, or a path."""
        if self.spec.kind != "vector":
            return self.items(rows.reshape(-1, *self.spec.shape), alt, columns=rows.shape[1])
        plane = fit_plane(self.real, self.spec)
        return themed(lambda ink: paths(rows, plane, self.real, ink), alt)
