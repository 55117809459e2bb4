"""Checks of the paths on the command line that need no torch, so that a wrong one is answered at once."""

import json
import os
from pathlib import Path
from shlex import quote

from sparring.errors import RunError, UsageError

SAVED_MODELS = ("model/state.json", "state.json")  # of `GAN.save`, and a model by itself


def require_new(run: Path) -> None:
    """Refuse to train into a folder that holds something already.

    Only the first process of a distributed run looks: the folder exists by the time that the others start.

    Raises:
        UsageError: `run` is a file, or a folder that is not empty.
    """
    if os.environ.get("RANK", "0") != "0" or not run.exists():
        return
    if not run.is_dir():
        raise UsageError(f"`--run` must be a folder. {str(run)!r} is a file. Choose another name.")
    if is_run(run):
        raise UsageError(
            f"{str(run)!r} holds a run already. Go on with `sparring resume {quote(str(run))}`, "
            "or choose another --run."
        )
    if any(run.iterdir()):
        raise UsageError(f"`--run` must be a new or empty folder. {str(run)!r} is not empty. Choose another.")


def require_run(run: Path) -> None:
    """Refuse a path that is not a run folder.

    Raises:
        RunError: `run` does not exist, or has no `config.json` written by Sparring.
    """
    if not run.exists():
        raise RunError(f"There is no run folder {str(run)!r}. `sparring train DATA --run {run}` makes one.")
    if not is_run(run):
        if (run / "cleaned.json").is_file() and not (run / "config.json").exists():
            raise RunError(f"{str(run)!r} was stopped before its first step. Remove the folder and train again.")
        what = "it has no config.json of a Sparring run"
        if is_saved_model(run):
            what = "`GAN.save` wrote the model alone, without the run's history and data"
        raise RunError(
            f"{str(run)!r} is not a run folder: {what}. Give the folder that `--run` or `GAN(run=...)` named."
        )


def require_model(folder: Path) -> None:
    """Refuse a path that is neither a run folder nor a model saved from Python.

    Raises:
        RunError: `folder` does not exist, or holds neither.
    """
    if not is_saved_model(folder):
        require_run(folder)


def is_saved_model(folder: Path) -> bool:
    """Whether a folder holds a model alone, without a run."""
    return any((folder / name).is_file() for name in SAVED_MODELS)


def is_run(run: Path) -> bool:
    """Whether a folder was made by `sparring train`."""
    return "config" in read_config(run)


def read_config(run: Path) -> dict:
    """The `config.json` of a run folder; empty where there is none that can be read."""
    try:
        config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def require_data(data: str) -> None:
    """Refuse a path that does not exist and is no bundled name.

    Raises:
        DataError: there is no such path, and no bundled data of this name.
    """
    from sparring.data.bundled import BUNDLED
    from sparring.data.open import survey

    if not Path(data).exists() and data not in BUNDLED:
        survey(data)
