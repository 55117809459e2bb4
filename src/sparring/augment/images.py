"""Shifts, cut-outs and colours for images (Zhao et al. 2020, arXiv 2006.10738, "DiffAugment")."""

from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor
from torch.nn import functional

from sparring.augment.base import Augment, View

GROUPS = 8  # of items that are shifted alike: a shift is a slice, which costs nothing, and not a gather
SHIFT = 1 / 8  # of a side, at most, each way
CUT = 1 / 2  # of a side
BRIGHTNESS, SATURATION, CONTRAST = 0.5, (0.0, 2.0), (0.5, 1.5)


@dataclass(frozen=True)
class ImageView(View):
    """One draw for a batch.

    Attributes:
        shifts: (down, right) of each item, in pixels; neighbours are mostly moved alike.
        kept: 0 where cut out, else 1, (batch, 1, height, width).
        brightness: added, (batch, 1, 1, 1); None for images without colours.
        saturation: factor on the differences between channels, likewise.
        contrast: factor on the differences from the item's mean, likewise.
    """

    shifts: tuple[tuple[int, int], ...]
    kept: Tensor
    brightness: Tensor | None = None
    saturation: Tensor | None = None
    contrast: Tensor | None = None

    def __call__(self, items: Tensor) -> Tensor:
        return self._turn(items if self.brightness is None else items + self.brightness)

    def linear(self, change: Tensor) -> Tensor:
        return self._turn(change)

    def part(self, index: Tensor) -> "ImageView":
        colours = (None if x is None else x[index] for x in (self.brightness, self.saturation, self.contrast))
        return ImageView(tuple(self.shifts[i] for i in index.tolist()), self.kept[index], *colours)

    def _turn(self, x: Tensor) -> Tensor:
        if self.saturation is not None and self.contrast is not None:
            x = torch.lerp(x.mean(1, keepdim=True), x, self.saturation)
            x = torch.lerp(x.mean((1, 2, 3), keepdim=True), x, self.contrast)
        return self._shift(x) * self.kept

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
    """Each item, with the given probability: moved by up to an eighth of its sides and a quarter of it cut out; three
    channels also get another brightness, saturation and contrast.
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
        if channels != 3:
            return ImageView(shifts, kept)
        return ImageView(
            shifts,
            kept,
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
    def _kept(lucky: Tensor, height: int, width: int, stream: torch.Generator) -> Tensor:
        centres = torch.rand(len(lucky), 2, generator=stream) * torch.tensor([height, width])
        rows = (torch.arange(height) + 0.5 - centres[:, :1]).abs() <= height * CUT / 2
        columns = (torch.arange(width) + 0.5 - centres[:, 1:]).abs() <= width * CUT / 2
        cut = rows[:, :, None] & columns[:, None, :] & lucky[:, None, None]
        return (~cut).float()[:, None]
