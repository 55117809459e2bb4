"""`sparring bench stability`: twenty short runs with nothing but defaults, and what went wrong in them."""

import shutil
from collections.abc import Sequence
from statistics import median

import numpy as np

from sparring.benchmarks.bench import (
    Bar,
    Bench,
    Cell,
    Column,
    Context,
    Figures,
    Line,
    figures_of,
    on_one_machine,
    total,
)
from sparring.benchmarks.command import history, run_sparring, samples_seen

MINUTES = 3.0
COUNT = 10_000
OURS = "sparring"
SEEDS = (0, 1, 2, 3)
SETS = {
    "fashion": "images/fashion_mnist/train-images-idx3-ubyte.gz",
    "mnist": "images/mnist/train-images-idx3-ubyte.gz",
    "cifar": "images/cifar10_jpeg_train.zip",
    "flowers": "images/flowers12/train",
    "digits": "",
}

PROTOCOL = f"""
`sparring train DATA --minutes {MINUTES:g}` on {len(SETS)} sets with {len(SEEDS)} seeds each and no other option.
Counted are rollbacks (which the guard answers a collapse, a divergence or a NaN with), weights of the kept model or of
the last one that are not finite, and the kernel distance of {COUNT:,} of its items to as many training items (or all),
in `random_conv-512`, over the median of its set (or half the width of its 95 % interval, where that is more). A run
whose processor was busy with other work when it measured its pace sees a fraction of its set's samples; it is run
again, and named below.
"""


def run(cell: Cell, context: Context, minutes: float = MINUTES) -> Figures:
    """One short run, and the state of what it kept."""
    from sparring import checkpoint
    from sparring.data.open import survey
    from sparring.data.source import spread_rows
    from sparring.extractors.build import build_extractor
    from sparring.metrics.kernel import kernel_distance
    from sparring.model import Model

    folder = context.work / f"{cell.set}-{cell.seed}"
    shutil.rmtree(folder, ignore_errors=True)
    data = context.data / SETS[cell.set] if SETS[cell.set] else cell.set
    run_sparring("train", data, "--run", folder, "--minutes", minutes, "--seed", cell.seed)
    model = Model.load(folder)
    source = survey(data).source(model.spec.shape)
    real = spread_rows(source, COUNT)
    extractor = build_extractor("random_conv", model=model, reference=real)
    made = model.sample(COUNT, seed=cell.seed)
    distance = kernel_distance(extractor(made), extractor(real))
    events = history(folder)
    last = checkpoint.read(folder / "checkpoint" / "last").tensors
    weights = [*model.tensors().values(), *(tensor for part in last.values() for tensor in part.values())]
    return {
        "kernel": distance.value,
        "kernel_error": distance.high - distance.value,
        "rollbacks": sum(event["event"] == "rollback" for event in events),
        "not_finite": sum(int((~tensor.isfinite()).sum()) for tensor in weights),
        "variance": float(made.astype(np.float64).var(0).sum() / real.astype(np.float64).var(0).sum()),
        "samples": samples_seen(folder),
    }


def _worst(lines: Sequence[Line]) -> float | None:
    """The largest kernel distance over its set's median, of sets with at least three runs, each set on one machine.

    An unbiased distance may lie at 0 or below: a median counts as no less than what it can be told by.
    """
    ratios = []
    for name in SETS:
        own = [line for line in lines if line["set"] == name]
        group, errors = figures_of(own, "kernel"), figures_of(own, "kernel_error")
        if not on_one_machine(own):
            return None
        if len(group) > 2:
            ratios.append(max(group) / max(median(group), median(errors)))
    return max(ratios, default=None)


STABILITY = Bench(
    name="stability",
    title="Stability: twenty runs of three minutes with defaults only",
    protocol=PROTOCOL,
    grid=tuple((name, OURS) for name in SETS),
    run=run,
    columns=(
        Column("kernel", "kernel distance", ".4f"),
        Column("kernel_error", "give or take", ".4f"),
        Column("rollbacks", "rollbacks"),
        Column("not_finite", "weights not finite"),
        Column("variance", "variance over the data's", ".3f"),
        Column("samples", "samples", ","),
    ),
    bars=(
        Bar("rollbacks in all", "<=", 0, total("rollbacks")),
        Bar("weights that are not finite", "<=", 0, total("not_finite")),
        Bar("largest kernel distance over its set's median", "<=", 2.0, _worst),
    ),
    seeds=SEEDS,
)
