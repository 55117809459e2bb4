"""`sparring bench hostile`: malformed inputs get a sentence or a place in the list of skipped items."""

import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sparring.benchmarks.answers import Fault, faults
from sparring.benchmarks.bench import Bar, Bench, Cell, Column, Context, Figures, figures_of, total
from sparring.benchmarks.malformed import archives, arrays, folders, mutated, options, run_folders
from sparring.benchmarks.malformed.materials import CONTAINERS, IMAGES
from sparring.benchmarks.malformed.trap import Case, Place, Trap
from sparring.benchmarks.sandbox import Outcome, changes, run_limited, snapshot
from sparring.rng import numpy_stream

MEMORY = 1 << 30
SECONDS = 120.0
AT_ONCE = 2
MUTATED = "flips and cuts"
CRAFTED = {
    "archives": archives.cases,
    "arrays": arrays.cases,
    "folders": folders.cases,
    "options": options.cases,
}

PROTOCOL = f"""
Malformed inputs, made by seeded generators, before the real command line, each in a process of its own.

*Flips and cuts*: real files of every supported format with one to eight bits turned over (half of the time
within the first 256 bytes) or cut at a random place. *Crafted*: archives whose members escape, link or blow
up, arrays whose headers lie or whose pickles would run, folders with pipes, devices, loops and bombs, broken
options and configuration files, folders that are no runs, and runs whose checkpoints are damaged.

An answer is clean where it is exit status 1 with one printable sentence as the last line that names the path,
the member or the option; or exit status 0 with the bad item counted by `inspect`, and named in the account of the
cleaning that `train` leaves in the run folder. Silence is right only where an independent reader (Pillow, numpy,
pyarrow, the standard library) finds no fault with the input either. Never clean: a traceback, a Python warning, any
other exit status, more than {SECONDS:.0f} seconds, more than {MEMORY >> 20} MiB resident, anything made or changed
outside of the run folder (the input, the working folder, home, temporary files and a canary folder are compared
before and after; the caches of matplotlib and torch are sent elsewhere).
"""


def cases_of(cell: Cell, work: Path) -> list[Case]:
    """The cases of a cell, in their order.

    Args:
        cell: its set is a format or a group of crafted cases.
        work: the benchmark's folder, where the group `runs` keeps the runs that it damages.

    Returns:
        Named makers of malformed inputs.
    """
    if cell.method == MUTATED:
        return mutated.cases(cell.set)
    return run_folders.cases(work / "good-runs") if cell.set == "runs" else CRAFTED[cell.set]()


def run(cell: Cell, context: Context) -> Figures:
    """Put every case of a cell before the command line."""
    if cell.set == "runs":
        run_folders.make_runs(context.work / "good-runs")
    cases = cases_of(cell, context.work)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda case: _answer(case, cell.seed, context), cases))
    kinds = Counter(kind for answer in answers for kind in answer["kinds"])
    failed = [answer for answer in answers if answer["kinds"]]
    return {
        "cases": len(answers),
        "clean": len(answers) - len(failed),
        "tracebacks": kinds["traceback"] + kinds["crash"],
        "hangs": kinds["hang"],
        "escapes": kinds["escape"],
        "memory_mib": max(answer["memory_mib"] for answer in answers),
        "failures": [answer["case"] for answer in failed],
        "faults": [{"case": answer["case"], "faults": answer["faults"]} for answer in failed],
    }


def _answer(case: Case, seed: int, context: Context) -> dict[str, Any]:
    """Make one input, run the command and judge its answer."""
    root = context.work / "cases" / case.name.replace("/", "-")
    place = _make_place(root)
    trap = case.make(place, numpy_stream(seed, case.name))
    before = snapshot(root, place.run)
    outcome = run_limited(trap.words, root / "home", SECONDS)
    written = changes(before, snapshot(root, place.run))
    found = faults(trap, outcome, written, MEMORY, _account(place.run / "trained/cleaned.json"))
    _note(context, case, trap, outcome, found)
    if not found:
        shutil.rmtree(root)
    return {
        "case": case.name,
        "kinds": sorted({fault.kind for fault in found}),
        "faults": [f"{fault.kind}: {fault.detail}"[:400] for fault in found],
        "memory_mib": outcome.memory >> 20,
    }


def _account(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _make_place(root: Path) -> Place:
    """The folders of a case, deep enough that a few steps upwards stay within what is compared."""
    shutil.rmtree(root, ignore_errors=True)
    place = Place(root / "a/b/data", root / "a/run", root / "a/canary")
    for folder in (place.data, place.run, place.canary, root / "home"):
        folder.mkdir(parents=True)
    return place


def _note(context: Context, case: Case, trap: Trap, outcome: Outcome, found: list[Fault]) -> None:
    verdict = "; ".join(f"{fault.kind}: {fault.detail}" for fault in found) or "clean"
    words = " ".join(trap.words[:1])
    context.note(f"  {case.name} ({words}, {outcome.seconds:.1f} s, exit {outcome.status}): {verdict[:300]}")


def _unclean(lines: Any) -> float | None:
    cases = figures_of(lines, "cases")
    return sum(cases) - sum(figures_of(lines, "clean")) if cases else None


def _largest(lines: Any) -> float | None:
    return max(figures_of(lines, "memory_mib"), default=None)


HOSTILE = Bench(
    name="hostile",
    title="Malformed inputs",
    protocol=PROTOCOL,
    grid=(
        *((form, MUTATED) for form in (*IMAGES, *CONTAINERS)),
        *((group, "crafted") for group in (*CRAFTED, "runs")),
    ),
    run=run,
    columns=(
        Column("cases", "cases"),
        Column("clean", "clean"),
        Column("tracebacks", "tracebacks, crashes"),
        Column("hangs", "hangs"),
        Column("escapes", "escapes"),
        Column("memory_mib", "largest memory, MiB"),
        Column("failures", "not clean"),
    ),
    bars=(
        Bar("cases", ">=", 200, total("cases")),
        Bar("cases without a clean answer", "<=", 0, _unclean),
        Bar("tracebacks and crashes", "<=", 0, total("tracebacks")),
        Bar("hangs", "<=", 0, total("hangs")),
        Bar("things written outside of the run folder", "<=", 0, total("escapes")),
        Bar("largest memory, MiB", "<=", MEMORY >> 20, _largest),
    ),
)
