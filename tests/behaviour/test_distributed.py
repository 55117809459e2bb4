"""Two processes train the model that one process trains, and leave one run folder."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sparring import checkpoint

STEPS, ENCODED, BATCH = 18, 2, 32
COMMON = ["--samples", str((STEPS + ENCODED) * BATCH), "--set", f"optimiser.batch={BATCH}", "--set", "network.width=8"]
SGD = ["--set", "optimiser.name=SGD", "--set", "optimiser.learning_rate=0.002"]
WHOLE = ["--set", "precision=float32", "--set", "threads=1"]


def train(run: Path, processes: int, *options: str) -> subprocess.CompletedProcess[str]:
    alone = [sys.executable, "-m"]
    # without the "--", torchrun takes --run for one of its own options
    many = [*alone, "torch.distributed.run", "--nproc-per-node", str(processes), "--standalone", "-m", "--"]
    command = [*(alone if processes == 1 else many), "sparring", "train", "digits", "--run", str(run)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "USE_LIBUV": "0"}
    return subprocess.run(
        [*command, *COMMON, *WHOLE, *options], env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def steps(run: Path, name: str = "step") -> list[dict[str, Any]]:
    events = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    return [event for event in events if event["event"] == name]


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(checkpoint.read(run / "checkpoint" / "last").folder / "model.safetensors")


def assert_same_training(one: Path, many: Path, of_weights: float) -> None:
    alone, together = steps(one), steps(many)
    assert [event["samples"] for event in together] == [BATCH * (step + 1) for step in range(STEPS)]
    for name in ("d_loss", "g_loss", "r1", "r2", "real_logit", "fake_logit"):
        assert [e[name] for e in together] == pytest.approx([e[name] for e in alone], abs=1e-3, rel=1e-3)
    taught = steps(many, "encoding")
    assert len(taught) == ENCODED
    for name in ("reconstruction", "description", "misplaced"):
        assert [e[name] for e in taught] == pytest.approx([e[name] for e in steps(one, "encoding")], rel=1e-3)
    mine, theirs = (
        {name: weight for name, weight in weights(run).items() if not name.startswith(ADAM)} for run in (many, one)
    )
    assert mine.keys() == theirs.keys()
    assert max((mine[name] - theirs[name]).abs().max().item() for name in theirs) < of_weights


# the encoder learns by Adam, whose first steps are as long for a gradient of noise as for any other
ADAM = ("encoder", "decoder")
MLP = ["--set", "network.name=mlp"]


@pytest.mark.parametrize("preset", [pytest.param(MLP, id="mlp", marks=pytest.mark.slow), pytest.param([], id="conv")])
def test_two_processes_train_as_one_does(tmp_path: Path, preset: list[str]) -> None:
    for processes in (1, 2):
        done = train(tmp_path / str(processes), processes, *SGD, *preset)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(tmp_path / str(processes)), "one answer, from one process"
    assert_same_training(tmp_path / "1", tmp_path / "2", of_weights=1e-5)
    names = sorted(path.name for path in (tmp_path / "1").iterdir())
    assert sorted(path.name for path in (tmp_path / "2").iterdir()) == names
