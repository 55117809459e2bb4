"""The judge of the resume benchmark: it sees one bit, one event, and forgives only timing."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sparring.benchmarks import resume
from sparring.benchmarks.kills import moments
from sparring.benchmarks.resume import RESUME
from sparring.benchmarks.sameness import differences, read_tensors, resumed_at
from sparring.errors import RunError

STEPS = [{"event": "step", "samples": s, "seconds": 1.0, "d_loss": 0.5 + s} for s in (64, 128)]


def make_run(folder: Path, events: list[dict] = STEPS, flip: int | None = None) -> Path:
    """A run folder with two small tensors; `flip` is the bit of the file's last byte to turn over."""
    last, best = folder / "checkpoint/last", folder / "checkpoint/best"
    for slot in (last, best):
        slot.mkdir(parents=True)
    tensors = {"a": torch.arange(4.0), "b": torch.tensor([1.0, -0.0]).to(torch.bfloat16)}
    save_file(tensors, last / "model.safetensors")
    save_file({"a": torch.arange(3.0)}, best / "model.safetensors")
    save_file({"m": torch.tensor([float("nan")])}, last / "state.safetensors")
    if flip is not None:
        content = bytearray((last / "model.safetensors").read_bytes())
        content[-1] ^= 1 << flip
        (last / "model.safetensors").write_bytes(content)
    (folder / "history.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return folder


def test_equal_runs_do_not_differ_even_where_they_hold_nan(tmp_path: Path):
    assert differences(make_run(tmp_path / "r"), make_run(tmp_path / "s")) == []


@pytest.mark.parametrize("bit", [0, 7])
def test_one_bit_of_one_weight_is_seen_and_named(tmp_path: Path, bit: int):
    reference, run = make_run(tmp_path / "r"), make_run(tmp_path / "s", flip=bit)
    [difference] = differences(reference, run)
    assert difference.startswith("last/model.safetensors: ")


def test_the_sign_of_zero_is_a_difference(tmp_path: Path):
    reference, run = make_run(tmp_path / "r"), make_run(tmp_path / "s")
    tensors = {"a": torch.arange(4.0), "b": torch.tensor([1.0, 0.0]).to(torch.bfloat16)}
    save_file(tensors, run / "checkpoint/last/model.safetensors")
    assert differences(reference, run) == ["last/model.safetensors: b"]


def test_a_missing_file_or_tensor_is_a_difference(tmp_path: Path):
    reference, run = make_run(tmp_path / "r"), make_run(tmp_path / "s")
    save_file({"m": torch.tensor([float("nan")]), "n": torch.ones(1)}, run / "checkpoint/last/state.safetensors")
    assert differences(reference, run) == ["last/state.safetensors: n"]
    save_file({"a": torch.ones(3)}, run / "checkpoint/best/model.safetensors")
    assert differences(reference, run) == ["last/state.safetensors: n", "best/model.safetensors: a"]
    (run / "checkpoint/last/state.safetensors").unlink()
    assert "files" in differences(reference, run)[0]


def test_history_forgives_timing_and_marks_of_resuming_but_nothing_else(tmp_path: Path):
    reference = make_run(tmp_path / "r")
    marks = [{"event": "resumed_at", "samples": 64}, {"event": "note", "samples": 64, "text": "from last.old"}]
    slower = [{**step, "seconds": 9.0} for step in STEPS]
    run = make_run(tmp_path / "s", [slower[0], *marks, slower[1]])
    assert differences(reference, run) == []
    assert resumed_at(run) == [64]
    other = make_run(tmp_path / "t", [STEPS[0], {**STEPS[1], "d_loss": 0.0}])
    assert differences(reference, other) == ["history differs at sample 128"]
    assert differences(reference, make_run(tmp_path / "u", STEPS[:1])) == ["history differs in its length"]
    twice = make_run(tmp_path / "v", [*STEPS, STEPS[1]])
    assert differences(reference, twice) == ["history differs in its length"]


def test_a_torn_history_is_told(tmp_path: Path):
    run = make_run(tmp_path / "r")
    with (run / "history.jsonl").open("a") as file:
        file.write('{"event": "st')
    with pytest.raises(RunError, match="a JSON event a line"):
        resumed_at(run)


def test_a_run_that_cannot_be_resumed_counts_as_different(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*words: object) -> str:
        raise RunError("`sparring resume` failed.")

    monkeypatch.setattr(resume, "run_sparring", fail)
    outcome = resume._resume_and_compare(make_run(tmp_path / "r"), make_run(tmp_path / "s"))
    assert outcome == {"resumed_at": [], "differing": ["`sparring resume` failed."]}


def test_tensors_are_read_as_safetensors_wrote_them(tmp_path: Path):
    path = make_run(tmp_path / "r") / "checkpoint/last/model.safetensors"
    dtype, shape, data = read_tensors(path)["a"]
    assert (dtype, shape) == ("F32", (4,))
    np.testing.assert_array_equal(np.frombuffer(data, np.float32), np.arange(4.0))


def test_moments_are_seeded_and_of_every_kind():
    draw = [moments(18, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert draw[0] == draw[1] != draw[2]
    assert sum(moment.when == "while writing" for moment in draw[0]) == 4
    assert sum(moment.phase == "start" for moment in draw[0]) == 2
    assert all(0 <= moment.share <= 1 for moment in draw[0])


def test_at_least_fifty_kills_over_every_objective_and_network():
    assert len({cell.method for cell in RESUME.cells()}) == 9
    assert RESUME.bars[0].bound == 66


def test_a_kill_that_did_not_end_identical_fails_the_bar():
    line = {"method": "m", "figures": {"kills": 9, "identical": 8, "after_zero": 9}}
    verdict = RESUME.bars[1].judge([line])
    assert (verdict.value, verdict.passed) == (1, False)
