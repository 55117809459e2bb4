"""Training processes that are killed at chosen moments of their life."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from sparring.benchmarks.command import sparring_command
from sparring.errors import RunError

POLL = 0.001
LIMIT = 600.0


@dataclass(frozen=True)
class Moment:
    """When a training process is killed.

    Attributes:
        share: of the time from the appearance of config.json to the expected end, from 0 to 1.
        when: at that moment, or at the first change of the checkpoint folder after it.
    """

    share: float
    when: Literal["then", "while writing"] = "then"


def moments(count: int, generator: np.random.Generator) -> list[Moment]:
    """Random moments: of eight, one in start-up, two while a checkpoint is written, five anywhere."""
    kinds = [("start", "write", "any", "any", "any", "write", "any", "any")[i % 8] for i in range(count)]
    return [_moment(kind, generator) for kind in kinds]


def train_to_the_end(words: list[str], run: Path) -> float:
    """Train without a kill.

    Args:
        words: of the command, such as ["train", "digits", "--run", "R"].
        run: its run folder.

    Returns:
        Seconds from the appearance of config.json to the end of the process.

    Raises:
        RunError: the training failed or took longer than ten minutes.
    """
    process = _start(words, run)
    born = _wait_for_birth(process, run)
    if process.wait(LIMIT) != 0:
        raise _failure(words, run)
    return time.perf_counter() - born


def train_until_killed(words: list[str], run: Path, moment: Moment, span: float) -> bool:
    """Start a training and kill its whole process group with SIGKILL.

    Args:
        words: of the command.
        run: its run folder.
        moment: when to kill.
        span: seconds that the training is expected to take once config.json is there.

    Returns:
        Whether the kill found it alive; False where it had ended before the moment came.
    """
    process = _start(words, run)
    target = _wait_for_birth(process, run) + moment.share * span
    while process.poll() is None and time.perf_counter() < target:
        time.sleep(POLL)
    if moment.when == "while writing":
        _wait_for_writing(process, run / "checkpoint")
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return alive


def _moment(kind: str, generator: np.random.Generator) -> Moment:
    if kind == "start":
        return Moment(float(generator.uniform(0.0, 0.1)))
    if kind == "write":
        return Moment(float(generator.uniform(0.2, 0.8)), "while writing")
    return Moment(float(generator.uniform(0.1, 0.95)))


def _start(words: list[str], run: Path) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own; what it says goes into a file beside the run."""
    run.parent.mkdir(parents=True, exist_ok=True)
    with _log(run).open("wb") as log:
        return subprocess.Popen(sparring_command(*words), stdout=log, stderr=log, start_new_session=True)


def _wait_for_birth(process: subprocess.Popen[bytes], run: Path) -> float:
    """Wait until config.json appears and return that moment."""
    while not (run / "config.json").exists():
        if process.poll() is not None:
            raise _failure(["train"], run)
        time.sleep(POLL)
    return time.perf_counter()


def _wait_for_writing(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until anything in the checkpoint folder changes."""
    before = _listing(folder)
    while process.poll() is None and _listing(folder) == before:
        time.sleep(POLL)


def _listing(folder: Path) -> frozenset[tuple[str, int]]:
    """Names and modification times of all that is in a folder; what vanishes meanwhile is left out."""
    found = set()
    for path in folder.rglob("*"):
        try:
            found.add((str(path), path.stat().st_mtime_ns))
        except FileNotFoundError:
            continue
    return frozenset(found)


def _log(run: Path) -> Path:
    return run.with_name(run.name + ".log")


def _failure(words: list[str], run: Path) -> RunError:
    return RunError(f"`sparring {words[0]}` must run to its end here. It failed: see {str(_log(run))!r}.")
