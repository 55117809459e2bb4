"""`sparring sample`, `sparring evaluate` and `sparring report`: what a trained model has to say."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from sparring.cli.folders import is_run, read_config, require_data, require_model, require_run
from sparring.errors import DataError, rule

if TYPE_CHECKING:
    from sparring.data.source import Source, Spec
    from sparring.model import Model

POSITIVE = Number(gt=0)


def sample(
    run: Path,
    /,
    *,
    number: Annotated[int, Parameter(name=("-n", "--number"), validator=POSITIVE)] = 64,
    out: Path,
    seed: Annotated[int, Parameter(validator=Number(gte=0))] = 0,
) -> Path:
    """Make new items in the data's own form, and print where they are.

    Args:
        run: Folder of the run.
        number: How many items.
        out: FILE.npz or .npy for values, .png for one picture of all, .csv for vectors, or a folder of PNG.
        seed: The same seed gives the same items.

    Returns:
        The file or folder that was written.
    """
    require_model(run)
    from sparring.model import Model
    from sparring.tasks.sample import sample as draw
    from sparring.tasks.write import write_items

    drawn = draw(Model.load(run), number, seed=seed)
    written = write_items(drawn.rows, drawn.spec, out)
    note = f" {written.note}" if written.note else ""
    print(f"{written.form}.{note}", file=sys.stderr)
    return written.path


def evaluate(run: Path, data: str, /) -> dict[str, Any]:
    """Measure a model against real data; write RUN/metrics.json and print it.

    Args:
        run: Folder of the run.
        data: Real items to compare with, best ones that it was not trained on.

    Returns:
        Every metric with its value, interval, n, floor and protocol.
    """
    require_model(run)
    require_data(data)
    from sparring.checkpoint import write_json
    from sparring.data.open import survey
    from sparring.model import Model
    from sparring.tasks.evaluate import evaluate as measure

    model = Model.load(run)
    found = survey(data)
    require_same_form(found.spec, model.spec, data)
    train, held_out = training_items(run, model)
    same = found.fingerprint == read_config(run).get("data", {}).get("fingerprint")
    result = measure(
        model, found.source(model.spec.shape), train=train, held_out=held_out, same_as_training=same
    ).to_json()
    write_json(run / "metrics.json", result)
    return result


def report(
    run: Path,
    /,
    *,
    compare: Annotated[tuple[Path, ...], Parameter(consume_multiple=True, negative="", show_default=False)] = (),
) -> Path:
    """Write RUN/report.html, one page that needs no other file, and print its path.

    Args:
        run: Folder of the run.
        compare: Folders of other runs to put beside it.

    Returns:
        The page.
    """
    for folder in (run, *compare):
        require_run(folder)
    from sparring.report.render import write_report

    return write_report(run, compare)


def training_items(run: Path, model: "Model") -> tuple["Source | None", "Source | None"]:
    """The items that a run was trained on and those it held out; None for what is not known."""
    from sparring.assembly import split
    from sparring.data.cache import open_cache

    if not is_run(run):
        return None, None
    parts = split(open_cache(run / "cache"), model.config)
    return parts.train, parts.held_out if parts.is_apart else None


def require_same_form(got: "Spec", wanted: "Spec", data: str) -> None:
    """Refuse data whose numbers do not mean what the model's numbers mean.

    Raises:
        DataError: another kind, other channels or another number type; sizes of images may differ.
    """
    if _meaning(got) != _meaning(wanted):
        must = f"{_words(wanted)} like the data that the model was trained on"
        raise DataError(rule(f"{data}: the items", must, _words(got)))


def _meaning(spec: "Spec") -> tuple:
    shape = spec.shape[2:] if spec.kind == "image" else spec.shape
    return spec.kind, shape, "float" if spec.dtype.startswith("float") else spec.dtype


def _words(spec: "Spec") -> str:
    shape = f"{spec.shape[2]} channels" if spec.kind == "image" else f"shape {spec.shape}"
    return f"{spec.kind} items with {shape} of {spec.dtype}"
