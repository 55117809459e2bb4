"""Scores of vectors against planted ones, the bars that compare methods, and a whole cell on digits in seconds."""

from pathlib import Path

import numpy as np
import pytest

from sparring.benchmarks.bench import Cell, Context
from sparring.benchmarks.defaults import default_run, kept_autoencoder, with_random_weights
from sparring.benchmarks.embedding import AUTOENCODER, EMBEDDING, OURS, PCA_NAME, RANDOM, probe
from sparring.benchmarks.reconstruct import RECONSTRUCT


def line(method: str, name: str = "fashion", seed: int = 0, **figures: float) -> dict:
    return {"set": name, "method": method, "seed": seed, "figures": figures}


def test_the_probe_tells_what_a_line_can_tell_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2000, 3)) * [1, 100, 1]
    labels = (rows[:, 0] > 0).astype(int)
    assert probe(rows[:1000], labels[:1000], rows[1000:], labels[1000:]) > 0.97
    assert probe(rows[:1000], labels[:1000], rows[1000:], rng.integers(0, 2, 1000)) < 0.6


def test_a_bar_takes_the_smallest_lead_over_any_rival() -> None:
    bar = EMBEDDING.bars[0]
    lines = [
        line(OURS, nn_10=0.85),
        line(PCA_NAME, nn_10=0.78),
        line(RANDOM, nn_10=0.70),
        line(f"{AUTOENCODER}-10", nn_10=0.84),
        line(OURS, "digits", nn_10=0.1),
        line(PCA_NAME, "digits", nn_10=0.9),
    ]
    assert bar.measure(lines) == pytest.approx(0.01)
    again = [line(method, seed=1, nn_10=0.71) for method in (PCA_NAME, RANDOM, f"{AUTOENCODER}-10")]
    assert bar.judge([*lines, line(OURS, seed=1, nn_10=0.7), *again]).passed is False
    assert bar.measure([*lines, line(OURS, seed=1, nn_10=0.9), *again[:2]]) is None, "no autoencoder to be ahead of"
    assert bar.measure(lines[1:]) is None


def test_the_error_is_held_against_the_autoencoder_of_the_same_length() -> None:
    bar = RECONSTRUCT.bars[1]
    lines = [line(OURS, mse_32=0.011), line("autoencoder-32", mse_32=0.010), line("autoencoder-10", mse_10=0.001)]
    assert bar.measure(lines) == pytest.approx(1.1)
    assert bar.measure(lines[:1]) is None


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
    for one, other in zip(network.parameters(), again.parameters(), strict=True):
        assert (one == other).all()
