"""Judges what the command line answered to a malformed input."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sparring.benchmarks.malformed.trap import Trap
from sparring.benchmarks.sandbox import Outcome

PREFIX = "sparring: "
TRACEBACK = "Traceback (most recent call last)"
WARNING = re.compile(r"^\S+:\d+: \w*Warning: ", re.MULTILINE)
SHORTEST = 5


@dataclass(frozen=True)
class Fault:
    """What was wrong with an answer: its kind ("traceback", "hang", "escape", "memory", ...) and detail."""

    kind: str
    detail: str


def faults(trap: Trap, outcome: Outcome, written: list[str], memory: int) -> list[Fault]:
    """All that is wrong with an answer; empty where it is clean.

    Args:
        trap: the input and what may honestly be answered to it.
        outcome: what the command said and took.
        written: paths outside of the run folder that the command made or changed.
        memory: bytes that it may take.

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
        found.append(Fault("warning", _last_line(WARNING.findall(outcome.err)[0])))
    elif outcome.status == 1:
        found += _of_refusal(trap, outcome)
    elif outcome.status == 0:
        found += _of_acceptance(trap, outcome)
    else:
        found.append(Fault("crash", f"exit status {outcome.status}: {_last_line(outcome.err)}"))
    return found


def skipped_names(out: str) -> list[str]:
    """The names in every list `skipped` of a JSON answer; nothing where the answer is no JSON."""
    try:
        return list(_skipped(json.loads(out)))
    except json.JSONDecodeError:
        return []


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


def _of_acceptance(trap: Trap, outcome: Outcome) -> Iterator[Fault]:
    """Exit status 0: right only where the bad item is listed, or nothing is wrong with the input."""
    listed = [*skipped_names(outcome.out), outcome.err]
    if trap.answer == "refused":
        yield Fault("accepted", _last_line(outcome.out))
    elif trap.answer != "any" and not any(name in text for name in trap.names for text in listed):
        yield Fault("silent", ", ".join(trap.names))


def _skipped(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for element in value:
            yield from _skipped(element)
    elif isinstance(value, dict):
        for key, element in value.items():
            if key == "skipped" and isinstance(element, list):
                yield from (str(item["name"]) for item in element)
            else:
                yield from _skipped(element)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
