import base64
import io

import numpy as np
import pytest
from PIL import Image

from sparring.data.plots import DARK, LIGHT, draw_groups, rasterise
from sparring.report.figures import comparing_charts, draw_chart, image_picture, themed, training_charts
from sparring.report.history import Curve, History, Mark


def decode(uri):
    header, content = uri.split(",", 1)
    return header, base64.b64decode(content)


def curve(values):
    return Curve(np.arange(len(values)) * 100.0, np.array(values, float))


HISTORY = History(
    curves={"d_loss": curve([1, 2, 3]), "g_loss": curve([3, 2, 1]), "variance": curve([0.1, 0.5, 1])},
    kernel=curve([0.3, 0.1, 0.2]),
    best=(100, 0.1),
    marks=(Mark("resumed", 50), Mark("rollback", 150, "NaN")),
)


def test_charts_are_those_whose_quantity_was_recorded():
    titles = [chart.title for chart in training_charts(HISTORY)]
    assert titles[0] == "Loss"
    assert "Gradient penalties" not in titles
    assert training_charts(History()) == []


def test_names_of_groups_are_written_as_they_are(recwarn):
    names = ["_unsorted", "$5_$10", "good", "猫"]
    figure = draw_groups(np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 4, names, LIGHT)
    shown = [text.get_text().strip("\u200b").replace(r"\$", "$") for text in figure.legends[0].get_texts()]
    assert shown == names
    drawn = decode(themed(lambda ink: figure, "map").light)[1].decode()
    assert all(name in drawn for name in names)
    rasterise(figure)
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_penalties_are_drawn_on_a_logarithmic_scale_only_where_they_are_positive():
    def scale(values):
        (chart,) = training_charts(History(curves={"r1": curve(values)}))
        return draw_chart(chart, None, LIGHT).axes[0].get_yscale()

    assert scale([1, 0.1, 0.01]) == "log"
    assert scale([1, 0.0, 0.01]) == "linear"


@pytest.mark.parametrize(("values", "log"), [([30, 1, 0.5], True), ([3, 1, 0.5], False), ([30, 1, -0.1], False)])
def test_a_kernel_distance_that_spans_many_sizes_is_drawn_on_a_logarithmic_scale(values, log):
    assert training_charts(History(kernel=curve(values)))[0].log is log


def test_a_chart_marks_the_best_checkpoint_and_every_resumption_and_rollback():
    kernel = next(chart for chart in training_charts(HISTORY) if chart.title.startswith("Kernel"))
    axes = draw_chart(kernel, HISTORY, LIGHT).axes[0]
    drawn = {(line.get_linestyle(), float(np.ravel(line.get_xdata())[0])) for line in axes.lines}
    assert {(":", 50.0), ("--", 150.0)} <= drawn
    assert any(line.get_marker() == "*" and list(line.get_xydata()[0]) == [100, 0.1] for line in axes.lines)


def test_runs_share_a_chart_a_quantity():
    charts = comparing_charts({"one": HISTORY, "two": HISTORY, "new": History()})
    assert len(charts) == 3
    assert all([line.label for line in chart.lines] == ["one", "two"] for chart in charts)


def test_a_figure_is_drawn_in_light_and_in_dark_colours_and_is_the_same_every_time():
    draw = lambda ink: draw_chart(training_charts(HISTORY)[0], HISTORY, ink)  # noqa: E731
    first, second = themed(draw, "loss"), themed(draw, "loss")
    assert first == second
    header, light = decode(first.light)
    assert header == "data:image/svg+xml;base64"
    dark = decode(first.dark)[1].decode()
    assert LIGHT.marks[0] in light.decode()
    assert DARK.marks[0] in dark
    assert LIGHT.marks[0] not in dark


@pytest.mark.parametrize(("side", "kind"), [(100, "png"), (900, "webp")])
def test_a_picture_is_png_or_webp_where_that_would_be_large(side, kind):
    noise = np.random.default_rng(0).integers(0, 255, (side, side, 4), np.uint8)
    header, content = decode(image_picture(Image.fromarray(noise), "noise").light)
    assert header == f"data:image/{kind};base64"
    with Image.open(io.BytesIO(content)) as image:
        assert image.size == (side, side)


def test_a_wide_picture_is_reduced():
    picture = image_picture(Image.new("LA", (3000, 1500)), "grey")
    with Image.open(io.BytesIO(decode(picture.light)[1])) as image:
        assert image.size == (1200, 600)


def test_the_encoder_s_curves_have_their_own_chart_on_their_own_stretch_of_the_clock():
    late = Curve(np.array([900.0, 950.0, 1000.0]), np.array([0.9, 0.5, 0.2]))
    lessons = dict.fromkeys(("reconstruction", "description"), late)
    (chart,) = training_charts(History(curves=lessons))
    assert [line.label for line in chart.lines] == ["of items", "of their features"]
    assert not chart.whole
    assert draw_chart(chart, None, LIGHT).axes[0].get_xlim()[0] > 800
