"""The file of finished cells: a JSON line each, so that a kill loses at most the line being written."""

import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparring.benchmarks.bench import Cell
from sparring.errors import RunError


def append_line(path: Path, line: Mapping[str, Any]) -> None:
    """Add one finished cell and wait until the disk has it; a torn line before it is cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n"
    with path.open("ab+") as file:
        _cut_torn_end(file)
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The newest line of every finished cell, in the order in which the cells were first finished.

    Args:
        path: the file; it need not exist.

    Returns:
        One mapping per cell. A last line without its line break was torn by a kill and is left out.

    Raises:
        RunError: a line before the last is not JSON, so something else than a kill damaged the file.
    """
    return list({cell_of(line): line for line in _read_all(path)}.values())


def run_again(path: Path) -> list[Cell]:
    """The cells that have more than one line, of which the newest counts."""
    times = Counter(map(cell_of, _read_all(path)))
    return [cell for cell, count in times.items() if count > 1]


def cell_of(line: Mapping[str, Any]) -> Cell:
    """The cell that a line reports on."""
    return Cell(line["set"], line["method"], line["seed"])


def _read_all(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    whole = path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    return [_parse(path, number, text) for number, text in enumerate(whole, 1)]


def _parse(path: Path, number: int, text: str) -> dict[str, Any]:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise RunError(
            f"Every line of a results file must be JSON. Line {number} of {str(path)!r} is not. "
            "Remove that line; its cell will run again."
        ) from error


def _cut_torn_end(file: Any) -> None:
    """Drop what follows the last line break: the rest of a line whose writer was killed."""
    file.seek(0)
    content = file.read()
    file.truncate(content.rfind(b"\n") + 1)
