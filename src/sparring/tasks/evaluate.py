"""Evaluate a model: every measure with its interval, the floor that real data sets, and simple baselines."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from sparring.data.source import Source, Spec
from sparring.errors import DataError, UsageError, rule
from sparring.extractors.base import Extractor
from sparring.extractors.build import build_extractor, default_extractor
from sparring.metrics.copying import memorisation
from sparring.metrics.estimate import Estimate
from sparring.rng import numpy_stream
from sparring.tasks.baselines import fit_baselines
from sparring.tasks.findings import EvaluateResult
from sparring.tasks.judging import Eye, Sampler, Seen, compare
from sparring.tasks.measure import Measure
from sparring.tasks.overlap import FEWEST, MOST, are_training_items, unseen_part
from sparring.tasks.protocol import PROTOCOLS

REFERENCE_NUMBERS = 2**26  # of the items that the extractor and the baselines are fitted to

_Rivals = dict[str, dict[str, Estimate]]  # baseline -> measure -> what it reaches


class Generative(Sampler, Protocol):
    """What is asked of a model."""

    @property
    def spec(self) -> Spec: ...

    def features(self, rows: np.ndarray) -> np.ndarray:
        """The discriminator's features of rows, shape (n, F)."""
        ...


@dataclass(frozen=True)
class EvaluateConfig:
    """How a model is evaluated.

    Attributes:
        n: generated items to judge, and real ones to judge them against; fewer where the data has fewer.
        k: neighbours that make a neighbourhood.
        extractor: name of the feature space, or "auto" for the one that fits the data's form.
        seed: of the generated items, and of which real ones stand against them.
        train_limit: training items that generated ones are searched in for copies.
        baselines: whether to judge simple generators too.
    """

    n: int = 10_000
    k: int = 5
    extractor: str = "auto"
    seed: int = 0
    train_limit: int = 60_000
    baselines: bool = True


def evaluate(
    model: Generative,
    source: Source,
    *,
    train: Source | None = None,
    held_out: Source | None = None,
    config: EvaluateConfig | None = None,
    same_as_training: bool = False,
    fingerprint: str = "",
) -> EvaluateResult:
    """Judge a model's items against real ones.

    Args:
        model: what is judged.
        source: real items, best ones that the model was not trained on.
        train: what the model was trained on; needed to look for copies, and for a floor and baselines
            that use every item of `source`. Those of `source` that are in it do not count as unseen.
        held_out: real items that are not in `train`; `source` where None.
        config: how; the defaults where None.
        same_as_training: whether `source` is what the model was trained on.
        fingerprint: of `source`, by which results on the same data are known.

    Returns:
        The figures, with a verdict in words.

    Raises:
        DataError: if there are fewer than 16 real items, or their shape is not the model's.
        UsageError: if `n` is too small for the neighbours.
    """
    config = config or EvaluateConfig()
    if source.spec.shape != model.spec.shape:
        raise DataError(rule("An item of the data", f"of the model's shape {model.spec.shape}", source.spec.shape))
    if len(source) < FEWEST:
        raise DataError(rule("The data to evaluate against", f"at least {FEWEST} items", len(source)))
    order = _order(source, config.seed)
    searched = None if same_as_training else train
    seen = np.zeros(0, bool) if searched is None else are_training_items(source, order[: 2 * config.n], searched)
    same_as_training = same_as_training or bool(seen.size and seen.mean() >= MOST)
    known = source if same_as_training and train is None else train
    unseen = held_out if held_out is not None or same_as_training else unseen_part(source, order, seen)
    fresh = None if same_as_training or seen.any() else known
    n, fresh = _number_of_items(source, fresh, config)
    eye = Eye(_extractor(model, source, known, order[:n], config), source.spec, _holes(source, order[:n]))
    real, fake = eye.real(source, order[:n]), eye.made(model, n, config.seed)
    floor = _floor(eye, real, source, order, fresh, config)
    rivals = _rivals(eye, real, source if known is None else known, config) if config.baselines else {}
    copying, details = _copying(eye, model, fake, known, unseen, config)
    found = {**compare(real, fake, config.k), **copying}
    return EvaluateResult(
        n=n,
        extractor=eye.extractor.name,
        same_as_training=same_as_training,
        overlap=int(seen[:n].sum()),
        floor=floor.words,
        fitted="the data itself" if known is None else "the training items",
        measures=_measures(found, fake, eye.extractor.name, floor.knowing(details), rivals, config.k),
        details=details,
        fingerprint=fingerprint,
    )


def _number_of_items(source: Source, fresh: Source | None, config: EvaluateConfig) -> tuple[int, Source | None]:
    """As many as asked for and there, and the training items where the floor is taken with them.

    The floor needs real items of equal number: training items with holes like the data's, as many as the data or
    half of it; else the other half of the data.
    """
    fewest = max(FEWEST, 2 * config.k + 2)
    n, half = min(config.n, len(source)), len(source) // 2
    serves = fresh is not None and fresh.spec.missing == source.spec.missing
    if fresh is not None and serves and len(fresh) >= max(fewest, min(n, half)):
        n = min(n, len(fresh))
    else:
        n, fresh = min(n, half) if half >= fewest else n, None
    if n < fewest:
        must = f"at least {fewest} for {config.k} neighbours"
        raise UsageError(rule("`n` of `evaluate`", must, n))
    return n, fresh


def _order(source: Source, seed: int) -> np.ndarray:
    return numpy_stream(seed, "evaluate").permutation(len(source))


def _few(source: Source, indices: np.ndarray) -> np.ndarray:
    """Rows at the first indices, as many as fit in memory."""
    return source.rows(np.sort(indices[: max(FEWEST, REFERENCE_NUMBERS // source.spec.size)]))


def _holes(source: Source, indices: np.ndarray) -> np.ndarray | None:
    if not source.spec.missing:
        return None
    parts = np.array_split(indices, len(indices) // 1024 + 1)
    return np.concatenate([np.isnan(source.rows(part)) for part in parts])


def _extractor(
    model: Generative, source: Source, known: Source | None, indices: np.ndarray, config: EvaluateConfig
) -> Extractor:
    """The feature space; of vectors its scales are the training items', among which rare values are less rare."""
    name = default_extractor(source.spec) if config.extractor == "auto" else config.extractor
    if source.spec.kind == "vector" and known is not None:
        return build_extractor(name, model=model, reference=_few(known, _order(known, config.seed)))
    return build_extractor(name, model=model, reference=_few(source, indices))


@dataclass(frozen=True)
class _Floor:
    """What real items reach in the model's place, by measure."""

    values: dict[str, Estimate]
    n: int
    words: str

    def knowing(self, details: dict[str, float]) -> "_Floor":
        """The same, and what a perfect generator reaches in the measures of copying."""
        perfect = {name: law.perfect for name, law in PROTOCOLS.items() if law.perfect is not None}
        perfect["copies"] = details.get("expected_copies", 0.01)
        exact = {name: Estimate(value, value, value) for name, value in perfect.items()}
        return replace(self, values={**self.values, **exact})


def _floor(
    eye: Eye, real: Seen, source: Source, order: np.ndarray, fresh: Source | None, config: EvaluateConfig
) -> _Floor:
    """Other real items judged like generated ones; of equal number, where the data has as many."""
    n = len(real)
    if fresh is not None:
        other, words = eye.real(fresh, _order(fresh, config.seed)[:n]), "training items"
    elif len(source) >= 2 * n:
        other, words = eye.real(source, order[n : 2 * n]), "other real items"
    else:
        real, other, words = real.part(slice(0, n // 2)), real.part(slice(n // 2, n)), "others of the same data"
    m = min(len(real), len(other))
    values = compare(real.part(slice(m)), other.part(slice(m)), config.k)
    return _Floor(values, m, f"{m} real items against {m} {words}")


def _rivals(eye: Eye, real: Seen, source: Source, config: EvaluateConfig) -> _Rivals:
    """Every measure of every baseline."""
    rows = _few(source, _order(source, config.seed)[: config.n])
    fitted = fit_baselines(rows, source.spec, config.seed)
    judged = {name: eye.made(baseline, len(real), config.seed) for name, baseline in fitted}
    return {name: compare(real, items, config.k) for name, items in judged.items()}


def _copying(
    eye: Eye, model: Generative, fake: Seen, train: Source | None, unseen: Source | None, config: EvaluateConfig
) -> tuple[dict[str, Estimate], dict[str, float]]:
    """The measures of copying and their details; none where training items or unseen ones are not known."""
    if train is None or unseen is None:
        return {}, {}
    order = _order(unseen, config.seed)[: config.n]
    if unseen.spec.missing and eye.holes is None:
        eye = replace(eye, holes=_holes(unseen, order))
        fake = eye.made(model, len(fake), config.seed)
    known = eye.real(train, _order(train, config.seed)[: config.train_limit], spectra=False)
    others = eye.real(unseen, order, spectra=False)
    found = memorisation(fake.features, known.features, others.features)
    measures = {
        "memorisation": found.closeness,
        "copies": found.copies,
        "training_preference": found.preference,
    }
    details = {"memorisation_z": found.z, "distance_ratio": found.ratio, "expected_copies": found.expected_copies}
    counts = {"training_items": len(train), "searched_items": len(known), "unseen_items": len(others)}
    return measures, details | counts


def _measures(
    found: dict[str, Estimate], fake: Seen, extractor: str, floor: _Floor, rivals: _Rivals, k: int
) -> tuple[Measure, ...]:
    def one(name: str, estimate: Estimate) -> Measure:
        law = PROTOCOLS[name]
        return Measure(
            name=name,
            value=estimate.value,
            low=estimate.low,
            high=estimate.high,
            n=len(fake),
            floor=floor.values[name].value,
            floor_low=floor.values[name].low,
            floor_high=floor.values[name].high,
            floor_n=floor.n,
            better=law.better,
            extractor=law.space or extractor,
            protocol=law.sentence.format(k=k),
            baselines={rival: figures[name] for rival, figures in rivals.items() if name in figures},
        )

    return tuple(one(name, estimate) for name, estimate in found.items())
