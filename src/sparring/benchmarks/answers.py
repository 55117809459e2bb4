"""Judges what the command line answered to a malformed input."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sparring.benchmarks.malformed.trap import Trap
from sparring.benchmarks.sandbox import Outcome

PREFIX = "sparring: "
TRACEBACK = "Traceback (most recent call last)"
WARNING = re.compile(r"^\S+:\d+: \w*Warning: ", re.MULTILINE)
FELL_BACK = re.compile(r"damaged|no checkpoint")
SHORTEST = 5


@dataclass(frozen=True)
class Fault:
    """What was wrong with an answer: its kind ("traceback", "hang", "escape", "memory", ...) and detail."""

    kind: str
    detail: str


def faults(trap: Trap, outcome: Outcome, written: list[str], memory: int, listing: str = "") -> list[Fault]:
    """All that is wrong with an answer; empty where it is clean.

    Args:
        trap: the input and what may honestly be answered to it.
        outcome: what the command said and took.
        written: paths outside of the run folder that the command made or changed.
        memory: bytes that it may take.
        listing: the account of the cleaning that training leaves in the run folder, where there is one.

    Returns:
        The faults, the gravest first.
    """
    found = [Fault("escape", path) for path in written]
    if outcome.memory > memory:
        found.append(Fault("memory", f"{outcome.memory >> 20} MiB"))
    if outcome.status is None:
        return [*found, Fault("hang", f"killed after {outcome.seconds:.0f} s")]
    if TRACEBACK in outcome.out + outcome.err:
        found.append(Fault("traceback", _last_line(outcome.err)))
    elif WARNING.search(outcome.err):
        found.append(Fault("warning", WARNING.findall(outcome.err)[0]))
    elif outcome.status == 1:
        found += _of_refusal(trap, outcome)
    elif outcome.status == 0:
        found += _of_acceptance(trap, outcome, listing or outcome.out)
    else:
        found.append(Fault("crash", f"exit status {outcome.status}: {_last_line(outcome.err)}"))
    return found


def names_skipped(account: str, names: Sequence[str]) -> bool:
    """Whether a JSON account of the cleaning tells of a bad item.

    Args:
        account: JSON in which something is called "skipped": a list of items with names, or counts by reason.
        names: parts of names; one of them must be in the list. Where there are only counts, one must not be 0.
    """
    try:
        found = list(_skipped(json.loads(account)))
    except json.JSONDecodeError:
        return False
    return any(item > 0 if isinstance(item, int) else any(name in item for name in names) for item in found)


def _of_refusal(trap: Trap, outcome: Outcome) -> Iterator[Fault]:
    """Exit status 1: one sentence, the last line, that names the path or the member and a rule."""
    sentence = _last_line(outcome.err)
    if trap.answer == "skipped":
        yield Fault("refused", sentence)
    if not sentence.startswith(PREFIX) or outcome.err.count(PREFIX) != 1:
        yield Fault("no sentence", sentence)
    if len(sentence.split()) < SHORTEST or not sentence.isprintable():
        yield Fault("unclear", repr(sentence))
    if not any(name in sentence for name in trap.names):
        yield Fault("unnamed", sentence)


def _of_acceptance(trap: Trap, outcome: Outcome, account: str) -> Iterator[Fault]:
    """Exit status 0: right only where the bad item is told of, or nothing is wrong with the input."""
    if trap.answer == "refused":
        yield Fault("accepted", _last_line(outcome.out))
    elif trap.answer != "any" and not names_skipped(account, trap.names) and not _says(outcome, trap):
        yield Fault("silent", ", ".join(trap.names))


def _says(outcome: Outcome, trap: Trap) -> bool:
    """Whether a run that went on told on standard error that its newest checkpoint could not be used."""
    return trap.words[0] == "resume" and bool(FELL_BACK.search(outcome.err))


def _skipped(value: Any) -> Iterator[str | int]:
    """Every name in a list called "skipped", and every count in a table of that name."""
    if isinstance(value, list):
        for element in value:
            yield from _skipped(element)
    elif isinstance(value, dict):
        here = value.get("skipped")
        if isinstance(here, list):
            yield from (str(item["name"]) for item in here)
        elif isinstance(here, dict):
            yield from here.values()
        for key, element in value.items():
            if key != "skipped":
                yield from _skipped(element)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
