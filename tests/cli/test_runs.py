"""One small run through every verb that needs one, in this process."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sparring import GAN, GANTransformer, training
from sparring.benchmarks.command import sparring_command
from sparring.cli.main import main
from sparring.model import Model


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
    assert told["training"]["minutes"] == 10
    assert main(["inspect", data, "--minutes", "0.2"]) == 0
    assert json.loads(capsys.readouterr().out)["training"]["minutes"] == 0.2


@pytest.mark.parametrize("words", [["inspect"], ["train", "--run", "run"]])
def test_inspect_refuses_what_train_refuses(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("few.npy", np.zeros((9, 3)) + np.arange(9)[:, None])
    verb, *rest = words
    assert main([verb, "few.npy", *rest]) == 1
    assert "training needs at least 10 usable items" in capsys.readouterr().err
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


def test_embed_writes_a_row_for_every_item(data, run, tmp_path, capsys):
    out = tmp_path / "vectors.csv"
    assert main(["embed", str(run), data, "--dim", "2", "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{out}\n"
    assert "t-SNE map" in said.err
    lines = out.read_text().splitlines()
    assert lines[0] == "item,e0,e1"
    assert (len(lines), lines[1].split(",")[0]) == (201, "row 0")


def test_embed_in_an_npz_is_what_the_estimator_says(data, run, tmp_path, capsys):
    assert main(["embed", str(run), data, "--out", str(tmp_path / "vectors.npz")]) == 0
    with np.load(tmp_path / "vectors.npz") as arrays:
        vectors = GANTransformer.load(run).transform(data)
        np.testing.assert_allclose(arrays["embedding"], vectors, atol=1e-5)
    assert main(["embed", str(run), data, "--out", str(tmp_path / "vectors.parquet")]) == 0
    table = pd.read_parquet(tmp_path / "vectors.parquet")
    assert list(table.columns) == ["item", "e0", "e1", "e2"]
    assert table["item"].tolist() == [f"row {i}" for i in range(200)]
    np.testing.assert_allclose(table[["e0", "e1", "e2"]].to_numpy(), vectors, atol=1e-5)
    assert "the 3 numbers that the encoder tells" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--out", "vectors.png"], "OUT must be a file that ends in one of .npz, .npy, .csv, .parquet"),
        (["--dim", "5000", "--out", "v.npz"], "`dim` of `embed` must be from 1 to 11"),
    ],
)
def test_embed_refuses_in_one_sentence(words, sentence, data, run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["embed", str(run), data, *words]) == 1
    assert sentence in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_missing_cells_that_a_model_never_saw_are_refused(data, run, tmp_path, capsys):
    rows = np.load(data)
    rows[3, 1] = np.nan
    np.save(tmp_path / "holes.npy", rows)
    assert main(["embed", str(run), str(tmp_path / "holes.npy"), "--out", str(tmp_path / "v.npz")]) == 1
    assert "1 missing cells" in capsys.readouterr().err


def test_a_model_without_an_encoder_says_so(data, tmp_path, capsys):
    words = ["--samples", "300", "--set", "network.width=8", "--set", "encoder.share=0"]
    assert main(["train", data, "--run", str(tmp_path / "bare"), *words]) == 0
    assert main(["embed", str(tmp_path / "bare"), data, "--out", str(tmp_path / "v.npz")]) == 1
    assert "This model has no encoder" in capsys.readouterr().err


def test_embed_does_not_take_the_place_of_its_data(data, run, capsys):
    before = Path(data).read_bytes()
    assert main(["embed", str(run), data, "--out", data]) == 1
    assert "another file than DATA" in capsys.readouterr().err
    assert Path(data).read_bytes() == before


def test_a_damaged_model_is_told_in_a_sentence_and_the_other_one_answers(run, tmp_path, capsys):
    copy = shutil.copytree(run, tmp_path / "run")
    for weights in (copy / "checkpoint").glob("best*/*.safetensors"):
        weights.write_bytes(b"damaged")
    assert main(["sample", str(copy), "-n", "3", "--out", str(tmp_path / "new.npy")]) == 0
    error = capsys.readouterr().err
    assert "is taken in its place" in error
    assert "Warning" not in error


def test_two_processes_do_not_train_one_run(run, tmp_path, capsys):
    import fcntl

    copy = shutil.copytree(run, tmp_path / "copy")
    handle = os.open(copy, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    assert main(["resume", str(copy)]) == 1
    assert "is being trained by another process" in capsys.readouterr().err
    os.close(handle)
    assert main(["resume", str(copy)]) == 0


def test_an_evaluation_is_told_where_it_cannot_be_written(data, run, tmp_path, capsys):
    copy = shutil.copytree(run, tmp_path / "copy")
    (copy / "metrics.json").unlink(missing_ok=True)
    (copy / "metrics.json").mkdir()
    assert main(["evaluate", str(copy), data]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["n"] == 100
    assert "metrics.json could not be written" in said.err


def test_an_evaluation_without_the_training_items_says_so(run, tmp_path, capsys):
    copy = shutil.copytree(run, tmp_path / "copy", ignore=shutil.ignore_patterns("cache"))
    np.save(tmp_path / "new.npy", np.random.default_rng(1).normal(size=(100, 3)).astype(np.float32))
    assert main(["evaluate", str(copy), str(tmp_path / "new.npy")]) == 0
    said = capsys.readouterr()
    assert "memorisation" not in {measure["name"] for measure in json.loads(said.out)["measures"]}
    assert "holds no cache of the training items any more" in said.err


@pytest.mark.parametrize("out", [".", "..", "new/.."])
def test_samples_need_a_name_of_their_own(run, out, tmp_path, monkeypatch, capsys):
    path = run.resolve()
    monkeypatch.chdir(tmp_path)
    assert main(["sample", str(path), "--out", out]) == 1
    assert "OUT must be a file, or a folder that can be made anew" in capsys.readouterr().err


def test_a_run_that_was_stopped_says_so_of_its_samples(data, tmp_path, capsys):
    words = ["--samples", "800", "--set", "network.width=8", "--set", "validation.points=2"]
    assert main(["train", data, "--run", str(tmp_path / "run"), *words]) == 0
    assert main(["sample", str(tmp_path / "run"), "--out", str(tmp_path / "all.npy")]) == 0
    assert "not finished" not in capsys.readouterr().err
    model = Model.load(tmp_path / "run")
    replace(model, encoder=None, decoder=None).save(tmp_path / "run" / "checkpoint" / "best")
    assert main(["sample", str(tmp_path / "run"), "--out", str(tmp_path / "broken.npy")]) == 0
    assert "not finished" not in capsys.readouterr().err, "an encoder that broke is no reason to go on"
    history = tmp_path / "run" / "history.jsonl"
    history.write_text(history.read_text().partition('{"event": "encoding"')[0])
    assert main(["sample", str(tmp_path / "run"), "--out", str(tmp_path / "some.npy")]) == 0
    assert "This run is not finished: its model had seen" in capsys.readouterr().err


def test_a_path_that_is_no_text_is_inspected_and_trained_on(tmp_path, capsys):
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    Path(folder).mkdir()
    np.save(Path(folder) / "x.npy", np.random.default_rng(0).normal(size=(50, 2)))
    assert main(["inspect", f"{folder}/x.npy"]) == 0
    assert json.loads(capsys.readouterr().out)["path"].endswith("\\xff/x.npy")
