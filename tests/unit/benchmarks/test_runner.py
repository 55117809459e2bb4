"""The common runner: what is finished stays finished, a torn line is run again, the page tells the truth."""

import json
from pathlib import Path

import pytest

from sparring.benchmarks.bench import Bar, Bench, Cell, Column, Context, Published, figures_of, total
from sparring.benchmarks.ledger import append_line, read_lines
from sparring.benchmarks.page import print_tables
from sparring.benchmarks.runner import run_bench
from sparring.benchmarks.table import BENCHMARKS
from sparring.errors import DataError, RunError, UsageError


class Fake:
    """A benchmark whose figure is seed + 1, that notes each cell it ran and may stop half way."""

    def __init__(self, stop_at: str | None = None) -> None:
        self.ran: list[str] = []
        self.stop_at = stop_at

    def run(self, cell: Cell, context: Context) -> dict:
        if cell.label == self.stop_at:
            raise KeyboardInterrupt
        self.ran.append(cell.label)
        return {"value": cell.seed + 1.0}

    def table(self, bound: float = 6.0) -> dict[str, Bench]:
        bar = Bar("sum of values", ">=", bound, total("value"))
        bench = Bench(
            name="fake",
            title="A fake",
            protocol="Adds one.",
            grid=(("a", "x"), ("b", "x")),
            run=self.run,
            columns=(Column("value", "value", ".2f"),),
            bars=(bar,),
            seeds=(0, 1),
            published=(Published("theirs", "7", "a paper"),),
        )
        return {"fake": bench}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(fake: Fake, **options):
    return run_bench("fake", results=Path("results"), benches=fake.table(), **options)


def test_a_stopped_bench_goes_on_where_it_stopped():
    first = Fake(stop_at="a/x/1")
    with pytest.raises(KeyboardInterrupt):
        run(first)
    assert first.ran == ["a/x/0", "b/x/0"]
    second = Fake()
    summary = run(second)
    assert second.ran == ["a/x/1", "b/x/1"]
    assert figures_of(summary.lines, "value") == [1.0, 1.0, 2.0, 2.0]
    third = Fake()
    run(third)
    assert third.ran == []


def test_a_torn_last_line_runs_again_and_harms_no_other():
    run(Fake())
    path = Path("results/fake.jsonl")
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    again = Fake()
    summary = run(again)
    assert again.ran == ["b/x/1"]
    assert len(summary.lines) == 4
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path):
    path = tmp_path / "lines.jsonl"
    path.write_text('{"set": "a", "me\n{"set": "a", "method": "x", "seed": 0}\n')
    with pytest.raises(RunError, match=r"Line 1 of .*lines\.jsonl"):
        read_lines(path)


def test_the_newest_line_of_a_cell_counts(tmp_path: Path):
    path = tmp_path / "lines.jsonl"
    for value in (1, 2):
        append_line(path, {"set": "a", "method": "x", "seed": 0, "figures": {"value": value}})
    assert figures_of(read_lines(path), "value") == [2]


def test_redo_only_and_seeds_choose_the_cells():
    run(Fake())
    redone = Fake()
    run(redone, redo=True, only="b/")
    assert redone.ran == ["b/x/0", "b/x/1"]
    assert "Run again: b/x/0, b/x/1 (the newest counts)" in Path("results/fake.md").read_text()
    other = Fake()
    run(other, seeds=[7])
    assert other.ran == ["a/x/7", "b/x/7"]


def test_the_page_says_what_was_measured_where_and_whether_it_passed(capsys: pytest.CaptureFixture[str]):
    assert run(Fake()).passed
    page = Path("results/fake.md").read_text()
    for expected in ("# A fake", "Adds one.", "make bench NAME=fake", "4 of 4 finished", "Commit: "):
        assert expected in page
    assert "| a | x | 0 | 1.00 |" in page
    assert "| sum of values | >= 6 | 6 | pass |" in page
    assert "| theirs | 7 | a paper |" in page
    out, err = capsys.readouterr()
    assert json.loads(out)["bars"][0]["value"] == 6.0
    assert "sum of values" in err


def test_a_wide_table_keeps_its_words_where_no_terminal_shows_it(capsys: pytest.CaptureFixture[str]):
    words = [f"a figure of number {i}" for i in range(12)]
    bench = Bench("wide", "Wide", "", (), lambda *_: {}, tuple(Column(word, word) for word in words), ())
    line = {"set": "a", "method": "b", "seed": 0, "seconds": 1.0, "figures": dict.fromkeys(words, 0.25)}
    print_tables(bench, [line], [])
    err = capsys.readouterr().err
    assert all(word in err for word in words)
    assert err.count("0.25") == 12


def test_a_bar_that_is_missed_fails():
    summary = run_bench("fake", results=Path("results"), benches=Fake().table(bound=6.5))
    assert summary.passed is False
    assert "**fail**" in Path("results/fake.md").read_text()


def test_every_line_says_where_it_comes_from():
    line = run(Fake()).lines[0]
    assert set(line) >= {"commit", "hardware", "torch", "date", "seconds", "command", "figures"}
    assert line["hardware"]["cores"] >= 1


def test_mistakes_get_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with pytest.raises(UsageError, match="Did you mean 'resume'"):
        run_bench("resum")
    with pytest.raises(UsageError, match="The cells are a/x/0"):
        run(Fake(), only="c/")
    monkeypatch.setenv("SPARRING_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="SPARRING_DATA must name the folder"):
        _ = Context(tmp_path, tmp_path).data


def test_the_table_of_benchmarks_names_what_is_asked_for():
    of_the_foundation = {"fashion", "hostile", "mnist", "resume", "step"}
    of_the_generator = {"cifar", "few", "frechet", "grid", "ring", "speed", "stability", "stacked-mnist"}
    of_the_encoder = {"embedding", "estimators", "reconstruct"}
    assert set(BENCHMARKS) == of_the_foundation | of_the_generator | of_the_encoder
    assert all(BENCHMARKS[name].name == name for name in BENCHMARKS)
