"""Every metric between two samples: lowest on equal ones, worse on shifted ones, the same twice."""

from collections.abc import Callable

import numpy as np
import pytest

from sparring.metrics import METRICS
from sparring.metrics.spectrum import ring_powers

# One number that grows as the second sample leaves the first.
DISTANCES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "frechet": lambda a, b: METRICS["frechet"](a, b),
    "kernel": lambda a, b: METRICS["kernel"](a, b).value,
    "manifold": lambda a, b: -METRICS["manifold"](a, b).coverage.value,
    "memorisation": lambda a, b: METRICS["memorisation"](b, a, a[::-1] + 0.01).ratio,
    "spectrum": lambda a, b: METRICS["spectrum"](*(ring_powers(x.reshape(-1, 8, 8, 1)) for x in (a, b))).value,
    "two_sample": lambda a, b: METRICS["two_sample"](a, b).value,
}


def test_every_metric_is_here() -> None:
    assert set(DISTANCES) == set(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_it_grows_as_the_samples_part(name: str) -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 200, 64))
    values = [DISTANCES[name](a, scale * b + shift) for scale, shift in [(1, 0), (1.5, 0.3), (4, 2)]]
    assert values == sorted(values)
    assert values[-1] > values[0]
    assert values[1] == DISTANCES[name](a, 1.5 * b + 0.3)
