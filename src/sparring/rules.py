"""The rules that fill in every value that neither a recipe nor the user has set.

The experiments behind them are in benchmarks/LOG.md.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from sparring.config import Config, replace
from sparring.data.source import Spec
from sparring.distribution import world_size
from sparring.hardware import has_fast_bfloat16
from sparring.objectives import OBJECTIVES

DEFAULT_MINUTES = 10.0
LARGEST_SIDE, SMALLEST_SIDE, LONGEST_SIDE = 64, 8, 256
SHORT_MINUTES = 4.0
WIDTHS = (16, 24, 32, 48, 64, 96, 128, 192, 256)
SAMPLES_PER_WIDTH = 20_000
# gamma as it starts and how far it falls over the first half: per variance of the data, and at most
GAMMA, GAMMA_MOST, GAMMA_FALL = 0.004, 3.0, 0.25
MLP_GAMMA, MLP_GAMMA_MOST, MLP_GAMMA_FALL = 0.03, 12.0, 0.3
GAMMA_END_MOST = 1.2
# over how many samples, where that is less than half of the budget: of colour photographs a discriminator learns
# little before
COLOUR_GAMMA_SAMPLES, GAMMA_SAMPLES = 200_000, 10_000_000
RATE_AT_32, MLP_RATE_AT_32 = 3e-3, 1.5e-3
MLP_WIDTH = 128
# SOAP's steps over grey images: all of a budget of so many samples, and at least a share of a longer one. Of other
# images: all of a budget of fewer, and none of a longer one, with which Adam alone comes further
GREY_SOAP_SAMPLES, GREY_SOAP_SHARE, SOAP_SAMPLES = 150_000, 0.4, 100_000
LATENT = 64
FEW_ITEMS = 20_000
GENERATED = 0.5  # of what an encoder of few items is shown
LESSON, SHOWN_NUMBERS = 1024, 2**24  # items of an encoder's step, and numbers of them, at most
WARMUP = 0.01
TARGET = 0.7  # of D's loss where it cannot tell: below that it sees items augmented more often
CLOSENESS = 0.4  # of generated items to training items, from which on they see more: 0.5 is that of unseen ones
SKIP_SIDE = 16
KEPT_WHOLE = 0.95  # of an image's longer side: less is worth a word


@dataclass(frozen=True)
class Choice:
    """A configuration with more of its values filled in, and why, a sentence for each."""

    config: Config
    reasons: tuple[str, ...]


def choose_form(config: Config, spec: Spec, device: torch.device) -> Choice:
    """Choose resolution and scaling from the natural form of the data and the budget."""
    reasons = []
    if spec.kind == "image" and config.data.resolution is None:
        largest, (height, width) = largest_side(config, device), spec.shape[:2]
        config = replace(config, data={"resolution": fit_resolution(height, width, largest)})
        reasons.append(_resolution_reason(spec.shape[:2], config.data.resolution, largest))
    if config.data.scale is None:
        config = replace(config, data={"scale": "range" if spec.kind == "image" else "moments"})
        reasons.append(f"data.scale = {config.data.scale}, the choice for {spec.kind} data")
    return Choice(config, tuple(reasons))


def largest_side(config: Config, device: torch.device) -> int:
    """The longest side that a budget can train: 128 on a GPU; on a CPU 64, and 32 in less than four minutes."""
    if device.type == "cuda":
        return 2 * LARGEST_SIDE
    short = config.budget.minutes is not None and config.budget.minutes < SHORT_MINUTES
    return LARGEST_SIDE // 2 if short else LARGEST_SIDE


def fit_resolution(height: int, width: int, largest: int) -> tuple[int, int]:
    """The (height, width) to train at: the data's own where its longer side fits, else scaled to fit, shape kept.

    The shorter side has at least 8 places and then the longer one as many as the shape asks for, up to 256.
    """
    scale = max(min(1.0, largest / max(height, width)), SMALLEST_SIDE / min(height, width))
    return min(LONGEST_SIDE, round(height * scale)), min(LONGEST_SIDE, round(width * scale))


def choose_recipe(config: Config, spec: Spec, count: int, variance: float, device: torch.device) -> Choice:
    """Choose everything else that does not depend on speed.

    Args:
        config: with its form chosen.
        spec: the form of the items as they are trained on.
        count: training items.
        variance: of the training items in network units, summed over features.
        device: where training runs.
    """
    name = config.network.name or choose_network(spec)
    is_mlp = name == "mlp"
    is_bounded, batch = config.data.scale == "range", min(count, 256 if is_mlp else 64)
    chosen: dict[str, dict[str, Any]] = {
        "network": {
            "name": name,
            "generator": name,
            "discriminator": name,
            "output": "tanh" if is_bounded else "linear",
            "latent": LATENT if spec.kind != "vector" else max(2, min(LATENT, spec.size)),
        },
        "optimiser": {
            "batch": _shared(batch),
            "generator_rate": 2.0 if _is_easy_to_judge(name, spec) else 1.0,
        },
        "penalties": _gamma(is_mlp, spec, variance),
        "schedule": {"warmup": WARMUP if is_bounded else 0.0, "hold": 0.0, "rate_end": 0.1},
        "encoder": {"generated": GENERATED if count <= FEW_ITEMS else 0.0, "batch": _lesson(batch, spec, count)},
        "ema": {"cap": 500_000.0},
        "augment": _augment(config, spec, count),
    }
    if config.optimiser.batch == "full":
        config = replace(config, optimiser={"batch": _shared(count)})
    config, reasons = fill(config, chosen, _recipe_reasons(config, name, spec, count, variance))
    if config.precision is None:
        fast = not is_mlp and has_fast_bfloat16(device)
        config = replace(config, precision="bfloat16" if fast else "float32")
        reasons.append(f"precision = {config.precision}: {_precision_reason(is_mlp, fast)}")
    return Choice(config, tuple(reasons))


def _lesson(batch: int, spec: Spec, count: int) -> int:
    """The most items of a step of the encoder: fewer of large ones, and each of them once, or it is its own neighbour.

    That is a power of two, or the batch of the players where that is more.
    """
    return _shared(max(batch, 2 ** int(math.log2(min(LESSON, SHOWN_NUMBERS / spec.size, count)))))


def _recipe_reasons(config: Config, name: str, spec: Spec, count: int, variance: float) -> dict[str, str]:
    is_mlp = name == "mlp"
    follows = config.penalties.gamma is None and not is_mlp
    places = "convolutions need at least 8 places a side" if is_mlp else "its items have places to convolve over"
    places += ", and the generator of grey images draws at every resolution" if name == "skip" else ""
    per_variance, most = (MLP_GAMMA, MLP_GAMMA_MOST) if is_mlp else (GAMMA, GAMMA_MOST)
    return {
        "network.name": f"for {spec.kind} data; {places}",
        "network.latent": "numbers that an item is made from"
        + (f", as many as it has, at most {LATENT}" if spec.kind == "vector" else ""),
        "network.output": "tanh where items are scaled to [-1, 1], else linear",
        "optimiser.generator_rate": "the generator's learning rate over the discriminator's; "
        + (
            "twice for grey images"
            if _is_easy_to_judge(name, spec)
            else "alike for all but convolutions on grey images"
        ),
        "optimiser.batch": "the usual one of its networks, or all items where there are fewer",
        "penalties.gamma": f"{per_variance:g} times the data's variance of {variance:.4g}, at most {most:g}",
        "penalties.gamma_samples": "how long gamma falls; half of the budget where that is less",
        "penalties.gamma_fall": "what is left of gamma then"
        + (f", {GAMMA_FALL * GAMMA:g} times the variance, at most {GAMMA_END_MOST:g}" if follows else ", as a share"),
        "augment.name": _augment_reason(config, spec, count),
        "encoder.generated": "the share of generated items among what the encoder is shown; "
        + (
            f"{FEW_ITEMS:,} or fewer real ones would be learned by heart"
            if count <= FEW_ITEMS
            else "real ones are enough"
        ),
        "encoder.batch": "items of a step of the encoder, where that leaves it enough steps",
        "schedule.rate_end": "how far the learning rate falls by the end",
        "schedule.warmup": "the share of the run in which the learning rate rises, for outputs of tanh: "
        "a first step of full size would move whole pictures out of its range",
    }


def _gamma(is_mlp: bool, spec: Spec, variance: float) -> dict[str, float]:
    """The penalties' weight at the start, the share of it that is left later, and over how many samples it falls.

    The weights follow the variance. With more than the most that it starts with, a discriminator of photographs teaches
    nothing until it has fallen, however long that takes in a long run.
    """
    if is_mlp:
        start = _round(min(MLP_GAMMA * variance, MLP_GAMMA_MOST))
        return {"gamma": start, "gamma_fall": MLP_GAMMA_FALL, "gamma_samples": GAMMA_SAMPLES}
    start, end = min(GAMMA * variance, GAMMA_MOST), min(GAMMA_FALL * GAMMA * variance, GAMMA_END_MOST)
    fall = _round(end / start) if start > 0 else GAMMA_FALL
    is_colour = spec.kind == "image" and not _is_grey(spec)
    samples = COLOUR_GAMMA_SAMPLES if is_colour else GAMMA_SAMPLES
    return {"gamma": _round(start), "gamma_fall": fall, "gamma_samples": samples}


def _augment(config: Config, spec: Spec, count: int) -> dict[str, Any]:
    """What the discriminator sees changed: few images, or images where a probability was set."""
    wanted = spec.kind == "image" and (count <= FEW_ITEMS or bool(config.augment.probability))
    least = _round(TARGET * OBJECTIVES[config.objective.name].balance)
    name = "images" if wanted else "none"
    return {"name": name, "probability": "adaptive", "target": least, "closeness": CLOSENESS}


def _augment_reason(config: Config, spec: Spec, count: int) -> str:
    if spec.kind != "image":
        return "only images have an augmentation"
    if config.augment.probability and count > FEW_ITEMS:
        return "its probability was set"
    few = f"{FEW_ITEMS:,} or fewer images would be learned by heart"
    return few if count <= FEW_ITEMS else f"more than {FEW_ITEMS:,} images are enough without"


def choose_by_width(config: Config, spec: Spec) -> Choice:
    """Choose what follows from width and samples: the discriminator's own width, who takes the steps and how long.

    Of grey images a discriminator of half the generator's width learns as much, and the time it saves buys steps.
    Steps should shrink as layers grow wider than 32.
    """
    width = config.network.width or 32
    easy = _is_easy_to_judge(config.network.discriminator, spec)
    narrow = min(width, max(WIDTHS[0], width // 2)) if easy else width
    at_32 = MLP_RATE_AT_32 if config.network.name == "mlp" else RATE_AT_32
    soap = choose_soap(config, spec, config.budget.samples or 0)
    chosen = {
        "network": {"discriminator_width": narrow},
        "optimiser": {
            "soap_share": soap,
            "name": "Adam",
            "learning_rate": _round(at_32 * math.sqrt(32 / max(32, width))),
        },
    }
    because = {
        "network.discriminator_width": f"half of the generator's, at least {WIDTHS[0]}, for grey images"
        if easy
        else "the generator's own",
        ("optimiser.soap_share" if soap else "optimiser.name"): _soap_reason(soap),
        "optimiser.learning_rate": f"{at_32:g} up to width 32, falling with the root of the width above",
    }
    config, reasons = fill(config, chosen, because)
    return Choice(config, tuple(reasons))


def _soap_reason(share: float) -> str:
    if share == 1.0:
        return "SOAP takes all steps of a short training of strided convolutions over images"
    return f"SOAP takes the steps of the first {share:.0%} of the run, and then Adam" if share else "takes all steps"


def choose_soap(config: Config, spec: Spec, samples: int) -> float:
    """The first share of a run that SOAP takes the steps of: strided convolutions over images of some size, else none.

    None either where the optimiser, or beta1 that SOAP has no use for, was set.

    Args:
        config: with the networks chosen.
        spec: the form of the items.
        samples: of the budget.
    """
    is_large = spec.kind == "image" and min(spec.shape[:-1]) >= SKIP_SIDE
    is_free = config.optimiser.name is None and not config.optimiser.beta1
    if not is_large or not is_free or config.network.name not in ("conv", "skip"):
        return 0.0
    if _is_grey(spec):
        return max(GREY_SOAP_SHARE, _round(min(1.0, GREY_SOAP_SAMPLES / max(samples, 1))))
    return 1.0 if samples < SOAP_SAMPLES else 0.0


def _is_easy_to_judge(network: str | None, spec: Spec) -> bool:
    """Whether a discriminator learns faster than its generator unless held back: of grey images, not of colour."""
    return network in ("conv", "skip") and _is_grey(spec)


def _is_grey(spec: Spec) -> bool:
    return spec.kind == "image" and spec.shape[-1] == 1


def choose_network(spec: Spec) -> str:
    """Convolutions where there are at least 8 places a side to convolve over, else fully connected layers.

    Grey images of at least 16 a side have a generator that draws at every resolution.
    """
    if spec.kind == "vector" or min(spec.shape[:-1]) < 8:
        return "mlp"
    return "skip" if _is_grey(spec) and min(spec.shape[:-1]) >= SKIP_SIDE else "conv"


def needed_samples(width: int) -> int:
    """Items that a network of this width has to see to be worth its cost."""
    return SAMPLES_PER_WIDTH * width


def fill(config: Config, chosen: dict[str, dict[str, Any]], because: Mapping[str, str]) -> tuple[Config, list[str]]:
    """Put chosen values where the configuration has none; and a line for each that `because` has a reason for."""
    reasons = []
    for section, values in chosen.items():
        present = getattr(config, section)
        missing = {key: value for key, value in values.items() if getattr(present, key) is None}
        config = replace(config, **{section: missing})
        named = {f"{section}.{key}": value for key, value in missing.items()}
        reasons += [f"{key} = {value}: {because[key]}" for key, value in named.items() if key in because]
    return config, reasons


def _shared(batch: int) -> int:
    """The batch, or the nearest smaller one that the processes of a distributed run can share equally."""
    return max(1, batch // world_size()) * world_size()


def _resolution_reason(natural: tuple[int, ...], chosen: tuple[int, int] | None, largest: int) -> str:
    assert chosen is not None
    size, own = f"{chosen[0]} x {chosen[1]} (height x width)", f"{natural[0]} x {natural[1]}"
    if tuple(natural) == tuple(chosen):
        return f"data.resolution = {size}, the data's own"
    reason = f"at most {largest} a side, which this budget can train"
    if min(chosen) == SMALLEST_SIDE:
        reason = f"the least of {SMALLEST_SIDE} on its shorter side"
    scale = max(new / old for new, old in zip(chosen, natural, strict=True))
    kept = min(new / (old * scale) for new, old in zip(chosen, natural, strict=True))
    cut = f"; the middle {kept:.0%} of its longer side is kept" if kept < KEPT_WHOLE else ""
    return f"data.resolution = {size}: the data's {own} brought to {reason}{cut}"


def _precision_reason(is_mlp: bool, fast: bool) -> str:
    if is_mlp:
        return "fully connected networks are too small to gain from bfloat16"
    return "this processor multiplies in bfloat16" if fast else "this processor has no fast bfloat16"


def _round(value: float) -> float:
    """Two significant digits: a rule is not more precise than that."""
    return float(f"{value:.2g}") if value > 0 and math.isfinite(value) else 0.1
