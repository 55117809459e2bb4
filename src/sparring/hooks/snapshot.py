"""`samples/`: grids of generated items over time, always from the same latents."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sparring.data.pictures import save_grid
from sparring.data.source import Spec
from sparring.engine import Engine, Hook
from sparring.hooks.moments import due

POINTS = 12
ITEMS = 64
REFERENCE = 1024  # real items that fix the range


class Snapshot(Hook):
    """Writes samples/NNNNNNNNN.png, named by samples seen, at the start and at twelve moments.

    Args:
        generate: gives that many items of the averaged generator, always from the same latents.
        reference: real items that fix the pictures' range.
        spec: the form of an item.
        folder: where to.
    """

    def __init__(self, generate: Callable[[int], np.ndarray], reference: np.ndarray, spec: Spec, folder: Path) -> None:
        self.generate, self.spec, self.folder = generate, spec, folder
        self.reference = reference[:: -(-len(reference) // REFERENCE)]

    def start(self, engine: Engine) -> None:
        if engine.clock == 0:
            self._write(engine)

    def step(self, engine: Engine, numbers: Any) -> None:
        if due(engine.clock, engine.batch, engine.total, POINTS):
            self._write(engine)

    def _write(self, engine: Engine) -> None:
        count = ITEMS if self.spec.kind != "vector" else 1024
        rows = np.nan_to_num(self.generate(count))
        if len(rows):
            save_grid(rows, self.spec, self.folder / f"{engine.clock:09d}.png", 8, self.reference)
