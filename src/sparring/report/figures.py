"""Pictures that a page can carry inside: data URIs, curves once for light and once for dark pages."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, MaxNLocator, NullLocator
from PIL import Image

from sparring.data.plots import DARK, LIGHT, Ink, as_is, dress, quiet_glyphs
from sparring.report.history import Curve, History

MAX_SIDE = 1200
MAX_PNG = 400_000
MAX_SVG = 60_000
WARNING = "#d64545"
DASHES = ("-", "--", ":", "-.")  # of lines beyond the colours that there are


@dataclass(frozen=True)
class Picture:
    """A picture of the page.

    Attributes:
        light: data URI for light pages and print.
        dark: data URI for dark pages; empty where one serves both.
        alt: what it shows, in words.
    """

    light: str
    alt: str
    dark: str = ""


@dataclass(frozen=True)
class Line:
    """One line of a chart."""

    label: str
    curve: Curve


@dataclass(frozen=True)
class Chart:
    """One chart over samples seen.

    Attributes:
        title: what is drawn.
        lines: in the order of the colours.
        target: a value to compare with, drawn across.
        best: (samples, value) of the best checkpoint.
        log: whether the values are drawn on a logarithmic scale.
        whole: whether the axis begins with the run, and not with the lines.
    """

    title: str
    lines: tuple[Line, ...]
    target: float | None = None
    best: tuple[int, float] | None = None
    log: bool = False
    whole: bool = True


def themed(draw: Callable[[Ink], Figure], alt: str) -> Picture:
    """What `draw` makes of light and of dark colours."""
    return Picture(light=figure_uri(draw(LIGHT)), alt=alt, dark=figure_uri(draw(DARK)))


def figure_uri(figure: Figure) -> str:
    """A figure as a data URI on a transparent ground: SVG, or PNG where an SVG is large and a PNG smaller."""
    svg, png = io.BytesIO(), io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "sparring"}), quiet_glyphs():
        figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
        if len(svg.getvalue()) > MAX_SVG:
            figure.savefig(png, format="png", transparent=True, dpi=200)
    if 0 < len(png.getvalue()) < len(svg.getvalue()):
        return _uri("image/png", png.getvalue())
    return _uri("image/svg+xml", svg.getvalue())


def image_picture(image: Image.Image, alt: str) -> Picture:
    """A Pillow image as a picture, at most 1,200 pixels a side: PNG, or WebP where a PNG passes 400 kB."""
    shown = image.copy()
    shown.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    shown.save(content, format="PNG", optimize=True)
    if len(content.getvalue()) <= MAX_PNG:
        return Picture(_uri("image/png", content.getvalue()), alt)
    content = io.BytesIO()
    shown.save(content, format="WEBP", quality=90)
    return Picture(_uri("image/webp", content.getvalue()), alt)


def training_charts(history: History) -> list[Chart]:
    """The charts of one run; those whose quantity was not recorded are left out."""
    curves = history.curves
    losses = (("discriminator", "d_loss"), ("generator", "g_loss"))
    lessons = (("of items", "reconstruction"), ("of their features", "description"))
    penalties = (("R1, on real items", "r1"), ("R2, on samples", "r2"))
    charts = [
        Chart("Loss", _lines(curves, losses)),
        Chart("Gradient penalties", _lines(curves, penalties), log=_positive(curves, penalties)),
        Chart("Variance of the samples, as a share of the data's", _lines(curves, (("", "variance"),)), 1.0),
        Chart(
            "Kernel distance to held-out items",
            _present("", history.kernel),
            best=history.best,
            log=_is_wide(history.kernel),
        ),
        Chart("Variance lost by the encoder", _lines(curves, lessons), log=_positive(curves, lessons), whole=False),
    ]
    return [chart for chart in charts if chart.lines]


def comparing_charts(histories: dict[str, History]) -> list[Chart]:
    """One chart a quantity, a line a run."""
    kernel = _flat(_present(name, history.kernel) for name, history in histories.items())
    charts = [Chart("Kernel distance to held-out items", kernel)]
    titles = {
        "variance": "Variance of the samples, as a share of the data's",
        "d_loss": "Loss, discriminator",
    }
    for key, title in titles.items():
        lines = _flat(_lines(history.curves, ((name, key),)) for name, history in histories.items())
        charts.append(Chart(title, lines, 1.0 if key == "variance" else None))
    return [chart for chart in charts if chart.lines]


def draw_chart(chart: Chart, history: History | None, ink: Ink) -> Figure:
    """One chart as a figure; with a history, its resumptions (dotted) and rollbacks (dashed, red)."""
    figure = Figure(figsize=(5.2, 2.9))
    figure.subplots_adjust(left=0.115, right=0.985, bottom=0.165, top=0.965)
    _draw(figure.add_subplot(), chart, history, ink)
    return figure


def draw_charts(charts: Sequence[Chart], ink: Ink) -> Figure:
    """Several charts beneath one another in one figure."""
    figure = Figure(figsize=(7.2, 2.6 * len(charts)))
    figure.subplots_adjust(
        left=0.085,
        right=0.985,
        bottom=0.45 / figure.get_figheight(),
        top=1 - 0.3 / figure.get_figheight(),
        hspace=0.45,
    )
    for place, chart in enumerate(charts, start=1):
        axes = figure.add_subplot(len(charts), 1, place)
        axes.set_title(chart.title, loc="left", fontsize=10.5, color=ink.text)
        _draw(axes, chart, None, ink)
    return figure


def _draw(axes: Axes, chart: Chart, history: History | None, ink: Ink) -> None:
    for index, line in enumerate(chart.lines):
        colour, dash = ink.marks[index % len(ink.marks)], DASHES[index // len(ink.marks) % len(DASHES)]
        marker = "o" if len(line.curve) < 30 else ""
        axes.plot(
            line.curve.samples,
            line.curve.values,
            color=colour,
            ls=dash,
            lw=1.6,
            marker=marker,
            ms=3,
            label=as_is(line.label),
        )
    if chart.log:
        _log_scale(axes)
    if chart.target is not None:
        axes.axhline(chart.target, color=ink.faint, lw=1)
    _annotate(axes, chart, history, ink)
    axes.set_xlabel("samples seen")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    if chart.whole:
        axes.set_xlim(left=0)
    dress(axes, ink)
    axes.yaxis.grid(True, color=ink.faint, lw=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    if any(line.label for line in chart.lines):
        axes.legend(frameon=False, fontsize=8.5, labelcolor=ink.text)


def _log_scale(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _annotate(axes: Axes, chart: Chart, history: History | None, ink: Ink) -> None:
    for mark in history.marks if history else ():
        style, colour = (":", ink.text) if mark.kind == "resumed" else ("--", WARNING)
        axes.axvline(mark.samples, color=colour, lw=1, ls=style)
    if chart.best:
        axes.plot(*chart.best, marker="*", ms=13, color=ink.marks[1], ls="", zorder=5)
        axes.annotate(
            f"kept {chart.best[1]:.3g}", chart.best, (0, 9), textcoords="offset points",
            ha="center", fontsize=9, color=ink.marks[1],
        )  # fmt: skip


def _lines(curves: dict[str, Curve], names: Sequence[tuple[str, str]]) -> tuple[Line, ...]:
    return tuple(Line(label, curves[name]) for label, name in names if name in curves)


def _present(label: str, curve: Curve) -> tuple[Line, ...]:
    return (Line(label, curve),) if len(curve) else ()


def _flat(groups) -> tuple[Line, ...]:
    return tuple(line for group in groups for line in group)


def _positive(curves: dict[str, Curve], names: Sequence[tuple[str, str]]) -> bool:
    return all((line.curve.values > 0).all() for line in _lines(curves, names))


def _is_wide(curve: Curve) -> bool:
    """Whether the values are positive and span so many sizes that a linear scale would hide the small ones."""
    return len(curve) > 0 and bool(curve.values.min() > 0 and curve.values.max() > 30 * curve.values.min())


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
