"""`sparring bench stacked-mnist`: a thousand modes, each a number of three digits in red, green and blue."""

import shutil
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from scipy.special import rel_entr

from sparring.benchmarks.bench import Bar, Bench, Cell, Column, Context, Figures, Line, Published, figures_of
from sparring.benchmarks.command import run_sparring, sample_run
from sparring.benchmarks.picturesets import SETS, make_judge
from sparring.data.pictures import save_grid
from sparring.data.source import Spec
from sparring.extractors.classifier import Judge
from sparring.rng import numpy_stream

MINUTES = 60.0
COUNT = 26_000
STACKS = 100_000
MODES = 1000
SHOWN = 64
FLOOR, OURS = "real stacks", "sparring"
SPEC = Spec("image", (28, 28, 3), "uint8")

PROTOCOL = f"""
{STACKS:,} images of three random MNIST training digits, one in each channel (28 x 28 x 3), no labels;
`sparring train DATA --minutes {MINUTES:g}`, then {COUNT:,} generated images. A classifier of digits (at least
{SETS["mnist"].accuracy:.0%} test accuracy, trained on the real labels, which touch nothing else) reads each channel;
the mode is 100a + 10b + c; KL is sum q ln(1000 q) of the histogram q of modes. The row `{FLOOR}` is {COUNT:,} real
stacks of test digits: about 0.024, of which 0.0195 is due to the number of images.
"""


def stacks(digits: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Images (count, 28, 28, 3) of digits (n, 28, 28, 1), each channel drawn for itself."""
    drawn = numpy_stream(seed, "stacks").integers(len(digits), size=(count, 3))
    return np.ascontiguousarray(np.moveaxis(digits[drawn, ..., 0], 1, -1))


def run(cell: Cell, context: Context, minutes: float = MINUTES) -> Figures:
    """Generate, read the numbers, and count them."""
    judge = make_judge("mnist", context)
    made = _generate(cell, context, minutes)
    save_grid(made[:SHOWN], SPEC, context.picture(cell))
    return {**count_modes(read_numbers(made, judge)), "n": len(made), "judge_accuracy": judge.facts.test_accuracy}


def read_numbers(images: np.ndarray, judge: Judge) -> np.ndarray:
    """The number from 0 to 999 that each image (n, 28, 28, 3) shows."""
    digits = [judge.classify(images[..., channel : channel + 1]).argmax(1) for channel in range(3)]
    return digits[0] * 100 + digits[1] * 10 + digits[2]


def count_modes(numbers: np.ndarray) -> Figures:
    """How many of the thousand numbers there are, and the KL of their histogram from the uniform one."""
    share = np.bincount(numbers, minlength=MODES) / len(numbers)
    return {"modes": int((share > 0).sum()), "kl": float(rel_entr(share, 1 / MODES).sum())}


def _generate(cell: Cell, context: Context, minutes: float) -> np.ndarray:
    if cell.method == FLOOR:
        return stacks(SETS["mnist"].read(context.data, "test").images, COUNT, cell.seed)
    folder = context.work / str(cell.seed)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    np.save(folder / "stacks.npy", stacks(SETS["mnist"].read(context.data, "train").images, STACKS, cell.seed))
    seconds = 2 * 60 * minutes + 600
    options = ("--minutes", minutes, "--seed", cell.seed)
    run_sparring("train", folder / "stacks.npy", "--run", folder / "run", *options, seconds=seconds)
    return sample_run(folder / "run", COUNT)


def _worst(figure: str, worst: Callable[..., float | None], lines: Sequence[Line]) -> float | None:
    return worst(figures_of(lines, figure, OURS), default=None)


STACKED_MNIST = Bench(
    name="stacked-mnist",
    title=f"Stacked MNIST in {MINUTES:g} minutes",
    protocol=PROTOCOL,
    grid=(("stacked-mnist", FLOOR), ("stacked-mnist", OURS)),
    run=run,
    columns=(
        Column("modes", "modes of 1000"),
        Column("kl", "KL", ".4f"),
        Column("judge_accuracy", "judge's accuracy", ".4f"),
    ),
    bars=(
        Bar("modes", ">=", MODES, partial(_worst, "modes", min)),
        Bar("KL", "<=", 0.10, partial(_worst, "kl", max)),
    ),
    published=(
        Published("DCGAN", "99 modes, KL 3.40", "Srivastava et al. 2017"),
        Published("VEEGAN", "150 modes, KL 2.95", "Srivastava et al. 2017"),
        Published("WGAN-GP", "959 modes, KL 0.73", "as listed by Huang et al. 2024"),
        Published("StyleGAN2", "940 modes, KL 0.42", "as listed by Huang et al. 2024"),
        Published("PacGAN", "1000 modes, KL 0.06", "Lin et al. 2018"),
        Published("PresGAN", "1000 modes, KL 0.12", "Dieng et al. 2019"),
        Published("DDGAN", "1000 modes, KL 0.071", "Xiao et al. 2022"),
        Published("MEG", "1000 modes, KL 0.031", "Kumar et al. 2019"),
        Published("R3GAN, 41M parameters, 7 hours on 8 GPUs", "1000 modes, KL 0.029", "Huang et al. 2024"),
    ),
)
