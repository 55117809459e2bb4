"""A vector for every item, of any length; of length 2 a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sparring.data.source import Source, iterate
from sparring.errors import UsageError, rule
from sparring.tasks.maps import Map, fit_map

if TYPE_CHECKING:
    from sparring.model import Model

MAP = 2


@dataclass(frozen=True)
class EmbedResult:
    """Vectors of items, and how they came about.

    Attributes:
        embedding: (n, dim), float32.
        rule: how the numbers came about, in a sentence.
    """

    embedding: np.ndarray
    rule: str

    def to_json(self) -> dict[str, Any]:
        """Count, length and rule; the vectors themselves go to a file."""
        return {"n": len(self.embedding), "dim": self.embedding.shape[1], "rule": self.rule}


def require_dim(dim: int | None, most: int, what: str) -> None:
    """Refuse a length that a model with `most` numbers of code and features together does not have.

    Raises:
        UsageError: naming `what`.
    """
    if dim is not None and not 1 <= dim <= most:
        raise UsageError(rule(what, f"from 1 to {most:,}, which is all that this model knows", dim))


class Embedder:
    """The embedding of a model at one length, fitted once and then the same for every item.

    Args:
        model: with an encoder.
        dim: numbers of a vector; as many as the encoder's embedding has where None.

    Raises:
        UsageError: where `dim` is not from 1 to the numbers of embedding and features together.
        RunError: where the model has no encoder.
    """

    def __init__(self, model: Model, dim: int | None = None) -> None:
        require_dim(dim, model.code_size + model.discriminator.num_features, "`dim` of `embed`")
        self.model, self.size = model, model.code_size
        self.dim = self.size if dim is None else dim
        self.map: Map | None = fit_map(model) if self.dim == MAP and self.size > MAP else None

    @property
    def rule(self) -> str:
        """How the numbers come about, in a sentence."""
        if self.map is not None:
            return self.map.rule
        encoder = self.model.coders()[0]
        dim, lengths = min(self.dim, self.size), encoder.lengths
        whole = next(length for length in lengths if length >= dim)
        first = "" if dim == whole else f"the first {dim} of "
        order = ", the most telling first" if lengths[0] < dim < whole else ""
        text = f"{first}the {whole} numbers that the encoder tells the discriminator's features from{order}"
        more = self.dim - self.size
        if more <= 0:
            return text
        are_axes = encoder.features.axes is not None and more <= encoder.features.count
        which = "principal components of the features" if are_axes else "of the features themselves"
        return f"{text}; then the first {more:,} {which}, centred and on one scale"

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Vectors (n, dim), float32, of rows (n, *spec.shape); each depends on its own row alone."""
        if self.map is not None:
            return self.map.place(self.model.embed(rows, self.size))
        return self.model.embed(rows, self.dim)


def embed(model: Model, source: Source, dim: int | None = None) -> EmbedResult:
    """Describe every item by a vector.

    Args:
        model: a trained model with an encoder.
        source: the items, in the form of the model's.
        dim: numbers of a vector; the encoder's own number where None. 2 gives a map.

    Returns:
        The vectors in the order of the items, and the rule that they follow.
    """
    embedder = Embedder(model, dim)
    parts = [embedder(rows) for rows in iterate(source)]
    return EmbedResult(np.concatenate(parts), embedder.rule)
