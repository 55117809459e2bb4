"""The hostile benchmark: its inputs are many and the same every time, and its judge sees every fault."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from sparring.benchmarks.answers import faults, names_skipped
from sparring.benchmarks.hostile import HOSTILE, MUTATED, cases_of
from sparring.benchmarks.malformed import archives, arrays
from sparring.benchmarks.malformed.materials import CONTAINERS, IMAGES
from sparring.benchmarks.malformed.mutated import flipped, truncated
from sparring.benchmarks.malformed.readers import sound
from sparring.benchmarks.malformed.trap import Place, Trap
from sparring.benchmarks.sandbox import Outcome, changes, run_limited, snapshot
from sparring.rng import numpy_stream

GIB = 1 << 30


def make_place(root: Path) -> Place:
    place = Place(root / "data", root / "run", root / "canary")
    for folder in (place.data, place.run, place.canary):
        folder.mkdir(parents=True)
    return place


def content_of(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def test_there_are_at_least_two_hundred_cases_with_different_names(tmp_path: Path):
    names = [case.name for cell in HOSTILE.cells() for case in cases_of(cell, tmp_path)]
    assert len(names) == len(set(names)) >= 200
    mutated = [cell.set for cell in HOSTILE.cells() if cell.method == MUTATED]
    assert set(mutated) == {*IMAGES, *CONTAINERS}


@pytest.mark.parametrize("form", ["jpg", "tar.gz", "parquet"])
def test_the_same_seed_makes_the_same_inputs_and_another_seed_others(tmp_path: Path, form: str):
    cell = next(cell for cell in HOSTILE.cells() if cell.set == form)

    def made(root: Path, seed: int) -> list[str]:
        digests = []
        for case in cases_of(cell, tmp_path):
            place = make_place(root / case.name.replace("/", "-"))
            case.make(place, numpy_stream(seed, case.name))
            digests.append(content_of(place.data))
        return digests

    first, again, other = made(tmp_path / "1", 0), made(tmp_path / "2", 0), made(tmp_path / "3", 1)
    assert first == again
    assert len(set(first)) > len(first) // 2
    assert sum(a != b for a, b in zip(first, other, strict=True)) > len(first) // 2


@pytest.mark.parametrize("form", [*IMAGES, *CONTAINERS])
def test_independent_readers_take_the_real_file_and_refuse_half_of_it(form: str):
    content = IMAGES[form][1]() if form in IMAGES else CONTAINERS[form]()
    reader = "image" if form in IMAGES else form
    assert sound(reader, content)
    assert not sound(reader, content[: len(content) // 2])


def test_flips_change_a_few_bits_and_cuts_keep_a_beginning():
    generator = np.random.default_rng(0)
    content = bytes(1000)
    damaged = np.frombuffer(flipped(content, generator, header=True), np.uint8)
    assert 1 <= np.unpackbits(damaged).sum() <= 8
    assert damaged[256:].sum() == 0
    assert len(truncated(content, generator)) < 1000


def test_escaping_archives_and_pickles_hold_what_they_should(tmp_path: Path):
    import tarfile

    by_name = {case.name: case for case in [*archives.cases(), *arrays.cases()]}
    place = make_place(tmp_path)
    trap = by_name["archives/tar-grandparent"].make(place, np.random.default_rng(0))
    with tarfile.open(place.data / "data.tar") as archive:
        assert "inside/../../../escape.png" in archive.getnames()
    assert trap.answer == "refused"
    by_name["arrays/object"].make(place, np.random.default_rng(0))
    with pytest.raises(ValueError, match="allow_pickle"):
        np.load(place.data / "data.npy", allow_pickle=False)
    assert str(place.canary / "loaded").encode() in (place.data / "data.npy").read_bytes()


def answer(status: int | None = 1, out: str = "", err: str = "", memory: int = 0) -> Outcome:
    return Outcome(status, out, err, memory, 1.0)


SENTENCE = "sparring: data.npy: an array must have at least 16 items. Got 15.\n"
REFUSED = Trap(("inspect", "data.npy"), ("data.npy",), "refused")
SKIPPED = Trap(("inspect", "images"), ("bad.png",), "skipped")
NAMED = Trap(("inspect", "data.zip"), ("bad.png", "data.zip"), "named")
LISTED = json.dumps({"cleaning": {"skipped": [{"name": "a/bad.png", "reason": "corrupt"}]}})


@pytest.mark.parametrize(
    ("trap", "outcome", "written", "kinds"),
    [
        (REFUSED, answer(err=SENTENCE), [], []),
        (REFUSED, answer(err="reading ...\n" + SENTENCE), [], []),
        (SKIPPED, answer(0, LISTED), [], []),
        (NAMED, answer(0, LISTED), [], []),
        (Trap((), ("x",), "any"), answer(0, "{}"), [], []),
        (REFUSED, answer(0, "{}"), [], ["accepted"]),
        (SKIPPED, answer(err=SENTENCE.replace("data.npy", "bad.png")), [], ["refused"]),
        (SKIPPED, answer(0, '{"path": "bad.png", "skipped": []}'), [], ["silent"]),
        (REFUSED, answer(err="sparring: the array must have 16 items. Got 15.\n"), [], ["unnamed"]),
        (REFUSED, answer(err="data.npy: an array must have 16 items.\n"), [], ["no sentence"]),
        (REFUSED, answer(err=SENTENCE + SENTENCE), [], ["no sentence"]),
        (REFUSED, answer(err="sparring: data.npy bad\n"), [], ["unclear"]),
        (REFUSED, answer(err=SENTENCE.replace("an", "\x1b[31man", 1)), [], ["unclear"]),
        (REFUSED, answer(err="Traceback (most recent call last)\n" + SENTENCE), [], ["traceback"]),
        (REFUSED, answer(err="a.py:3: UserWarning: hm\n" + SENTENCE), [], ["warning"]),
        (REFUSED, answer(-11, err=SENTENCE), [], ["crash"]),
        (REFUSED, answer(None), [], ["hang"]),
        (REFUSED, answer(err=SENTENCE, memory=2 * GIB), [], ["memory"]),
        (REFUSED, answer(err=SENTENCE), ["/tmp/escape.png"], ["escape"]),
    ],
)
def test_the_judge_sees_every_kind_of_fault(trap: Trap, outcome: Outcome, written: list[str], kinds: list[str]):
    assert [fault.kind for fault in faults(trap, outcome, written, GIB)] == kinds


def test_a_bad_item_is_told_of_by_name_or_where_there_are_only_counts_by_number():
    assert names_skipped(LISTED, ["bad.png"])
    assert not names_skipped(LISTED, ["other.png"])
    assert names_skipped('{"skipped": {"corrupt": 1}}', ["bad.png"])
    assert not names_skipped('{"skipped": {}}', ["bad.png"])
    assert not names_skipped("no json", ["bad.png"])


def test_the_account_in_the_run_folder_is_what_training_is_judged_by():
    assert faults(SKIPPED, answer(0, "run"), [], GIB, LISTED) == []
    [fault] = faults(SKIPPED, answer(0, "run"), [], GIB, LISTED.replace("bad", "other"))
    assert fault.kind == "silent"


def test_a_resumed_run_has_to_say_that_it_fell_back():
    trap = Trap(("resume", "bad-run"), ("bad-run",), "named")
    assert faults(trap, answer(0, err="the newest checkpoint is damaged; went on"), [], GIB) == []
    assert [fault.kind for fault in faults(trap, answer(0), [], GIB)] == ["silent"]


def test_a_snapshot_sees_what_appears_changes_and_vanishes(tmp_path: Path):
    for name in ("keep", "change", "vanish", "run/free"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a")
    (tmp_path / "loop").symlink_to(tmp_path)
    before = snapshot(tmp_path, tmp_path / "run")
    (tmp_path / "change").write_text("ab")
    (tmp_path / "vanish").unlink()
    (tmp_path / "new").mkdir()
    (tmp_path / "run/more").write_text("allowed")
    after = snapshot(tmp_path, tmp_path / "run")
    assert [Path(path).name for path in changes(before, after)] == ["change", "new", "vanish"]


def test_a_command_that_hangs_is_killed_and_its_status_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from sparring.benchmarks import sandbox

    def shell(script: str):
        return lambda *words: ["sh", "-c", script]

    (tmp_path / "home").mkdir()
    monkeypatch.setattr(sandbox, "sparring_command", shell("echo out; echo err >&2; exit 3"))
    done = run_limited([], tmp_path / "home", 10)
    assert (done.status, done.out, done.err) == (3, "out\n", "err\n")
    assert done.memory > 0
    monkeypatch.setattr(sandbox, "sparring_command", shell("sleep 60"))
    assert run_limited([], tmp_path / "home", 0.2).status is None
