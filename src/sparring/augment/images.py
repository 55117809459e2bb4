"""Shifts, turns, cut-outs and colours for images (Zhao et al. 2020, arXiv 2006.10738, "DiffAugment")."""

import math
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor
from torch.nn import functional

from sparring.augment.base import Augment, View

GROUPS = 8  # of items that are shifted alike: a shift is a slice, which costs nothing, and not a gather
SHIFT = 1 / 8  # of a side, at most, each way
CUT = 1 / 2  # of a side
TURN, ZOOM, STRETCH = math.pi / 9, 0.3, 0.2  # at most, each way: radians, and powers of two
BRIGHTNESS, SATURATION, CONTRAST = 0.5, (0.0, 2.0), (0.5, 1.5)


@dataclass(frozen=True)
class ImageView(View):
    """One draw for a batch.

    Attributes:
        shifts: (down, right) of each item, in pixels; neighbours are mostly moved alike.
        kept: 0 where cut out, else 1, (batch, 1, height, width).
        turned: from places in the view to places in the item, (batch, 2, 3), in the coordinates of `affine_grid`; None
            where none is turned.
        lucky: which items are turned, (batch, 1, 1, 1); None likewise.
        brightness: added, (batch, 1, 1, 1); None for images without colours.
        saturation: factor on the differences between channels, likewise.
        contrast: factor on the differences from the item's mean, likewise.
    """

    shifts: tuple[tuple[int, int], ...]
    kept: Tensor
    turned: Tensor | None = None
    lucky: Tensor | None = None
    brightness: Tensor | None = None
    saturation: Tensor | None = None
    contrast: Tensor | None = None

    def __call__(self, items: Tensor) -> Tensor:
        return self._see(items if self.brightness is None else items + self.brightness)

    def linear(self, change: Tensor) -> Tensor:
        return self._see(change)

    def part(self, index: Tensor) -> "ImageView":
        shifts = tuple(self.shifts[i] for i in index.tolist())
        others = (self.turned, self.lucky, self.brightness, self.saturation, self.contrast)
        return ImageView(shifts, self.kept[index], *(None if x is None else x[index] for x in others))

    def _see(self, x: Tensor) -> Tensor:
        if self.saturation is not None and self.contrast is not None:
            x = torch.lerp(x.mean(1, keepdim=True), x, self.saturation)
            x = torch.lerp(x.mean((1, 2, 3), keepdim=True), x, self.contrast)
        return self._turn(self._shift(x)) * self.kept

    def _turn(self, x: Tensor) -> Tensor:
        if self.turned is None or self.lucky is None:
            return x
        with torch.autocast(x.device.type, enabled=False):  # in bfloat16 a place is a quarter of a pixel off
            places = functional.affine_grid(self.turned, list(x.shape), align_corners=False)
        seen = functional.grid_sample(x, places.to(x.dtype), padding_mode="border", align_corners=False)
        return torch.where(self.lucky, seen, x)

    def _shift(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        most = max(max(map(abs, shift)) for shift in self.shifts)
        if not most:
            return x
        runs = [(shift, len(list(same))) for shift, same in groupby(self.shifts)]
        padded = functional.pad(x, (most,) * 4, mode="replicate").split([length for _, length in runs])
        moved = [
            part[:, :, most - down : most - down + height, most - right : most - right + width]
            for part, ((down, right), _) in zip(padded, runs, strict=True)
        ]
        return torch.cat(moved)


class ImageAugment(Augment):
    """Each item, with the given probability: moved by up to an eighth of its sides, turned by up to 20 degrees, zoomed
    by up to a quarter, stretched by up to an eighth along one side, and a quarter of it cut out; three channels get
    another brightness, saturation and contrast too.
    """

    kind = "image"

    def draw(self, items: Tensor, probability: float, stream: torch.Generator, count: int | None = None) -> ImageView:
        batch, channels, height, width = count or len(items), *items.shape[1:]
        lucky = torch.rand(batch, generator=stream) < probability

        def between(low: float, high: float, plain: float) -> Tensor:
            drawn = low + (high - low) * torch.rand(batch, generator=stream)
            return torch.where(lucky, drawn, plain).view(-1, 1, 1, 1).to(items)

        shifts = self._shifts(batch, height, width, probability, stream)
        kept = self._kept(lucky, height, width, stream).to(items)
        turns = self._turned(batch, height, width, stream).to(items), lucky.view(-1, 1, 1, 1).to(items.device)
        if channels != 3:
            return ImageView(shifts, kept, *turns)
        return ImageView(
            shifts,
            kept,
            *turns,
            brightness=between(-BRIGHTNESS, BRIGHTNESS, 0.0),
            saturation=between(*SATURATION, 1.0),
            contrast=between(*CONTRAST, 1.0),
        )

    @staticmethod
    def _shifts(
        batch: int, height: int, width: int, probability: float, stream: torch.Generator
    ) -> tuple[tuple[int, int], ...]:
        sides, groups = torch.tensor([height, width]), min(GROUPS, batch)
        lucky = torch.rand(groups, 1, generator=stream) < probability
        drawn = (2 * torch.rand(groups, 2, generator=stream) - 1) * (sides * SHIFT + 0.5)
        each = [(down, right) for down, right in (drawn * lucky).trunc().int().tolist()]
        return tuple(each[item * groups // batch] for item in range(batch))

    @staticmethod
    def _turned(batch: int, height: int, width: int, stream: torch.Generator) -> Tensor:
        """Turned, zoomed and stretched about the middle, in pixels alike along both sides."""
        most = torch.tensor([[TURN], [ZOOM], [STRETCH]])
        angle, zoom, stretch = (2 * torch.rand(3, batch, generator=stream) - 1) * most
        across, down = torch.exp2(zoom + stretch), torch.exp2(zoom - stretch)
        rows = [across * angle.cos(), -down * angle.sin() * height / width]
        columns = [across * angle.sin() * width / height, down * angle.cos()]
        linear = torch.stack([torch.stack(rows, 1), torch.stack(columns, 1)], 1)
        return functional.pad(linear, (0, 1))

    @staticmethod
    def _kept(lucky: Tensor, height: int, width: int, stream: torch.Generator) -> Tensor:
        centres = torch.rand(len(lucky), 2, generator=stream) * torch.tensor([height, width])
        rows = (torch.arange(height) + 0.5 - centres[:, :1]).abs() <= height * CUT / 2
        columns = (torch.arange(width) + 0.5 - centres[:, 1:]).abs() <= width * CUT / 2
        cut = rows[:, :, None] & columns[:, None, :] & lucky[:, None, None]
        return (~cut).float()[:, None]
