"""The one way into the engine, for the command line and the estimators alike: train, resume, estimate.

`train` reads the data, makes every choice and writes it down; `_go_on` builds the engine from what is written
and runs it. A fresh run and a resumed one differ in nothing else, and so do the processes of a distributed run.
"""

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from sparring import checkpoint
from sparring.assembly import Split, build_engine, check_names, split
from sparring.config import Config, apply_settings, from_json, read_file, replace, to_json
from sparring.data.cache import open_cache, write_cache
from sparring.data.open import survey as look_at
from sparring.data.scale import Scaler, fit_scaler
from sparring.data.source import Source
from sparring.data.survey import Survey
from sparring.engine import Engine, Hook
from sparring.errors import RunError, UsageError, did_you_mean, rule
from sparring.extractors.build import build_extractor, default_extractor
from sparring.hardware import default_device, describe
from sparring.hooks.guard import Guard
from sparring.hooks.progress import ProgressBar
from sparring.hooks.record import History, Record
from sparring.hooks.save import Save
from sparring.hooks.snapshot import Snapshot
from sparring.hooks.tensorboard import TensorBoard
from sparring.hooks.validate import Validate
from sparring.model import Model
from sparring.pace import choose_pace
from sparring.presets import (
    DEFAULT_MINUTES,
    MLP_WIDTH,
    PRESETS,
    WIDTHS,
    choose_form,
    choose_recipe,
    needed_samples,
)
from sparring.rng import torch_stream

JUDGED_ITEMS = 4096


@dataclass(frozen=True)
class Estimate:
    """What `inspect` says of a training: the choices, and how long it takes here."""

    preset: str
    resolution: list[int] | None
    network: str
    width: int
    batch: int
    minutes: float
    samples: int
    images_per_second: float
    decisions: list[str]

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Prepared:
    """Everything that is decided before the first step."""

    config: Config
    decisions: tuple[str, ...]
    scaler: Scaler


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
    with _processes() as first:
        if first:
            _refuse_existing(run)
            found = look_at(data).require()
            check_names(config, found.spec)
            _write_down(run, found, config, began, progress)
        if dist.is_initialized():
            dist.barrier()
        _go_on(run, progress)
    return run


def resume(run: Path | str, *, progress: bool = True) -> Path:
    """Go on where a run stopped; a finished run is left as it is.

    Raises:
        RunError: when the folder is not a run, or its checkpoints are damaged.
    """
    run = Path(run)
    with _processes():
        _go_on(run, progress, resuming=True)
    return run


def estimate(found: Survey, minutes: float = DEFAULT_MINUTES) -> Estimate:
    """What a training with every default would choose, and its pace on this machine."""
    config = configure(None, None, {}, {"minutes": minutes}, None)
    device = default_device()
    form = choose_form(config, found.spec)
    source = found.source(_shape(form.config, found))
    few = np.linspace(0, len(source) - 1, min(len(source), 1024)).astype(int)
    sample = ArraySource(source.rows(few), source.spec)
    prepared = _choose(form.config, sample, len(source), device, time.perf_counter())
    chosen = prepared.config
    batch, total = int(chosen.optimiser.batch or 1), int(chosen.budget.samples or 1)
    return Estimate(
        preset="default",
        resolution=list(chosen.data.resolution) if chosen.data.resolution else None,
        network=str(chosen.network.name),
        width=int(chosen.network.width or 0),
        batch=batch,
        minutes=minutes,
        samples=total,
        images_per_second=round(total / (60 * minutes), 1),
        decisions=[*form.reasons, *prepared.decisions],
    )


def configure(
    preset: str | None,
    config_file: Path | None,
    settings: Mapping[str, Any],
    budget: Mapping[str, float | None],
    seed: int | None,
) -> Config:
    """The configuration that the user asked for: preset, then file, then options, then settings.

    Raises:
        UsageError: for anything unknown or out of its range, and for more than one kind of budget.
    """
    values = read_file(config_file) if config_file else {}
    config = from_json(values, f"the file {str(config_file)!r}") if values else Config()
    name = preset or config.preset or "default"
    known = {entry.name: entry for entry in PRESETS}
    if name not in known:
        raise UsageError(f"There is no preset named {name!r}. {did_you_mean(name, known)}")
    config = apply_settings(Config(preset=name), known[name].settings)
    config = from_json(_merge(to_json(config), values), f"the file {str(config_file)!r}") if values else config
    config = dataclasses.replace(config, preset=name)
    given = {f"budget.{key}": value for key, value in budget.items() if value is not None}
    if given:
        config = replace(config, budget={"minutes": None, "samples": None, "epochs": None})
    config = apply_settings(config, {**given, **({} if seed is None else {"seed": seed}), **settings})
    asked = [key for key, value in dataclasses.asdict(config.budget).items() if value is not None]
    if len(asked) > 1:
        raise UsageError(rule("The budget", "one of minutes, samples or epochs", ", ".join(asked), "Keep one."))
    return config


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        nested = isinstance(value, Mapping) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if nested else value
    return merged


def _write_down(run: Path, found: Survey, config: Config, began: float, progress: bool) -> None:
    """Read the data once into the cache, make every choice, and write config.json and cleaned.json."""
    device = torch.device(config.device) if config.device else default_device()
    form = choose_form(config, found.spec)
    run.mkdir(parents=True, exist_ok=True)
    checkpoint.write_json(run / "cleaned.json", found.cleaning.to_json())
    source = write_cache(found.source(_shape(form.config, found)), run / "cache")
    prepared = _choose(form.config, source, len(source), device, began)
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


def _choose(config: Config, source: Source, count: int, device: torch.device, began: float) -> Prepared:
    """Fill in everything: scaler, recipe, width, samples."""
    parts = split(source, config)
    scaler = fit_scaler(config.data.scale or "range", parts.train)
    held = len(parts.held_out) if parts.is_apart else 0
    choice = choose_recipe(config, source.spec, count - held, _variance(parts.train, scaler), device)
    config, reasons = dataclasses.replace(choice.config, device=device.type), list(choice.reasons)
    config = replace(config, threads=config.threads or torch.get_num_threads())
    if not parts.is_apart:
        reasons.append("too few items to hold any out: keep-best judges by the training items")
    judge = _judge(parts)
    config, pace_reasons = _choose_samples(config, parts.train, scaler, device, judge, began, count - held)
    return Prepared(config, (*reasons, *pace_reasons), scaler)


def _choose_samples(
    config: Config,
    source: Source,
    scaler: Scaler,
    device: torch.device,
    judge: Any,
    began: float,
    count: int,
) -> tuple[Config, list[str]]:
    batch, budget = int(config.optimiser.batch or 1), config.budget
    if budget.samples or budget.epochs:
        asked = budget.samples or round((budget.epochs or 1.0) * count)
        total = batch * max(1, -(-asked // batch))
        return _with_width(config, total), [f"budget.samples = {total:,}: whole batches of {batch}"]
    minutes = budget.minutes or DEFAULT_MINUTES
    left = 60.0 * minutes - (time.perf_counter() - began)
    pace = choose_pace(config, source, scaler, device, left, judge)
    left = 60.0 * minutes - (time.perf_counter() - began)
    total = pace.samples(left, batch)
    rate = 1.0 / pace.seconds_per_sample
    config = replace(config, budget={"samples": total, "minutes": minutes}, network={"width": pace.width})
    return config, [
        f"network.width = {pace.width}: the widest that sees at least {needed_samples(pace.width):,} samples "
        f"in the time, or the narrowest"
        if pace.width in WIDTHS
        else f"network.width = {pace.width}",
        f"budget.samples = {total:,}: {minutes:g} minutes at {rate:,.0f} samples a second on this machine",
    ]


def _with_width(config: Config, total: int) -> Config:
    """A width for a number of samples that the user gave: no clock is asked."""
    if config.network.width is None:
        fitting = [width for width in WIDTHS[:5] if needed_samples(width) <= total]
        width = MLP_WIDTH if config.network.name == "mlp" else max(fitting, default=WIDTHS[0])
        config = replace(config, network={"width": width})
    return replace(config, budget={"samples": total})


def _go_on(run: Path, progress: bool, resuming: bool = False) -> None:
    """Build the engine from what the run folder says and run it to its end."""
    config, source, scaler = _read_down(run)
    device = default_device() if config.device == "cuda" else torch.device("cpu")
    if config.threads and config.threads != torch.get_num_threads():
        torch.set_num_threads(config.threads)
    slot, first = run / "checkpoint" / "last", not dist.is_initialized() or dist.get_rank() == 0
    parts = split(source, config)
    engine = build_engine(config, parts.train, scaler, device)
    history = History(run / "history.jsonl", writes=first)
    engine.hooks = _hooks(run, engine, parts, scaler, history, first, progress)
    if resuming and _has_checkpoint(slot):
        _restore(engine, slot, history, first)
    if not engine.finished:
        engine.run()


def _restore(engine: Engine, slot: Path, history: History, first: bool) -> None:
    saved = checkpoint.read(slot)
    engine.restore(saved.facts, saved.tensors["state"])
    if engine.finished:
        return
    history.rewind(engine.clock)
    history.add("resumed_at", engine.clock)
    if first and checkpoint.is_damaged(slot):
        text = f"the newest checkpoint is damaged; went on from {saved.folder.name}"
        history.add("note", engine.clock, text=text)
        _say([text])


def _hooks(
    run: Path,
    engine: Engine,
    parts: Split,
    scaler: Scaler,
    history: History,
    first: bool,
    progress: bool,
) -> list[Hook]:
    held_out, generate = _rows(parts.held_out), _generate(engine, scaler)

    def model() -> Model:
        facts = {"samples": engine.clock}
        return Model(engine.averaged, engine.game.discriminator, scaler, engine.config, facts)

    def keep() -> None:
        if first:
            model().save(run / "checkpoint" / "best")

    def tell(checkpoints: float, seconds: float) -> None:
        history.add("note", engine.clock, text="time", checkpoint_seconds=checkpoints, seconds=seconds)

    hooks: list[Hook] = [
        Record(history),
        Guard(history),
        Validate(generate, held_out, _judge(parts), keep, history),
    ]
    if first:
        hooks.append(Snapshot(generate, held_out, scaler.spec, run / "samples"))
        hooks += [TensorBoard(run / "tensorboard")] if engine.config.tensorboard else []
        hooks += [ProgressBar()] if progress else []
        hooks.append(Save(run / "checkpoint" / "last", model, tell))
    return hooks


def _generate(engine: Engine, scaler: Scaler) -> Callable[[int], np.ndarray]:
    """Items of the averaged generator, always from the same latents."""

    def generate(count: int) -> np.ndarray:
        model = Model(engine.averaged, engine.game.discriminator, scaler, engine.config)
        return model.decode(engine.prior.draw(count, torch_stream(engine.config.seed, "watch")))

    return generate


def _judge(parts: Split) -> Any:
    return build_extractor(default_extractor(parts.held_out.spec), reference=_rows(parts.held_out))


def _rows(source: Source) -> np.ndarray:
    return source.rows(np.linspace(0, len(source) - 1, min(len(source), JUDGED_ITEMS)).astype(int))


def _variance(source: Source, scaler: Scaler) -> float:
    """Variance of the items in network units, summed over features, missing cells left out."""
    rows = source.rows(np.linspace(0, len(source) - 1, min(len(source), 8192)).astype(int))
    return float(np.nanvar(scaler.to_model(rows).numpy().astype(np.float64), axis=0).sum())


def _shape(config: Config, found: Survey) -> tuple[int, ...] | None:
    size = config.data.resolution
    return None if size is None or found.spec.kind != "image" else (*size, found.spec.shape[-1])


def _read_down(run: Path) -> tuple[Config, Source, Scaler]:
    path = run / "config.json"
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


def _has_checkpoint(slot: Path) -> bool:
    return any((slot.with_name(slot.name + tail) / checkpoint.FACTS).is_file() for tail in ("", ".new", ".old"))


def _refuse_existing(run: Path) -> None:
    if run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise UsageError(
            f"`run` must be a new or empty folder. Got {str(run)!r}. "
            f"`sparring resume {run}` goes on with a run that is there."
        )


@contextlib.contextmanager
def _processes() -> Iterator[bool]:
    """Join the other processes where torchrun started several; yields whether this one is the first."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield True
        return
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    if torch.cuda.is_available():
        torch.cuda.set_device(default_device())
    try:
        yield dist.get_rank() == 0
    finally:
        dist.destroy_process_group()


def _say(lines: list[str]) -> None:
    from rich.console import Console

    console = Console(stderr=True)
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)
