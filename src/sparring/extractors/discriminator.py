"""Features that the trained discriminator learned."""

from typing import Any, Self

import numpy as np

from sparring.errors import UsageError


class DiscriminatorFeatures:
    """The features under the discriminator's head.

    The generator was trained against these very features, so they flatter it: use them to look at data, not
    to compare models.

    Args:
        model: has `features(rows) -> (n, d)`.
    """

    name = "discriminator"
    default_size = None

    def __init__(self, model: Any) -> None:
        self._model = model

    @classmethod
    def build(cls, size: int | None, model: Any, reference: np.ndarray | None) -> Self:
        """Make the extractor from the model (see `Buildable`)."""
        if model is None:
            raise UsageError("The extractor 'discriminator' needs a trained model. Pass `model`.")
        return cls(model)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Features of rows (n, *shape), float64 (n, d)."""
        features = np.asarray(self._model.features(rows), np.float64)
        return features.reshape(len(rows), -1)
