"""A run from its written choices to its end: the two players' stage, then the encoder's, each with its hooks.

A fresh run and a resumed one differ in the checkpoint that they begin with alone, and so do the processes of a
distributed run.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from sparring import checkpoint
from sparring.assembly import (
    Split,
    adversarial_samples,
    averaged_model,
    build_encoding_engine,
    build_engine,
    check_processes,
    split,
)
from sparring.config import Config
from sparring.data.scale import Scaler
from sparring.data.source import Source
from sparring.distribution import rank, wait_for_all
from sparring.engine import Engine, Hook, place
from sparring.errors import RunError
from sparring.hardware import default_device
from sparring.hooks.console import say
from sparring.hooks.guard import Guard
from sparring.hooks.keep import Keep
from sparring.hooks.progress import ProgressBar
from sparring.hooks.record import History, Record
from sparring.hooks.save import Save
from sparring.hooks.snapshot import Snapshot
from sparring.hooks.tensorboard import TensorBoard
from sparring.hooks.validate import Validate
from sparring.model import Model, from_saved
from sparring.planning import judge, some_rows
from sparring.rng import torch_stream


def play(run: Path, config: Config, source: Source, scaler: Scaler, progress: bool, resuming: bool = False) -> None:
    """Play what is left of a run.

    Args:
        run: its folder.
        config: with every choice made.
        source: all items.
        scaler: fitted to them.
        progress: whether to report on stderr, as the first process.
        resuming: whether to go on from the newest checkpoint.

    Raises:
        RunError: when training had begun, and its checkpoints are gone or damaged.
        UsageError: when so many processes cannot share a batch.
    """
    check_processes(config)
    progress = progress and rank() == 0
    slot, history = run / "checkpoint" / "last", History(run / "history.jsonl", writes=rank() == 0)
    saved = _newest(slot, history) if resuming else None
    if saved and _is_finished(saved, config):
        if progress:
            say(["This run is finished: nothing is left to train."])
        return
    device = default_device() if config.device == "cuda" else torch.device("cpu")
    if config.device == "cuda" and device.type == "cpu":
        raise RunError(f"{str(run)!r} trains on a CUDA device, and this machine has none. Go on where there is one.")
    parts = split(source, config)
    if saved is not None:
        _say_where(saved, slot, history, progress)
    if saved is None or not _has_played(saved, config):
        engine = build_engine(config, parts.train, scaler, device)
        engine.hooks = _hooks(run, engine, parts, scaler, history, progress)
        _run(engine, saved)
        wait_for_all()
        del engine
        saved = None
    if not config.encoder.samples:
        return
    begun = saved if saved is not None and _is_encoding(saved) else None
    # the networks whose encoder was begun, should the kept ones have been damaged since
    model = Model.load(run) if begun is None else from_saved(begun)
    model = dataclasses.replace(model, encoder=None, decoder=None)
    for network in (model.generator, model.discriminator):
        place(network, device)
    engine = build_encoding_engine(config, parts.train, scaler, device, model.generator, model.discriminator)
    engine.hooks = _encoding_hooks(run, engine, model, parts, history, progress)
    _run(engine, begun)


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


def _say_where(saved: checkpoint.Saved, slot: Path, history: History, progress: bool) -> None:
    """Forget of the history what came after the checkpoint, and note that training goes on from there."""
    clock = int(saved.facts.get("progress", {}).get("clock", 0))
    if progress:
        say([f"Going on at {clock:,} samples, where the newest checkpoint was written."])
    history.rewind(clock)
    history.add("resumed_at", clock)
    if checkpoint.is_damaged(slot):
        text = f"the newest checkpoint is damaged; training went on from the one before, at {clock:,} samples"
        history.add("note", clock, text=text)
        if rank() == 0:
            say([text])


def _hooks(
    run: Path,
    engine: Engine,
    parts: Split,
    scaler: Scaler,
    history: History,
    progress: bool,
) -> list[Hook]:
    held_out, generate, first = some_rows(parts.held_out), _generate(engine, scaler), rank() == 0
    extractor = judge(parts)
    known = extractor(some_rows(parts.train)) if engine.adapts and first else None

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
        Validate(generate, held_out, extractor, keep, history, known),
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
