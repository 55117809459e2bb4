"""One figure of a model, with its interval, floor and baselines."""

from dataclasses import dataclass, field
from math import hypot
from typing import Literal


@dataclass(frozen=True)
class Measure:
    """One figure of a model.

    Attributes:
        name: of the measure.
        value: what the model reached.
        low: lower end of the 95 % interval.
        high: upper end.
        n: generated items that were judged, against as many real ones.
        floor: what real items reach in the model's place: the best that can be expected.
        floor_low: lower end of the floor's own 95 % interval.
        floor_high: upper end of it.
        floor_n: items of either side that the floor was measured with.
        better: which direction is better.
        extractor: name of the feature space.
        protocol: how it was measured, one sentence.
        baselines: what simple generators reach in the same run with the same n.
    """

    name: str
    value: float
    low: float
    high: float
    n: int
    floor: float
    floor_low: float
    floor_high: float
    floor_n: int
    better: Literal["lower", "higher"]
    extractor: str
    protocol: str
    baselines: dict[str, float] = field(default_factory=dict)

    @property
    def beaten_by_floor(self) -> bool:
        """Whether the floor is better by more than the noise of both."""
        if self.better == "lower":
            return self.value - self.floor > hypot(self.value - self.low, self.floor_high - self.floor)
        return self.floor - self.value > hypot(self.high - self.value, self.floor - self.floor_low)

    def beaten_by(self, other: float) -> bool:
        """Whether `other` is better than the whole interval."""
        return other < self.low if self.better == "lower" else other > self.high

    def beats(self, other: float) -> bool:
        """Whether the whole interval is better than `other`."""
        return other > self.high if self.better == "lower" else other < self.low
