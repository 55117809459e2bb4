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
STEP, END = b'"event": "step"', b'"event": "end"'


@dataclass(frozen=True)
class Moment:
    """When a training process is killed.

    Attributes:
        share: of the phase that has passed, from 0 to 1.
        phase: "start", from the appearance of config.json to the first recorded step; "steps", from there to the
            recorded end, after which only the process itself is left to stop.
        when: at that moment, or at the first change of the checkpoint folder after it.
    """

    share: float
    phase: Literal["start", "steps"] = "steps"
    when: Literal["then", "while writing"] = "then"


@dataclass(frozen=True)
class Spans:
    """How long the phases of a training take, in seconds."""

    start: float
    steps: float


KINDS = ("start", "write", "any", "any", "any", "write", "any", "any", "any")


def moments(count: int, generator: np.random.Generator) -> list[Moment]:
    """Random moments: of nine, one during the start, two while a checkpoint is written, six anywhere after it."""
    return [_moment(KINDS[number % len(KINDS)], generator) for number in range(count)]


def train_to_the_end(words: list[str], run: Path) -> Spans:
    """Train without a kill.

    Args:
        words: of the command, such as ["train", "digits", "--run", "R"].
        run: its run folder.

    Returns:
        How long its phases took.

    Raises:
        RunError: the training failed or took longer than ten minutes.
    """
    process = _start(words, run)
    born = _wait_for(process, run / "config.json")
    stepped = _wait_for(process, run / "history.jsonl", STEP)
    ended = _wait_for(process, run / "history.jsonl", END)
    if process.wait(LIMIT) != 0:
        raise RunError(f"`sparring {words[0]}` must run to its end here. It failed: see {str(_log(run))!r}.")
    return Spans(stepped - born, ended - stepped)


def train_until_killed(words: list[str], run: Path, moment: Moment, spans: Spans) -> bool:
    """Start a training and kill its whole process group with SIGKILL.

    Args:
        words: of the command.
        run: its run folder.
        moment: when to kill.
        spans: how long its phases are expected to take.

    Returns:
        Whether the kill found it alive; False where it had ended before the moment came.
    """
    process = _start(words, run)
    began = _wait_for(process, run / "config.json")
    if moment.phase == "steps":
        began = _wait_for(process, run / "history.jsonl", STEP)
    target = began + moment.share * getattr(spans, moment.phase)
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
        return Moment(float(generator.uniform()), "start")
    if kind == "write":
        return Moment(float(generator.uniform(0.1, 0.8)), when="while writing")
    return Moment(float(generator.uniform(0.0, 0.95)))


def _start(words: list[str], run: Path) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own; what it says goes into a file beside the run."""
    run.parent.mkdir(parents=True, exist_ok=True)
    with _log(run).open("wb") as log:
        return subprocess.Popen(sparring_command(*words), stdout=log, stderr=log, start_new_session=True)


def _wait_for(process: subprocess.Popen[bytes], path: Path, content: bytes = b"") -> float:
    """Wait until a file holds something, or the process has ended, and return that moment."""
    while process.poll() is None and not (path.exists() and content in path.read_bytes()):
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
