"""The bar on stderr: samples, ETA, losses, variance, speed."""

import time
from datetime import timedelta
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
        self._began, self._since = time.perf_counter(), engine.clock

    def step(self, engine: Engine, numbers: Any) -> None:
        if not due(engine.clock, engine.batch, engine.total, REFRESHES):
            return
        text = numbers.words()
        self.bar.update(self.task, completed=engine.clock, text=text)
        if not self.console.is_terminal and due(engine.clock, engine.batch, engine.total, 20):
            line = f"{engine.clock:,} of {engine.total:,} samples  {text}  {self._left(engine)} left"
            self.console.print(line, soft_wrap=True)

    def _left(self, engine: Engine) -> str:
        """The time that is left, at the pace so far, as the bar has it."""
        pace = (time.perf_counter() - self._began) / max(engine.clock - self._since, 1)
        return str(timedelta(seconds=round(pace * max(engine.total - engine.clock, 0))))

    def close(self) -> None:
        self.bar.stop()
