"""`GAN`: one adversarial model as a scikit-learn estimator."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from sparring.assembly import split
from sparring.data.cache import open_cache
from sparring.data.source import Source, own_form
from sparring.errors import SparringWarning, UsageError, rule
from sparring.estimators.base import ModelTransformer, seed_of
from sparring.estimators.inputs import items_of, look
from sparring.estimators.parts import cut, in_parts
from sparring.tasks.evaluate import EvaluateConfig, evaluate
from sparring.tasks.findings import EvaluateResult
from sparring.tasks.reconstruct import STEPS, ReconstructResult, reconstruct
from sparring.tasks.sample import sample


class GAN(ModelTransformer):
    """A generator and a discriminator, trained on unlabelled data until what the one makes passes for data.

    Everything that is not given is chosen from the data and the machine by written rules; at most one of
    `minutes`, `samples` and `epochs` may be given, ten minutes where none is. With `samples` or `epochs` and an
    integer `random_state` the same data give the same model; with `minutes` that depends on the machine's speed.

    Args:
        minutes: how long to train; turned once, after a short measurement, into a number of samples.
        samples: how many items to show, repeats included.
        epochs: how often to show each item.
        preset: a recipe of `sparring presets`, such as "mlp".
        random_state: of everything random. An int makes `fit` and `sample` repeatable.
        settings: dotted settings that win over everything else, such as {"network.width": 48}.
        run: a new folder to train into, which `sparring resume` and `sparring report` understand; where None,
            a temporary folder that is gone after `fit`.
        verbose: whether to report on stderr.

    Attributes:
        model_: the trained `sparring.model.Model`.
        n_features_in_: numbers in an item: the columns of a table, or height x width x channels.
        feature_names_in_: (n_features_in_,) names of the columns, where `X` has names that are all strings.
        n_iter_: training steps that the model has behind it: those until the best measurement.
        run_: the run folder, or None.

    Examples:
        >>> from sparring import GAN
        >>> gan = GAN(minutes=5, random_state=0).fit("digits")  # doctest: +SKIP
        >>> gan.sample(64).shape  # doctest: +SKIP
        (64, 8, 8)
    """

    def sample(self, n: int = 1, random_state: int | np.random.RandomState | None = None) -> np.ndarray:
        """Make new items.

        Args:
            n: how many, at least 1.
            random_state: of the latents; the estimator's own where None, so that with an int there the same
                items come every time.

        Returns:
            (n, ...) items in the form, dtype and units of the training data, images at the size trained at.

        Raises:
            UsageError: for fewer than one.
        """
        check_is_fitted(self, "model_")
        chosen = self.random_state if random_state is None else random_state
        return sample(self.model_, n, seed=seed_of(chosen)).samples

    def transform(self, X: Any) -> np.ndarray:
        """Encode items: the numbers that `inverse_transform` paints them from.

        To describe items for other methods rather than to paint them, `GANTransformer` is better.

        Args:
            X: items in any form that `fit` takes; images of other sizes are brought to the size trained at.

        Returns:
            (n, codes) float32: a row for each readable item in order, duplicates included, from eight on the most
            telling number first. A row depends on its own item alone.
        """
        return self._ask(lambda rows: self.model_.encode(rows), X)

    def score_samples(self, X: Any) -> np.ndarray:
        """Say how normal items are.

        Args:
            X: as for `transform`.

        Returns:
            (n,) float64, higher = more normal: the discriminator's logit, whose zero means nothing. At the end of a
            good training the discriminator can hardly tell, so expect a weak score.
        """
        return self._ask(lambda rows: self.model_.score(rows).astype(np.float64), X)

    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Paint items from their codes.

        Args:
            Z: (n, d), codes as `transform` gives them, or their first d numbers alone.

        Returns:
            (n, ...) items in the form, dtype and units of the training data.

        Raises:
            UsageError: for more numbers than a code has.
        """
        check_is_fitted(self, "model_")
        codes = check_array(Z, dtype="float32", input_name="Z")
        size = self.model_.code_size
        if codes.shape[1] > size:
            raise UsageError(rule("Z of `inverse_transform`", f"of shape (n, {size}) or narrower", codes.shape))
        return own_form(in_parts(self.model_.decode, cut(codes)), self.model_.spec)

    def reconstruct(self, X: Any, dim: int | None = None, steps: int = STEPS) -> ReconstructResult:
        """Encode items and paint them again.

        Args:
            X: items in any form that `fit` takes.
            dim: numbers of a code; all of them where None.
            steps: of refinement, each about as costly as three paintings: codes are moved towards what paints the
                item better. 0 for none.

        Returns:
            Items, codes and errors.
        """
        check_is_fitted(self, "model_")
        found = look(self._read(X), self.model_.spec)
        return reconstruct(self.model_, items_of(found, self.model_.spec, keep_duplicates=True), dim, steps)

    def evaluate(self, X: Any, n: int = 10_000) -> EvaluateResult:
        """Judge generated items against real ones, best ones that the model was not trained on.

        Whether the model copies its training items is judged only where these are at hand: with `run`, or
        loaded from a run folder.

        Args:
            X: real items in any form that `fit` takes, at least 16.
            n: generated items to judge, and real ones to judge them against; fewer where `X` has fewer.

        Returns:
            Every figure with its interval, floor and baselines, and a verdict in words.
        """
        check_is_fitted(self, "model_")
        found = look(self._read(X), self.model_.spec)
        train, held_out = self._known_items()
        result = evaluate(
            self.model_,  # type: ignore[arg-type]
            items_of(found, self.model_.spec),
            train=train,
            held_out=held_out,
            config=EvaluateConfig(n=n),
            same_as_training=found.fingerprint == self.model_.facts.get("fingerprint"),
            fingerprint=found.fingerprint,
        )
        return replace(result, samples=int(self.model_.facts["samples"]))

    @property
    def _n_features_out(self) -> int:
        return self.model_.code_size

    def _known_items(self) -> tuple[Source | None, Source | None]:
        """The items that the model was trained on and those it held out, where the run folder is known."""
        if self.run_ is None:
            return None, None
        if not (self.run_ / "cache").is_dir():
            text = f"{str(self.run_)!r} holds no cache of the training items any more: copies cannot be looked for."
            warnings.warn(text, SparringWarning, 3)
            return None, None
        parts = split(open_cache(self.run_ / "cache"), self.model_.config)
        return parts.train, parts.held_out if parts.is_apart else None
