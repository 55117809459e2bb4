"""Facts into HTML, and HTML into RUN/report.html."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sparring.atomic import replacing
from sparring.errors import RunError
from sparring.report.comparison import Loader
from sparring.report.page import Page, gather

TEMPLATES = Path(__file__).parent / "templates"
FILE = "report.html"


def write_report(run: Path, compare: Sequence[Path] = (), load: Loader | None = None) -> Path:
    """Write the report of a run: one self-contained HTML page, complete or not at all.

    Args:
        run: the run folder.
        compare: other runs to put beside it.
        load: gives the model of a run folder; `Model.load` where None.

    Returns:
        The path of the page, `run`/report.html.

    Raises:
        RunError: one of the folders is not a run, or is damaged, or the page cannot be written.
    """
    html = render(gather(Path(run), [Path(other) for other in compare], load or _load_model))
    path = Path(run) / FILE
    try:
        with replacing(path) as partial:
            partial.write_text(html, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{path}: the report cannot be written: {error.strerror or error}.") from error
    return path


def render(page: Page) -> str:
    """The page as HTML; every text that comes from a file or a user is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(page=page)


def _load_model(run: Path):
    from sparring.model import Model

    return Model.load(run)
