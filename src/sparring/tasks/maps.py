"""A map of the plane: t-SNE of items that the model makes, on which any other item finds its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sparring.model import Model

ANCHORS = 3000
NEIGHBOURS = 8
SEED = 0


@dataclass(frozen=True)
class Map:
    """Places of anchors.

    Attributes:
        anchors: their embeddings, (m, size), float32.
        places: where they are on the map, (m, 2), float32.
    """

    anchors: np.ndarray
    places: np.ndarray

    @property
    def rule(self) -> str:
        """How a place comes about, in a sentence."""
        return (
            f"a t-SNE map of {len(self.anchors):,} items that the generator made, by the encoder's embedding; "
            f"an item lies between its {NEIGHBOURS} nearest of these, nearer ones counting more"
        )

    def place(self, embedding: np.ndarray) -> np.ndarray:
        """Where items are, (n, 2), float32, by their embeddings (n, size)."""
        return np.concatenate([self._place(part) for part in np.array_split(embedding, len(embedding) // 1024 + 1)])

    def _place(self, embedding: np.ndarray) -> np.ndarray:
        points, anchors = embedding.astype(np.float64), self.anchors.astype(np.float64)
        squares = (points**2).sum(1)[:, None] + (anchors**2).sum(1) - 2 * np.einsum("ij,kj->ik", points, anchors)
        nearest = np.argsort(squares, axis=1, kind="stable")[:, :NEIGHBOURS]
        distances = np.take_along_axis(squares, nearest, 1).clip(0.0)
        weights = np.exp(-4.0 * distances / (distances[:, -1:] + 1e-12))
        weights /= weights.sum(1, keepdims=True)
        return np.einsum("ij,ijk->ik", weights, self.places[nearest].astype(np.float64)).astype(np.float32)


def fit_map(model: Model) -> Map:
    """Draw the map of a model; the same one every time on a machine."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    anchors = model.embed(model.sample(ANCHORS, seed=SEED), model.code_size)
    if not np.ptp(anchors, axis=0).any():
        return Map(anchors, np.zeros((len(anchors), 2), np.float32))
    with threadpool_limits(1):  # several threads add up in any order, which t-SNE makes much of
        places = TSNE(init="pca", random_state=SEED).fit_transform(anchors)
    return Map(anchors, places.astype(np.float32))
