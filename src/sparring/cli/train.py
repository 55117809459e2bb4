"""`sparring train` and `sparring resume`."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Annotated

from cyclopts import Group, Parameter
from cyclopts.validators import MutuallyExclusive, Number

from sparring.cli.failures import Stopped
from sparring.cli.folders import is_run, require_data, require_new, require_run
from sparring.cli.words import whole
from sparring.errors import UsageError

BUDGET = Group("Budget: one of these, or a default")
BUDGET_RULE = Group(show=False, validator=MutuallyExclusive())
POSITIVE = Number(gt=0, lt=float("inf"))


def train(
    data: str,
    /,
    *,
    run: Path,
    minutes: Annotated[float | None, Parameter(group=(BUDGET, BUDGET_RULE), validator=POSITIVE)] = None,
    samples: Annotated[int | None, Parameter(group=(BUDGET, BUDGET_RULE), validator=POSITIVE, converter=whole)] = None,
    epochs: Annotated[float | None, Parameter(group=(BUDGET, BUDGET_RULE), validator=POSITIVE)] = None,
    preset: str | None = None,
    seed: Annotated[int | None, Parameter(validator=Number(gte=0), converter=whole)] = None,
    settings: Annotated[tuple[str, ...], Parameter(name="--set", negative="", show_default=False)] = (),
    config: Path | None = None,
) -> Path:
    """Train a model on unlabelled data, and print the run folder.

    Args:
        data: A folder or archive of images, a .npy, .npz, idx or .parquet file, or a bundled name.
        run: Folder to make for the model, its history and its configuration.
        minutes: Train for about this long; turned once into a number of samples.
        samples: Train until this many real items have been seen, repeats included.
        epochs: Train until every item has been seen this often on average.
        preset: A recipe of `sparring presets`; `default` where left out.
        seed: The same seed, data and machine give the same model; 0 where left out.
        settings: Change one value of the configuration, as key.path=value; may be repeated.
        config: JSON or TOML file with a configuration, such as the config.json of another run.

    Returns:
        The run folder.
    """
    overrides = parse_settings(settings)
    require_data(data)
    require_new(run)
    from sparring import training

    with _resumable(run):
        return training.train(
            data,
            run,
            preset=preset,
            minutes=minutes,
            samples=samples,
            epochs=epochs,
            seed=seed,
            settings=overrides,
            config_file=config,
        )


def resume(run: Path, /) -> Path:
    """Go on exactly where a run stopped, and print the run folder; a finished run stays as it is.

    Args:
        run: Folder of the run.

    Returns:
        The run folder.
    """
    require_run(run)
    from sparring import training

    with _resumable(run):
        return training.resume(run)


def parse_settings(settings: Iterable[str]) -> dict[str, str]:
    """The words after each `--set` as key path -> value.

    Raises:
        UsageError: one has no "=", or two set the same key.
    """
    overrides: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not (key and equals):
            raise UsageError(f"`--set` must be key.path=value. Got {setting!r}. Try --set network.width=64.")
        if key in overrides:
            raise UsageError(f"`--set` must name each key once. Got {key!r} twice.")
        overrides[key] = value
    return overrides


@contextmanager
def _resumable(run: Path) -> Iterator[None]:
    """Say how to go on where the user interrupts a training run.

    Raises:
        Stopped: the user interrupted it and the folder can be taken up again.
    """
    try:
        yield
    except KeyboardInterrupt as interruption:
        if not is_run(run):
            raise
        raise Stopped(f"Interrupted. Go on with `sparring resume {quote(str(run))}`.") from interruption
