"""The folder that each item came from: groups that somebody made, which are looked at and never learned from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from sparring.data.survey import Survey

MOST = 15


@dataclass(frozen=True)
class Folders:
    """Where items came from.

    Attributes:
        names: of the folders, without what all of them share.
        of: for each kept item, in order, the place of its folder in `names`.
    """

    names: tuple[str, ...]
    of: np.ndarray

    def to_json(self) -> dict[str, Any]:
        """Names, and the places as runs of equal ones: [place, count] each."""
        runs = [[int(place), len(list(run))] for place, run in groupby(self.of.tolist())]
        return {"names": list(self.names), "runs": runs}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], count: int) -> "Folders | None":
        """What `to_json` wrote of `count` items; None of anything else."""
        try:
            names, runs = tuple(map(str, values["names"])), np.array(values["runs"], np.int64).reshape(-1, 2)
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        places, counts = runs.T
        fits = len(runs) and min(runs.min(), 0) == 0 and places.max() < len(names) and counts.sum() == count
        return cls(names, np.repeat(places, counts)) if fits else None


def find_folders(found: Survey) -> Folders | None:
    """The folders of the kept items; None where there is only one, or more than fifteen, or items are no files."""
    if found.names is None:
        return None
    left_out = {item.name for item in found.cleaning.duplicates}
    paths = [PurePosixPath(name).parent for name in found.names if name not in left_out]
    names = sorted(set(paths))
    if len(paths) != found.cleaning.kept or not 2 <= len(names) <= MOST:
        return None
    place = {path: index for index, path in enumerate(names)}
    return Folders(tuple(_without_shared(names)), np.array([place[path] for path in paths]))


def _without_shared(paths: Sequence[PurePosixPath]) -> list[str]:
    shared = 0
    while len({path.parts[: shared + 1] for path in paths}) == 1:
        shared += 1
    return ["/".join(path.parts[shared:]) or "." for path in paths]
