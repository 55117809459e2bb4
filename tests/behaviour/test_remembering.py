"""The nearer generated items lie to training items, the more augmentation the discriminator sees."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sparring.engine import MOST_RAISED, Engine
from sparring.hooks.record import History
from sparring.hooks.validate import Validate

KNOWN, UNSEEN = np.random.default_rng(0).normal(size=(2, 400, 4))


class Plain:
    """Numbers as they are for features."""

    name = "plain"

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        return rows


@pytest.mark.parametrize(
    ("made", "closeness"),
    [
        (KNOWN + 1e-3, 1.0),  # copies
        (UNSEEN, 0.5),  # a perfect generator
        (UNSEEN + 9.0, 0.0),
    ],
)
def test_what_is_remembered_raises_the_loss_to_keep(
    make_engine: Callable[..., Engine], tmp_path: Path, made: np.ndarray, closeness: float
) -> None:
    engine, history = make_engine(steps=16, validation={"points": 8}), History(tmp_path / "history.jsonl")
    engine.hooks = [Validate(lambda count: made, UNSEEN, Plain(), lambda: None, history, KNOWN)]
    engine.run()
    events = [json.loads(line) for line in history.path.read_text().splitlines()]
    found = [event["closeness"] for event in events if event["event"] == "validation"]
    assert found == pytest.approx([closeness] * 8, abs=0.05)
    assert engine.progress.raised == pytest.approx(min(max(5 * (found[-1] - 0.4), 0.0), MOST_RAISED))


@pytest.mark.parametrize(("raised", "rises"), [(0.0, False), (MOST_RAISED, True)])
def test_a_raised_loss_to_keep_brings_augmentation(
    make_engine: Callable[..., Engine], raised: float, rises: bool
) -> None:
    """Between 0.35 and 1.4 times as much lies the loss, 0.43, when the probability moves for the first time."""
    engine = make_engine(steps=8, augment={"target": 0.35})
    engine.raise_target(raised)
    engine.run()
    assert (engine.progress.probability > 0) == rises
