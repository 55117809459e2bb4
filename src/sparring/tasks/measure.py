"""One figure of a model, with its interval, floor and baselines."""

from dataclasses import dataclass, field
from typing import Literal

from sparring.metrics.estimate import Estimate, is_ahead


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
        baselines: what simple generators reach in the same run with the same n, with its own 95 % interval.
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
    baselines: dict[str, Estimate] = field(default_factory=dict)

    @property
    def beaten_by_floor(self) -> bool:
        """Whether the floor is better by more than the noise of both."""
        return self.beaten_by(Estimate(self.floor, self.floor_low, self.floor_high))

    def beaten_by(self, other: Estimate) -> bool:
        """Whether another figure is better by more than the noise of both."""
        return is_ahead(other, self._estimate, self.better)

    def beats(self, other: Estimate) -> bool:
        """Whether this figure is better than another by more than the noise of both."""
        return is_ahead(self._estimate, other, self.better)

    @property
    def _estimate(self) -> Estimate:
        return Estimate(self.value, self.low, self.high)
