"""The real command line, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from sparring.errors import RunError


def sparring_command(*words: object) -> list[str]:
    """The installed `sparring` that belongs to this interpreter, with its arguments."""
    return [str(Path(sys.executable).with_name("sparring")), *map(str, words)]


def run_sparring(*words: object, seconds: float = 3600) -> str:
    """Run a command to its end.

    Args:
        words: of the command, without `sparring` itself.
        seconds: after which it counts as hanging.

    Returns:
        Its standard output.

    Raises:
        RunError: the command failed; the sentence carries what it said.
    """
    done = subprocess.run(sparring_command(*words), capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise RunError(f"`sparring {' '.join(map(str, words))}` failed. {said[-1] if said else ''}")
    return done.stdout


def sample_run(run: Path, count: int) -> np.ndarray:
    """Items of a finished run, made by the command line, in the data's own form."""
    out = run.with_name("samples.npz")
    run_sparring("sample", run, "-n", count, "--out", out)
    with np.load(out, allow_pickle=False) as arrays:
        return arrays["samples"]


def samples_seen(run: Path) -> int:
    """Items that a run was shown, repeats included."""
    return max(event["samples"] for event in history(run) if "samples" in event)


def history(run: Path) -> list[dict[str, Any]]:
    """The events of a run."""
    return [json.loads(line) for line in (run / "history.jsonl").read_text(encoding="utf-8").splitlines()]
