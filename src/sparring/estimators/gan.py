"""`GAN`: one adversarial model as a scikit-learn estimator."""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from sparring import training
from sparring.assembly import split
from sparring.checkpoint import FACTS
from sparring.data.cache import open_cache
from sparring.data.source import Source, iterate, own_form
from sparring.errors import UsageError, rule
from sparring.estimators.inputs import items_of, look, read, require_enough
from sparring.estimators.parts import PART, cut, in_parts
from sparring.model import Model
from sparring.tasks.evaluate import EvaluateConfig, evaluate
from sparring.tasks.findings import EvaluateResult
from sparring.tasks.sample import sample


class GAN(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
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

    def __init__(
        self,
        minutes: float | None = None,
        samples: int | None = None,
        epochs: float | None = None,
        preset: str | None = None,
        random_state: int | np.random.RandomState | None = None,
        settings: Mapping[str, Any] | None = None,
        run: str | Path | None = None,
        verbose: bool = False,
    ) -> None:
        self.minutes = minutes
        self.samples = samples
        self.epochs = epochs
        self.preset = preset
        self.random_state = random_state
        self.settings = settings
        self.run = run
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on unlabelled items.

        Args:
            X: at least 16 items, one of:

                - a table (n, features): an array, a list of lists, or a data frame; NaN = missing;
                - series (n, steps, channels) or images (n, height, width[, channels]): an array. Rank 3 is grey
                  images where it is uint8 or uint16 and both sides are at least 8, else series;
                - a path to anything that `sparring inspect` reads, or the name of a bundled set;
                - a map-style torch Dataset, read into memory; of a tuple the first entry counts, and tensors of
                  rank 3 are (channels, height, width), which becomes (height, width, channels).
            y: ignored, here for scikit-learn's pipelines.

        Returns:
            This estimator.

        Raises:
            UsageError: for a setting that is unknown or out of its range.
            DataError: for data that cannot be read or learned from.
        """
        data = read(self, X, reset=True)
        require_enough(data)
        budget = {"minutes": self.minutes, "samples": self.samples, "epochs": self.epochs}
        options = {"preset": self.preset, "settings": self.settings, "progress": bool(self.verbose)}
        with self._folder() as run:
            training.train(data, run, seed=_seed(self.random_state), **budget, **options)
            model, fingerprint = Model.load(run), _fingerprint(run)
        if isinstance(data, np.ndarray) and data.ndim == 2 and hasattr(self, "feature_names_in_"):
            spec = replace(model.spec, names=tuple(self.feature_names_in_))
            model.scaler = replace(model.scaler, spec=spec)
        return self._adopt(model, fingerprint, None if self.run is None else Path(self.run))

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
        return sample(self.model_, n, seed=_seed(chosen)).samples

    def transform(self, X: Any) -> np.ndarray:
        """Describe items by what the discriminator knows of them.

        Args:
            X: items in any form that `fit` takes; images of other sizes are brought to the size trained at.

        Returns:
            (n, features) float32: the discriminator's last layer before its verdict, a row for each readable item
            in order, duplicates included. A row depends on its own item alone.
        """
        return self._ask(lambda rows: self.model_.features(rows), X)

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
        """Make the items of given latents.

        This does not undo `transform`, which gives features of the discriminator: latents are what the generator
        draws from, standard normal numbers.

        Args:
            Z: (n, latent), where latent is `model_.generator.latent`.

        Returns:
            (n, ...) items in the form, dtype and units of the training data.

        Raises:
            UsageError: for latents of another width.
        """
        check_is_fitted(self, "model_")
        latents = check_array(Z, dtype="float32", input_name="Z")
        width = self.model_.generator.latent
        if latents.shape[1] != width:
            raise UsageError(rule("Z of `inverse_transform`", f"of shape (n, {width})", latents.shape))
        rows = in_parts(lambda part: self.model_.decode(torch.from_numpy(part)), cut(latents))
        return own_form(rows, self.model_.spec)

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
        return evaluate(
            self.model_,  # type: ignore[arg-type]
            items_of(found, self.model_.spec),
            train=train,
            held_out=held_out,
            config=EvaluateConfig(n=n),
            same_as_training=found.fingerprint == self.model_.facts.get("fingerprint"),
        )

    def save(self, path: str | Path) -> Path:
        """Write the model to a folder, as safetensors and JSON; `load` and the command line read it.

        Args:
            path: a new or empty folder, or one that holds a saved model, which is then replaced.

        Raises:
            UsageError: for a file, or a folder that holds anything else.
        """
        check_is_fitted(self, "model_")
        folder = Path(path)
        is_free = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
        if not is_free and not (folder / FACTS).is_file():
            fix = "Choose another name, so that nothing is overwritten."
            raise UsageError(rule("`path` of `save`", "a new folder or a saved model", str(path), fix))
        return self.model_.save(folder)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model that `save` wrote, or the model of a run folder.

        The estimator's parameters are those that name the recipe and the length of the training; its random state
        is None.

        Raises:
            RunError: where there is none, or it is damaged or of another version.
        """
        folder, model = Path(path), Model.load(path)
        estimator = cls(samples=model.config.budget.samples, preset=model.config.preset)
        is_run = (folder / "config.json").is_file()
        fingerprint = _fingerprint(folder) if is_run else model.facts.get("fingerprint", "")
        return estimator._adopt(model, fingerprint, folder if is_run else None)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.non_deterministic = self.samples is None and self.epochs is None
        assert tags.transformer_tags is not None
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.model_.discriminator.num_features

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        """The folder to train in, removed afterwards where the user named none."""
        if self.run is not None:
            yield Path(self.run)
            return
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise UsageError(rule("`run` of `GAN`", "a folder that all processes share, under torchrun", None))
        with tempfile.TemporaryDirectory(prefix="sparring-") as folder:
            yield Path(folder) / "run"

    def _adopt(self, model: Model, fingerprint: str, run: Path | None) -> Self:
        """Set everything that is known after training."""
        model.facts["fingerprint"] = fingerprint
        self.model_, self.run_ = model, run
        self.n_features_in_ = model.spec.size
        self.n_iter_ = int(model.facts["samples"]) // int(model.config.optimiser.batch or 1)
        vars(self).pop("feature_names_in_", None)
        if model.spec.names:
            self.feature_names_in_ = np.asarray(model.spec.names, dtype=object)
        return self

    def _ask(self, question: Callable[[np.ndarray], np.ndarray], X: Any) -> np.ndarray:
        check_is_fitted(self, "model_")
        source = items_of(look(self._read(X), self.model_.spec), self.model_.spec, keep_duplicates=True)
        return in_parts(question, iterate(source, PART))

    def _read(self, X: Any) -> Any:
        return read(self, X, reset=False, missing=self.model_.spec.missing)

    def _known_items(self) -> tuple[Source | None, Source | None]:
        """The items that the model was trained on and those it held out, where the run folder is known."""
        if self.run_ is None:
            return None, None
        parts = split(open_cache(self.run_ / "cache"), self.model_.config)
        return parts.train, parts.held_out if parts.is_apart else None


def _seed(random_state: int | np.random.RandomState | None) -> int:
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def _fingerprint(run: Path) -> str:
    return json.loads((run / "config.json").read_text(encoding="utf-8"))["data"]["fingerprint"]
