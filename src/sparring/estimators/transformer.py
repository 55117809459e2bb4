"""`GANTransformer`: what an adversarial model knows of items, as vectors of a chosen length."""

from collections.abc import Mapping
from numbers import Integral
from pathlib import Path
from typing import Any, Self

import numpy as np

from sparring.assembly import build_networks
from sparring.config import Config
from sparring.data.source import Spec
from sparring.errors import UsageError, rule
from sparring.estimators.base import ModelTransformer
from sparring.model import Model
from sparring.tasks.embed import Embedder, require_dim


class GANTransformer(ModelTransformer):
    """Vectors for items of unlabelled data, out of what a discriminator and an encoder learned of them.

    All that `GAN` can do is at `model_`; the parameters besides `n_components` are `GAN`'s.

    Args:
        n_components: numbers of a vector; 2 makes a map that new items find their place on. The encoder's own
            number (64, or the number of columns where that is smaller) where None.
        minutes: how long to train.
        samples: how many items to show instead, repeats included.
        epochs: how often to show each item instead.
        preset: a recipe of `sparring presets`.
        random_state: of everything random.
        settings: dotted settings that win over everything else.
        run: a new folder to train into, or None.
        verbose: whether to report on stderr.

    Attributes:
        model_: the trained `sparring.model.Model`.
        rule_: how the numbers come about, in a sentence.
        n_features_in_: numbers in an item.
        feature_names_in_: names of the columns, where `X` has names that are all strings.
        n_iter_: training steps that the model has behind it.
        run_: the run folder, or None.

    Examples:
        >>> from sparring import GANTransformer
        >>> GANTransformer(n_components=10, minutes=5).fit_transform(X).shape  # doctest: +SKIP
        (1797, 10)
    """

    def __init__(
        self,
        n_components: int | None = None,
        minutes: float | None = None,
        samples: int | None = None,
        epochs: float | None = None,
        preset: str | None = None,
        random_state: int | np.random.RandomState | None = None,
        settings: Mapping[str, Any] | None = None,
        run: str | Path | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(minutes, samples, epochs, preset, random_state, settings, run, verbose)
        self.n_components = n_components

    def transform(self, X: Any) -> np.ndarray:
        """Describe items.

        Args:
            X: items in any form that `fit` takes; images of other sizes are brought to the size trained at.

        Returns:
            (n, n_components) float32: a row for each readable item in order, duplicates included. A row depends on
            its own item alone.
        """
        return self._ask(lambda rows: self._embedder(rows), X)

    def _check_parameters(self) -> None:
        wanted = self.n_components
        if wanted is not None and not (isinstance(wanted, Integral) and wanted >= 1 and wanted is not True):
            raise UsageError(rule("`n_components` of `GANTransformer`", "None or a whole number from 1 on", wanted))
        for key in ("encoder.share", "encoder.samples"):
            asked = (self.settings or {}).get(key)
            if asked is not None and not float(asked):
                must = "more than 0, since the encoder makes the vectors"
                raise UsageError(rule(f"`{key}` of `GANTransformer`", must, asked))

    def _accept(self, config: Config, spec: Spec) -> None:
        code_size, features = int(config.network.latent or 0), build_networks(config, spec)[1].num_features
        require_dim(self.n_components, code_size + features, "`n_components` of `GANTransformer`")

    def _adopt(self, model: Model, fingerprint: str, run: Path | None) -> Self:
        self._embedder = Embedder(model, self.n_components)
        self.rule_ = self._embedder.rule
        return super()._adopt(model, fingerprint, run)

    @property
    def _n_features_out(self) -> int:
        return self._embedder.dim
