"""The measures of an evaluation: direction, ideal, and how each is measured, in one sentence."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Protocol:
    """What stays the same about a measure from run to run.

    Attributes:
        better: which direction is better.
        sentence: how it is measured; "{k}" stands for the number of neighbours.
        perfect: what a perfect generator reaches by definition, None where real data is measured for it.
        space: the feature space where it is not the evaluation's own.
    """

    better: Literal["lower", "higher"]
    sentence: str
    perfect: float | None = None
    space: str = ""


PROTOCOLS = {
    "frechet": Protocol(
        "lower",
        "Squared Frechet distance between Gaussians fitted to real and generated features; float64, interval "
        "from a delete-group jackknife.",
    ),
    "kernel": Protocol(
        "lower",
        "Unbiased squared MMD with the kernel (x.y/d + 1)^3, in blocks of at most 5,000 items; interval from "
        "a jackknife.",
    ),
    "precision": Protocol(
        "higher",
        "Share of generated items within a real item's ball to its {k}th neighbour; Wilson's interval, given these "
        "real items.",
    ),
    "recall": Protocol(
        "higher",
        "Share of real items within a generated item's ball to its {k}th neighbour; Wilson's interval, given these "
        "generated items.",
    ),
    "density": Protocol(
        "higher",
        "Real balls (to the {k}th neighbour) around a generated item, over {k}; bootstrap interval, given these real "
        "items.",
    ),
    "coverage": Protocol(
        "higher",
        "Share of real items whose ball to the {k}th neighbour holds a generated item; interval from a delete-group "
        "jackknife, given these real items.",
    ),
    "two_sample": Protocol(
        "lower",
        "Accuracy of a logistic regression that tells generated from real features, trained on one half and "
        "judged on the other; Wilson's interval.",
    ),
    "spectrum": Protocol(
        "lower",
        "Root mean square difference in decibel of azimuthally averaged log power spectra, per channel; "
        "interval from a delete-group jackknife.",
        space="pixels",
    ),
    "memorisation": Protocol(
        "lower",
        "Chance that a generated item is nearer to its nearest training item than an unseen real item is to "
        "its own (0.5 is right, less copies nothing); DeLong's interval.",
        perfect=0.5,
    ),
    "copies": Protocol(
        "lower",
        "Share of generated items nearer to a training item than all but 1 % of unseen real items; Wilson's interval, "
        "with the noise of that bound.",
    ),
    "training_preference": Protocol(
        "lower",
        "Share of generated items whose nearest among equally many training and unseen items is a training "
        "item; Wilson's interval, with the noise of which real items there are.",
        perfect=0.5,
    ),
}
