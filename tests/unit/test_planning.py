"""How a budget is shared between the two players and the encoder."""

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sparring import planning, training
from sparring.assembly import lesson, lessons
from sparring.config import Config, apply_settings, from_json, replace
from sparring.data import survey
from sparring.data.cache import open_cache
from sparring.data.scale import fit_scaler
from sparring.data.source import ArraySource, Spec
from sparring.engine import Engine
from sparring.errors import UsageError
from sparring.games.encoding import EncodingGame
from sparring.hooks.keep import unexplained
from sparring.model import Model
from sparring.pace import AUGMENTED, Pace, measure
from sparring.planning import estimate
from sparring.presets import configure
from sparring.report.history import read_history
from sparring.rules import choose_form, choose_recipe
from sparring.stages import play

BATCH, CPU = 16, torch.device("cpu")


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
    pace = Pace(
        width=8, seconds_per_sample=0.01, overhead=3.0, encoding=dict.fromkeys((10, 20, 40, 80, 160, 320), 0.002)
    )
    played, encoded = pace.samples(103.0, 10, 0.25)
    spent = 0.97 * 103.0 - 3.0
    assert played * 0.01 == pytest.approx(0.75 * spent, abs=0.1)
    assert 0 <= 0.25 * spent - encoded * 0.002 < lesson(encoded, pace.encoding) * 0.002, "less than a step is left"
    assert pace.samples(103.0, 10, 0.0)[1] == 0
    assert pace.seconds(played, encoded) <= 0.97 * 103.0


def test_steps_that_soap_takes_at_the_start_are_slower() -> None:
    pace = Pace(16, seconds_per_sample=0.01, overhead=3.0, soap=0.4 * 0.005)
    assert pace.seconds(3000, 0) == pytest.approx(3.0 + 1200 * 0.015 + 1800 * 0.01)
    assert pace.samples(pace.seconds(3000, 0) / 0.97 + 1e-6, 10, 0.0) == (3000, 0)


@pytest.mark.parametrize(("slow", "seconds"), [(1e-2, 20.0), (1e-2, 64.0), (5e-3, 13.0), (1.0, 1000.0)])
def test_an_encoder_has_its_time_also_where_larger_steps_are_timed_as_slower(slow: float, seconds: float) -> None:
    encoding = {64: 1e-3, 128: slow}
    pace = Pace(16, 1e-3, 0.0, encoding)
    encoded = pace.samples(seconds / 0.97 / 0.1, 64, 0.1)[1]
    assert encoded % lesson(encoded, encoding) == 0
    assert 0.9 * min(seconds, 12.7) <= pace.encoding_seconds(encoded) <= seconds * 1.001


def test_the_encoder_has_larger_steps_where_these_are_many() -> None:
    sizes = lessons(replace(Config(), optimiser={"batch": 64}, encoder={"batch": 600}))
    assert sizes == [64, 128, 256, 512]
    assert [lesson(100 * size, sizes) for size in (1, 64, 127, 128, 511, 512, 9000)] == [
        *(64, 64, 64, 128, 256, 512, 512)
    ]
    assert lessons(replace(Config(), optimiser={"batch": 1000}, encoder={"batch": 600})) == [600], "a set value wins"
    pace = Pace(
        width=8, seconds_per_sample=0.01, overhead=0.0, encoding={64: 0.008, 128: 0.004, 256: 0.003, 512: 0.002}
    )
    shown = {seconds: pace.samples(seconds / 0.97, 64, 0.5)[1] for seconds in (1, 60, 150, 200, 300, 2000)}
    assert shown == {1: 64, 60: 3_712, 150: 18_688, 200: 33_280, 300: 74_752, 2000: 499_712}
    for seconds, encoded in shown.items():
        assert not encoded % lesson(encoded, pace.encoding)
        assert pace.encoding_seconds(encoded) == pytest.approx(seconds / 2, abs=0.6)


def test_the_note_says_what_the_encoder_keeps_and_of_which_items(tmp_path: Path) -> None:
    run = trained(tmp_path, 3200)
    model, rows = Model.load(run), open_cache(run / "cache").rows(np.arange(100))
    share = (((model.decode(model.encode(rows)) - rows) ** 2).mean(0) / rows.var(0)).mean()
    assert len(rows) < 640, "too few to hold any out"
    notes = [text for _, text in read_history(run / "history.jsonl").notes if "encoder's" in text]
    assert notes == [
        f"the encoder's {model.generator.latent} numbers keep {1 - share:.1%} of the variance of training items"
    ]


def test_missing_cells_are_left_out_of_what_is_kept() -> None:
    rows = np.array([[1.0, np.nan], [3.0, 5.0], [5.0, 7.0]])
    painted = np.array([[1.0, 99.0], [3.0, 5.0], [5.0, 6.0]])
    assert unexplained(rows, lambda part: painted) == pytest.approx((0 / (4 + 0 + 4) + 1 / (1 + 1)) / 2)


def test_no_column_or_channel_decides_by_its_unit_what_is_kept() -> None:
    rng = np.random.default_rng(0)
    rows, error = rng.normal(size=(250, 2)), rng.normal(size=(250, 2)) * [0.1, 0.5]
    units = np.array([1e9, 1e-3])
    expected = (error**2).sum(0) / ((rows - rows.mean(0)) ** 2).sum(0)
    assert unexplained(rows * units, lambda part: (rows + error) * units) == pytest.approx(expected.mean())
    series, shown = (x.reshape(50, 5, 2) for x in (rows, rows + error))
    spread = ((series - series.mean(0)) ** 2).sum((0, 1))
    found = unexplained(series * units, lambda part: shown * units)
    assert found == pytest.approx((((shown - series) ** 2).sum((0, 1)) / spread).mean())
    images = rng.normal(size=(50, 4, 4, 3)) * [1.0, 1.0, 100.0]
    blank = np.broadcast_to(images.mean(0), images.shape)
    assert unexplained(images, lambda part: blank) == pytest.approx(1.0)


def test_an_encoder_cannot_be_shown_the_whole_budget(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="fewer than the budget's 160 samples"):
        trained(tmp_path, 160, **{"encoder.samples": 1000 * BATCH})


def test_another_budget_does_not_take_over_the_encoder_s_part_of_the_old_one(tmp_path: Path) -> None:
    old = trained(tmp_path, 1600)
    assert configure(None, old / "config.json", {}, {}, None).encoder.samples == 160
    assert configure(None, old / "config.json", {}, {"samples": 160}, None).encoder.samples is None
    assert configure(None, old / "config.json", {"encoder.samples": 32}, {"samples": 160}, None).encoder.samples == 32
    own = tmp_path / "own.toml"
    own.write_text("[encoder]\nsamples = 0\n")
    assert configure(None, own, {}, {"samples": 160}, None).encoder.samples == 0


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


def test_a_run_s_configuration_asks_for_the_same_items_again(tmp_path: Path) -> None:
    old = tmp_path / "config.json"
    budget = {"samples": 1600, "minutes": 3.0, "epochs": None}
    old.write_text(json.dumps({"config": {"budget": budget, "encoder": {"samples": 160}, "seed": 4}}))
    again = configure(None, old, {}, {}, None)
    assert (again.budget.samples, again.budget.minutes, again.encoder.samples, again.seed) == (1600, None, 160, 4)
    assert configure(None, old, {}, {"minutes": 1.0}, None).budget.samples is None
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"budget": budget}))
    with pytest.raises(UsageError, match="one of minutes, samples or epochs"):
        configure(None, own, {}, {}, None)


def test_the_pace_is_taken_with_the_threads_that_were_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, before = [], torch.get_num_threads()
    honest = planning.plan

    def plan(*arguments: Any, **options: Any) -> Any:
        seen.append(torch.get_num_threads())
        return honest(*arguments, **options)

    monkeypatch.setattr(training, "plan", plan)
    asked = before + 1
    run = trained(tmp_path, 160, threads=asked)
    assert seen == [asked]
    assert torch.get_num_threads() == before
    assert from_json(training.checkpoint.read(run / "checkpoint" / "last").facts["config"]).threads == asked


@pytest.mark.parametrize(("probability", "expected"), [("adaptive", AUGMENTED), (0.8, AUGMENTED), (0.0, 0.0)])
def test_a_pace_counts_augmentation_in(
    monkeypatch: pytest.MonkeyPatch, probability: float | str, expected: float
) -> None:
    seen = []
    honest = Engine.settings

    def settings(engine: Engine) -> Any:
        found = honest(engine)
        seen.append(found.probability)
        return found

    monkeypatch.setattr(Engine, "settings", settings)
    rows = np.random.default_rng(0).integers(0, 255, (40, 8, 8, 1), np.uint8)
    source = ArraySource(rows, Spec("image", (8, 8, 1), "uint8"))
    config = apply_settings(Config(), {"augment.probability": probability, "encoder.share": 0, "network.width": 4})
    config = choose_recipe(choose_form(config, source.spec, CPU).config, source.spec, 40, 10.0, CPU).config
    measure(config, source, fit_scaler("range", source), CPU, None, 0.01)
    assert max(seen) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"network.width": 4}, None),
        ({"network.width": None}, "of all fully connected networks"),
        ({"network.width": None, "network.name": "conv"}, "the narrowest; 320,000 samples would be better for it"),
    ],
)
def test_a_width_has_a_reason_where_it_was_chosen(tmp_path: Path, settings: dict[str, Any], words: str | None) -> None:
    rows = np.random.default_rng(0).normal(size=(100, 12, 2)).astype(np.float32)
    options = {"optimiser.batch": BATCH, "encoder.width": 8, "validation.points": 1, "network.name": "mlp"} | settings
    run = training.train(rows, tmp_path / "run", samples=2 * BATCH, progress=False, settings=options)
    decisions = json.loads((run / "config.json").read_text())["decisions"]
    assert [line.partition(": ")[2] for line in decisions if line.startswith("network.width")] == [words][: bool(words)]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"encoder.samples": 10**6}, "fewer than the budget's"),
        ({"data.resolution": [16, 16]}, "`data.resolution` must be left out of vector data"),
        ({"augment.probability": 0.5}, "`augment.probability` must be left out where nothing is augmented"),
        ({"optimiser.momentum": 0.9}, "`optimiser.momentum` must be left out with Adam"),
        ({"optimiser.name": "SGD", "optimiser.beta1": 0.5}, "`optimiser.beta1` must be left out with SGD"),
        ({"optimiser.name": "SOAP", "optimiser.beta1": 0.5}, "`optimiser.beta1` must be left out with SOAP"),
        ({"optimiser.soap_share": 0.5, "optimiser.beta1": 0.5}, "`optimiser.beta1` must be left out with SOAP"),
        ({"optimiser.soap_share": 0.5, "optimiser.momentum": 0.5}, "`optimiser.momentum` must be left out with Adam"),
        (
            {"optimiser.name": "SGD", "optimiser.soap_share": 1.0, "optimiser.momentum": 0.5},
            "`optimiser.momentum` must be left out with SOAP",
        ),
        ({"optimiser.name": "SOUP"}, "`optimiser.name` must be 'SOAP' or an optimiser of torch.optim"),
        ({"tensorboard": True}, "needs the extra"),
    ],
)
def test_what_is_refused_leaves_no_folder_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], words: str
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(UsageError, match=words):
        trained(tmp_path, 160, **settings)
    assert Model.load(trained(tmp_path, 160)).encoder is not None


def test_momentum_of_what_follows_soap_is_kept(tmp_path: Path) -> None:
    options = {"optimiser.name": "SGD", "optimiser.soap_share": 0.5, "optimiser.momentum": 0.5, "encoder.share": 0.0}
    run = trained(tmp_path, 160, **options)
    saved = training.checkpoint.read(run / "checkpoint" / "last").tensors["state"]
    assert {name.rpartition(".")[2] for name in saved if "generator_optimiser" in name} == {"momentum_buffer"}


def test_an_encoder_cannot_be_shown_more_than_the_minutes_hold(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(40, 3))
    with pytest.raises(UsageError, match=r"`encoder\.samples` must be so few that some of the 0\.02 minutes are left"):
        training.train(rows, tmp_path / "run", minutes=0.02, progress=False, settings={"encoder.samples": 10**7})


def test_a_run_goes_on_only_where_its_processes_share_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(tmp_path, 160)
    config, source = from_json(json.loads((run / "config.json").read_text())["config"]), open_cache(run / "cache")
    scaler = fit_scaler("moments", source)
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(UsageError, match="a multiple of the 3 processes"):
        play(run, config, source, scaler, progress=False, resuming=True)


def test_inspection_chooses_as_training_does(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def recipe(config: Config, spec: Spec, count: int, *others: Any) -> Any:
        asked.append(count)
        return choose_recipe(config, spec, count, *others)

    monkeypatch.setattr(planning, "choose_recipe", recipe)
    estimate(survey(np.random.default_rng(0).normal(size=(5000, 3))), minutes=0.05)
    assert asked == [4500]


@pytest.mark.parametrize(
    ("read", "says", "left"),
    [
        (0, "", 600),
        (240, "reading the data took 4.0 of the 10 minutes: more would all go into training", 360),
        (1200, "reading the data took 20.0 of the 10 minutes: training gets half of them all the same", 300),
    ],
)
def test_a_budget_that_went_into_reading_is_said_and_half_of_it_is_kept(
    read: float, says: str, left: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []

    def pace(config: Config, source: Any, scaler: Any, device: Any, seconds: float, *others: Any) -> Pace:
        given.append(seconds)
        return Pace(16, 0.01, 0.0, dict.fromkeys((100, 200, 400), 0.01))

    monkeypatch.setattr(planning, "choose_pace", pace)
    rows = np.random.default_rng(0).normal(size=(100, 3))
    config = choose_form(configure(None, None, {}, {"minutes": 10.0}, None), survey(rows).spec, CPU).config
    source = survey(rows).source()
    prepared = planning.plan(config, source, len(source), CPU, time.perf_counter() - read)
    assert given == [pytest.approx(left, abs=20)]
    assert prepared.config.budget.samples == pytest.approx(97 * left, rel=0.1)
    assert [reason for reason in prepared.decisions if reason.startswith("reading")] == ([says] if says else [])


def test_inspection_counts_the_reading_that_training_does(monkeypatch: pytest.MonkeyPatch) -> None:
    began = []
    real = planning.plan

    def plan(config: Config, source: Any, count: int, device: Any, start: float, glance: bool = False) -> Any:
        began.append(time.perf_counter() - start)
        return real(config, source, count, device, start, glance)

    class Slow(ArraySource):
        def rows(self, indices: Any) -> np.ndarray:
            time.sleep(0.5)
            return super().rows(indices)

    monkeypatch.setattr(planning, "plan", plan)
    found = survey(np.random.default_rng(0).normal(size=(5120, 3)))
    slow = dataclasses.replace(found, open_source=lambda shape, keep: Slow(np.zeros((5120, 3)), found.spec))
    estimate(slow, 1.0, time.perf_counter() - 10.0)
    assert began[0] == pytest.approx(10.0 + 5 * 0.5, abs=1.0)
