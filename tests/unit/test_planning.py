"""How a budget is shared between the two players and the encoder."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sparring import training
from sparring.config import from_json
from sparring.data.cache import open_cache
from sparring.errors import UsageError
from sparring.games.encoding import EncodingGame
from sparring.hooks.keep import unexplained
from sparring.model import Model
from sparring.pace import Pace
from sparring.presets import configure
from sparring.report.history import read_history

BATCH = 16


def trained(folder: Path, samples: int, **settings: Any) -> Path:
    options = {"optimiser.batch": BATCH, "network.width": 4, "encoder.width": 8, "validation.points": 1} | settings
    rows = np.random.default_rng(0).normal(size=(100, 3))
    return training.train(rows, folder / "run", samples=samples, progress=False, settings=options)


@pytest.mark.parametrize(
    ("samples", "settings", "total", "encoded"),
    [
        (1, {}, 2, 1),
        (1, {"encoder.share": 0.0}, 1, 0),
        (160, {}, 10, 1),
        (160, {"encoder.share": 0.5}, 10, 5),
        (160, {"encoder.share": 0.99}, 10, 9),
        (160, {"encoder.samples": 3 * BATCH}, 10, 3),
        (160, {"encoder.samples": 0}, 10, 0),
        (160, {"encoder.share": 0.0, "encoder.samples": 1}, 10, 1),
    ],
)
def test_whole_batches_and_at_least_one_for_each(
    tmp_path: Path, samples: int, settings: dict[str, Any], total: int, encoded: int
) -> None:
    run = trained(tmp_path, samples, **settings)
    config = from_json(training.checkpoint.read(run / "checkpoint" / "last").facts["config"])
    assert (config.budget.samples, config.encoder.samples) == (total * BATCH, encoded * BATCH)
    assert (Model.load(run).encoder is not None) == (encoded > 0)
    events = [line for line in (run / "history.jsonl").read_text().splitlines() if '"event": "encoding"' in line]
    assert len(events) == encoded


def test_the_seconds_are_shared_as_asked() -> None:
    pace = Pace(width=8, seconds_per_sample=0.01, overhead=3.0, encoding=0.002)
    played, encoded = pace.samples(103.0, 10, 0.25)
    spent = 0.97 * 103.0 - 3.0
    assert played * 0.01 == pytest.approx(0.75 * spent, abs=0.1)
    assert encoded * 0.002 == pytest.approx(0.25 * spent, abs=0.02)
    assert pace.samples(103.0, 10, 0.0)[1] == 0
    assert pace.seconds(played, encoded) <= 0.97 * 103.0


def test_the_note_says_what_the_encoder_keeps_and_of_which_items(tmp_path: Path) -> None:
    run = trained(tmp_path, 3200)
    model, rows = Model.load(run), open_cache(run / "cache").rows(np.arange(100))
    share = ((model.decode(model.encode(rows)) - rows) ** 2).mean() / ((rows - rows.mean(0)) ** 2).mean()
    assert len(rows) < 640, "too few to hold any out"
    notes = [text for _, text in read_history(run / "history.jsonl").notes if "encoder's" in text]
    assert notes == [
        f"the encoder's {model.generator.latent} numbers keep {1 - share:.1%} of the variance of training items"
    ]


def test_missing_cells_are_left_out_of_what_is_kept() -> None:
    rows = np.array([[1.0, np.nan], [3.0, 5.0], [5.0, 7.0]])
    painted = np.array([[1.0, 99.0], [3.0, 5.0], [5.0, 6.0]])
    assert unexplained(rows, lambda part: painted) == pytest.approx(1 / (4 + 0 + 4 + 1 + 1))


def test_an_encoder_cannot_be_shown_the_whole_budget(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="fewer than the budget's 160 samples"):
        trained(tmp_path, 160, **{"encoder.samples": 1000 * BATCH})


def test_another_budget_does_not_take_over_the_encoder_s_part_of_the_old_one(tmp_path: Path) -> None:
    old = trained(tmp_path, 1600)
    assert configure(None, old / "config.json", {}, {}, None).encoder.samples == 160
    assert configure(None, old / "config.json", {}, {"samples": 160}, None).encoder.samples is None
    assert configure(None, old / "config.json", {"encoder.samples": 32}, {"samples": 160}, None).encoder.samples == 32


def test_a_broken_encoder_is_named_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = EncodingGame.play

    def play(game: EncodingGame, *arguments: Any) -> Any:
        next(game.autoencoder.parameters()).data.fill_(torch.nan)
        return honest(game, *arguments)

    monkeypatch.setattr(
        EncodingGame, "play", lambda game, real, z, gamma, move, see: play(game, real, z, gamma, move, see)
    )
    run = trained(tmp_path, 160)
    assert any("the encoder broke" in text for _, text in read_history(run / "history.jsonl").notes)
    assert Model.load(run).encoder is None
