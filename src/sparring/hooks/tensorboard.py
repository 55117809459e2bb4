"""TensorBoard files beside the history, where the `track` extra is installed."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from sparring.engine import Engine, Hook
from sparring.errors import UsageError
from sparring.hooks.moments import due
from sparring.hooks.record import POINTS


class TensorBoard(Hook):
    """Writes each number of `history.jsonl`'s steps as a scalar.

    Args:
        folder: of the event files.

    Raises:
        UsageError: when tensorboardX is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self.writer = require_tensorboard()(str(folder))

    def step(self, engine: Engine, numbers: Any) -> None:
        if due(engine.clock, engine.batch, engine.total, POINTS):
            for name, value in asdict(numbers).items():
                self.writer.add_scalar(name, value.item(), engine.clock)

    def close(self) -> None:
        self.writer.close()


def require_tensorboard() -> Any:
    """The class that writes event files.

    Raises:
        UsageError: when tensorboardX is not installed.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise UsageError("`tensorboard` needs the extra: pip install 'sparring[track]'.") from None
    return SummaryWriter
