"""What the model makes, in pictures: samples beside real and nearest items, and interpolations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sparring.data.source import Source, Spec
from sparring.report.artist import Artist, layout_for
from sparring.report.figures import Picture
from sparring.report.nearest import nearest, own_values, searched
from sparring.rng import numpy_stream

if TYPE_CHECKING:
    import torch

WALK_STEPS = 9


class Generative(Protocol):
    """What a report needs of a Model."""

    facts: dict[str, Any]

    @property
    def spec(self) -> Spec: ...

    def sample(self, count: int, seed: int = 0) -> np.ndarray: ...

    def latents(self, count: int, seed: int = 0) -> torch.Tensor: ...

    def generate(self, z: torch.Tensor) -> np.ndarray: ...

    def features(self, rows: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Strip:
    """A labelled picture."""

    label: str
    picture: Picture


@dataclass(frozen=True)
class Gallery:
    """Pictures of one model.

    Attributes:
        samples: what it makes, not selected.
        real: as many real items, drawn at random, on the same scale.
        nearest: samples and, beneath them, the training items nearest to them.
        searched: number of training items that were searched for these.
        known: number of all training items.
        walk: interpolations between latents, one a line.
    """

    samples: Picture
    real: Picture
    nearest: tuple[Strip, ...]
    searched: int
    known: int
    walk: Picture


def make_gallery(model: Generative, source: Source, seen: Source) -> Gallery:
    """Every picture of a model.

    Args:
        model: what makes the samples.
        source: all real items; those that are shown come from here.
        seen: those that the model was trained on; nearest ones come from here.
    """
    artist = Artist(source.spec, real_items(source))
    samples = model.sample(len(artist.real))
    space = searched(seen)
    return Gallery(
        samples=artist.items(samples, "samples of the model, not selected"),
        real=artist.items(artist.real, "real items, drawn at random"),
        nearest=_nearest(model, artist, samples[: artist.layout.pairs], space),
        searched=len(space),
        known=len(seen),
        walk=artist.tracks(walk(model, artist.layout.walks), "interpolations between latents, one a line"),
    )


def samples_picture(model: Generative, source: Source) -> Picture:
    """The samples alone, on the scale of the items of `source`."""
    artist = Artist(source.spec, real_items(source))
    return artist.items(model.sample(len(artist.real)), "samples of the model, not selected")


def real_items(source: Source) -> np.ndarray:
    """As many items as a picture shows, drawn at random, the same ones every time."""
    count = min(layout_for(source.spec).shown, len(source))
    return source.rows(numpy_stream(0, "report/real").choice(len(source), count, replace=False))


def walk(model: Generative, count: int) -> np.ndarray:
    """`count` interpolations between random latents: rows (count, 9, *shape)."""
    import torch

    ends = model.latents(2 * count)
    shares = torch.linspace(0, 1, WALK_STEPS, dtype=ends.dtype, device=ends.device)
    tracks = torch.stack([slerp(ends[:count], ends[count:], share) for share in shares], dim=1)
    return model.generate(tracks.flatten(0, 1)).reshape(count, WALK_STEPS, *model.spec.shape)


def slerp(start: torch.Tensor, end: torch.Tensor, share: torch.Tensor | float) -> torch.Tensor:
    """Spherical interpolation (Shoemake 1985, eq. 3; for latents: White 2016, arXiv 1609.04468).

    Args:
        start: (n, latent), where `share` is 0.
        end: (n, latent), where `share` is 1.
        share: in [0, 1], the part of the way.

    Returns:
        (n, latent).
    """
    import torch

    cosine = torch.nn.functional.cosine_similarity(start, end, dim=1).clamp(-1 + 1e-6, 1 - 1e-6)
    angle = torch.arccos(cosine)[:, None]
    return (torch.sin((1 - share) * angle) * start + torch.sin(share * angle) * end) / torch.sin(angle)


def _nearest(model: Generative, artist: Artist, samples: np.ndarray, source: Source) -> tuple[Strip, ...]:
    plain = "pixels" if source.spec.kind == "image" else "its own values"
    found = nearest(samples, source, {"the discriminator's features": model.features, plain: own_values(source)})
    if source.spec.kind == "vector":
        joined = np.stack([samples, found[plain]], axis=1)
        label = "Samples (rings), each joined to the training item (dot) nearest in its own values"
        return (Strip(label, artist.tracks(joined, label)),)
    columns = len(samples)
    strips = [Strip("Samples", artist.items(samples, "samples", columns))]
    for name, rows in found.items():
        label = f"Nearest in {name}"
        strips.append(Strip(label, artist.items(rows, f"training items nearest in {name}", columns)))
    return tuple(strips)
