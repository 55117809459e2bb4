"""Every choice before the first step: form, scaler, recipe, width, and how many samples the budget buys."""

import dataclasses
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sparring.assembly import Split, adversarial_samples, held_out_count, lesson, lessons, split
from sparring.config import Config, replace
from sparring.data.scale import Scaler, fit_scaler
from sparring.data.source import ArraySource, Source, spread_rows
from sparring.data.survey import Survey
from sparring.errors import UsageError, rule
from sparring.extractors.base import Extractor
from sparring.extractors.build import build_extractor, default_extractor
from sparring.hardware import default_device
from sparring.pace import GLANCE_SECONDS, JUDGED_ITEMS, choose_pace, encoder_part, has_encoder, measure
from sparring.presets import configure
from sparring.rules import (
    DEFAULT_MINUTES,
    MLP_WIDTH,
    WIDTHS,
    choose_by_width,
    choose_form,
    choose_recipe,
    needed_samples,
)

ESTIMATED_ITEMS = 1024
LONG_READING = 0.25  # of the minutes: what reading may take of them before it is said
MOST_READING = 0.5  # and before training gets the other half all the same


@dataclass(frozen=True)
class Prepared:
    """Everything that is decided before the first step, with a sentence for each decision."""

    config: Config
    decisions: tuple[str, ...]
    scaler: Scaler
    timing: "Timing | None" = None


@dataclass(frozen=True)
class Timing:
    """What a budget of minutes was turned into samples with.

    Attributes:
        minutes: that the training takes in all: the budget's, and more where reading took most of it.
        samples_per_second: of the players.
    """

    minutes: float
    samples_per_second: float


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
    samples_per_second: float
    decisions: list[str]

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return dataclasses.asdict(self)


def estimate(found: Survey, minutes: float = DEFAULT_MINUTES, began: float | None = None) -> Estimate:
    """What a training with every default would choose, and its pace on this machine.

    Args:
        found: the data.
        minutes: of the training.
        began: when reading began, which is a part of the minutes, by time.perf_counter(); now where None.
    """
    began = time.perf_counter() if began is None else began
    config = configure(None, None, {}, {"minutes": minutes}, None)
    device = default_device()
    form = choose_form(config, found.spec, device)
    source = found.source(chosen_shape(form.config, found))
    looked = time.perf_counter()
    sample = ArraySource(spread_rows(source, ESTIMATED_ITEMS), source.spec)
    began -= (time.perf_counter() - looked) * (len(source) - len(sample)) / len(sample)  # a training reads them all
    prepared = plan(form.config, sample, len(source), device, began, glance=True)
    chosen, timing = prepared.config, prepared.timing
    assert timing is not None  # the budget is of minutes
    batch, total = int(chosen.optimiser.batch or 1), int(chosen.budget.samples or 1)
    return Estimate(
        preset="default",
        resolution=list(chosen.data.resolution) if chosen.data.resolution else None,
        network=str(chosen.network.name),
        width=int(chosen.network.width or 0),
        batch=batch,
        minutes=minutes,
        samples=total,
        samples_per_second=round(timing.samples_per_second, 1),
        decisions=[*form.reasons, *prepared.decisions],
    )


def plan(
    config: Config, source: Source, count: int, device: torch.device, began: float, glance: bool = False
) -> Prepared:
    """Fill in everything that the form leaves open: scaler, recipe, width, samples.

    Args:
        config: with its form chosen.
        source: the items, or some of them.
        count: how many items there are.
        device: where training runs.
        began: when the budget of minutes began, by time.perf_counter().
        glance: whether a rough pace will do.
    """
    parts = split(source, config)
    scaler = fit_scaler(config.data.scale or "range", parts.train)
    held = held_out_count(count, config)
    choice = choose_recipe(config, source.spec, count - held, _variance(parts.train, scaler), device)
    config, reasons = dataclasses.replace(choice.config, device=device.type), list(choice.reasons)
    config = replace(config, threads=config.threads or torch.get_num_threads())
    if not held:
        reasons.append("too few items to hold any out: keep-best judges by the training items")
    extractor = judge(parts)
    if config.budget.samples or config.budget.epochs:
        (config, why), timing = _whole_batches(config, count - held), None
    else:
        config, why, timing = _fit_minutes(config, parts.train, scaler, device, extractor, began, glance)
    choice = choose_by_width(config, source.spec)
    return Prepared(choice.config, (*reasons, *why, *choice.reasons), scaler, timing)


def expected_time(prepared: Prepared, source: Source, device: torch.device) -> str:
    """How long the training will take on this machine, as a sentence."""
    config = prepared.config
    if prepared.timing:
        return f"Training will take about {_minutes(round(prepared.timing.minutes, 1))}, reading the data included."
    parts = split(source, config)
    pace = measure(config, parts.train, prepared.scaler, device, judge(parts), GLANCE_SECONDS)
    seconds = pace.seconds(adversarial_samples(config), config.encoder.samples or 0)
    amount = _minutes(round(seconds / 60)) if seconds >= 100 else f"{seconds:.0f} seconds"
    return f"Training will take about {amount}."


def _whole_batches(config: Config, count: int) -> tuple[Config, list[str]]:
    """A budget of samples or epochs in whole batches, and what follows from it."""
    batch, budget = int(config.optimiser.batch or 1), config.budget
    asked = budget.samples or round((budget.epochs or 1.0) * count)
    total = batch * max(2 if has_encoder(config) else 1, -(-asked // batch))
    reason = f"budget.samples = {total:,}: whole batches of {batch}"
    share, encoded = encoder_part(config)
    if encoded is None:
        step = lesson(int(share * total), lessons(config))
        encoded = step * max(1, int(share * total / step)) if share else 0
    if encoded >= total:
        must = f"fewer than the budget's {total:,} samples, so that something is left to train the players on"
        raise UsageError(rule("`encoder.samples`", must, config.encoder.samples))
    config, widths = _with_width(replace(config, budget={"samples": total}), total)
    config, reasons = _with_encoder(config, encoded)
    return config, [*widths, reason, *reasons]


def _fit_minutes(
    config: Config,
    source: Source,
    scaler: Scaler,
    device: torch.device,
    extractor: Extractor,
    began: float,
    glance: bool,
) -> tuple[Config, list[str], Timing]:
    """The width and the samples of a budget of minutes, and what follows from it."""
    batch, minutes = int(config.optimiser.batch or 1), config.budget.minutes or DEFAULT_MINUTES
    read = time.perf_counter() - began
    share = read / (60.0 * minutes)
    in_all = minutes * (1.0 + max(0.0, share - MOST_READING))
    ends = began + 60.0 * in_all
    pace = choose_pace(config, source, scaler, device, ends - time.perf_counter(), extractor, glance)
    left = ends - time.perf_counter()
    played, encoded = pace.samples(left, batch, *encoder_part(config))
    if config.encoder.samples and pace.encoding_seconds(encoded) > left:
        must = f"so few that some of the {_minutes(minutes)} are left to train the players in"
        fix = f"Here the encoder is shown {encoded / pace.encoding_seconds(encoded):,.0f} items a second."
        raise UsageError(rule("`encoder.samples`", must, config.encoder.samples, fix))
    total, rate = played + encoded, 1.0 / (pace.seconds_per_sample + pace.soap)
    why = [] if config.network.width else [_width_reason(config.network.name, pace.width, played)]
    config = replace(config, budget={"samples": total, "minutes": minutes}, network={"width": pace.width})
    config, reasons = _with_encoder(config, encoded)
    more = "training gets half of them all the same" if share > MOST_READING else "more would all go into training"
    late = f"reading the data took {read / 60:.1f} of the {_minutes(minutes)}: {more}"
    decisions = [
        *([late] if share > LONG_READING else []),
        *why,
        f"budget.samples = {total:,}: {_minutes(minutes)} at {rate:,.0f} samples a second, less the time for "
        f"the start, the measurements and a margin",
        *reasons,
    ]
    return config, decisions, Timing(in_all, rate)


def _with_encoder(config: Config, encoded: int) -> tuple[Config, list[str]]:
    """How many of the budget's items the encoder is shown, and why where that was not said."""
    reasons = []
    if config.encoder.samples is None and encoded:
        reasons.append(f"encoder.samples = {encoded:,}: the last {config.encoder.share:.0%} of the budget")
    return replace(config, encoder={"samples": encoded}), reasons


def _width_reason(network: str | None, width: int, total: int) -> str:
    if network == "mlp":
        why = "of all fully connected networks"
    elif total < needed_samples(width):
        why = f"the narrowest; {needed_samples(width):,} samples would be better for it"
    else:
        why = f"the widest, of those that are tried, that sees at least {needed_samples(width):,} samples"
    return f"network.width = {width}: {why}"


def _with_width(config: Config, total: int) -> tuple[Config, list[str]]:
    """A width for a number of samples that the user gave, and why: no clock is asked."""
    if config.network.width is not None:
        return config, []
    fitting = [width for width in WIDTHS[:5] if needed_samples(width) <= total]
    width = MLP_WIDTH if config.network.name == "mlp" else max(fitting, default=WIDTHS[0])
    return replace(config, network={"width": width}), [_width_reason(config.network.name, width, total)]


def _minutes(count: float) -> str:
    return f"{count:g} minute{'' if count == 1 else 's'}"


def judge(parts: Split) -> Extractor:
    """The feature space of keep-best, fixed by the held-out items; of vectors by the training items, which are more."""
    spec = parts.held_out.spec
    reference = some_rows(parts.train if spec.kind == "vector" else parts.held_out)
    return build_extractor(default_extractor(spec), reference=reference)


def some_rows(source: Source) -> np.ndarray:
    """At most 4,096 items, spread evenly."""
    return spread_rows(source, JUDGED_ITEMS)


def _variance(source: Source, scaler: Scaler) -> float:
    """Variance of the items in network units, summed over features, missing cells left out."""
    rows = spread_rows(source, 2 * JUDGED_ITEMS)
    items = np.ma.masked_invalid(scaler.to_model(rows).numpy().astype(np.float64))
    return float(items.var(axis=0).sum())


def chosen_shape(config: Config, found: Survey) -> tuple[int, ...] | None:
    """The shape to bring images to; None for other data."""
    size = config.data.resolution
    return None if size is None or found.spec.kind != "image" else (*size, found.spec.shape[-1])
