"""From minutes to samples: how fast this machine trains, measured once, before the first step."""

import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from sparring.assembly import build_engine
from sparring.config import Config, replace
from sparring.data.scale import Scaler
from sparring.data.source import Source
from sparring.distribution import world_size
from sparring.engine import Engine
from sparring.extractors.base import Extractor
from sparring.model import BATCH
from sparring.presets import MLP_WIDTH, WIDTHS, needed_samples

WARM_STEPS = 2
TIMED_SECONDS = 0.6
TIMED_STEPS = (3, 40)


@dataclass(frozen=True)
class Pace:
    """How fast a width trains.

    Attributes:
        width: of the networks.
        seconds_per_sample: of a training step, divided by the batch.
        overhead: seconds that measurements of the whole run take.
    """

    width: int
    seconds_per_sample: float
    overhead: float

    def samples(self, seconds: float, batch: int) -> int:
        """Items that can be shown in so many seconds, a whole number of batches, at least one."""
        return batch * max(1, int(max(0.0, seconds - self.overhead) / self.seconds_per_sample / batch))

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def choose_pace(
    config: Config,
    source: Source,
    scaler: Scaler,
    device: torch.device,
    seconds: float,
    judge: Extractor | None,
) -> Pace:
    """The widest networks that see enough items in the given seconds, and their pace.

    Args:
        config: with its recipe chosen; a width that is set there is kept.
        source: the training items.
        scaler: fitted on them.
        device: where training runs.
        seconds: of training, measurements included.
        judge: the extractor that keep-best measures with, to count its time in.
    """
    widths = [config.network.width] if config.network.width else _candidates(config)
    best = None
    for width in widths:
        pace = measure(replace(config, network={"width": width}), source, scaler, device, judge)
        batch = int(config.optimiser.batch or 1)
        if best is not None and pace.samples(seconds, batch) < needed_samples(width):
            break
        best = pace
    assert best is not None
    return best


def _candidates(config: Config) -> list[int]:
    return [MLP_WIDTH] if config.network.name == "mlp" else list(WIDTHS)


def measure(config: Config, source: Source, scaler: Scaler, device: torch.device, judge: Extractor | None) -> Pace:
    """Time training steps and one measurement of a width on throw-away networks."""
    world = world_size()
    part = max(1, int(config.optimiser.batch or 1) // world)
    config = replace(config, budget={"samples": 1 << 40}, optimiser={"batch": part, "learning_rate": 1e-3})
    engine = build_engine(config, source, scaler, device, alone=True)
    step = _median_step(engine)
    overhead = 0.0 if judge is None else config.validation.points * _measurement(engine, scaler, judge)
    return Pace(engine.game.generator.width, step / (part * world), overhead)


def _median_step(engine: Engine) -> float:
    for _ in range(WARM_STEPS):
        engine.step()
    times: list[float] = []
    fewest, most = TIMED_STEPS
    while len(times) < fewest or (sum(times) < TIMED_SECONDS and len(times) < most):
        _synchronise(engine.device)
        began = time.perf_counter()
        engine.step()
        _synchronise(engine.device)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


@torch.inference_mode()
def _measurement(engine: Engine, scaler: Scaler, judge: Extractor) -> float:
    items = engine.config.validation.items
    began = time.perf_counter()
    with engine.autocast():
        made = engine.averaged(torch.zeros(BATCH, engine.prior.size, device=engine.device))
    judge(np.nan_to_num(scaler.to_data(made)))
    return (time.perf_counter() - began) * items / BATCH


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
