"""Slots: whole at every point of a crash, every flipped byte noticed, no format but ours, no code in them."""

import contextlib
import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sparring import checkpoint
from sparring.errors import RunError


class Crash(BaseException):
    """The process dies here: nothing catches it."""


def state(number: int) -> tuple[dict[str, Any], dict[str, dict[str, Tensor]]]:
    tensors = {"model": {"weight": torch.full((2, 3), float(number))}, "state": {"step": torch.tensor(number)}}
    return {"samples": number, "note": f"state {number}"}, tensors


def number_of(saved: checkpoint.Saved) -> int:
    """The number of the state; fails where facts and tensors are not of one state."""
    number = saved.facts["samples"]
    facts, tensors = state(number)
    assert saved.facts == facts
    assert saved.tensors.keys() == tensors.keys()
    for stem, named in tensors.items():
        assert all(torch.equal(saved.tensors[stem][name], tensor) for name, tensor in named.items())
    return number


@pytest.fixture(autouse=True)
def fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flushing is slow and changes nothing that a test can see; that it is called is what counts."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def slot(tmp_path: Path) -> Path:
    return tmp_path / "run" / "checkpoint" / "last"


def test_what_was_written_is_read(slot: Path) -> None:
    facts = {"samples": 3, "text": "ä", "nested": {"list": [1, 2.5, None, True]}}
    tensors = {
        "a": {"bf": torch.randn(3).bfloat16(), "empty": torch.empty(0, 4), "strided": torch.randn(4, 6).t()},
        "b": {"whole": torch.tensor([-0.0, float("nan"), float("inf")])},
    }
    checkpoint.write(slot, facts, tensors)
    saved = checkpoint.read(slot)
    assert saved.facts == facts
    assert saved.folder == slot
    for stem, named in tensors.items():
        for name, tensor in named.items():
            got = saved.tensors[stem][name]
            assert got.dtype == tensor.dtype
            assert torch.equal(got.contiguous().view(torch.uint8), tensor.contiguous().view(torch.uint8))


def test_the_newest_is_read_and_the_one_before_is_kept(slot: Path) -> None:
    for number in (1, 2, 3):
        checkpoint.write(slot, *state(number))
    assert number_of(checkpoint.read(slot)) == 3
    assert number_of(checkpoint.read(slot.with_name("last.old"))) == 2
    assert sorted(path.name for path in slot.parent.iterdir()) == ["last", "last.old"]


def test_the_newest_is_read_even_where_its_clock_is_earlier(slot: Path) -> None:
    """A model saved over another one may have seen fewer samples."""
    checkpoint.write(slot, *state(1000))
    checkpoint.write(slot, *state(5))
    assert number_of(checkpoint.read(slot)) == 5


# everything that `write` asks of the disk
CALLS = [
    (os, "fsync"),
    (os, "open"),
    (os, "unlink"),
    (os, "rmdir"),
    (checkpoint, "save_file"),
    (Path, "rename"),
    (Path, "mkdir"),
    (Path, "write_text"),
]


def write_dying(slot: Path, number: int, call: int, when: str) -> list[str]:
    """Write a state; the process dies before, in or after the given call. Returns the calls that were made."""
    made: list[str] = []

    def dying(real: Callable[..., Any], name: str) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            made.append(name)
            dies = len(made) == call + 1
            if dies and when == "before":
                raise Crash
            result = real(*arguments, **options)
            if dies and when == "in" and name in ("save_file", "write_text"):
                path = Path(arguments[-1] if name == "save_file" else arguments[0])
                os.truncate(path, path.stat().st_size // 2)
            if dies:
                raise Crash
            return result

        return run

    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Crash):
        for owner, name in CALLS:
            patch.setattr(owner, name, dying(getattr(owner, name), name))
        checkpoint.write(slot, *state(number))
    return made


def all_calls(folder: Path, earlier: int) -> int:
    for number in range(earlier):
        checkpoint.write(folder / "last", *state(number))
    made = write_dying(folder / "last", earlier, 10**9, "never")
    assert {"fsync", "rename", "save_file", "write_text"} <= set(made)
    return len(made)


@pytest.mark.parametrize("when", ["before", "in", "after"])
@pytest.mark.parametrize("earlier", [1, 2, 3])
def test_a_crash_at_any_call_leaves_a_whole_state(tmp_path: Path, earlier: int, when: str) -> None:
    seen = []
    for call in range(all_calls(tmp_path / "counted", earlier)):
        slot = tmp_path / f"{call}" / "last"
        for number in range(earlier):
            checkpoint.write(slot, *state(number))
        write_dying(slot, earlier, call, when)
        seen.append(number_of(checkpoint.read(slot)))
        checkpoint.write(slot, *state(99))
        assert number_of(checkpoint.read(slot)) == 99, "what a crash left must not hinder the next checkpoint"
    assert set(seen) == {earlier - 1, earlier}, "some crashes come before the new state counts, and some after"
    assert seen == sorted(seen)


@pytest.mark.parametrize("when", ["before", "in", "after"])
def test_two_crashes_one_after_another_leave_a_whole_state(tmp_path: Path, when: str) -> None:
    count = all_calls(tmp_path / "counted", 1)
    for first in range(0, count, 2):
        for second in range(0, count, 5):
            slot = tmp_path / f"{first}-{second}" / "last"
            checkpoint.write(slot, *state(0))
            write_dying(slot, 1, first, when)
            write_dying(slot, 2, second, when)
            assert number_of(checkpoint.read(slot)) in (0, 1, 2)


def test_an_interrupted_swap_is_no_damage(slot: Path) -> None:
    checkpoint.write(slot, *state(1))
    slot.rename(slot.with_name("last.old"))
    assert not checkpoint.is_damaged(slot)
    assert number_of(checkpoint.read(slot)) == 1


def test_a_writer_that_deletes_the_old_state_first_would_be_caught(slot: Path) -> None:
    checkpoint.write(slot, *state(1))
    shutil.rmtree(slot)
    with pytest.raises(RunError, match="holds no checkpoint"):
        checkpoint.read(slot)


@pytest.mark.parametrize("name", ["model.safetensors", "state.safetensors", "state.json"])
def test_any_flipped_bit_is_noticed_and_the_state_before_is_read(slot: Path, name: str) -> None:
    checkpoint.write(slot, *state(1))
    checkpoint.write(slot, *state(2))
    content = (slot / name).read_bytes()
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1
        (slot / name).write_bytes(flipped)
        assert number_of(checkpoint.read(slot)) == 1, f"byte {place} of {content!r}"
        assert checkpoint.is_damaged(slot)
    (slot / name).write_bytes(content)
    assert not checkpoint.is_damaged(slot)
    assert number_of(checkpoint.read(slot)) == 2


@pytest.mark.parametrize("name", ["model.safetensors", "state.json"])
def test_a_file_that_is_gone_or_cut_is_damage(slot: Path, name: str) -> None:
    for number in (1, 2):
        checkpoint.write(slot, *state(number))
    os.truncate(slot / name, 10)
    assert number_of(checkpoint.read(slot)) == 1
    (slot / name).unlink()
    assert checkpoint.is_damaged(slot)
    assert number_of(checkpoint.read(slot)) == 1


def test_damage_everywhere_gets_a_sentence_that_names_the_file(slot: Path) -> None:
    checkpoint.write(slot, *state(1))
    (slot / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(RunError, match=r"last' is damaged: model\.safetensors does not match its checksum"):
        checkpoint.read(slot)


def test_a_whole_state_that_a_kill_kept_from_its_name_gets_it(slot: Path) -> None:
    fresh = slot.with_name(slot.name + ".new")
    checkpoint.write(slot, *state(1))
    checkpoint.write(slot.with_name("other"), *state(2))
    slot.with_name("other").rename(fresh)
    checkpoint.settle(slot)
    assert not fresh.exists()
    assert checkpoint.read(slot).folder == slot
    assert checkpoint.read(slot).facts == state(2)[0]
    checkpoint.settle(slot)
    assert checkpoint.read(slot).facts == state(2)[0]


def test_a_half_written_state_does_not_take_the_place_of_a_whole_one(slot: Path) -> None:
    fresh = slot.with_name(slot.name + ".new")
    checkpoint.write(slot, *state(1))
    checkpoint.write(slot.with_name("other"), *state(2))
    slot.with_name("other").rename(fresh)
    (fresh / "model.safetensors").write_bytes(b"torn")
    checkpoint.settle(slot)
    assert checkpoint.read(slot).facts == state(1)[0]


def test_another_format_gets_one_sentence(slot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "FORMAT", 999)
    for number in (1, 2):
        checkpoint.write(slot, *state(number))
    monkeypatch.undo()
    with pytest.raises(RunError) as error:
        checkpoint.read(slot)
    assert str(error.value) == (
        f"The checkpoint {str(slot)!r} must be of format {checkpoint.FORMAT}. Got 999. "
        "It was written by another version of Sparring: use that version, or train again."
    )


@pytest.mark.parametrize("text", ["[]", "3", "{}", "null", "[" * 100_000, '{"format": 2, "facts": {}}', "\0"])
def test_facts_of_another_form_are_damage(slot: Path, text: str) -> None:
    checkpoint.write(slot, *state(1))
    (slot / "state.json").write_text(text)
    with pytest.raises(RunError, match="damaged"):
        checkpoint.read(slot)


def test_a_checkpoint_never_runs_code_and_never_reaches_out_of_its_folder(slot: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (marker,))

    checkpoint.write(slot, *state(1))
    trap = pickle.dumps(Trap())
    (slot / "model.safetensors").write_bytes(trap)
    (tmp_path / "outside.safetensors").write_bytes(trap)
    digest = hashlib.blake2b(trap, digest_size=16).hexdigest()
    for stem in ("model", "../../../outside"):
        text = json.dumps({"format": checkpoint.FORMAT, "facts": {}, "checksums": {stem: digest}})
        (slot / "state.json").write_text(text)
        with pytest.raises(RunError, match="damaged"):
            checkpoint.read(slot)
    assert not marker.exists()
    pickle.loads(trap)
    assert marker.exists(), "the trap itself works"


def test_json_files_are_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.json"
    checkpoint.write_json(path, {"seed": 1})
    monkeypatch.setattr(os, "fsync", _die)
    with pytest.raises(Crash):
        checkpoint.write_json(path, {"seed": 2})
    assert json.loads(path.read_text()) == {"seed": 1}


def _die(handle: int) -> None:
    raise Crash
