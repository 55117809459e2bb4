"""From minutes to samples: how fast this machine trains, measured once, before the first step."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from sparring.assembly import FEWEST_LESSONS, averaged_model, build_encoding_engine, build_engine, lesson, lessons
from sparring.config import Config, replace
from sparring.data.scale import Scaler
from sparring.data.source import Source
from sparring.distribution import world_size
from sparring.engine import Engine
from sparring.extractors.base import Extractor
from sparring.model import BATCH
from sparring.rules import MLP_WIDTH, WIDTHS, choose_by_width, choose_soap, needed_samples

WARM_STEPS = 2
FEWEST_STEPS = 3
# a width is compared with others by a glance; the chosen one is timed for a share of the budget: with a glance
# alone, ten minutes of Fashion-MNIST became 11.3
GLANCE_SECONDS = 0.6
TIMED_SHARE, MOST_SECONDS = 0.015, 10.0
MARGIN = 0.97
JUDGED_ITEMS = 4096  # real ones, at most, that keep-best holds generated ones against
TIMED_ITEMS = 64  # whose features give a scale while only time is taken
AUGMENTED = 0.5  # the probability that an augmented training is timed with: it will move


@dataclass(frozen=True)
class Pace:
    """How fast a width trains.

    Attributes:
        width: of the networks.
        seconds_per_sample: of a step of the two players, divided by the batch.
        overhead: seconds that measurements of the whole run take.
        encoding: seconds per sample of a step of the encoder, by the items of a step; empty where none is wanted.
        soap: seconds per sample of the two players that a step of SOAP takes more, times the share of its steps.
    """

    width: int
    seconds_per_sample: float
    overhead: float
    encoding: Mapping[int, float] = field(default_factory=dict)
    soap: float = 0.0

    def samples(self, seconds: float, batch: int, share: float, encoded: int | None = None) -> tuple[int, int]:
        """Items that can be shown in so many seconds, less a margin: whole numbers of batches, at least one each.

        Args:
            seconds: to spend.
            batch: items of a step.
            share: of the seconds for the encoder.
            encoded: items for the encoder, whatever its share; 0 for none.

        Returns:
            The items that the players are shown, and those that the encoder is.
        """
        left = max(0.0, MARGIN * seconds - self.overhead)
        if encoded is None:
            encoded = self._lessons(share * left) if share else 0
            left *= 1.0 - share
        else:
            left = max(0.0, left - self.encoding_seconds(encoded))
        return batch * max(1, int(left / (self.seconds_per_sample + self.soap) / batch)), encoded

    def seconds(self, played: int, encoded: int) -> float:
        """How long so many items take, measurements included."""
        playing = played * (self.seconds_per_sample + self.soap)
        return playing + self.encoding_seconds(encoded) + self.overhead

    def encoding_seconds(self, encoded: int) -> float:
        """How long the encoder's items take."""
        return encoded * self.encoding[lesson(encoded, self.encoding)] if encoded else 0.0

    def _lessons(self, seconds: float) -> int:
        """The items of the encoder's steps in so many seconds: of the largest steps that are many enough.

        Where these are found too slow, and smaller ones so fast that their items would make enough of the larger steps,
        there are as many items as leave it at the smaller ones.
        """
        samples, too_many = 0, math.inf
        for size in sorted(self.encoding, reverse=True):
            samples = min(size * max(1, int(seconds / self.encoding[size] / size)), too_many - size)
            if lesson(int(samples), self.encoding) == size:
                break
            too_many = FEWEST_LESSONS * size
        return int(samples)


def choose_pace(
    config: Config,
    source: Source,
    scaler: Scaler,
    device: torch.device,
    seconds: float,
    judge: Extractor | None,
    glance: bool = False,
) -> Pace:
    """The widest networks that see enough items in the given seconds, and their pace.

    Args:
        config: with its recipe chosen; a width that is set there is kept.
        source: the training items.
        scaler: fitted on them.
        device: where training runs.
        seconds: of training, measurements included.
        judge: the extractor that keep-best measures with, to count its time in.
        glance: whether a rough pace will do.
    """
    widths = [config.network.width] if config.network.width else _candidates(config)
    best = None
    for width in widths:
        pace = measure(replace(config, network={"width": width}), source, scaler, device, judge, GLANCE_SECONDS)
        batch = int(config.optimiser.batch or 1)
        if best is not None and pace.samples(seconds, batch, *encoder_part(config))[0] < needed_samples(width):
            break
        best = pace
    assert best is not None
    longer = min(TIMED_SHARE * seconds, MOST_SECONDS)
    if glance or longer <= GLANCE_SECONDS:
        return best
    expected = sum(best.samples(seconds, int(config.optimiser.batch or 1), *encoder_part(config)))
    config = replace(config, network={"width": best.width})
    if config.optimiser.soap_share is None:
        config = replace(config, optimiser={"soap_share": choose_soap(config, source.spec, expected)})
    return measure(config, source, scaler, device, judge, longer)


def has_encoder(config: Config) -> bool:
    """Whether a part of the budget is for the encoder."""
    return bool(config.encoder.share if config.encoder.samples is None else config.encoder.samples)


def encoder_part(config: Config) -> tuple[float, int | None]:
    """The encoder's share of a budget, and its items where the user named them, in whole batches."""
    asked = config.encoder.samples
    step = lesson(asked or 0, lessons(config))
    return config.encoder.share, None if asked is None else step * -(-asked // step)


def _candidates(config: Config) -> list[int]:
    return [MLP_WIDTH] if config.network.name == "mlp" else list(WIDTHS)


def measure(
    config: Config,
    source: Source,
    scaler: Scaler,
    device: torch.device,
    judge: Extractor | None,
    seconds: float,
) -> Pace:
    """Time training steps for so many seconds, and one measurement, of a width on throw-away networks.

    One process does it alone: what several take to average their gradients is not counted.
    """
    world, sizes = world_size(), lessons(config) if has_encoder(config) else []
    part = max(1, int(config.optimiser.batch or 1) // world)
    config = replace(config, budget={"samples": 1 << 40}, optimiser={"batch": part, "learning_rate": 1e-3})
    config = choose_by_width(config, source.spec).config
    if config.augment.probability:
        config = replace(config, augment={"probability": "adaptive"})
    engine = _engine(config, source, scaler, device)
    step, soap, share = _mean_step(engine, seconds), 0.0, config.optimiser.soap_share or 0.0
    if 0.0 < share < 1.0:
        later = _mean_step(_engine(replace(config, optimiser={"soap_share": 0.0}), source, scaler, device), seconds)
        step, soap = later, share * max(0.0, step - later)
    overhead = 0.0 if judge is None else _measurements(engine, scaler, judge, len(source))
    encoding = {}
    for size in sizes:
        own = size // world
        lasting = replace(config, encoder={"samples": FEWEST_LESSONS * own, "batch": own})
        encoding[size] = _encoding_step(engine, lasting, source, scaler, seconds) / size
    each = part * world
    return Pace(int(config.network.width or 0), step / each, overhead, encoding, soap / each)


def _engine(config: Config, source: Source, scaler: Scaler, device: torch.device) -> Engine:
    engine = build_engine(config, source, scaler, device, alone=True)
    engine.progress.probability = AUGMENTED
    return engine


def _encoding_step(engine: Engine, config: Config, source: Source, scaler: Scaler, seconds: float) -> float:
    model = averaged_model(engine, scaler)
    networks = model.generator, model.discriminator
    taught = build_encoding_engine(config, source, scaler, engine.device, *networks, alone=True, scaled=TIMED_ITEMS)
    return _mean_step(taught, seconds / 4, warm=1, fewest=2)


def _mean_step(engine: Engine, seconds: float, warm: int = WARM_STEPS, fewest: int = FEWEST_STEPS) -> float:
    for _ in range(warm):
        engine.step()
    _synchronise(engine.device)
    steps, began = 0, time.perf_counter()
    while steps < fewest or time.perf_counter() - began < seconds:
        engine.step()
        _synchronise(engine.device)
        steps += 1
    return (time.perf_counter() - began) / steps


@torch.inference_mode()
def _measurements(engine: Engine, scaler: Scaler, judge: Extractor, count: int) -> float:
    """Seconds of all measurements, and of looking at the training items that generated ones are held against."""
    options = engine.config.validation
    items = options.points * options.items + (min(count, JUDGED_ITEMS) if engine.adapts else 0)
    began = time.perf_counter()
    with engine.autocast():
        made = engine.averaged(torch.zeros(BATCH, engine.prior.size, device=engine.device))
    judge(np.nan_to_num(scaler.to_data(made)))
    return (time.perf_counter() - began) * items / BATCH


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
