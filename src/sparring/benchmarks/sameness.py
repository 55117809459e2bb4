"""Whether two run folders hold the same training: every tensor bit for bit, every event of the history."""

import json
from pathlib import Path
from typing import Any

from sparring.errors import RunError

TIMING = {"seconds", "samples_per_second", "checkpoint_seconds"}
OF_RESUMING = {"resumed_at", "note"}

Tensors = dict[str, tuple[str, tuple[int, ...], bytes]]


def differences(reference: Path, run: Path) -> list[str]:
    """What differs between two finished runs, in words; empty where nothing does.

    Args:
        reference: run folder of the run that was never stopped.
        run: run folder of the run that was killed and resumed.

    Returns:
        A phrase for every tensor, file or event that differs.
    """
    return [
        *_differences_of_weights(reference, run, "last"),
        *_differences_of_weights(reference, run, "best"),
        *_differences_of_history(reference, run),
    ]


def read_tensors(path: Path) -> Tensors:
    """The tensors of a safetensors file as their raw bytes, so that NaN and -0.0 count as they are stored.

    Returns:
        Name -> (dtype, shape, bytes).
    """
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    return {name: _tensor(facts, content[start:]) for name, facts in header.items() if name != "__metadata__"}


def events(run: Path) -> list[dict[str, Any]]:
    """The history without timing and without what only a resumed run has to say."""
    recorded = [event for event in history(run) if event["event"] not in OF_RESUMING]
    return [{key: value for key, value in event.items() if key not in TIMING} for event in recorded]


def history(run: Path) -> list[dict[str, Any]]:
    """Every event of a run, as it was recorded.

    Raises:
        RunError: there is no history, or a line of it is torn.
    """
    path = run / "history.jsonl"
    try:
        return [json.loads(line) for line in path.read_text().splitlines()]
    except (OSError, ValueError) as error:
        raise RunError(f"{str(path)!r} must hold a JSON event a line. It does not: {error}.") from error


def resumed_at(run: Path) -> list[int]:
    """The clock (samples seen) at which the run went on, once for every `resume`."""
    return [event["samples"] for event in history(run) if event["event"] == "resumed_at"]


def _tensor(facts: dict[str, Any], data: bytes) -> tuple[str, tuple[int, ...], bytes]:
    first, last = facts["data_offsets"]
    return facts["dtype"], tuple(facts["shape"]), data[first:last]


def _differences_of_weights(reference: Path, run: Path, slot: str) -> list[str]:
    folders = [folder / "checkpoint" / slot for folder in (run, reference)]
    ours, theirs = ({path.name: path for path in folder.glob("*.safetensors")} for folder in folders)
    if ours.keys() != theirs.keys() or not theirs:
        return [f"{slot}: files {sorted(ours)} instead of {sorted(theirs)}"]
    return [
        f"{slot}/{name}: {tensor}"
        for name, path in sorted(theirs.items())
        for tensor in _differing_tensors(read_tensors(path), read_tensors(ours[name]))
    ]


def _differing_tensors(reference: Tensors, run: Tensors) -> list[str]:
    return sorted(name for name in reference | run if reference.get(name) != run.get(name))


def _differences_of_history(reference: Path, run: Path) -> list[str]:
    ours, theirs = events(run), events(reference)
    if ours == theirs:
        return []
    differing = next((b for a, b in zip(ours, theirs, strict=False) if a != b), None)
    where = f"at sample {differing['samples']}" if differing else "in its length"
    return [f"history differs {where}"]
