"""What the files of a run folder say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparring.errors import RunError, rule
from sparring.report.history import History, read_history

SUFFIXES = (".zip", ".tar", ".tgz", ".gz", ".npy", ".npz", ".parquet", ".csv", ".idx")
PARTS = ("train", "test", "data", "images")


@dataclass(frozen=True)
class Facts:
    """What the files of a run folder say.

    Attributes:
        folder: the run.
        config: config.json.
        cleaned: cleaned.json, empty where there is none.
        folders: folders.json, empty where there is none.
        metrics: metrics.json, empty where there is none.
        history: history.jsonl.
    """

    folder: Path
    config: Mapping[str, Any]
    cleaned: Mapping[str, Any]
    folders: Mapping[str, Any]
    metrics: Mapping[str, Any]
    history: History

    @property
    def data(self) -> Mapping[str, Any]:
        """Where the data came from and what form it has."""
        return self.config.get("data", {})

    @property
    def data_name(self) -> str:
        """The data set by the last part of its path, without the suffix of an archive or array; by two where the
        last one only says which part of a set it is.
        """
        path = Path(str(self.data.get("path", "data")))
        while path.suffix.lower() in SUFFIXES:
            path = path.with_suffix("")
        return f"{path.parent.name}/{path.name}" if path.name in PARTS and path.parent.name else path.name or "data"

    def moments(self) -> list[tuple[int, Path]]:
        """The sample grids over time: (samples seen, picture), in order."""
        found = (self.folder / "samples").glob("*.png")
        return sorted((int(path.stem), path) for path in found if path.stem.isdecimal())


def read_facts(folder: Path) -> Facts:
    """Read the files of a run folder.

    Raises:
        RunError: the folder has no config.json, or one of the files is not JSON.
    """
    if folder.is_file() or not (folder / "config.json").is_file():
        fix = "Name the folder that `sparring train --run` made."
        raise RunError(rule("RUN", "a run folder, which has a config.json", str(folder), fix))
    return Facts(
        folder=folder,
        config=_read(folder / "config.json"),
        cleaned=_read(folder / "cleaned.json"),
        folders=_read(folder / "folders.json"),
        metrics=_read(folder / "metrics.json"),
        history=read_history(folder / "history.jsonl"),
    )


def _read(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path}: it is not JSON ({error}); remove it and make it again.") from None
    if not isinstance(values, dict):
        raise RunError(f"{path}: it does not hold a JSON object; remove it and make it again.")
    return values
