"""`sparring bench speed`: images per second of training and of sampling, by form, width, batch and threads."""

import shutil
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from sparring.assembly import averaged_model
from sparring.benchmarks.bench import Bar, Bench, Cell, Column, Context, Figures, Line, figures_of
from sparring.benchmarks.command import run_sparring
from sparring.benchmarks.step import PRECISIONS, OperationCounter, count_operations, make_engine
from sparring.benchmarks.stopwatch import matmul_peak, median_seconds
from sparring.data.scale import fit_scaler
from sparring.data.source import ArraySource, Spec
from sparring.hardware import default_device, has_fast_bfloat16
from sparring.rng import numpy_stream

ROUNDS = 5
ITEMS = 4096
SAMPLES = 256
FORMS = ("28x28x1", "32x32x3", "64x64x3")
USUAL = {"width": 32, "batch": 64, "threads": 0}
VARIED = {"width": (16, 32, 64, 96), "batch": (16, 64, 256), "threads": (1, 2)}

PROTOCOL = f"""
`width`, `batch`, `threads`: whole training steps (both players, R1 and R2, moving average) of the family `conv` in
the precision that training chooses here, at width {USUAL["width"]}, batch {USUAL["batch"]} and all threads but for
the one that is varied. `sample`: the generator of width {USUAL["width"]} on {SAMPLES} latents, as `sparring sample`
runs it, with and without turning its output into the data's own numbers. Medians of {ROUNDS} rounds of about half a
second. Share of the peak: operations of matrix products and convolutions a second, over what a large square product
of the same precision reaches in the same process. `start`: seconds from the start of a command to its end, medians
of {ROUNDS}: `train --samples 1` and `sample -n 1`, on scikit-learn's digits.
"""


def run(cell: Cell, context: Context) -> Figures:
    """One form, one thing varied."""
    if cell.set == "digits":
        return _starts(context)
    what, _, value = cell.method.partition(" ")
    return _sampling(cell) if what == "sample" else _training(cell, what, int(value))


def _training(cell: Cell, varied: str, value: int) -> Figures:
    options, device = {**USUAL, varied: value}, default_device()
    precision = "bfloat16" if has_fast_bfloat16(device) else "float32"
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(options["threads"] or threads)
        engine = make_engine("conv", _items(cell), precision, device, width=options["width"], batch=options["batch"])
        seconds = median_seconds({"step": engine.step}, ROUNDS, device)["step"]
        return _figures(options["batch"], seconds, count_operations(engine), precision, device)
    finally:
        torch.set_num_threads(threads)


def _sampling(cell: Cell) -> Figures:
    device, source = default_device(), _items(cell)
    engine = make_engine("conv", source, "float32", device, width=USUAL["width"], batch=USUAL["batch"])
    model = averaged_model(engine, fit_scaler("range", source))
    z = model.latents(SAMPLES)

    def generate() -> torch.Tensor:
        with torch.inference_mode():
            return model.generator(z)

    calls: dict[str, Callable[[], object]] = {"generate": generate, "decode": lambda: model.generate(z)}
    seconds = median_seconds(calls, ROUNDS, device)
    with torch.no_grad(), OperationCounter() as counter:  # inference mode hides the operations from it
        model.generator(z)
    figures = _figures(SAMPLES, seconds["generate"], counter.total, "float32", device)
    return {**figures, "decoded_per_second": SAMPLES / seconds["decode"]}


def _figures(images: int, seconds: float, operations: int, precision: str, device: torch.device) -> Figures:
    peak = matmul_peak(PRECISIONS[precision], device)
    return {
        "images_per_second": images / seconds,
        "precision": precision,
        "operations": operations,
        "share_of_peak": operations / seconds / peak,
    }


def _items(cell: Cell) -> ArraySource:
    height, width, channels = map(int, cell.set.split("x"))
    spec = Spec("image", (height, width, channels), "uint8")
    return ArraySource(numpy_stream(cell.seed, "speed").integers(0, 256, (ITEMS, *spec.shape), dtype=np.uint8), spec)


def _starts(context: Context) -> Figures:
    """Seconds until the first result, medians."""
    folder = context.work / "digits"
    found: dict[str, list[float]] = {"train_seconds": [], "sample_seconds": []}
    for _ in range(ROUNDS):
        shutil.rmtree(folder, ignore_errors=True)
        found["train_seconds"].append(_time(lambda: run_sparring("train", "digits", "--run", folder, "--samples", 1)))
        found["sample_seconds"].append(
            _time(lambda: run_sparring("sample", folder, "-n", 1, "--out", folder / "one.npz"))
        )
    return {name: float(np.median(seconds)) for name, seconds in found.items()}


def _time(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _slowest_sampling(lines: Sequence[Line]) -> float | None:
    return min(figures_of(lines, "share_of_peak", "sample"), default=None)


SPEED = Bench(
    name="speed",
    title="Speed of training and of sampling",
    protocol=PROTOCOL,
    grid=(
        *((form, "sample") for form in FORMS),
        *((form, f"{name} {value}") for form in FORMS for name, values in VARIED.items() for value in values),
        ("digits", "start"),
    ),
    run=run,
    columns=(
        Column("images_per_second", "images/s", ",.0f"),
        Column("share_of_peak", "share of peak", ".0%"),
        Column("precision", "precision"),
        Column("decoded_per_second", "with the data's own numbers, images/s", ",.0f"),
        Column("train_seconds", "one training step, s", ".1f"),
        Column("sample_seconds", "one sample, s", ".1f"),
    ),
    bars=(Bar("sampling's share of the matmul peak, worst form", ">=", 0.6, _slowest_sampling),),
)
