"""`sparring demo`: the whole story on scikit-learn's digits, without a network connection."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sparring.cli.answers import evaluate, report, sample
from sparring.cli.folders import is_run, read_config, require_new
from sparring.cli.train import POSITIVE, train
from sparring.errors import UsageError

DATA = "digits"
RUN = Path("runs/demo")


def demo(*, run: Path = RUN, minutes: Annotated[float, Parameter(validator=POSITIVE)] = 1.25) -> Path:
    """Train on the bundled digits, sample, evaluate and print the path of the report, in about two minutes.

    Args:
        run: Folder for the run; an earlier run of the demo in the default folder is replaced.
        minutes: How long to train.

    Returns:
        The report, one page that needs no other file.
    """
    make_way(run, minutes)
    train(DATA, run=run, minutes=minutes)
    _say("new items")
    sample(run, out=run / "samples.png")
    _say("measuring them against real items")
    evaluate(run, DATA)
    _say("writing the report")
    return report(run)


def make_way(run: Path, minutes: float) -> None:
    """Remove an earlier run of the demo, as long as this one; anything else that is in the way stays, and is refused.

    Raises:
        UsageError: `run` holds something other than an earlier run of the demo in its default folder.
    """
    found = read_config(run)
    budget = found.get("config", {}).get("budget", {}).get("minutes")
    if run == RUN and not run.is_symlink() and (found.get("data", {}).get("path"), budget) == (DATA, minutes):
        shutil.rmtree(run)
    if run == RUN and is_run(run):
        raise UsageError(f"{str(run)!r} holds another run than the demo's. Remove that folder, or give another --run.")
    require_new(run)


def _say(step: str) -> None:
    print(f"demo: {step}", file=sys.stderr, flush=True)
