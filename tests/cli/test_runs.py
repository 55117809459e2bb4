"""One small run through every verb that needs one, in this process."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from sparring import GAN, training
from sparring.benchmarks.command import sparring_command
from sparring.cli.main import main


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "points.npy"
    np.save(path, np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32))
    return str(path)


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "small"
    words = ["--samples", "800", "--seed", "7", "--set", "network.width=8", "--set", "validation.points=2"]
    assert main(["train", data, "--run", str(folder), *words]) == 0
    return folder


def test_the_options_reach_the_configuration(run):
    config = json.loads((run / "config.json").read_text())["config"]
    assert config["seed"] == 7
    assert config["network"]["width"] == 8
    assert config["budget"]["samples"] == 800


def test_a_finished_run_is_not_trained_over_and_resuming_it_changes_nothing(data, run, capsys):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert main(["train", data, "--run", str(run)]) == 1
    assert f"Go on with `sparring resume {run}`" in capsys.readouterr().err
    assert main(["resume", str(run)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{run}\n"
    assert "This run is finished" in said.err
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_evaluate_prints_what_it_writes(data, run, capsys):
    assert main(["evaluate", str(run), data]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((run / "metrics.json").read_text())
    assert printed["same_as_training"]
    assert {measure["name"] for measure in printed["measures"]} >= {"frechet", "kernel", "coverage"}


def test_evaluate_refuses_data_of_another_form(run, capsys):
    assert main(["evaluate", str(run), "digits"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_report_prints_the_path_of_the_page(run, capsys):
    assert main(["report", str(run), "--compare", str(run)]) == 0
    page = Path(capsys.readouterr().out.strip())
    assert page == run / "report.html"
    assert page.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html")


def test_inspect_tells_the_survey_and_the_plan(data, capsys):
    assert main(["inspect", data]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["count"], told["shape"], told["training"]["network"]) == (200, [3], "mlp")
    assert told["training"]["samples"] > 0


@pytest.mark.parametrize("words", [["inspect"], ["train", "--run", "run"]])
def test_inspect_refuses_what_train_refuses(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("few.npy", np.zeros((15, 3)) + np.arange(15)[:, None])
    verb, *rest = words
    assert main([verb, "few.npy", *rest]) == 1
    assert "training needs at least 16 usable items" in capsys.readouterr().err
    assert not Path("run").exists()


def test_presets_are_listed_with_their_papers(capsys):
    assert main(["presets"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert "default" in [preset["name"] for preset in listed]
    assert all(preset["summary"] and preset["paper"] for preset in listed)


def test_an_unknown_preset_or_setting_leaves_nothing_behind(data, tmp_path, capsys):
    run = str(tmp_path / "run")
    assert main(["train", data, "--run", run, "--preset", "defualt"]) == 1
    assert "Did you mean 'default'?" in capsys.readouterr().err
    assert main(["train", data, "--run", run, "--set", "network.widht=3"]) == 1
    assert "Did you mean 'network.width'?" in capsys.readouterr().err
    assert not Path(run).exists()


def test_an_interrupted_training_says_how_to_go_on(data, tmp_path, monkeypatch, capsys):
    def interrupted(data, run, **options):
        run.mkdir()
        (run / "config.json").write_text('{"config": {}}')
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", interrupted)
    run = tmp_path / "run"
    assert main(["train", data, "--run", str(run)]) == 130
    assert capsys.readouterr().err == f"sparring: Interrupted. Go on with `sparring resume {run}`.\n"


def test_a_count_that_is_not_whole_is_refused(data, tmp_path, capsys):
    assert main(["train", data, "--run", str(tmp_path / "run"), "--samples", "1.5"]) == 1
    assert "1.5" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_saved_model_is_told_from_a_run(run, tmp_path, capsys):
    GAN.load(run).save(tmp_path / "model")
    assert main(["report", str(tmp_path / "model")]) == 1
    assert "`GAN.save` wrote the model alone" in capsys.readouterr().err


def test_training_goes_on_when_nobody_reads_its_progress(data, run, tmp_path):
    options = ["--samples", "800", "--seed", "7", "--set", "network.width=8", "--set", "validation.points=2"]
    command = sparring_command("train", data, "--run", tmp_path / "run", *options)
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=write, text=True, check=False)
    os.close(write)
    assert done.returncode == 0
    assert done.stdout == f"{tmp_path / 'run'}\n"
    assert (tmp_path / "run/checkpoint/best").exists()
