"""`sparring bench`: the published benchmarks."""

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from sparring.cli.words import whole
from sparring.errors import SparringError


def bench(
    name: str,
    /,
    *,
    seeds: Annotated[int | None, Parameter(validator=Number(gt=0), converter=whole)] = None,
    only: str | None = None,
    redo: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Run a benchmark and print its figures as JSON; finished cells are kept, so it goes on where it stopped.

    Args:
        name: Of the benchmark, such as resume, step or hostile.
        seeds: How many seeds per cell; the benchmark's own number where left out.
        only: Run only the cells whose label (set/method/seed) contains this.
        redo: Run finished cells again.

    Raises:
        SparringError: a bar of the benchmark was missed.
    """
    from sparring.benchmarks.runner import run_bench

    summary = run_bench(name, seeds=None if seeds is None else range(seeds), only=only, redo=redo)
    if summary.passed is False:
        missed = sum(verdict.passed is False for verdict in summary.verdicts)
        raise SparringError(f"{missed} of the {len(summary.verdicts)} bars of {name} were missed; see {summary.page}.")
