"""What the command line says to words that do not fit, in this process."""

import pytest

from sparring import __version__
from sparring.cli.main import main

MISUSES = [
    (["trian"], 'Unknown command "trian". Did you mean "train"?'),
    (["--hepl"], "Unknown option"),
    (["train"], "`sparring train` needs DATA."),
    (["train", "digits"], "`sparring train` needs --run."),
    (
        ["train", "digits", "--run", "r", "--mintues", "3"],
        "Unknown option: --mintues. Did you mean --minutes?",
    ),
    (["train", "digits", "--run", "r", "--minutes", "soon"], 'unable to convert "soon" into float'),
    (["train", "digits", "--run", "r", "--minutes", "0"], "Must be > 0"),
    (["train", "digits", "--run", "r", "--minutes", "nan"], "--minutes"),
    (["train", "digits", "--run", "r", "--minutes", "inf"], "--minutes"),
    (["train", "digits", "--run", "r", "--samples", "-5"], "Must be > 0"),
    (["train", "digits", "--run", "r", "--samples", "9", "--epochs", "2"], "--samples, --epochs"),
    (["train", "digits", "--run", "r", "--set", "width"], "`--set` must be key.path=value. Got 'width'."),
    (["train", "digits", "--run", "r", "--set", "a=1", "--set", "a=2"], "Got 'a' twice."),
    (["train", "no/such/folder", "--run", "r"], "no/such/folder"),
    (["inspect", "no/such/folder"], "no/such/folder"),
    (["inspect", "digitz"], "Did you mean 'digits'?"),
    (["resume", "no/such/run"], "There is no run folder 'no/such/run'."),
    (["sample", "no/such/run", "--out", "x.npz"], "There is no run folder 'no/such/run'."),
    (["sample", "no/such/run"], "`sparring sample` needs --out."),
    (["sample", "no/such/run", "-n", "0", "--out", "x.npz"], "Must be > 0"),
    (["evaluate", "no/such/run", "digits"], "There is no run folder 'no/such/run'."),
    (["report", "no/such/run"], "There is no run folder 'no/such/run'."),
    (["inspect", "digits", "again"], "Unexpected words: again."),
    (["bench", "resumee"], "Did you mean 'resume'?"),
    (["bench", "resume", "--seeds", "0"], "Must be > 0"),
]


@pytest.mark.parametrize(("words", "said"), MISUSES, ids=[" ".join(words) for words, _ in MISUSES])
def test_a_mistake_gets_status_1_and_one_sentence(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status = main(words)
    out, err = capsys.readouterr()
    assert status == 1
    assert out == ""
    assert err.startswith("sparring: ")
    assert err.count("\n") == 1
    assert said in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["--help"], [], ["train", "--help"], ["bench", "-h"]])
def test_help_goes_to_stdout_with_status_0(words, capsys):
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert "Usage: sparring" in out
    assert err == ""


def test_every_verb_is_listed(capsys):
    main(["--help"])
    listed = capsys.readouterr().out
    for verb in ("demo", "inspect", "train", "resume", "sample", "evaluate", "report", "presets", "bench"):
        assert f" {verb} " in listed


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__
