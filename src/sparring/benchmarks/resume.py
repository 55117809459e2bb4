"""`sparring bench resume`: killed at any moment, a run ends as if it had never been stopped."""

import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sparring.benchmarks.bench import Bar, Bench, Cell, Column, Context, Figures, figures_of, total
from sparring.benchmarks.command import run_sparring
from sparring.benchmarks.kills import Moment, Spans, moments, train_to_the_end, train_until_killed
from sparring.benchmarks.sameness import differences, history, resumed_at
from sparring.errors import RunError
from sparring.rng import numpy_stream

OBJECTIVES = ("relativistic", "cross_entropy")
KILLS = {"mlp": 9, "conv": 8, "skip": 8, "residual": 8}
FIRST_GUESS = {"mlp": 20_000, "conv": 8_000, "skip": 8_000, "residual": 5_000}
SECONDS, SHORTEST, LONGEST = 6.0, 4.0, 9.0
COST = "checkpoint cost"
COST_MINUTES = 2
CHECKPOINT_SECONDS = 0.25
TRIES = 5

PROTOCOL = f"""
For every objective and network: one training on the bundled digits that is never stopped (the reference), as long
as takes about {SECONDS:g} seconds here; then trainings of the same command, each in a process group of its own, that
get SIGKILL at a seeded random moment: of nine, one between the appearance of `config.json` and the first recorded step,
two at the first change of the checkpoint folder after a moment (so while a checkpoint is written), six anywhere between
the first step and the expected end. A checkpoint is written every {CHECKPOINT_SECONDS:g} seconds. After each kill comes
`sparring resume RUN`. A kill counts as identical where every tensor in `checkpoint/last` (weights, moving average,
optimiser state) equals the reference's bit for bit and the history is the same but for timing. The machine and the
number of threads stay the same.

Checkpoint cost: seconds spent in checkpoints as a share of all seconds of a training of {COST_MINUTES}
minutes with the default settings, which write one a minute.
"""


def run(cell: Cell, context: Context) -> Figures:
    """Kill and resume one combination, or measure the cost of checkpoints."""
    folder = context.work / cell.label.replace("/", "-").replace(" ", "-")
    shutil.rmtree(folder, ignore_errors=True)
    if cell.method == COST:
        return _checkpoint_cost(folder / "run", cell.seed)
    return _kill_and_resume(cell, folder, context)


def _kill_and_resume(cell: Cell, folder: Path, context: Context) -> Figures:
    network = cell.method.split("/")[1]
    samples, spans = _make_reference(cell, folder / "reference", FIRST_GUESS[network])
    outcomes = []
    for number, moment in enumerate(moments(KILLS[network], numpy_stream(cell.seed, cell.label))):
        run = folder / f"kill-{number}"
        outcome = _one_kill(_words(cell, run, samples), run, folder / "reference", moment, spans)
        context.note(f"  kill {number + 1}: resumed at {outcome['resumed_at']}, differing {outcome['differing']}")
        outcomes.append(outcome)
    return {
        "kills": sum(outcome["killed"] for outcome in outcomes),
        "identical": sum(outcome["killed"] and not outcome["differing"] for outcome in outcomes),
        "after_zero": sum(max(outcome["resumed_at"], default=0) > 0 for outcome in outcomes),
        "samples": samples,
        "span_seconds": round(spans.steps, 2),
        "outcomes": outcomes,
    }


def _make_reference(cell: Cell, reference: Path, samples: int) -> tuple[int, Spans]:
    """Train without a kill, with so many samples that their steps take about six seconds here."""
    spans = _train_reference(cell, reference, samples)
    for _ in range(TRIES):
        if SHORTEST <= spans.steps <= LONGEST:
            break
        samples = round(samples * SECONDS / spans.steps)
        spans = _train_reference(cell, reference, samples)
    return samples, spans


def _train_reference(cell: Cell, reference: Path, samples: int) -> Spans:
    shutil.rmtree(reference, ignore_errors=True)
    return train_to_the_end(_words(cell, reference, samples), reference)


def _one_kill(words: list[str], run: Path, reference: Path, moment: Moment, spans: Spans) -> dict[str, Any]:
    """Kill one training, resume it and compare; a training that ended first is killed earlier next time."""
    killed = False
    for _ in range(TRIES):
        shutil.rmtree(run, ignore_errors=True)
        killed = train_until_killed(words, run, moment, spans)
        if killed:
            break
        moment = replace(moment, share=moment.share * 0.8)
    outcome = {"killed": killed, **asdict(moment), **_resume_and_compare(run, reference)}
    if not outcome["differing"]:
        shutil.rmtree(run)
    return outcome


def _resume_and_compare(run: Path, reference: Path) -> dict[str, Any]:
    """Where the killed run went on, and what differs at its end; a run that cannot be resumed differs too."""
    try:
        run_sparring("resume", run)
        return {"resumed_at": resumed_at(run), "differing": differences(reference, run)}
    except RunError as error:
        return {"resumed_at": [], "differing": [str(error)]}


def _checkpoint_cost(run: Path, seed: int) -> Figures:
    run_sparring("train", "digits", "--run", run, "--minutes", COST_MINUTES, "--seed", seed)
    times = next(event for event in reversed(history(run)) if "checkpoint_seconds" in event)
    return {"checkpoint_share": times["checkpoint_seconds"] / times["seconds"], "seconds": times["seconds"]}


def _words(cell: Cell, run: Path, samples: int) -> list[str]:
    """The training command of a combination."""
    objective, network = cell.method.split("/")
    options = {"network.name": network, "objective.name": objective, "checkpoint.seconds": CHECKPOINT_SECONDS}
    settings = [word for key, value in options.items() for word in ("--set", f"{key}={value}")]
    words = ["train", "digits", "--run", str(run), "--samples", str(samples), "--seed", str(cell.seed)]
    return [*words, *settings]


def _different(lines: Any) -> float | None:
    kills = figures_of(lines, "kills")
    return sum(kills) - sum(figures_of(lines, "identical")) if kills else None


def _dearest(lines: Any) -> float | None:
    return max(figures_of(lines, "checkpoint_share"), default=None)


RESUME = Bench(
    name="resume",
    title="Killed and resumed",
    protocol=PROTOCOL,
    grid=(*(("digits", f"{o}/{n}") for o in OBJECTIVES for n in KILLS), ("digits", COST)),
    run=run,
    columns=(
        Column("kills", "kills"),
        Column("identical", "identical"),
        Column("after_zero", "resumed after sample 0"),
        Column("samples", "samples of a training", ","),
        Column("span_seconds", "seconds of a training", ".1f"),
        Column("checkpoint_share", "checkpoint cost", ".2%"),
    ),
    bars=(
        Bar("kills", ">=", sum(KILLS.values()) * len(OBJECTIVES), total("kills")),
        Bar("kills that did not end bit-identical", "<=", 0, _different),
        Bar("kills that resumed from after sample 0", ">=", 40, total("after_zero")),
        Bar("share of the training time spent in checkpoints", "<=", 0.02, _dearest),
    ),
)
