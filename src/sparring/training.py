"""The one way into the engine, for the command line and the estimators alike: train, resume, estimate.

`train` reads the data, makes every choice and writes it down; `stages.play` goes by what is written.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sparring import checkpoint
from sparring.assembly import check_names
from sparring.config import Config, from_json, to_json
from sparring.data.blobs import is_run, printable
from sparring.data.cache import open_cache, write_cache
from sparring.data.folders import find_folders
from sparring.data.open import survey as look_at
from sparring.data.scale import Scaler
from sparring.data.source import Source, Spec
from sparring.data.survey import Survey
from sparring.distribution import first_alone, processes, wait_for_all
from sparring.errors import RunError, UsageError, rule
from sparring.hardware import default_device, describe, kept_memory, threads
from sparring.hooks.console import say
from sparring.planning import chosen_shape, expected_time, plan
from sparring.presets import configure
from sparring.rules import choose_form
from sparring.stages import play


def train(
    data: str | Path | np.ndarray,
    run: Path | str,
    *,
    preset: str | None = None,
    minutes: float | None = None,
    samples: int | None = None,
    epochs: float | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    config_file: Path | None = None,
    names: Sequence[str] = (),
    accept: Callable[[Config, Spec], None] = lambda config, spec: None,
    progress: bool = True,
) -> Path:
    """Train a model on unlabelled data.

    Args:
        data: a path, a bundled name, or an array.
        run: the folder to write; must be new or empty.
        preset: a name of `presets.PRESETS`.
        minutes: how long to train; turned once into a number of samples.
        samples: how many items to show instead.
        epochs: how often to show each item instead.
        seed: of everything random.
        settings: dotted settings, such as {"network.width": 48}; they win over everything else.
        config_file: a .toml or .json file of settings; wins over the preset.
        names: of the columns of an array that is a table.
        accept: looks at the configuration with every choice made, and the form of an item, before the first step; an
            error of its own ends the command.
        progress: whether to report on stderr.

    Returns:
        The run folder.

    Raises:
        UsageError: for a setting that is unknown or out of its range, or a folder that is not new.
        DataError: for data that cannot be read or learned from.
        RunError: where another process is at work on the folder.
    """
    run = Path(run)
    began = time.perf_counter()
    budget = {"minutes": minutes, "samples": samples, "epochs": epochs}
    config = configure(preset, config_file, settings or {}, budget, seed)
    with kept_memory(), processes(), threads(config.threads), contextlib.ExitStack() as held:
        with first_alone() as first:
            if first:
                _refuse_existing(run)
                run.mkdir(parents=True, exist_ok=True)
                held.enter_context(alone(run))
                with _all_or_nothing(run):
                    if progress and not isinstance(data, np.ndarray):
                        say([f"Reading {printable(str(data))} ..."])
                    found = look_at(data, names).require()
                    check_names(config, found.spec)
                    _write_down(run, found, config, began, accept, progress)
        _play(run, progress)
    return run


def resume(run: Path | str, *, progress: bool = True) -> Path:
    """Go on where a run stopped; a finished run is left as it is.

    Raises:
        RunError: when the folder is not a run, its checkpoints are damaged, or another process is at work on it.
    """
    run = Path(run)
    with kept_memory(), processes(), contextlib.ExitStack() as held:
        with first_alone() as first:
            if first:
                held.enter_context(alone(run))
                for slot in ("last", "best"):
                    checkpoint.settle(run / "checkpoint" / slot)
        _play(run, progress, resuming=True)
    return run


def _play(run: Path, progress: bool, resuming: bool = False) -> None:
    config, source, scaler = _read_down(run)
    with threads(config.threads):
        play(run, config, source, scaler, progress, resuming)
    wait_for_all()


def _write_down(
    run: Path, found: Survey, config: Config, began: float, accept: Callable[[Config, Spec], None], progress: bool
) -> None:
    """Read the data once into the cache, make every choice, and write config.json and cleaned.json."""
    device = torch.device(config.device) if config.device else default_device()
    form = choose_form(config, found.spec, device)
    checkpoint.write_json(run / "cleaned.json", found.cleaning.to_json())
    if (folders := find_folders(found)) is not None:
        checkpoint.write_json(run / "folders.json", folders.to_json())
    source = write_cache(found.source(chosen_shape(form.config, found)), run / "cache")
    prepared = plan(form.config, source, len(source), device, began)
    accept(prepared.config, source.spec)
    decisions = [*form.reasons, *prepared.decisions]
    checkpoint.write(run / "scaler", {"kind": prepared.scaler.kind}, {"scaler": prepared.scaler.state()})
    facts = {
        "version": version("sparring"),
        "config": to_json(prepared.config),
        "decisions": decisions,
        "data": {
            "path": found.path,
            "form": found.form,
            "fingerprint": found.fingerprint,
            "count": len(source),
            "spec": dataclasses.asdict(source.spec),
        },
        "hardware": describe(device),
    }
    checkpoint.write_json(run / "config.json", facts)
    if progress:
        say([f"{found.path}: {found.cleaning.summary()}", *found.cleaning.notes, *decisions])
        say([expected_time(prepared, source, device)])
    else:
        found.warn_of_what_is_left_out(duplicates=True)


def _read_down(run: Path) -> tuple[Config, Source, Scaler]:
    path = run / "config.json"
    if not path.is_file() and (run / "cleaned.json").is_file():
        raise RunError(f"{str(run)!r} was stopped before its first step. Remove the folder and train again.")
    if not path.is_file():
        raise RunError(f"{str(run)!r} is not a run folder: it has no config.json. `sparring train` makes one.")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        config = from_json(facts["config"])
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{str(path)!r} cannot be read as the configuration of a run: {error}") from None
    source = open_cache(run / "cache")
    saved = checkpoint.read(run / "scaler")
    return config, source, Scaler(saved.facts["kind"], source.spec, **saved.tensors["scaler"])


@contextlib.contextmanager
def alone(run: Path) -> Iterator[None]:
    """Keep other processes from writing to the folder; where its file system has no locks, trust that none does.

    Raises:
        RunError: when another process holds it.
    """
    try:
        handle = os.open(run, os.O_RDONLY)
    except FileNotFoundError:
        yield  # what is missing is told later, in better words
        return
    try:
        with contextlib.suppress(OSError):
            _lock(handle, run)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, run: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunError(f"{str(run)!r} is being trained by another process. Wait for its end, or stop it.") from None


@contextlib.contextmanager
def _all_or_nothing(run: Path) -> Iterator[None]:
    """Leave no folder behind that `train` would refuse, where the choices could not be made."""
    try:
        yield
    except BaseException:
        if not (run / "config.json").is_file():
            shutil.rmtree(run, ignore_errors=True)
        raise


def _refuse_existing(run: Path) -> None:
    if run.exists() and (not run.is_dir() or any(run.iterdir())):
        resumed = f"`sparring resume {shlex.quote(str(run))}` goes on with the run there."
        fix = resumed if is_run(run) else "Choose another."
        raise UsageError(rule("`run`", "a new or empty folder", str(run), fix))
