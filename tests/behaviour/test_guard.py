"""A training that breaks is noticed, named, rolled back and, where that does not help, stopped; the best is kept."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sparring.engine import Engine, Hook
from sparring.games.adversarial import Numbers
from sparring.hooks.guard import Guard
from sparring.hooks.record import History
from sparring.hooks.validate import Validate

STEPS = 48
CALM = {"batch": 8, "learning_rate": 1e-4}


class Plant(Hook):
    """Spoils the networks once the clock has come to each of the given steps, before the guard looks."""

    def __init__(self, spoil: Callable[[Engine], None], steps: set[int]) -> None:
        self.spoil, self.steps = spoil, steps

    def step(self, engine: Engine, numbers: Numbers) -> None:
        if engine.clock // engine.batch in self.steps:
            self.spoil(engine)


@torch.no_grad()
def poison(engine: Engine) -> None:
    next(engine.game.discriminator.parameters()).view(-1)[3] = math.nan


@torch.no_grad()
def collapse(engine: Engine) -> None:
    last = engine.game.generator.last
    last.weight.zero_()


@torch.no_grad()
def diverge(engine: Engine) -> None:
    engine.game.discriminator.head.bias.fill_(1e6)


def guarded(engine: Engine, spoil: Callable[[Engine], None], steps: set[int], path: Path) -> list[dict[str, Any]]:
    history = History(path)
    engine.hooks = [Plant(spoil, steps), Guard(history)]
    engine.run()
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def is_finite(engine: Engine) -> bool:
    return all(tensor.isfinite().all().item() for tensor in engine.weights().values())


@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (poison, "a loss or a weight is not a finite number"),
        (collapse, "the generator collapsed: its items vary 0 times as much as the data"),
        (diverge, "training diverged: a mean logit reached 1e+06"),
    ],
)
def test_a_planted_failure_is_noticed_named_and_rolled_back(
    make_engine: Callable[..., Engine], tmp_path: Path, network: str, spoil: Callable[[Engine], None], words: str
) -> None:
    engine = make_engine(network, steps=STEPS, width=32, optimiser=CALM)
    # a poisoned weight is seen at once, what shows in a batch at the next one, and a collapse at the third such
    lasts, seen = ({21, 22, 23}, 24) if spoil is collapse else ({21}, 22)
    events = guarded(engine, spoil, lasts, tmp_path / "history.jsonl")
    assert [event["event"] for event in events] == ["rollback"]
    assert events[0]["reason"] == words
    assert events[0]["samples"] in ((seen - 1) * engine.batch, seen * engine.batch)
    assert engine.clock == engine.total
    assert engine.progress.stopped == ""
    assert is_finite(engine)
    assert engine.step().variance.item() > 0.05


def test_a_generator_that_never_came_to_life_begins_again_more_carefully(
    make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    engine = make_engine("conv", steps=STEPS, width=32, optimiser=CALM)
    born = {name: tensor.clone() for name, tensor in engine.weights().items()}
    back: list[bool] = []

    class Look(Hook):
        def step(self, engine: Engine, numbers: Numbers) -> None:
            if engine.progress.rollbacks == 1 and not back:
                back.append(all(torch.equal(born[name], tensor) for name, tensor in engine.weights().items()))

    history = History(tmp_path / "history.jsonl")
    engine.hooks = [Plant(collapse, set(range(1, 6))), Guard(history), Look()]
    engine.run()
    events = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["rollback"]
    assert events[0]["reason"].startswith("the generator never made different items: its items vary 0 times")
    assert back == [True], "from the weights that it was born with"
    assert engine.progress.rollbacks == 1


def test_without_the_guard_the_poison_stays(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine(steps=STEPS, width=32, optimiser=CALM)
    engine.hooks = [Plant(poison, {20})]
    engine.run()
    assert not is_finite(engine)


def test_a_healthy_training_is_left_alone(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    watched, free = (
        make_engine(steps=STEPS, width=32, optimiser=CALM),
        make_engine(steps=STEPS, width=32, optimiser=CALM),
    )
    assert guarded(watched, poison, set(), tmp_path / "history.jsonl") == []
    free.run()
    assert all(torch.equal(a, b) for a, b in zip(watched.weights().values(), free.weights().values(), strict=True))


def test_a_rollback_goes_on_from_the_last_healthy_weights_more_carefully(
    make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    engine, free = (
        make_engine(steps=STEPS, width=32, optimiser=CALM),
        make_engine(steps=STEPS, width=32, optimiser=CALM),
    )
    for _ in range(20):
        free.step()
    kept: dict[str, Any] = {}

    class Look(Hook):
        def step(self, engine: Engine, numbers: Numbers) -> None:
            if engine.clock == 20 * engine.batch:
                kept["weights"], kept["settings"] = engine.weights(), engine.settings()

    engine.hooks = [Plant(poison, {20}), Guard(History(tmp_path / "history.jsonl")), Look()]
    healthy = make_engine(steps=STEPS, width=32, optimiser=CALM)
    for _ in range(18):  # 24 moments of 48 steps: weights are kept at every second step
        healthy.step()
    engine.run()
    expected = healthy.weights()
    assert all(torch.equal(kept["weights"][name], tensor) for name, tensor in expected.items())
    assert kept["settings"].learning_rate == pytest.approx(free.settings().learning_rate / 2)
    assert kept["settings"].gamma == pytest.approx(free.settings().gamma * 2)


@pytest.mark.parametrize("allowed", [0, 2])
def test_training_stops_with_words_when_rollbacks_do_not_help(
    make_engine: Callable[..., Engine], tmp_path: Path, allowed: int
) -> None:
    engine = make_engine(steps=STEPS, width=32, optimiser=CALM, guard={"rollbacks": allowed})
    events = guarded(engine, poison, set(range(10, STEPS)), tmp_path / "history.jsonl")
    assert len(events) == allowed
    assert engine.clock < engine.total
    assert engine.progress.stopped == (
        f"a loss or a weight is not a finite number, and {allowed} rollbacks had not helped"
    )
    assert is_finite(engine)


def test_the_guard_remembers_across_a_resume(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    first, second = (
        make_engine(steps=STEPS, width=32, optimiser=CALM),
        make_engine(steps=STEPS, width=32, optimiser=CALM),
    )
    first.hooks, second.hooks = ([Guard(History(tmp_path / name))] for name in ("a", "b"))
    first.run()
    second.restore(*first.state())
    assert second.hooks[0].state() == {"was_healthy": True, "low": 0}
    good = first.hooks[0].tensors()
    assert good
    assert all(torch.equal(second.hooks[0].tensors()[name], tensor) for name, tensor in good.items())


class Judge:
    """A feature space in which generated items are a planted distance from real ones."""

    name = "planted"

    def __init__(self, distances: list[float]) -> None:
        self.distances = iter(distances)
        self.noise = np.random.default_rng(0).normal(size=(64, 4))

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        return self.noise + next(self.distances)


def validated(engine: Engine, distances: list[float], path: Path) -> tuple[list[int], list[dict[str, Any]]]:
    kept: list[int] = []
    judge = Judge([0.0, *distances])
    validate = Validate(
        lambda count: np.zeros((64, 1)), np.zeros((64, 1)), judge, lambda: kept.append(engine.clock), History(path)
    )
    engine.hooks = [validate]
    engine.run()
    return kept, [json.loads(line) for line in path.read_text().splitlines()]


def test_the_lowest_distance_is_kept_and_named_at_the_end(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    engine = make_engine(steps=16, validation={"points": 8, "patience": 20})
    kept, events = validated(engine, [5.0, 3.0, 4.0, 1.0, 2.0, math.nan, 1.5, 6.0], tmp_path / "history.jsonl")
    measured = [event for event in events if event["event"] == "validation"]
    assert [event["samples"] for event in measured] == [16, 32, 48, 64, 80, 96, 112, 128]
    assert [event["best"] for event in measured] == [True, True, False, True, False, False, False, False]
    assert kept == [16, 32, 64]
    assert measured[5]["kernel_distance"] is None
    assert events[-1]["event"] == "end"
    assert "the budget was used up; checkpoint/best is the model at 64 samples" in events[-1]["text"]


def test_of_models_that_cannot_be_told_apart_the_longer_trained_is_kept(
    make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    """The interval of 64 items spread by one reaches over a difference of .02, and not over one of 2."""
    engine = make_engine(steps=16, validation={"points": 8, "patience": 20})
    distances = [5.0, 0.5, 0.52, 0.48, 0.51, 2.5, 0.5, 2.5]
    kept, events = validated(engine, distances, tmp_path / "history.jsonl")
    assert kept == [16, 32, 48, 64, 80, 112]
    assert "checkpoint/best is the model at 112 samples" in events[-1]["text"]


def test_small_steps_away_from_the_best_do_not_add_up(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    engine = make_engine(steps=16, validation={"points": 8, "patience": 20})
    kept, _ = validated(engine, [0.1, 0.2, 0.4, 0.6, 0.9, 1.3, 1.8, 2.4], tmp_path / "history.jsonl")
    assert kept[-1] < 80


def test_patience_stops_a_training_that_no_longer_gains(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    engine = make_engine(steps=16, validation={"points": 8, "patience": 3})
    kept, events = validated(engine, [5.0, 1.0, 2.0, 2.0, 2.0, 0.1, 0.1, 0.1], tmp_path / "history.jsonl")
    assert kept == [16, 32]
    assert engine.clock == 80
    assert "had been worse than its best for 3 measurements in a row" in events[-1]["text"]
    assert "`validation.patience`" in engine.progress.stopped


def test_where_nothing_could_be_measured_the_last_is_the_model(
    make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    engine = make_engine(steps=4, validation={"points": 2})
    kept, events = validated(engine, [math.nan, math.inf], tmp_path / "history.jsonl")
    assert kept == []
    assert "no measurement succeeded, so checkpoint/last is the model" in events[-1]["text"]


def test_gamma_falls_over_so_many_samples_or_half_of_a_smaller_budget(make_engine: Callable[..., Engine]) -> None:
    penalties = {"gamma": 8.0, "gamma_fall": 0.25, "gamma_samples": 40 * CALM["batch"]}

    def at(steps: int, total: int) -> float:
        engine = make_engine(steps=total, penalties=penalties)
        engine.progress.clock = engine.begin + steps * engine.batch
        return engine.settings().gamma

    for total, falls in [(1000, 40), (80, 40), (40, 20)]:
        assert [at(0, total), at(falls // 2, total), at(falls, total), at(total, total)] == pytest.approx([8, 4, 2, 2])
