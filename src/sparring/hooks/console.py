"""The console on stderr: what is said of progress, to whoever still listens."""

from rich.console import Console


class ProgressConsole(Console):
    """Writes to stderr; where nobody reads that any more, training goes on in silence."""

    def __init__(self) -> None:
        super().__init__(stderr=True)

    def on_broken_pipe(self) -> None:
        self.quiet = True
