"""`sparring demo`: the whole story on scikit-learn's digits, without a network connection."""

import math
import shutil
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sparring.cli.answers import embed, evaluate, report, sample
from sparring.cli.folders import is_run, read_config, require_new
from sparring.cli.train import POSITIVE, train
from sparring.errors import UsageError

DATA = "digits"
RUN = Path("runs/demo")
SHORT_MINUTES = 10.0


def demo(*, run: Path = RUN, minutes: Annotated[float, Parameter(validator=POSITIVE)] = 1.25) -> Path:
    """Train on the bundled digits, sample, embed, evaluate and print the path of the report, in about two minutes.

    Args:
        run: Folder for the run; an earlier run of the demo in the default folder is replaced.
        minutes: How long to train.

    Returns:
        The report, one page that needs no other file.
    """
    make_way(run)
    train(DATA, run=run, minutes=minutes)
    _say("new items")
    sample(run, out=run / "samples.png")
    _say("a vector for every item")
    embed(run, DATA, out=run / "embedding.csv")
    _say("measuring them against real items")
    evaluate(run, DATA)
    _say("writing the report")
    return report(run)


def make_way(run: Path) -> None:
    """Remove an earlier run of the demo; anything else that is in the way stays, and is refused.

    A run on the same data that took long is somebody's work.

    Raises:
        UsageError: `run` holds something other than an earlier run of the demo in its default folder.
        RunError: it is being trained.
    """
    found = read_config(run)
    minutes = found.get("config", {}).get("budget", {}).get("minutes") or math.inf
    is_demo = found.get("data", {}).get("path") == DATA and minutes <= SHORT_MINUTES
    if run == RUN and not run.is_symlink() and is_demo:
        from sparring.training import alone

        with alone(run):
            shutil.rmtree(run)
    if run == RUN and is_run(run):
        raise UsageError(f"{str(run)!r} holds another run than the demo's. Remove that folder, or give another --run.")
    require_new(run)


def _say(step: str) -> None:
    print(f"demo: {step}", file=sys.stderr, flush=True)
