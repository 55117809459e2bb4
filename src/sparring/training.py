"""The one way into the engine, for the command line and the estimators alike: train, resume, estimate.

`train` reads the data, makes every choice and writes it down; `_go_on` builds the engine from what is written
and runs it. A fresh run and a resumed one differ in nothing else, and so do the processes of a distributed run.
"""

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sparring import checkpoint
from sparring.assembly import (
    Split,
    adversarial_samples,
    averaged_model,
    build_encoding_engine,
    build_engine,
    check_names,
    split,
)
from sparring.config import Config, from_json, to_json
from sparring.data.cache import open_cache, write_cache
from sparring.data.folders import find_folders
from sparring.data.open import survey as look_at
from sparring.data.scale import Scaler
from sparring.data.source import Source
from sparring.data.survey import Survey
from sparring.distribution import first_alone, processes, rank, wait_for_all
from sparring.engine import Engine, Hook, place
from sparring.errors import RunError, UsageError
from sparring.hardware import default_device, describe, kept_memory
from sparring.hooks.console import ProgressConsole
from sparring.hooks.guard import Guard
from sparring.hooks.keep import Keep
from sparring.hooks.progress import ProgressBar
from sparring.hooks.record import History, Record
from sparring.hooks.save import Save
from sparring.hooks.snapshot import Snapshot
from sparring.hooks.tensorboard import TensorBoard
from sparring.hooks.validate import Validate
from sparring.model import Model, from_saved
from sparring.planning import chosen_shape, expected_time, judge, plan, some_rows
from sparring.presets import configure
from sparring.rng import torch_stream
from sparring.rules import choose_form


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
        progress: whether to report on stderr.

    Returns:
        The run folder.

    Raises:
        UsageError: for a setting that is unknown or out of its range.
        DataError: for data that cannot be read or learned from.
    """
    run = Path(run)
    began = time.perf_counter()
    budget = {"minutes": minutes, "samples": samples, "epochs": epochs}
    config = configure(preset, config_file, settings or {}, budget, seed)
    with kept_memory(), processes():
        with first_alone() as first:
            if first:
                _refuse_existing(run)
                found = look_at(data).require()
                check_names(config, found.spec)
                _write_down(run, found, config, began, progress)
        _go_on(run, progress)
        wait_for_all()
    return run


def resume(run: Path | str, *, progress: bool = True) -> Path:
    """Go on where a run stopped; a finished run is left as it is.

    Raises:
        RunError: when the folder is not a run, or its checkpoints are damaged.
    """
    run = Path(run)
    with kept_memory(), processes():
        with first_alone() as first:
            if first:
                for slot in ("last", "best"):
                    checkpoint.settle(run / "checkpoint" / slot)
        _go_on(run, progress, resuming=True)
        wait_for_all()
    return run


def _write_down(run: Path, found: Survey, config: Config, began: float, progress: bool) -> None:
    """Read the data once into the cache, make every choice, and write config.json and cleaned.json."""
    device = torch.device(config.device) if config.device else default_device()
    form = choose_form(config, found.spec, device)
    run.mkdir(parents=True, exist_ok=True)
    checkpoint.write_json(run / "cleaned.json", found.cleaning.to_json())
    if (folders := find_folders(found)) is not None:
        checkpoint.write_json(run / "folders.json", folders.to_json())
    source = write_cache(found.source(chosen_shape(form.config, found)), run / "cache")
    prepared = plan(form.config, source, len(source), device, began)
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
        _say([f"{found.path}: {found.cleaning.summary()}", *found.cleaning.notes, *decisions])
        _say([expected_time(prepared, source, device)])


def _go_on(run: Path, progress: bool, resuming: bool = False) -> None:
    """Build the engine from what the run folder says and run it to its end."""
    config, source, scaler = _read_down(run)
    device = default_device() if config.device == "cuda" else torch.device("cpu")
    if config.threads and config.threads != torch.get_num_threads():
        torch.set_num_threads(config.threads)
    slot, history = run / "checkpoint" / "last", History(run / "history.jsonl", writes=rank() == 0)
    saved = _newest(slot, history) if resuming else None
    if saved and _is_finished(saved, config):
        if progress:
            _say(["This run is finished: nothing is left to train."])
        return
    parts = split(source, config)
    if resuming:
        _say_where(saved, slot, history, progress)
    if saved is None or not _has_played(saved, config):
        engine = build_engine(config, parts.train, scaler, device)
        engine.hooks = _hooks(run, engine, parts, scaler, history, progress)
        _run(engine, saved)
        wait_for_all()
        del engine
        saved = None
    if config.encoder.samples:
        # the networks whose encoder was begun, should the kept ones have been damaged since
        model = from_saved(saved) if saved is not None and _is_encoding(saved) else Model.load(run)
        model = dataclasses.replace(model, encoder=None, decoder=None)
        for network in (model.generator, model.discriminator):
            place(network, device)
        engine = build_encoding_engine(config, parts.train, scaler, device, model.generator, model.discriminator)
        engine.hooks = _encoding_hooks(run, engine, model, parts, history, progress)
        _run(engine, saved if saved is not None and _is_encoding(saved) else None)


def _run(engine: Engine, saved: checkpoint.Saved | None) -> None:
    """Run an engine to its end, from a checkpoint where there is one of its game."""
    if saved is not None:
        engine.restore(saved.facts, saved.tensors.get("state", {}))
    engine.run()


def _newest(slot: Path, history: History) -> checkpoint.Saved | None:
    """The state to go on from; nothing where a run was stopped before it wrote its first one.

    Raises:
        RunError: when training had begun, and no checkpoint of it is left.
    """
    if not checkpoint.exists(slot) and history.path.exists():
        raise RunError(f"{str(slot)!r} holds no checkpoint any more, though training had begun. Train again.")
    return checkpoint.read(slot) if checkpoint.exists(slot) else None


def _is_encoding(saved: checkpoint.Saved) -> bool:
    return saved.facts.get("game") == "encoding"


def _has_played(saved: checkpoint.Saved, config: Config) -> bool:
    """Whether the two players are done, so that only the encoder may be left to teach."""
    progress = saved.facts.get("progress", {})
    done = bool(progress.get("stopped")) or progress.get("clock", 0) >= adversarial_samples(config)
    return done or _is_encoding(saved)


def _is_finished(saved: checkpoint.Saved, config: Config) -> bool:
    if not config.encoder.samples:
        return _has_played(saved, config)
    return _is_encoding(saved) and saved.facts.get("progress", {}).get("clock", 0) >= (config.budget.samples or 0)


def _say_where(saved: checkpoint.Saved | None, slot: Path, history: History, progress: bool) -> None:
    """Forget of the history what came after the checkpoint, and note that training goes on from there."""
    clock = int(saved.facts.get("progress", {}).get("clock", 0)) if saved else 0
    if progress and saved:
        _say([f"Going on at {clock:,} samples, where the newest checkpoint was written."])
    history.rewind(clock if saved else -1)
    history.add("resumed_at", clock)
    if checkpoint.is_damaged(slot):
        text = f"the newest checkpoint is damaged; training went on from the one before, at {clock:,} samples"
        history.add("note", clock, text=text)
        _say([text])


def _encoding_hooks(
    run: Path, engine: Engine, model: Model, parts: Split, history: History, progress: bool
) -> list[Hook]:
    def taught() -> Model:
        encoder, decoder = engine.averaged.encoder, engine.averaged.decoder
        return dataclasses.replace(model, encoder=encoder, decoder=decoder)

    hooks: list[Hook] = [Record(history, event="encoding")]
    if rank() == 0:
        hooks += [ProgressBar(what="encoder")] if progress else []
        hooks += [TensorBoard(run / "tensorboard")] if engine.config.tensorboard else []
        hooks.append(Keep(taught, some_rows(parts.held_out), parts.is_apart, run / "checkpoint" / "best", history))
        hooks.append(Save(run / "checkpoint" / "last", taught))
    return hooks


def _hooks(
    run: Path,
    engine: Engine,
    parts: Split,
    scaler: Scaler,
    history: History,
    progress: bool,
) -> list[Hook]:
    held_out, generate, first = some_rows(parts.held_out), _generate(engine, scaler), rank() == 0

    def model() -> Model:
        return averaged_model(engine, scaler, {"samples": engine.clock})

    def keep() -> None:
        if first:
            model().save(run / "checkpoint" / "best")

    def tell(checkpoints: float, seconds: float) -> None:
        history.add(
            "note",
            engine.clock,
            text=f"checkpoints took {checkpoints:.3g} of {seconds:.4g} seconds of training",
            checkpoint_seconds=checkpoints,
            seconds=seconds,
        )

    hooks: list[Hook] = [
        Record(history),
        Guard(history),
        Validate(generate, held_out, judge(parts), keep, history),
    ]
    if first:
        hooks.append(Snapshot(generate, held_out, scaler.spec, run / "samples"))
        hooks += [TensorBoard(run / "tensorboard")] if engine.config.tensorboard else []
        hooks += [ProgressBar()] if progress else []
        hooks.append(Save(run / "checkpoint" / "last", model, tell))
    return hooks


def _generate(engine: Engine, scaler: Scaler) -> Callable[[int], np.ndarray]:
    """Items of the averaged generator, always from the same latents; none when a weight is not finite."""

    def generate(count: int) -> np.ndarray:
        finite = all(bool(weight.isfinite().all()) for weight in engine.averaged.parameters())
        model = averaged_model(engine, scaler)
        z = engine.prior.draw(count if finite else 0, torch_stream(engine.config.seed, "watch"))
        with engine.autocast():
            return model.generate(z)

    return generate


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


def _refuse_existing(run: Path) -> None:
    if run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise UsageError(
            f"`run` must be a new or empty folder. Got {str(run)!r}. "
            f"`sparring resume {run}` goes on with a run that is there."
        )


def _say(lines: list[str]) -> None:
    console = ProgressConsole()
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)
