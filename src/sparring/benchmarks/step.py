"""`sparring bench step`: images per second of our step against the plain PyTorch loop."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from sparring.assembly import build_engine, build_networks
from sparring.benchmarks.bench import Bar, Bench, Cell, Column, Context, Figures, figures_of
from sparring.benchmarks.plain import LEARNING_RATE, plain_step
from sparring.benchmarks.stopwatch import matmul_peak, median_seconds
from sparring.config import Config, apply_settings, replace
from sparring.data.scale import fit_scaler
from sparring.data.source import ArraySource, Spec
from sparring.engine import Engine
from sparring.hardware import default_device, has_fast_bfloat16
from sparring.rng import numpy_stream

BATCH = 128
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
default Adam, one player after the other, a fake batch for each, no moving average; ours serves both players with one
fake batch, and the generator with the real logits from before the discriminator's step). All contestants take turns in
one process, {ROUNDS} rounds of about half a second each; medians. The speed-up is that of the precision that training
chooses on this machine.

Share of the peak: floating point operations of our step (matrix products and convolutions, by PyTorch's own
formulas) a second, over what a large square product of the same precision reaches in the same process.
Cost of R1 and R2: seconds of our step with them over our step without.
"""


def run(cell: Cell, context: Context, rounds: int = ROUNDS, items: int = ITEMS) -> Figures:
    """Let all contestants take turns at one form of image and one family of networks."""
    height, width, channels = map(int, cell.set.split("x"))
    spec = Spec("image", (height, width, channels), "uint8")
    rows = numpy_stream(cell.seed, "step").integers(0, 256, (items, *spec.shape), dtype=np.uint8)
    source, device = ArraySource(rows, spec), default_device()
    chosen = "bfloat16" if has_fast_bfloat16(device) else "float32"
    ours = {name: make_engine(cell.method, source, name, device) for name in PRECISIONS}
    contestants: dict[str, Callable[[], object]] = {name: engine.step for name, engine in ours.items()}
    contestants["bare"] = make_engine(cell.method, source, chosen, device, penalties=()).step
    contestants["plain"] = make_plain(ours["float32"].config, source, device)
    seconds = median_seconds(contestants, rounds, device)
    return _figures(seconds, chosen, count_operations(ours[chosen]), device)


def make_engine(
    family: str,
    source: ArraySource,
    precision: str,
    device: torch.device,
    penalties: tuple[str, ...] = ("r1", "r2"),
    width: int = WIDTH,
    batch: int = BATCH,
) -> Engine:
    """Our step, as training makes it.

    Args:
        family: of both networks, such as "conv".
        source: the data in memory.
        precision: "float32" or "bfloat16".
        device: where to compute.
        penalties: their names.
        width: of both networks.
        batch: items in a batch.

    Returns:
        An engine without hooks; its `step` is what is timed.
    """
    settings = {"network.generator": family, "network.discriminator": family, "precision": precision}
    config = replace(
        apply_settings(Config(), settings | {"network.width": width, "network.latent": LATENT}),
        optimiser={"name": "Adam", "batch": batch, "learning_rate": LEARNING_RATE},
        penalties={"gamma": GAMMA, "names": penalties},
        budget={"samples": 1 << 40},
    )
    return build_engine(config, source, fit_scaler("range", source), device)


def make_plain(config: Config, source: ArraySource, device: torch.device) -> Callable[[], None]:
    """The plain loop with the same networks over the same items, contiguous in memory."""
    generator, discriminator = (network.to(device) for network in build_networks(config, source.spec))
    items = fit_scaler("range", source).to_model(source.array).contiguous().to(device)
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


def _figures(seconds: dict[str, float], chosen: str, operations: int, device: torch.device) -> Figures:
    peaks = {name: matmul_peak(dtype, device) for name, dtype in PRECISIONS.items()}
    return {
        **{f"{name}_images_per_second": BATCH / seconds[name] for name in ("plain", *PRECISIONS)},
        "precision": chosen,
        "speed_up": seconds["plain"] / seconds[chosen],
        "speed_up_float32": seconds["plain"] / seconds["float32"],
        "operations": operations,
        "share_of_peak": operations / seconds[chosen] / peaks[chosen],
        "penalties_cost": seconds[chosen] / seconds["bare"],
        **{f"{name}_peak_gflops": peak / 1e9 for name, peak in peaks.items()},
    }


STEP = Bench(
    name="step",
    title="Speed of a training step",
    protocol=PROTOCOL,
    grid=(("28x28x1", "skip"), ("28x28x1", "conv"), ("32x32x3", "conv"), ("64x64x3", "conv"), ("28x28x1", "residual")),
    run=run,
    columns=(
        Column("plain_images_per_second", "plain, images/s", ".0f"),
        Column("float32_images_per_second", "ours float32, images/s", ".0f"),
        Column("bfloat16_images_per_second", "ours bfloat16, images/s", ".0f"),
        Column("precision", "chosen"),
        Column("speed_up", "speed-up", ".2f"),
        Column("speed_up_float32", "in float32", ".2f"),
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
