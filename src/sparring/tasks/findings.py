"""What an evaluation found, in numbers and in plain words."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sparring.metrics.estimate import Z95
from sparring.tasks.measure import Measure

ENOUGH = 500  # items below which figures do not rank models
REMEMBERED = 0.05  # share of copies from which memorisation is suspected
NEARER = 0.1  # of the median distance of unseen items to training items: below it likewise
BASELINES = {"pca_gaussian": "one Gaussian", "gaussian_mixture": "a mixture of Gaussians"}
COPYING = ("memorisation", "copies", "training_preference")


@dataclass(frozen=True)
class EvaluateResult:
    """All measures of a model on one set of data.

    Attributes:
        n: generated items judged, and real items they were judged against.
        extractor: name of the feature space of most measures.
        same_as_training: whether the data, or most of it, is what the model was trained on.
        floor: which real items stood against which for the floor.
        fitted: what the baselines were fitted to.
        measures: the figures.
        details: figures that measures rest on, such as the z of the test for copying.
        fingerprint: of the data that the model was judged against.
        overlap: how many of the real items are training items, where these are at hand.
        samples: that the model had seen when it was judged; 0 where that is not known.
    """

    n: int
    extractor: str
    same_as_training: bool
    floor: str
    fitted: str
    measures: tuple[Measure, ...]
    details: dict[str, float]
    fingerprint: str = ""
    overlap: int = 0
    samples: int = 0

    def __getitem__(self, name: str) -> Measure:
        found = {measure.name: measure for measure in self.measures}
        if name not in found:
            raise KeyError(f"{name!r} was not measured; there are {', '.join(found)}")
        return found[name]

    def __contains__(self, name: str) -> bool:
        return any(measure.name == name for measure in self.measures)

    def verdict(self) -> list[str]:
        """What the figures say, in plain sentences, the unwelcome ones included."""
        quality = [measure for measure in self.measures if measure.name not in COPYING]
        return [
            *_cautions(self),
            *_against_the_floor(quality, self.n),
            *_against_baselines(quality),
            *_copying(self),
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dictionaries, with the verdict."""
        return {**asdict(self), "measures": [asdict(m) for m in self.measures], "verdict": self.verdict()}


def _cautions(result: EvaluateResult) -> Iterator[str]:
    if result.same_as_training:
        yield (
            "Evaluated on its own training data: the figures say how well the model fits what it saw, "
            "and not how it compares with new data."
        )
    elif result.overlap:
        yield (
            f"{result.overlap:,} of the {result.n:,} real items are training items: "
            "the model is judged in part by what it saw."
        )
    if result.n < ENOUGH:
        yield f"Only {result.n} items were judged: too few to rank models (at least {ENOUGH} are needed)."


def _against_the_floor(measures: list[Measure], n: int) -> Iterator[str]:
    reached = [_name(measure) for measure in measures if not measure.beaten_by_floor]
    short = [measure for measure in measures if measure.beaten_by_floor]
    if short:
        figures = [f"{_name(m)} ({_number(m.value)} against {_number(m.floor)})" for m in short]
        yield f"Real data is still better on {_list(figures)}."
    if reached and n < ENOUGH:
        yield f"{n} items do not tell the model from real data on {_list(reached)}, which is no proof: look at them."
    elif reached:
        yield f"As good as real data, as far as {n:,} items can tell: {_list(reached)}."


def _against_baselines(measures: list[Measure]) -> Iterator[str]:
    names = list(dict.fromkeys(name for measure in measures for name in measure.baselines))
    for name in names:
        judged = [measure for measure in measures if name in measure.baselines]
        lost = [m for m in judged if m.beaten_by(m.baselines[name])]
        level = [m for m in judged if m not in lost and not m.beats(m.baselines[name])]
        yield from _one_baseline(name, lost, level)


def _one_baseline(name: str, lost: list[Measure], level: list[Measure]) -> Iterator[str]:
    words = BASELINES.get(name, name)
    if lost:
        figures = [f"{_name(m)} ({_number(m.baselines[name].value)} against {_number(m.value)})" for m in lost]
        yield f"The simple baseline, {words}, wins on {_list(figures)}."
    if level:
        yield f"The model and {words} are level on {_list([_name(m) for m in level])}."
    if not lost and not level:
        yield f"The model beats the simple baseline, {words}, on every measure."


def _copying(result: EvaluateResult) -> Iterator[str]:
    if "memorisation" not in result:
        yield "Memorisation was not measured: that needs the training data and real items that are not in it."
        return
    searched, known = result.details["searched_items"], result.details["training_items"]
    if searched < known:
        yield f"Copies were looked for among {searched:,} of {known:,} training items: those of others go unseen."
    close = result["memorisation"].low > 0.5
    if close and (_remembered(result) > REMEMBERED or result.details["distance_ratio"] < NEARER):
        yield (
            f"Memorisation is suspected: generated items lie nearer to training items than unseen real ones "
            f"do (z = {result.details['memorisation_z']:.1f}), and {result['copies'].value:.0%} of them are as "
            f"near as {result.details['expected_copies']:.1%} of unseen items are; look at them beside their nearest "
            "training items."
        )
    elif close and not _can_tell(result):
        yield (
            "Memorisation cannot be ruled out: generated items lie nearer to training items than unseen ones "
            "do, and there are too few unseen items to tell copies from merely typical items."
        )
    elif close:
        yield (
            "No sign of memorisation: generated items lie near training items, but just as near "
            "to items that were never trained on, so they are typical and not copied."
        )
    else:
        yield "No sign of memorisation: generated items are no nearer to training items than unseen ones are."


def _remembered(result: EvaluateResult) -> float:
    """Lower bound of the share of copies: each prefers training when its original is among those compared."""
    return 2 * (result["training_preference"].low - 0.5) / _compared(result)


def _can_tell(result: EvaluateResult) -> bool:
    """Whether the preference would show a third of all items being copies, at three standard errors."""
    preference = result["training_preference"]
    return _compared(result) / 3 / 2 > 3 / Z95 * (preference.high - preference.low) / 2


def _compared(result: EvaluateResult) -> float:
    """Share of the training items that the preference compares: as many as there are unseen items."""
    compared = min(result.details["unseen_items"], result.details["searched_items"])
    return min(1.0, compared / result.details["training_items"])


def _name(measure: Measure) -> str:
    return measure.name.replace("_", " ")


def _number(value: float) -> str:
    return f"{value:.3g}"


def _list(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
