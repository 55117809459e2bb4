"""What the encoder knows, in pictures: held-out items painted again, and the map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

from sparring.assembly import Split
from sparring.data.folders import Folders
from sparring.data.pictures import display_range, to_displayable
from sparring.data.plots import draw_groups, draw_map
from sparring.data.scale import in_dtype
from sparring.data.source import Source, SubsetSource, spread, spread_rows
from sparring.extractors.pca import PCA
from sparring.hooks.keep import unexplained
from sparring.metrics.distances import nearest
from sparring.metrics.estimate import Estimate, jackknife, proportion
from sparring.model import BATCH
from sparring.report.artist import Artist
from sparring.report.figures import Picture, themed
from sparring.report.gallery import Generative, Strip, real_items
from sparring.report.nearest import own_values
from sparring.tasks.embed import MAP, Embedder
from sparring.tasks.groups import NEIGHBOURS, find_groups
from sparring.tasks.reconstruct import STEPS

if TYPE_CHECKING:
    from sparring.model import Model

SHORT = 10
MOST_NUMBERS = 2**25  # of the items that neighbours are looked for among
MEASURED, MAPPED, FITTED = 128, 2000, 10_000  # items that are painted, that are on the map, that PCA is fitted to


@dataclass(frozen=True)
class Understanding:
    """Pictures and figures of an encoder.

    Attributes:
        strips: items, and what is painted of them from many and from few numbers.
        are_apart: whether training did not see these items.
        rule: how the map came about; empty where there is no map.
        map: where real items lie; None where the embedding has no more than two numbers.
        coloured: the same by cluster, and where there is more than one folder, by the folder that items came from.
    """

    strips: tuple[Strip, ...]
    are_apart: bool
    rule: str
    map: Picture | None
    coloured: tuple[Strip, ...] = ()


def look_inside(
    model: Generative, source: Source, parts: Split, folders: Folders | None = None
) -> Understanding | None:
    """Pictures of what a model's encoder knows; None where it has none.

    Args:
        model: whose encoder it is.
        source: all real items, which fix the scale of the pictures.
        parts: those that the model was trained on, which PCA is fitted to, and those that the pictures show.
        folders: where all real items came from.
    """
    if getattr(model, "encoder", None) is None:
        return None
    known = cast("Model", model)
    artist = Artist(source.spec, real_items(source))
    strips = _strips(known, artist, parts)
    if known.code_size <= MAP:
        return Understanding(strips, parts.is_apart, "", None)
    shown = spread(len(parts.held_out), min(MAPPED, MOST_NUMBERS // source.spec.size))
    embedder, rows = Embedder(known, MAP), parts.held_out.rows(shown)
    places, is_image = embedder(rows), source.spec.kind == "image"
    pictures = to_displayable(rows, source.spec, display_range(artist.real, source.spec)) if is_image else None
    drawn = themed(lambda ink: draw_map(places, pictures, ink), "map of real items")
    coloured = [_by_cluster(known, parts, folders, shown, places)]
    if folders is not None:
        coloured.append(_by_folder(known, parts, folders, shown, places))
    return Understanding(strips, parts.is_apart, embedder.rule, drawn, tuple(coloured))


def _by_cluster(model: Model, parts: Split, folders: Folders | None, shown: np.ndarray, places: np.ndarray) -> Strip:
    """The map in the colours of clusters, and how much these have in common with the folders."""
    groups = find_groups(model.embed(parts.held_out.rows(shown), model.code_size))
    sizes = np.bincount(groups)
    label = (
        f"Coloured by cluster, of which {len(sizes)} were found: communities of the graph that joins each item to its "
        f"{NEIGHBOURS} nearest by the embedding. Neither their number nor any label was given."
    )
    if folders is not None:
        both = np.stack([folders.of[_origin(parts.held_out)[shown]], groups], axis=1)
        shared = jackknife(lambda rows: adjusted_mutual_info_score(rows[:, 0], rows[:, 1]), both)
        label += (
            f" Clusters and folders share {shared.value:.2f} of their information ({shared.low:.2f} to "
            f"{shared.high:.2f} by these {len(both):,} items; 0 by chance, 1 where they are the same)."
        )
    names = [f"{number + 1} ({size:,})" for number, size in enumerate(sizes)]
    return Strip(label, themed(lambda ink: draw_groups(places, groups, names, ink), "map in clusters' colours"))


def _by_folder(model: Model, parts: Split, folders: Folders, shown: np.ndarray, places: np.ndarray) -> Strip:
    """The map in the folders' colours, and how often an item and its nearest training item are of one folder."""
    searched = spread(len(parts.train), min(FITTED, MOST_NUMBERS // model.spec.size))
    mine, theirs = _origin(parts.held_out)[shown], _origin(parts.train)[searched]
    rows, others = parts.held_out.rows(shown), parts.train.rows(searched)

    def agree(vectors: Callable[[np.ndarray], np.ndarray]) -> str:
        found = theirs[nearest(vectors(rows), vectors(others), k=2).indices]
        other = np.where(found[:, 0] == mine, found[:, 1], found[:, 0])  # an item is no neighbour of its own
        same = folders.of[other] == folders.of[mine]
        return _percent(proportion(int(same.sum()), len(same)))

    of_some = "" if len(searched) == len(parts.train) else f" of {len(searched):,} searched"
    largest = np.bincount(folders.of).max() / len(folders.of)
    by_embedding, by_values = agree(lambda part: model.embed(part, model.code_size)), agree(own_values(parts.train))
    label = (
        "Coloured by the folder that an item came from, which training never saw. The nearest training item"
        f"{of_some} is of the same folder for {by_embedding} of these {len(rows):,} items by the embedding, and for "
        f"{by_values} by the values themselves; {largest:.1%} of all are of the largest folder."
    )
    groups = folders.of[mine]
    return Strip(label, themed(lambda ink: draw_groups(places, groups, folders.names, ink), "map in folders' colours"))


def _origin(part: Source) -> np.ndarray:
    """The places of a part's items among all real items."""
    return part.keep if isinstance(part, SubsetSource) else np.arange(len(part))


def _strips(model: Model, artist: Artist, parts: Split) -> tuple[Strip, ...]:
    """Items and what is painted of them, each with its error as a share of their variance."""
    held, size = spread_rows(parts.held_out, MEASURED), model.code_size
    some = spread(len(held), artist.layout.pairs)
    count = len(some)

    def painted(numbers: int) -> np.ndarray:
        return model.decode(model.refine(held, model.encode(held)[:, :numbers], STEPS))

    def principal(numbers: int) -> np.ndarray:
        pca = PCA(spread_rows(parts.train, FITTED), numbers)
        plain = pca.invert(pca(held)).reshape(held.shape).clip(np.nanmin(artist.real), np.nanmax(artist.real))
        return in_dtype(plain, held.dtype)

    whole = painted(size)
    if artist.spec.kind == "vector":
        label = f"Items (rings), each joined to what is painted of it from {size} refined numbers (dot)"
        pairs = np.stack([held, whole], axis=1)[some]
        beside = f"from as many principal components, {_left(held, principal(size))}"
        return (Strip(f"{label}: {_left(held, whole)}; {beside}", artist.tracks(pairs, label)),)
    rows = {f"Painted from all {size} numbers of its code, refined": whole}
    if size > SHORT:
        rows[f"Painted from the first {SHORT} numbers, refined"] = painted(SHORT)
        rows[f"From {SHORT} principal components"] = principal(SHORT)
    whose = "that training did not see" if parts.is_apart else "of the training part"
    strips = [Strip(f"Items {whose}", artist.items(held[some], "real items", count))]
    for name, found in rows.items():
        strips.append(Strip(f"{name}: {_left(held, found)}", artist.items(found[some], name, count)))
    return tuple(strips)


def _left(held: np.ndarray, rows: np.ndarray) -> str:
    """The mean square error over the variance, in words."""

    def lost(pairs: np.ndarray) -> float:
        at = iter(np.split(pairs[:, 1], range(BATCH, len(pairs), BATCH)))
        return unexplained(pairs[:, 0], lambda part: next(at))

    found = jackknife(lost, np.stack([held, rows], axis=1))
    return f"{_percent(found)} of the variance of {len(held)} items is lost"


def _percent(found: Estimate) -> str:
    return f"{found.value:.1%} ({max(found.low, 0.0):.1%} to {found.high:.1%})"
