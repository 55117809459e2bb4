"""Scores of vectors against planted ones, the bars that compare methods, and a whole cell on digits in seconds."""

from pathlib import Path

import numpy as np
import pytest

from sparring.benchmarks.bench import Cell, Context
from sparring.benchmarks.defaults import default_run, kept_autoencoder, with_random_weights
from sparring.benchmarks.embedding import AUTOENCODER, EMBEDDING, OURS, PCA_NAME, RANDOM, _leads, probe
from sparring.benchmarks.reconstruct import RECONSTRUCT


def line(method: str, name: str = "fashion", seed: int = 0, **figures: float) -> dict:
    return {"set": name, "method": method, "seed": seed, "figures": figures, "hardware": {"cores": 2}}


def test_the_probe_tells_what_a_line_can_tell_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2000, 3)) * [1, 100, 1]
    labels = (rows[:, 0] > 0).astype(int)
    told = probe(rows[:1000], labels[:1000], rows[1000:])
    assert (told == labels[1000:]).mean() > 0.97
    assert (told == rng.integers(0, 2, 1000)).mean() < 0.6


def test_a_bar_takes_the_smallest_lead_over_any_rival() -> None:
    bar = EMBEDDING.bars[0]
    rivals = (PCA_NAME, RANDOM, f"{AUTOENCODER}-10")
    lines = [
        line(OURS, nn_10=0.85),
        *(line(rival, lead_nn_10_low=low) for rival, low in zip(rivals, (0.06, 0.15, 0.01), strict=True)),
        line(OURS, "digits", nn_10=0.1),
        line(PCA_NAME, "digits", lead_nn_10_low=-0.8),
        line(OURS, "mnist", nn_10=0.95),
        *(line(rival, "mnist", lead_nn_10_low=0.03) for rival in rivals),
    ]
    assert bar.measure(lines) == pytest.approx(0.01)
    again = [line(method, seed=1, lead_nn_10_low=-0.02) for method in rivals]
    assert bar.judge([*lines, line(OURS, seed=1), *again]).passed is False
    assert bar.measure([*lines, line(OURS, seed=1), *again[:2]]) is None, "no autoencoder to be ahead of"
    assert bar.measure(lines[1:]) is None
    assert bar.measure(lines[:6]) is None, "MNIST is missing"
    lines[1]["figures"]["trained_at"] = "another run"
    assert bar.measure(lines) is None


def test_a_lead_is_counted_by_pairs() -> None:
    rng = np.random.default_rng(0)
    ours = rng.random(10_000) < 0.9
    less = ours & (rng.random(10_000) < 0.99)  # wrong wherever ours is, and once more in a hundred
    found = _leads({"nn_10": ours}, {"nn_10": less, "nn_50": less})
    assert found["lead_nn_10"] == pytest.approx((ours & ~less).mean())
    assert 0 < found["lead_nn_10_low"] < found["lead_nn_10"]
    assert set(found) == {"lead_nn_10", "lead_nn_10_low"}
    assert _leads({"x": ours}, {"x": rng.permutation(ours)})["lead_x_low"] < 0


def test_the_error_is_held_against_the_autoencoder_of_the_same_length() -> None:
    bar = RECONSTRUCT.bars[1]
    ours, theirs = line(OURS, mse_32=0.011), line("autoencoder-32", mse_32=0.010)
    others = [line(OURS, "mnist", mse_32=0.01), line("autoencoder-32", "mnist", mse_32=0.02)]
    assert bar.measure([ours, theirs, *others, line("autoencoder-10", mse_10=0.001)]) == pytest.approx(1.1)
    assert bar.measure([ours, *others]) is None
    assert bar.measure([ours, {**theirs, "hardware": {"cores": 64}}, *others]) is None, "minutes buy more there"
    longer = {**ours, "figures": {"mse_32": 0.011, "training_minutes": 32.0}}
    assert bar.measure([longer, theirs, *others]) is None
    as_long = {**theirs, "figures": {"mse_32": 0.010, "training_minutes": 32.0}}
    assert bar.measure([longer, as_long, *others]) == pytest.approx(1.1)


@pytest.mark.slow
def test_a_cell_on_digits(tmp_path: Path) -> None:
    context, figures = Context(tmp_path / "results", tmp_path / "work"), {}
    for method in (OURS, RANDOM, PCA_NAME):
        figures[method] = EMBEDDING.run(Cell("digits", method), context, minutes=0.3)  # type: ignore[call-arg]
        assert figures[method]["nn_10"] > 0.5
    known = default_run("digits", 0, context, minutes=0.3)
    assert with_random_weights(known, 0).encoder is not None
    network = kept_autoencoder(known, 5, 0.05, 0)
    again = kept_autoencoder(known, 5, 0.05, 0)
    assert network.steps == again.steps > 0
    assert again.minutes == pytest.approx(network.minutes)
    assert network.minutes == known.minutes
    assert figures[PCA_NAME]["lead_nn_10"] == pytest.approx(figures[OURS]["nn_10"] - figures[PCA_NAME]["nn_10"])
    for one, other in zip(network.parameters(), again.parameters(), strict=True):
        assert (one == other).all()
