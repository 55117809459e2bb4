"""A training that was stopped and taken up again ends with the same bits as one that was not."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sparring import checkpoint, training
from sparring.assembly import averaged_model
from sparring.data.scale import fit_scaler
from sparring.data.source import ArraySource, Spec
from sparring.engine import Engine
from sparring.errors import RunError
from sparring.hooks.keep import Keep
from sparring.hooks.record import Record
from sparring.hooks.save import Save
from sparring.hooks.validate import Validate
from sparring.networks import GENERATORS
from sparring.objectives import OBJECTIVES

TIMINGS = {"seconds", "samples_per_second", "checkpoint_seconds"}
SETTINGS = {
    "optimiser.batch": 32,
    "network.width": 8,
    "checkpoint.seconds": 1e-6,
    "validation.points": 4,
    "validation.items": 64,
}
SAMPLES, ENCODED = 960, 96


@pytest.fixture(autouse=True, scope="module")
def fast_disk() -> Iterator[None]:
    """Flushing is slow and changes nothing that a test in one process can see."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


def steps(engine: Engine, count: int) -> dict[str, Tensor]:
    for _ in range(count):
        engine.step()
    return engine.state()[1]


def bits(tensor: Tensor) -> bytes:
    return tensor.detach().contiguous().numpy().tobytes()


def same_bits(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(bits(one[name]) == bits(other[name]) for name in one)


@pytest.mark.parametrize("network", list(GENERATORS))
@pytest.mark.parametrize("objective", list(OBJECTIVES))
def test_ten_steps_and_ten_steps_are_twenty(
    make_engine: Callable[..., Engine], tmp_path: Path, objective: str, network: str
) -> None:
    whole = steps(make_engine(network, objective), 20)
    first = make_engine(network, objective)
    half = steps(first, 10)
    checkpoint.write(tmp_path / "last", first.state()[0], {"state": half})
    torch.manual_seed(123)
    second = make_engine(network, objective)
    saved = checkpoint.read(tmp_path / "last")
    second.restore(saved.facts, saved.tensors["state"])
    assert second.clock == first.clock
    resumed = steps(second, 10)
    assert same_bits(resumed, whole)
    assert {name.partition("/")[0] for name in whole} >= {"generator", "averaged", "discriminator_optimiser"}
    assert not same_bits(half, whole)


@pytest.mark.parametrize("forgotten", ["averaged/", "generator_optimiser/", "clock"])
def test_a_resume_that_forgets_a_part_is_told_from_a_whole_one(
    make_engine: Callable[..., Engine], forgotten: str
) -> None:
    whole = steps(make_engine(), 20)
    first, second = make_engine(), make_engine()
    steps(first, 10)
    facts, tensors = first.state()
    fresh = second.state()[1]
    second.restore(facts, {n: fresh.get(n, t * 0) if n.startswith(forgotten) else t for n, t in tensors.items()})
    if forgotten == "clock":
        second.progress.clock = 0
    assert not same_bits(steps(second, 10), whole)


@pytest.mark.parametrize(
    ("name", "momentum"), [("SGD", 0.9), ("AdamW", 0.0), ("RMSprop", 0.5), ("Adagrad", 0.0), ("SOAP", 0.0)]
)
def test_other_optimisers_go_on_exactly_too(make_engine: Callable[..., Engine], name: str, momentum: float) -> None:
    options = {"optimiser": {"batch": 8, "name": name, "momentum": momentum, "learning_rate": 1e-3}}
    whole = steps(make_engine(**options), 12)
    first, second = make_engine(**options), make_engine(**options)
    steps(first, 5)
    second.restore(*first.state())
    assert same_bits(steps(second, 7), whole)


@pytest.mark.parametrize("at", [4, 5, 6, 7])
def test_a_run_goes_on_exactly_from_around_the_step_where_soap_ends(
    make_engine: Callable[..., Engine], at: int
) -> None:
    options = {"optimiser": {"batch": 8, "name": "Adam", "soap_share": 0.25, "learning_rate": 1e-3}}
    whole = steps(make_engine(**options), 10)
    first, second = make_engine(**options), make_engine(**options)
    steps(first, at)
    second.restore(*first.state())
    assert same_bits(steps(second, 10 - at), whole)


def test_soap_takes_the_first_steps_and_the_named_optimiser_the_others(make_engine: Callable[..., Engine]) -> None:
    def states(count: int, **options: Any) -> dict[str, Any]:
        return steps(make_engine(optimiser={"batch": 8, "learning_rate": 1e-3, **options}), count)

    shared = states(5, name="Adam", soap_share=0.25)
    alone = states(5, name="SOAP")
    weights = [name for name in alone if "optimiser" not in name]
    assert all(torch.equal(shared[name], alone[name]) for name in weights)
    assert not any("_optimiser" in name for name in shared), "Adam begins afresh"
    assert not same_bits(
        {name: states(5, name="Adam")[name] for name in weights}, {name: alone[name] for name in weights}
    )
    later = states(6, name="Adam", soap_share=0.25)
    assert {name.rpartition(".")[2] for name in later if "_optimiser" in name} == {"step", "exp_avg", "exp_avg_sq"}


def test_a_checkpoint_of_other_networks_gets_a_sentence(make_engine: Callable[..., Engine]) -> None:
    with pytest.raises(RunError, match="does not fit this run's networks"):
        make_engine("conv").restore(*make_engine("mlp").state())


class Killed(BaseException):
    """The process is killed here."""


def digits(run: Path, **options: Any) -> Path:
    return training.train("digits", run, samples=SAMPLES, progress=False, settings=SETTINGS | options)


def kill_at(clock: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    real = Record.step

    def step(self: Record, engine: Engine, numbers: Any) -> None:
        if engine.clock >= clock:
            raise Killed
        real(self, engine, numbers)

    monkeypatch.setattr(Record, "step", step)
    return lambda: monkeypatch.setattr(Record, "step", real)


def history(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]


def told(run: Path) -> list[dict[str, Any]]:
    """The history without what a resumed run alone has to say, and without timings."""
    events = [event for event in history(run) if event["event"] not in ("resumed_at", "note")]
    return [{key: value for key, value in event.items() if key not in TIMINGS} for event in events]


def files(run: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return digits(tmp_path_factory.mktemp("reference") / "run")


def assert_same_run(run: Path, reference: Path) -> None:
    for slot in ("checkpoint/last", "checkpoint/best"):
        mine, theirs = checkpoint.read(run / slot), checkpoint.read(reference / slot)
        for stem, tensors in theirs.tensors.items():
            assert same_bits(mine.tensors[stem], tensors)
        assert mine.facts.keys() == theirs.facts.keys()
        assert mine.facts["samples"] == theirs.facts["samples"]
    assert told(run) == told(reference)
    assert [path.name for path in sorted((run / "samples").iterdir())] == [
        path.name for path in sorted((reference / "samples").iterdir())
    ]


@pytest.mark.parametrize("clock", [32, 480, SAMPLES - ENCODED, SAMPLES - ENCODED + 32, SAMPLES])
def test_a_killed_run_ends_as_if_it_had_never_stopped(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: int
) -> None:
    run = tmp_path / "run"
    revive = kill_at(clock, monkeypatch)
    with pytest.raises(Killed):
        digits(run)
    revive()
    training.resume(run, progress=False)
    assert [event["samples"] for event in history(run) if event["event"] == "resumed_at"] == [clock - 32]
    assert_same_run(run, reference)


def test_a_run_killed_many_times_ends_the_same(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    for clock in (64, 256, 288, 800):
        revive = kill_at(clock, monkeypatch)
        with contextlib.suppress(Killed):
            training.resume(run, progress=False) if run.exists() else digits(run)
        revive()
    training.resume(run, progress=False)
    assert len([event for event in history(run) if event["event"] == "resumed_at"]) == 4
    assert_same_run(run, reference)


def test_a_kill_between_the_kept_model_and_the_last_checkpoint(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, real = tmp_path / "run", Keep.end

    def end(self: Keep, engine: Engine) -> None:
        real(self, engine)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Keep, "end", end)
        with pytest.raises(Killed):
            digits(run)
    training.resume(run, progress=False)
    assert_same_run(run, reference)


@pytest.mark.parametrize("clock", [448, SAMPLES - ENCODED, SAMPLES - ENCODED + 32, SAMPLES])
def test_a_kill_before_and_after_training_ended_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: int
) -> None:
    real = Validate.step

    def step(self: Validate, engine: Engine, numbers: Any) -> None:
        real(self, engine, numbers)
        if engine.clock == 480:
            engine.stop("the test said so")

    monkeypatch.setattr(Validate, "step", step)
    whole, run = digits(tmp_path / "whole"), tmp_path / "run"
    revive = kill_at(clock, monkeypatch)
    with pytest.raises(Killed):
        digits(run)
    revive()
    training.resume(run, progress=False)
    ends = [event["text"] for event in history(run) if event["event"] == "end"]
    assert len(ends) == 1
    assert "ended because the test said so" in ends[0]
    steps_of_players = [event["samples"] for event in history(run) if event["event"] == "step"]
    assert max(steps_of_players) == 480
    assert_same_run(run, whole)


def test_a_kept_model_that_was_damaged_meanwhile_is_not_the_one_an_encoder_goes_on_with(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    revive = kill_at(SAMPLES - ENCODED + 64, monkeypatch)
    with pytest.raises(Killed):
        digits(run)
    revive()
    (run / "checkpoint" / "best" / "model.safetensors").write_bytes(b"damaged")
    training.resume(run, progress=False)
    assert_same_run(run, reference)


def test_another_seed_is_another_run(reference: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        assert_same_run(digits(tmp_path / "run", seed=1), reference)


def test_a_corrupt_newest_checkpoint_falls_back_and_says_so(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    revive = kill_at(480, monkeypatch)
    with pytest.raises(Killed):
        digits(run)
    revive()
    weights = run / "checkpoint" / "last" / "state.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 64
    weights.write_bytes(content)
    training.resume(run, progress=False)
    assert [event["samples"] for event in history(run) if event["event"] == "resumed_at"] == [416]
    notes = [event["text"] for event in history(run) if event["event"] == "note"]
    assert any("the newest checkpoint is damaged" in note and "416" in note for note in notes)
    assert_same_run(run, reference)


def test_resume_of_a_finished_run_changes_no_file(reference: Path) -> None:
    before = files(reference)
    training.resume(reference, progress=False)
    assert files(reference) == before


def test_what_is_decided_is_on_disk_before_the_first_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    kill_at(0, monkeypatch)
    with pytest.raises(Killed):
        digits(run)
    assert checkpoint.read(run / "checkpoint" / "last").facts["samples"] == 0
    config = json.loads((run / "config.json").read_text())["config"]
    assert config["budget"]["samples"] == SAMPLES
    assert None not in config["optimiser"].values()


def test_resume_of_a_folder_that_is_no_run_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run folder"):
        training.resume(tmp_path, progress=False)


def test_interruptions_before_the_first_checkpoint_lose_nothing(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(self: Save, engine: Engine) -> None:
        raise Killed

    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Save, "start", start)
        with pytest.raises(Killed):
            digits(run)
        with pytest.raises(Killed):
            training.resume(run, progress=False)
    training.resume(run, progress=False)
    assert_same_run(run, reference)


def test_a_run_of_a_gpu_does_not_go_on_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    kill_at(0, monkeypatch)
    with pytest.raises(Killed):
        digits(run)
    facts = json.loads((run / "config.json").read_text())
    facts["config"]["device"] = "cuda"
    (run / "config.json").write_text(json.dumps(facts))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RunError, match="this machine has none"):
        training.resume(run, progress=False)


def test_what_checkpoints_took_is_counted_over_all_sessions(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    told: list[float] = []
    engine = make_engine()
    scaler = fit_scaler(
        "range", ArraySource(np.eye(64, dtype=np.uint8).reshape(64, 8, 8, 1), Spec("image", (8, 8, 1), "uint8"))
    )
    hook = Save(tmp_path / "last", lambda: averaged_model(engine, scaler), lambda *seconds: told.extend(seconds))
    engine.step()
    hook.restore({"checkpoint_seconds": 5.0, "seconds": 100.0}, {})
    hook.start(engine)
    hook.end(engine)
    assert told == [pytest.approx(5.0, abs=2.0), pytest.approx(100.0, abs=5.0)]
    assert min(told[0] - 5.0, told[1] - 100.0) > 0
