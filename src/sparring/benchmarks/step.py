"""`sparring bench step`: images per second of our step against the plain PyTorch loop."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from sparring.benchmarks.bench import Bar, Bench, Cell, Column, Context, Figures, figures_of
from sparring.benchmarks.plain import plain_step
from sparring.benchmarks.stopwatch import matmul_peak, median_seconds
from sparring.config import Config, replace
from sparring.data.feed import ShuffledFeed
from sparring.data.scale import Scaler, fit_scaler
from sparring.data.source import ArraySource, Spec
from sparring.engine import Engine
from sparring.games.adversarial import AdversarialGame
from sparring.networks import DISCRIMINATORS, GENERATORS
from sparring.networks.base import Discriminator, Generator
from sparring.objectives import OBJECTIVES
from sparring.penalties import PENALTIES
from sparring.priors.gaussian import Gaussian
from sparring.rng import numpy_stream

BATCH = 64
WIDTH = 32
LATENT = 64
GAMMA = 1.0
ITEMS = 4096
ROUNDS = 9
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}

PROTOCOL = f"""
Images a second of one whole training step: both players, relativistic objective, R1 and R2, moving average;
batch {BATCH}, width {WIDTH}, latents of {LATENT}, {ITEMS:,} random images in memory. `plain` is the same
networks and the same objective in a textbook's loop (`src/sparring/benchmarks/plain.py`: float32, contiguous,
default Adam, one player after the other, no moving average). All contestants take turns in one process,
{ROUNDS} rounds of about half a second each; medians. The speed-up is that of the faster precision, which is
the one that training chooses on such a machine.

Share of the peak: floating point operations of our step (matrix products and convolutions, by PyTorch's own
formulas) a second, over what a large square product of the same precision reaches in the same process.
Cost of R1 and R2: seconds of our step with them over our step without.
"""


@dataclass(frozen=True)
class Setting:
    """What both loops train: the form of an image and the family of networks."""

    shape: tuple[int, int, int]
    family: str

    @property
    def spec(self) -> Spec:
        """The form of an image."""
        return Spec("image", self.shape, "uint8")

    def players(self) -> tuple[Generator, Discriminator]:
        """A fresh generator and discriminator."""
        shape = self.spec.network_shape
        return GENERATORS[self.family](shape, LATENT, WIDTH), DISCRIMINATORS[self.family](shape, WIDTH)


def run(cell: Cell, context: Context, rounds: int = ROUNDS, items: int = ITEMS) -> Figures:
    """Let all contestants take turns at one form of image and one family of networks."""
    height, width, channels = map(int, cell.set.split("x"))
    setting = Setting((height, width, channels), cell.method)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rows = numpy_stream(cell.seed, "step").integers(0, 256, (items, *setting.shape), dtype=np.uint8)
    source = ArraySource(rows, setting.spec)
    ours = {name: make_engine(setting, source, name, device) for name in PRECISIONS}
    bare = {f"{name} bare": make_engine(setting, source, name, device, ()) for name in PRECISIONS}
    contestants: dict[str, Callable[[], object]] = {"plain": make_plain(setting, source, device)}
    contestants |= {name: engine.step for name, engine in (ours | bare).items()}
    seconds = median_seconds(contestants, rounds, device)
    fastest = min(PRECISIONS, key=lambda name: seconds[name])
    return _figures(seconds, fastest, count_operations(ours[fastest]), device)


def make_engine(
    setting: Setting,
    source: ArraySource,
    precision: str,
    device: torch.device,
    penalties: tuple[str, ...] = ("r1", "r2"),
) -> Engine:
    """Our step, as training makes it.

    Args:
        setting: form of an image and family of networks.
        source: the data in memory.
        precision: "float32" or "bfloat16".
        device: where to compute.
        penalties: their names.

    Returns:
        An engine without hooks; its `step` is what is timed.
    """
    game = AdversarialGame(*setting.players(), OBJECTIVES["relativistic"](), [PENALTIES[name]() for name in penalties])
    config = replace(
        Config(precision=precision),  # type: ignore[arg-type]
        optimiser={"batch": BATCH, "learning_rate": 2e-4},
        penalties={"gamma": GAMMA},
        budget={"samples": 1 << 40},
    )
    feed = ShuffledFeed(source, fit_scaler("range", source), 0, device)
    return Engine(game, feed, Gaussian(LATENT), config, device)


def make_plain(setting: Setting, source: ArraySource, device: torch.device) -> Callable[[], None]:
    """The plain loop over the same items, contiguous in memory."""
    generator, discriminator = (network.to(device) for network in setting.players())
    scaler: Scaler = fit_scaler("range", source)
    items = scaler.to_model(source.array).contiguous().to(device)
    return plain_step(generator, discriminator, items, BATCH, LATENT, GAMMA)


class OperationCounter(TorchDispatchMode):
    """Counts the floating point operations of matrix products and convolutions while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=out)
        return out


def count_operations(engine: Engine) -> int:
    """Floating point operations of one step."""
    with OperationCounter() as counter:
        engine.step()
    return counter.total


def _figures(seconds: dict[str, float], fastest: str, operations: int, device: torch.device) -> Figures:
    peaks = {name: matmul_peak(dtype, device) for name, dtype in PRECISIONS.items()}
    rates = {f"{name}_images_per_second": BATCH / seconds[name] for name in ("plain", *PRECISIONS)}
    return {
        **rates,
        "precision": fastest,
        "speed_up": seconds["plain"] / seconds[fastest],
        "operations": operations,
        "share_of_peak": operations / seconds[fastest] / peaks[fastest],
        "penalties_cost": seconds[fastest] / seconds[f"{fastest} bare"],
        **{f"{name}_peak_gflops": peak / 1e9 for name, peak in peaks.items()},
    }


STEP = Bench(
    name="step",
    title="Speed of a training step",
    protocol=PROTOCOL,
    grid=(("28x28x1", "conv"), ("32x32x3", "conv"), ("64x64x3", "conv"), ("28x28x1", "residual")),
    run=run,
    columns=(
        Column("plain_images_per_second", "plain, images/s", ".0f"),
        Column("float32_images_per_second", "ours float32, images/s", ".0f"),
        Column("bfloat16_images_per_second", "ours bfloat16, images/s", ".0f"),
        Column("precision", "faster"),
        Column("speed_up", "speed-up", ".2f"),
        Column("share_of_peak", "share of peak", ".0%"),
        Column("penalties_cost", "cost of R1+R2", ".2f"),
        Column("float32_peak_gflops", "float32 peak, GFLOP/s", ".0f"),
        Column("bfloat16_peak_gflops", "bfloat16 peak, GFLOP/s", ".0f"),
    ),
    bars=(
        Bar(
            "smallest speed-up against the plain loop",
            ">=",
            1.5,
            lambda lines: min(figures_of(lines, "speed_up"), default=None),
        ),
    ),
)
