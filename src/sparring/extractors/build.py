"""From the name of an extractor, such as "pca-64", to the extractor."""

from typing import Any

import numpy as np

from sparring.data.source import Spec
from sparring.errors import UsageError, rule
from sparring.extractors.base import Buildable, Extractor
from sparring.extractors.table import EXTRACTORS


def build_extractor(name: str, *, model: Any = None, reference: np.ndarray | None = None) -> Extractor:
    """Build a named feature space.

    Args:
        name: a key of `EXTRACTORS`, with "-<size>" where its size is to be other than the default.
        model: the trained model, for "discriminator".
        reference: real rows in the data's own form, (n, *shape); they fix scales and components. Use the
            same rows wherever figures are to be compared.

    Returns:
        An object with `.name` (the full name, size included) that turns rows into float64 features (n, d).

    Raises:
        UsageError: for an unknown name, a size that the kind cannot have, or a missing model or reference.
    """
    kind, dash, number = name.partition("-")
    chosen: type[Buildable] = EXTRACTORS[kind]
    if dash and (chosen.default_size is None or not number.isdigit() or int(number) < 1):
        fix = f"Use {kind!r}." if chosen.default_size is None else f"Try '{kind}-{chosen.default_size}'."
        raise UsageError(rule("The name of an extractor", "a kind or 'kind-size'", name, fix))
    return chosen.build(int(number) if dash else None, model, reference)


def default_extractor(spec: Spec) -> str:
    """The name of the extractor that judges items of this form where nothing else was asked for.

    Args:
        spec: the form of an item.

    Returns:
        Random convolutions for images and series of at least 8 a side; for other items their standardised
        cells, or 64 principal components where they have more than 256 numbers.
    """
    if spec.kind != "vector" and min(spec.shape[:-1]) >= 8:
        return "random_conv-512"
    return "standardised" if spec.size <= 256 else "pca-64"
