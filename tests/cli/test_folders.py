"""Paths on the command line: what is refused, and with which words."""

import json

import pytest

from sparring.cli.demo import RUN, make_way
from sparring.cli.folders import require_new, require_run
from sparring.errors import RunError, UsageError


def make_run(folder, data="digits", minutes=None):
    folder.mkdir(parents=True, exist_ok=True)
    content = {"version": "0", "config": {"budget": {"minutes": minutes}}, "data": {"path": data}}
    (folder / "config.json").write_text(json.dumps(content))
    return folder


def test_a_new_or_empty_folder_may_be_trained_into(tmp_path):
    require_new(tmp_path)
    require_new(tmp_path / "absent")


def test_a_run_is_not_trained_over_and_resume_is_named(tmp_path):
    run = make_run(tmp_path / "run")
    with pytest.raises(UsageError, match=rf"holds a run already. Go on with `sparring resume {run}`"):
        require_new(run)


def test_a_folder_with_other_things_and_a_file_are_refused(tmp_path):
    (tmp_path / "photo.png").write_bytes(b"x")
    with pytest.raises(UsageError, match="is not empty"):
        require_new(tmp_path)
    with pytest.raises(UsageError, match="is a file"):
        require_new(tmp_path / "photo.png")


def test_later_processes_of_a_distributed_run_do_not_look(tmp_path, monkeypatch):
    run = make_run(tmp_path / "run")
    monkeypatch.setenv("RANK", "1")
    require_new(run)


@pytest.mark.parametrize("content", ["", "[]", "{}", "{", '{"learning": 1}'])
def test_a_folder_without_a_sparring_config_is_no_run(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(RunError, match="is not a run folder"):
        require_run(tmp_path)


def test_a_run_that_was_stopped_while_its_data_was_read_says_so(tmp_path):
    (tmp_path / "cleaned.json").write_text("{}")
    with pytest.raises(RunError, match=r"was stopped before its first step\. Remove the folder and train again"):
        require_run(tmp_path)


def test_a_run_is_accepted(tmp_path):
    require_run(make_run(tmp_path / "run"))


def test_the_demo_replaces_its_own_earlier_run_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_way(RUN)
    for minutes in (1.25, 3.0):
        make_run(RUN, minutes=minutes)
        make_way(RUN)
        assert not RUN.exists()
    for other in ({"data": "photos", "minutes": 1.25}, {"minutes": 600.0}, {}):
        make_run(RUN, **other)
        with pytest.raises(UsageError, match="holds another run than the demo's"):
            make_way(RUN)
    elsewhere = make_run(tmp_path / "mine", minutes=1.25)
    with pytest.raises(UsageError, match="holds a run already"):
        make_way(elsewhere)
    other = elsewhere
    assert (other / "config.json").exists()
