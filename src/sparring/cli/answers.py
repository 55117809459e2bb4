"""`sparring sample`, `embed`, `evaluate` and `report`: what a trained model has to say."""

import sys
import warnings
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from sparring.cli.failures import explain
from sparring.cli.folders import require_data, require_model, require_run
from sparring.cli.words import whole
from sparring.errors import SparringWarning, UsageError, rule

POSITIVE = Number(gt=0)


def sample(
    run: Path,
    /,
    *,
    number: Annotated[int, Parameter(name=("-n", "--number"), validator=POSITIVE, converter=whole)] = 64,
    out: Path,
    seed: Annotated[int, Parameter(validator=Number(gte=0), converter=whole)] = 0,
) -> Path:
    """Make new items in the data's own form, and print where they are.

    Args:
        run: Folder of the run.
        number: How many items.
        out: FILE.npz or .npy for values, .png for one picture of all, .csv for vectors (a file that is there is
            replaced), or a new folder for PNG files.
        seed: The same seed gives the same items.

    Returns:
        The file or folder that was written.
    """
    require_model(run)
    from sparring.model import Model
    from sparring.report.history import read_history
    from sparring.tasks.sample import sample as draw
    from sparring.tasks.write import require_items, write_items

    model = Model.load(run)
    require_items(model.spec, number, out)
    seen, total = model.facts.get("samples", 0), model.config.budget.samples or 0
    if model.encoder is None and model.config.encoder.samples and read_history(run / "history.jsonl").samples < total:
        text = f"This run is not finished: its model had seen {seen:,} of {total:,} samples."
        warnings.warn(f"{text} `sparring resume {quote(str(run))}` goes on.", SparringWarning, 2)
    drawn = draw(model, number, seed=seed)
    written = write_items(drawn.rows, drawn.spec, out)
    note = f" {written.note}" if written.note else ""
    print(f"Wrote {written.form}.{note}", file=sys.stderr)
    return written.path


def embed(
    run: Path,
    data: str,
    /,
    *,
    dim: Annotated[int | None, Parameter(validator=POSITIVE, converter=whole)] = None,
    out: Path,
) -> Path:
    """Describe every item by a vector, and print where the vectors are.

    Args:
        run: Folder of the run.
        data: The items; each readable one gets a row, in order, duplicates included.
        dim: Numbers of a vector; 2 makes a map. Left out, it is the encoder's own number.
        out: FILE.npz (under "embedding") or .npy for the array, .csv or .parquet for a table: item, e0, e1, ...

    Returns:
        The file that was written.
    """
    require_model(run)
    require_data(data)
    from sparring.data.open import survey
    from sparring.estimators.inputs import items_of, require_form
    from sparring.model import Model
    from sparring.tasks.embed import embed as describe
    from sparring.tasks.write import require_vectors, write_vectors

    require_vectors(out)
    if out.exists() and Path(data).exists() and out.samefile(data):
        raise UsageError(rule("OUT", "another file than DATA, which it would replace", str(out)))
    model, found = Model.load(run), survey(data)
    require_form(found, model.spec)
    found.warn_of_what_is_left_out()
    result = describe(model, items_of(found, model.spec, keep_duplicates=True), dim)
    written = write_vectors(result.embedding, found.item_names(), out, "embedding", "e")
    print(f"Wrote {written.form}: {result.rule}.", file=sys.stderr)
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
    from sparring.estimators.gan import GAN

    result = GAN.load(run).evaluate(data).to_json()
    try:
        write_json(run / "metrics.json", result)
    except OSError as error:
        warnings.warn(f"metrics.json could not be written: {explain(error) or error}", SparringWarning, 2)
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
