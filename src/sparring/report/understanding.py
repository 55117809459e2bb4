"""What the encoder knows, in pictures: held-out items painted again, and the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from sparring.data.pictures import display_range, to_displayable
from sparring.data.plots import draw_map
from sparring.data.source import Source
from sparring.extractors.pca import PCA
from sparring.report.artist import Artist
from sparring.report.figures import Picture, themed
from sparring.report.gallery import Generative, Strip, real_items
from sparring.tasks.embed import MAP, Embedder
from sparring.tasks.reconstruct import STEPS

if TYPE_CHECKING:
    from sparring.model import Model

SHORT = 10
MEASURED = 512
MAPPED = 2000


@dataclass(frozen=True)
class Understanding:
    """Pictures and figures of an encoder.

    Attributes:
        strips: items that training did not see, and what is painted of them from many and from few numbers.
        law: how the map came about; empty where there is no map.
        map: where real items lie; None where the embedding has no more than two numbers.
    """

    strips: tuple[Strip, ...]
    law: str
    map: Picture | None


def look_inside(model: Generative, source: Source, seen: Source, unseen: Source) -> Understanding | None:
    """Pictures of what a model's encoder knows; None where it has none.

    Args:
        model: whose encoder it is.
        source: all real items, which fix the scale of the pictures.
        seen: those that the model was trained on; PCA is fitted to them.
        unseen: those that it was not; the pictures show these.
    """
    if getattr(model, "encoder", None) is None:
        return None
    known = cast("Model", model)
    artist = Artist(source.spec, real_items(source))
    held = unseen.rows(np.arange(min(MEASURED, len(unseen))))
    strips = _strips(known, artist, held, seen)
    rows = unseen.rows(np.arange(min(MAPPED, len(unseen))))
    embedder = Embedder(known, MAP) if known.coders()[0].size > MAP else None
    if embedder is None:
        return Understanding(strips, "", None)
    places = embedder(rows)
    is_image = source.spec.kind == "image"
    pictures = to_displayable(rows, source.spec, display_range(artist.real, source.spec)) if is_image else None
    drawn = themed(lambda ink: draw_map(places, pictures, ink), "map of real items")
    return Understanding(strips, embedder.law, drawn)


def _strips(model: Model, artist: Artist, held: np.ndarray, seen: Source) -> tuple[Strip, ...]:
    """Items and what is painted of them, each with its error as a share of their variance."""
    size = model.coders()[0].size
    painted = {f"Painted from all {size} numbers of its code": _painted(model, held, size)}
    if size > SHORT:
        pca = PCA(seen.rows(np.linspace(0, len(seen) - 1, min(len(seen), 10_000)).astype(int)), SHORT)
        painted[f"Painted from the first {SHORT} numbers"] = _painted(model, held, SHORT)
        painted[f"From {SHORT} principal components"] = pca.invert(pca(held)).reshape(held.shape)
    if artist.spec.kind == "vector":
        rows = np.stack([held, next(iter(painted.values()))], axis=1)[: artist.layout.pairs]
        label = f"Items (rings), each joined to what is painted of it from {size} numbers (dot)"
        return (Strip(f"{label}: {_left(held, rows=next(iter(painted.values())))}", artist.tracks(rows, label)),)
    count = artist.layout.pairs
    strips = [Strip("Items that training did not see", artist.items(held[:count], "real items", count))]
    for name, rows in painted.items():
        shown = np.clip(rows[:count], np.nanmin(artist.real), np.nanmax(artist.real)).astype(held.dtype)
        strips.append(Strip(f"{name}: {_left(held, rows)}", artist.items(shown, name, count)))
    return tuple(strips)


def _painted(model: Model, rows: np.ndarray, size: int) -> np.ndarray:
    return model.decode(model.refine(rows, model.encode(rows)[:, :size], STEPS))


def _left(held: np.ndarray, rows: np.ndarray) -> str:
    """The mean square error over the variance, in words."""
    values = held.astype(np.float64)
    deviations = values - np.nanmean(values, axis=0)
    share = np.nanmean((rows.astype(np.float64) - values) ** 2) / max(float(np.nanmean(deviations**2)), 1e-12)
    return f"{share:.1%} of the variance is lost"
