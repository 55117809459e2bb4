"""What all estimators share: the parameters of a training, `fit`, and questions to the trained model."""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from sparring import training
from sparring.checkpoint import FACTS
from sparring.config import Config
from sparring.data.blobs import is_run
from sparring.data.source import Spec, iterate
from sparring.errors import RunError, UsageError, rule
from sparring.estimators.inputs import items_of, look, read, require_items
from sparring.estimators.parts import PART, in_parts
from sparring.model import SAVED, Model


class ModelEstimator(BaseEstimator):
    """An estimator that trains a model and keeps it as `model_`; `GAN` says what the parameters are."""

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
            X: at least 10 items, one of:

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
        self._check_parameters()
        data = read(self, X, reset=True)
        require_items(data)
        budget = {"minutes": self.minutes, "samples": self.samples, "epochs": self.epochs}
        is_table = isinstance(data, np.ndarray) and data.ndim == 2
        names = tuple(getattr(self, "feature_names_in_", ())) if is_table else ()
        options = {"preset": self.preset, "settings": self.settings, "names": names}
        options |= {"accept": self._accept, "progress": bool(self.verbose)}
        with self._folder() as run:
            training.train(data, run, seed=seed_of(self.random_state), **budget, **options)
            model, fingerprint = Model.load(run), fingerprint_of(run)
        return self._adopt(model, fingerprint, None if self.run is None else Path(self.run))

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
        slot = folder / SAVED
        if not is_free and not (slot / FACTS).is_file():
            fix = "Choose another name, so that nothing is overwritten."
            raise UsageError(rule("`path` of `save`", "a new folder or a saved model", str(path), fix))
        self.model_.save(slot)
        return folder

    @classmethod
    def load(cls, path: str | Path, **parameters: Any) -> Self:
        """Read a model that `save` wrote, or the model of a run folder.

        Args:
            path: the folder.
            **parameters: of the estimator; those that name the recipe and the length of the training come from
                the model.

        Raises:
            RunError: where there is none, or it is damaged or of another version.
        """
        folder, model = Path(path), Model.load(path)
        estimator = cls(**{"samples": model.config.budget.samples, "preset": model.config.preset, **parameters})
        if is_run(folder):
            return estimator._adopt(model, fingerprint_of(folder), folder)
        return estimator._adopt(model, model.facts.get("fingerprint", ""), None)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.non_deterministic = self.samples is None and self.epochs is None
        return tags

    def _check_parameters(self) -> None:
        """Refuse what can be refused before anything is read."""

    def _accept(self, config: Config, spec: Spec) -> None:
        """Refuse what can be refused before minutes of training, once every choice is made."""

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


class ModelTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ModelEstimator):
    """One that turns items into vectors, float32 whatever the items are."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        assert tags.transformer_tags is not None
        tags.transformer_tags.preserves_dtype = []
        return tags


def seed_of(random_state: int | np.random.RandomState | None) -> int:
    """The seed that a random state gives next."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def fingerprint_of(run: Path) -> str:
    """Of the data that a run was trained on.

    Raises:
        RunError: where its config.json cannot be read.
    """
    path = run / "config.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["data"]["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{str(path)!r} cannot be read as the configuration of a run: {error}.") from None
