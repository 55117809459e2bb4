"""The `sparring` command: its verbs, what it prints and the status it exits with.

stdout carries data only (JSON or a path); progress and sentences go to stderr. The verbs import torch and
scikit-learn inside their bodies, so that `--help` and a wrong path answer at once.
"""

import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cyclopts import App

from sparring import __version__
from sparring.cli.answers import embed, evaluate, report, sample
from sparring.cli.bench import bench
from sparring.cli.demo import demo
from sparring.cli.failures import handle, plain_warnings
from sparring.cli.look import inspect, presets
from sparring.cli.train import resume, train

app = App(
    name="sparring",
    help="Unlabelled data in; one trained adversarial model; new items, vectors, figures and a report out.",
    version=__version__,
    result_action="return_value",
)
VERBS = (demo, inspect, train, resume, sample, embed, evaluate, report, presets, bench)
for place, verb in enumerate(VERBS):
    app.command(verb, sort_key=place)


def main(tokens: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        tokens: the words after `sparring`; those of this process where None.

    Returns:
        The exit status: 0, 1 where something went wrong, 130 where it was interrupted.
    """
    try:
        with plain_warnings():
            show(app(tokens, print_error=False, exit_on_error=False, verbose=False))
    except (Exception, KeyboardInterrupt) as error:
        return handle(error)
    return 0


def show(answer: object) -> None:
    """Print a command's answer on stdout: a path as it is, anything else as JSON; once under torchrun."""
    if answer is None or os.environ.get("RANK", "0") != "0":
        return
    words = str(answer) if isinstance(answer, Path) else json.dumps(answer, indent=2, ensure_ascii=False)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # a path is bytes, of any encoding
    print(words, flush=True)
