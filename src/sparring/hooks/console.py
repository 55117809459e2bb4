"""The console on stderr: what is said of progress, to whoever still listens."""

from collections.abc import Iterable

from rich.console import Console


class ProgressConsole(Console):
    """Writes to stderr; where nobody reads that any more, training goes on in silence."""

    def __init__(self) -> None:
        super().__init__(stderr=True)

    def on_broken_pipe(self) -> None:
        self.quiet = True


def say(lines: Iterable[str]) -> None:
    """Write each of `lines` to stderr."""
    console = ProgressConsole()
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)
