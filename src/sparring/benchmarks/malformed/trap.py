"""What a malformed input is, and what may honestly be answered to it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

Answer = Literal["refused", "skipped", "named", "any"]


@dataclass(frozen=True)
class Place:
    """The folders of one case.

    Attributes:
        data: where the malformed input is written.
        run: the only folder that the command may write into.
        canary: where an escaping input would like to write.
    """

    data: Path
    run: Path
    canary: Path


@dataclass(frozen=True)
class Trap:
    """A malformed input on disk and the command that meets it.

    Attributes:
        words: of the command, without `sparring` itself.
        names: one of these must be named by the answer.
        answer: "refused": exit status 1 and a sentence; "skipped": exit status 0 and the bad item listed;
            "named": one of these two; "any": taking it without a word is right too, since an independent
            reader finds nothing wrong with it.
    """

    words: tuple[str, ...]
    names: tuple[str, ...]
    answer: Answer = "named"


@dataclass(frozen=True)
class Case:
    """A malformed input by name; `make` writes it and says how it is used."""

    name: str
    make: Callable[[Place, np.random.Generator], Trap]


def inspect(path: Path, *names: str, answer: Answer = "named") -> Trap:
    """`sparring inspect` of a path, whose own name counts as named too."""
    return Trap(("inspect", str(path)), (*names, path.name), answer)


def train(path: Path, place: Place, *options: str) -> tuple[str, ...]:
    """The words of a very short training."""
    words = ("train", str(path), "--run", str(place.run / "trained"), "--samples", "16")
    return (*words, "--set", "network.name=mlp", *options)
