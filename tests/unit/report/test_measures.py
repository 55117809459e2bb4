import json

import pytest

from sparring.metrics.estimate import Estimate
from sparring.report.measures import measure_table, number, side_by_side
from sparring.tasks.findings import EvaluateResult
from sparring.tasks.measure import Measure


def measure(value=1.0, low=None, high=None, better="lower", **baselines):
    protocol = {"n": 500, "floor": 0.1, "better": better, "extractor": "pixels", "protocol": "500 pairs"}
    figure = {"value": value, "low": low, "high": high}
    return {"name": "kernel", **figure, **protocol, "baselines": baselines}


def standings(entry):
    (row,) = measure_table({"measures": [entry]}).rows
    return [row.ours.standing, *(cell.standing for cell in row.baselines)]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (measure(1.0, a=2.0, b=3.0), ["best", "", ""]),
        (measure(1.0, a=0.5, b=0.2), ["", "", "best"]),
        (measure(1.0, better="higher", a=2.0, b=3.0), ["", "", "best"]),
        (measure(4.0, better="higher", a=2.0, b=3.0), ["best", "", ""]),
        (measure(1.0, 0.8, 1.2, a=1.1, b=3.0), ["level", "level", ""]),
        (measure(1.0, 0.8, 1.2, a=0.9, b=3.0), ["level", "level", ""]),
        (measure(1.0, 0.8, 1.2, a=1.3, b=3.0), ["best", "", ""]),
        (measure(1.0, 0.8, 1.2, a=0.7, b=1.0), ["", "best", ""]),
        (measure(1.0, better="", a=2.0), ["", ""]),
        (measure(1.0), [""]),
        (measure(1.0, a=float("nan"), b=2.0), ["best", "", ""]),
        (measure(None, a=2.0, b=1.0), ["", "", "best"]),
        (measure(1.0, a={"value": 0.5, "low": 0.4, "high": 0.6}), ["", "best"]),
    ],
)
def test_who_leads(entry, expected):
    assert standings(entry) == expected


def test_a_row_says_all_that_makes_a_figure_honest():
    table = measure_table(
        {"measures": [measure(0.01234, 0.011, 0.0139, pca_gaussian={"value": 3, "low": 2, "high": 4})]}
    )
    (row,) = table.rows
    assert (row.name, row.better, row.n, row.floor) == ("Kernel distance", "lower", "500", "0.1")
    assert (row.ours.text, row.ours.interval) == ("0.0123", "0.011 to 0.0139")
    assert table.baselines == ("One Gaussian",)
    assert (row.baselines[0].text, row.baselines[0].interval) == ("3", "2 to 4")
    assert table.notes == ("Feature space pixels. 500 pairs",)


def test_equal_protocols_share_a_footnote_and_a_lacking_baseline_leaves_its_cell_empty():
    other = {**measure(a=1.0), "protocol": "k = 5", "n": None}
    table = measure_table({"measures": [measure(a=1.0), other, measure(b=2.0)], "n": 7})
    assert [row.note for row in table.rows] == [1, 2, 1]
    assert table.baselines == ("A", "B")
    assert [[cell.text for cell in row.baselines] for row in table.rows] == [["1", ""], ["1", ""], ["", "2"]]


def test_runs_side_by_side_stand_where_baselines_stand():
    runs = {"mine": {"measures": [measure(1.0, a=0.1)]}, "wide": {"measures": [measure(0.5)]}, "new": {}}
    table = side_by_side(runs)
    assert table.baselines == ("wide", "new")
    (row,) = table.rows
    assert [row.ours.text, *(cell.text for cell in row.baselines)] == ["1", "0.5", ""]
    assert row.baselines[0].standing == "best"


def test_figures_on_different_data_rank_no_run():
    runs = {"mine": {"measures": [measure(1.0)]}, "wide": {"measures": [measure(0.5)]}}
    (row,) = side_by_side(runs, ranked=False).rows
    assert (row.ours.standing, row.baselines[0].standing, row.baselines[0].text) == ("", "", "0.5")


def test_copying_less_than_is_right_ranks_no_run():
    copying = {**measure(0.51), "name": "memorisation"}
    (row,) = side_by_side({"mine": {"measures": [copying]}, "noise": {"measures": [{**copying, "value": 0.0}]}}).rows
    assert (row.ours.standing, row.baselines[0].standing, row.baselines[0].text) == ("", "", "0")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0001234, "0.000123"), (1.0, "1"), (12345.6, "12,346"), (None, ""), (float("inf"), ""), (-0.5, "-0.5")],
)
def test_number(value, text):
    assert number(value) == text


def test_the_evaluations_own_result_becomes_a_table():
    law = {
        "n": 500,
        "floor": 0.1,
        "floor_low": 0.0,
        "floor_high": 0.2,
        "floor_n": 250,
        "better": "lower",
        "extractor": "pca",
        "protocol": "MMD.",
    }
    ours = Measure(
        name="two_sample", value=0.7, low=0.6, high=0.8, baselines={"pca_gaussian": Estimate(0.9, 0.85, 0.95)}, **law
    )
    result = EvaluateResult(500, "pca", False, "250 against 250", "the training items", (ours,), {})
    table = measure_table(json.loads(json.dumps(result.to_json())))
    assert [row.name for row in table.rows] == ["Two-sample test"]
    assert [table.rows[0].ours.standing, table.rows[0].baselines[0].standing] == ["best", ""]
    assert table.remarks == ("Floor: 250 against 250.", "Baselines were fitted to the training items.")
