"""A short training learns: every mode of a known density, and digits nearer to digits than noise is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sparring import training
from sparring.data import bundled, toys
from sparring.engine import Engine
from sparring.extractors.build import build_extractor
from sparring.metrics.kernel import kernel_distance
from sparring.model import Model

# for a training of seconds: larger steps, well damped
BRISK = {"optimiser.learning_rate": 2e-3, "penalties.gamma": 0.1}


def shares(points: np.ndarray, toy: toys.Toy, reach: float) -> np.ndarray:
    """The share of all points that lies within `reach` of each centre of a mixture."""
    apart = np.linalg.norm(points[:, None] - toy.centres, axis=2)
    return (apart < reach).mean(0)


def trained(data: Any, run: Path, samples: int, **settings: Any) -> Model:
    training.train(data, run, samples=samples, progress=False, settings=settings)
    return Model.load(run / "checkpoint" / "last")


def untrained(data: Any, run: Path, **settings: Any) -> Model:
    """A generator that one step at almost no rate has left as it was."""
    return trained(data, run, 1, **settings, **{"optimiser.learning_rate": 1e-12})


def test_the_generator_moves_by_its_own_rate(make_engine: Callable[..., Engine]) -> None:
    moves = {}
    for rate in (1.0, 3.0):
        options = {"batch": 8, "name": "SGD", "learning_rate": 0.05, "generator_rate": rate}
        engine = make_engine(optimiser=options, schedule={"warmup": 0.0})
        before = engine.weights()
        engine.step()
        moves[rate] = {name: weight - before[name] for name, weight in engine.weights().items()}
    for name, move in moves[1.0].items():
        expected = 3 * move if name.startswith("generator/") else move
        if not name.startswith("averaged/"):
            torch.testing.assert_close(moves[3.0][name], expected, rtol=1e-3, atol=1e-6)
    assert any(move.abs().max() > 1e-4 for name, move in moves[1.0].items() if name.startswith("generator/"))


def test_the_measure_sees_every_mode_and_a_missing_one() -> None:
    ring = toys.ring()
    points = ring.points(4000)
    assert shares(points, ring, 0.2).min() > 0.1
    without = points[np.linalg.norm(points - ring.centres[3], axis=1) > 0.2]
    assert (shares(without, ring, 0.2) < 0.01).tolist() == [mode == 3 for mode in range(8)]


def test_ring_all_eight_modes_are_found(tmp_path: Path) -> None:
    ring = toys.ring()
    before = shares(untrained("ring", tmp_path / "before").sample(4000), ring, 0.2)
    after = shares(trained("ring", tmp_path / "after", 150_000, **BRISK).sample(4000), ring, 0.2)
    assert before.min() < 0.01
    assert after.min() >= 0.01
    # a round Gaussian of the same spread would have 0.1
    assert after.sum() > 0.35


@pytest.mark.slow
def test_grid_all_25_modes_are_found(tmp_path: Path) -> None:
    grid = toys.grid()
    after = shares(trained("grid", tmp_path / "after", 1_000_000, **BRISK).sample(10_000), grid, 0.5)
    assert after.min() >= 0.004
    # points spread evenly over the square of side 9 would have 0.24
    assert after.sum() > 0.32


def test_digits_come_nearer_to_digits(tmp_path: Path) -> None:
    """Seven epochs of small convolutions take the kernel distance below a fifth of where it began."""
    digits = bundled.digits()
    measure = build_extractor("random_conv", reference=digits[..., None])
    real = measure(digits[..., None])

    def distance(model: Model) -> float:
        return kernel_distance(measure(model.sample(1000)), real).value

    settings = {"network.name": "conv", "network.width": 12, "precision": "float32"}
    before = distance(untrained("digits", tmp_path / "before", **settings))
    after = distance(trained("digits", tmp_path / "after", 12_000, **settings))
    assert after < before / 5
