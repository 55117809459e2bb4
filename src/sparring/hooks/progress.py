"""The bar on stderr: samples, ETA, losses, variance, speed."""

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sparring.engine import Engine, Hook
from sparring.hooks.console import ProgressConsole
from sparring.hooks.moments import due

REFRESHES = 400


class ProgressBar(Hook):
    """Shows how far training is; on a terminal a bar, elsewhere a line at every twentieth.

    Args:
        console: where to; stderr where None.
        what: is being trained, in a word.
    """

    def __init__(self, console: Console | None = None, what: str = "training") -> None:
        self.console = console or ProgressConsole()
        self.bar = Progress(
            TextColumn(what),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("samples, left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )

    def start(self, engine: Engine) -> None:
        self.task = self.bar.add_task("", total=engine.total, completed=engine.clock, text="")
        self.bar.start()

    def step(self, engine: Engine, numbers: Any) -> None:
        if not due(engine.clock, engine.batch, engine.total, REFRESHES):
            return
        text = numbers.words()
        self.bar.update(self.task, completed=engine.clock, text=text)
        if not self.console.is_terminal and due(engine.clock, engine.batch, engine.total, 20):
            self.console.print(f"{engine.clock:,} of {engine.total:,} samples  {text}", soft_wrap=True)

    def close(self) -> None:
        self.bar.stop()
