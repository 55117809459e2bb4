"""`sparring sample` on a model in a folder: what is written, where, and the path on stdout."""

import numpy as np
import pytest

from sparring.cli.main import main
from sparring.config import Config, replace
from sparring.data.source import Spec

SPEC = Spec("image", (8, 8, 1), "uint8", squeezed=True)


class FakeModel:
    spec, encoder, config, facts = SPEC, None, replace(Config(), encoder={"samples": 0}), {"samples": 0}

    def sample(self, count, seed=0):
        return np.random.default_rng(seed).integers(0, 256, (count, *SPEC.shape), np.uint8)


@pytest.fixture
def saved(tmp_path, monkeypatch):
    monkeypatch.setattr("sparring.model.Model.load", lambda folder: FakeModel())
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "state.json").write_text("{}")
    return folder


def test_values_go_to_an_npz_and_its_path_to_stdout(saved, tmp_path, capsys):
    out = tmp_path / "new.npz"
    assert main(["sample", str(saved), "-n", "5", "--seed", "3", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    with np.load(out) as file:
        np.testing.assert_array_equal(file["samples"], FakeModel().sample(5, seed=3)[..., 0])


def test_a_folder_gets_64_pictures_unless_told_otherwise(saved, tmp_path):
    assert main(["sample", str(saved), "--out", str(tmp_path / "new")]) == 0
    assert len(list((tmp_path / "new").glob("*.png"))) == 64


def test_an_unknown_suffix_is_a_mistake(saved, tmp_path, capsys):
    assert main(["sample", str(saved), "--out", str(tmp_path / "new.mp4")]) == 1
    assert capsys.readouterr().err.startswith("sparring: The suffix of OUT must be one of")


def test_only_the_first_process_prints(saved, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert main(["sample", str(saved), "--out", str(tmp_path / "new.npz")]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("new.mp4", "The suffix of OUT must be one of"),
        ("new.csv", "a .csv only for vectors"),
        ("new.png", "a .png only for 1,024 items or fewer"),
        ("file", "OUT must be a new or empty folder"),
    ],
)
def test_an_out_that_cannot_be_is_refused_before_anything_is_made(saved, tmp_path, capsys, monkeypatch, out, words):
    monkeypatch.setattr(FakeModel, "sample", lambda *arguments, **options: pytest.fail("it drew"))
    (tmp_path / "file").write_text("mine")
    assert main(["sample", str(saved), "-n", "2000", "--out", str(tmp_path / out)]) == 1
    assert words in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"
