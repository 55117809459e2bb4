import json

import numpy as np
import pytest

from sparring.report.history import MAX_POINTS, read_history


def write(path, *events, tail=""):
    path.write_text("".join(json.dumps(event) + "\n" for event in events) + tail)
    return read_history(path)


def step(samples, loss, **others):
    return {"event": "step", "samples": samples, "d_loss": loss, **others}


def test_curves_and_facts_are_read(tmp_path):
    history = write(
        tmp_path / "h",
        step(10, 1.0, samples_per_second=5),
        {"event": "validation", "samples": 10, "kernel_distance": 0.5, "best": True},
        {"event": "note", "samples": 12, "text": "halved"},
        step(20, 2.0, samples_per_second=7),
        {"event": "validation", "samples": 20, "kernel_distance": 0.3, "best": True},
        {"event": "validation", "samples": 30, "kernel_distance": 0.4, "best": False},
        {"event": "end", "samples": 31, "text": "done"},
        {"event": "encoding", "samples": 40, "reconstruction": 0.2},
    )
    assert history.curves["d_loss"].samples.tolist() == [10, 20]
    assert history.curves["d_loss"].values.tolist() == [1, 2]
    assert set(history.curves) == {"d_loss", "reconstruction"}
    assert history.kernel.values.tolist() == [0.5, 0.3, 0.4]
    assert history.best == (20, 0.3)
    assert history.notes == ((12, "halved"),)
    assert (history.end, history.ended_at, history.samples) == ("done", 31, 40)
    assert history.samples_per_second == 6


def test_the_note_on_checkpoints_becomes_a_sentence(tmp_path):
    note = {"event": "note", "samples": 9, "text": "checkpoints", "checkpoint_seconds": 1.234, "seconds": 600.4}
    assert write(tmp_path / "h", note).notes == ((9, "Checkpoints took 1.23 of 600 seconds."),)


def test_what_a_rollback_or_a_resumption_set_aside_is_replaced(tmp_path):
    history = write(
        tmp_path / "h",
        step(10, 1),
        step(20, 2),
        step(30, 99),
        step(40, 99),
        {"event": "rollback", "samples": 40, "reason": "NaN"},
        step(30, 3),
        {"event": "resumed_at", "samples": 30},
        step(40, 4),
    )
    assert history.curves["d_loss"].samples.tolist() == [10, 20, 30, 40]
    assert history.curves["d_loss"].values.tolist() == [1, 2, 3, 4]
    assert [(mark.kind, mark.samples, mark.reason) for mark in history.marks] == [
        ("rollback", 40, "NaN"),
        ("resumed", 30, ""),
    ]


@pytest.mark.parametrize("tail", ['{"event": "step", "sam', "[1, 2]\n", '{"samples": 5}\n', "\0\0\n"])
def test_a_line_that_is_no_event_is_passed_over(tail, tmp_path):
    assert write(tmp_path / "h", step(10, 1), tail=tail).curves["d_loss"].values.tolist() == [1]


def test_values_that_are_no_numbers_leave_a_gap(tmp_path):
    history = write(tmp_path / "h", step(10, float("nan")), step(20, 2), step(30, None), step(40, True))
    assert history.curves["d_loss"].samples.tolist() == [20]


def test_no_file_is_an_empty_history(tmp_path):
    history = read_history(tmp_path / "none")
    assert (history.curves, len(history.kernel), history.best, history.samples) == ({}, 0, None, 0)


def test_long_curves_are_thinned_to_means(tmp_path):
    history = write(tmp_path / "h", *(step(2 * index, index % 2) for index in range(10 * MAX_POINTS)))
    curve = history.curves["d_loss"]
    assert len(curve) == MAX_POINTS
    np.testing.assert_allclose(curve.values, 0.5)
    np.testing.assert_allclose(curve.samples[:2], [9, 29])
