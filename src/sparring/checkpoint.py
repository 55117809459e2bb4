"""Atomic save and load of named tensors and facts: safetensors + JSON + checksums, never pickle.

A slot is a folder of fixed file names. A new one is written beside it under another name, flushed to the disk
and renamed into place; the one before stays as `NAME.old`. Whatever moment the process dies at, one of the
three is whole, and `read` takes the newest whole one.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sparring.atomic import replacing, sync
from sparring.errors import RunError

FORMAT = 6
FACTS = "state.json"


@dataclass(frozen=True)
class Saved:
    """What a slot holds: facts, tensors by file and name, and the folder that it was read from."""

    facts: dict[str, Any]
    tensors: dict[str, dict[str, Tensor]]
    folder: Path


def write(slot: Path, facts: Mapping[str, Any], tensors: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Write a slot: `<file>.safetensors` for each entry of `tensors`, and the facts with all checksums.

    Args:
        slot: the folder, such as RUN/checkpoint/last.
        facts: JSON values.
        tensors: file stem -> name -> tensor.
    """
    fresh = slot.with_name(slot.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    sums = {stem: _write_tensors(fresh / f"{stem}.safetensors", named) for stem, named in tensors.items()}
    sums[FACTS] = _checksum_of_facts(dict(facts))
    _write_synced(fresh / FACTS, json.dumps({"format": FORMAT, "facts": dict(facts), "checksums": sums}))
    _swap(fresh, slot)


def read(slot: Path, fall_back: bool = True) -> Saved:
    """Read the newest whole state of a slot.

    Args:
        slot: the folder.
        fall_back: whether the state before will do, where the newest is damaged.

    Raises:
        RunError: when there is none, or it is of another format.
    """
    complaints = {}
    # A whole NAME.new was written after NAME and not yet renamed, so this order is from new to old.
    for suffix in (".new", "", ".old") if fall_back else (".new", ""):
        folder = slot.with_name(slot.name + suffix)
        if (folder / FACTS).is_file():
            try:
                return _read_folder(folder)
            except RunError as error:
                complaints[suffix] = str(error)
    complaint = complaints.get("") or next(iter(complaints.values()), "")
    raise RunError(complaint or f"{str(slot)!r} holds no checkpoint.")


def settle(slot: Path) -> None:
    """Give a whole state that a kill kept from its name that name; a half-written one is left where it is."""
    fresh = slot.with_name(slot.name + ".new")
    if not (fresh / FACTS).is_file():
        return
    try:
        _read_folder(fresh)
    except RunError:
        return
    _swap(fresh, slot)


def exists(slot: Path) -> bool:
    """Whether a slot, or a state that was being written to it, is there at all."""
    return any((slot.with_name(slot.name + suffix) / FACTS).is_file() for suffix in ("", ".new", ".old"))


def is_damaged(slot: Path) -> bool:
    """Whether the slot itself is there but not whole, so that `read` fell back to another state."""
    if not slot.exists():
        return False
    try:
        _read_folder(slot)
    except RunError:
        return True
    return False


def write_json(path: Path, values: Any) -> None:
    """Write a JSON file atomically."""
    with replacing(path) as fresh:
        _write_synced(fresh, json.dumps(values, indent=1) + "\n")


def _write_tensors(path: Path, named: Mapping[str, Tensor]) -> str:
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in named.items()}, path)
    sync(path)
    return _checksum(path)


def _write_synced(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    sync(path)


def _swap(fresh: Path, slot: Path) -> None:
    old = slot.with_name(slot.name + ".old")
    sync(fresh)
    shutil.rmtree(old, ignore_errors=True)
    if slot.exists():
        slot.rename(old)
    fresh.rename(slot)
    sync(slot.parent)


def _read_folder(folder: Path) -> Saved:
    try:
        content = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        version, facts, sums = content["format"], dict(content["facts"]), dict(content["checksums"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunError(f"The checkpoint {str(folder)!r} is damaged: {FACTS} cannot be read ({error}).") from None
    if version != FORMAT:
        raise RunError(
            f"The checkpoint {str(folder)!r} must be of format {FORMAT}. Got {version!r}. "
            "It was written by another version of Sparring: use that version, or train again."
        )
    if sums.pop(FACTS, None) not in (None, _checksum_of_facts(facts)):
        raise RunError(f"The checkpoint {str(folder)!r} is damaged: {FACTS} does not match its checksum.")
    files = {stem: folder / f"{Path(stem).name}.safetensors" for stem in sums}
    for stem, path in files.items():
        if not path.is_file() or _checksum(path) != sums[stem]:
            raise RunError(f"The checkpoint {str(folder)!r} is damaged: {path.name} does not match its checksum.")
    try:
        return Saved(facts, {stem: load_file(path) for stem, path in files.items()}, folder)
    except (SafetensorError, OSError) as error:
        raise RunError(f"The checkpoint {str(folder)!r} is damaged: {error}.") from None


def _checksum_of_facts(facts: dict[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()


def _checksum(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()
