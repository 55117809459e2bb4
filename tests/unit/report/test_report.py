import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from sparring.assembly import split
from sparring.config import Config
from sparring.data.cache import open_cache
from sparring.errors import RunError
from sparring.report.page import gather
from sparring.report.render import write_report

VOID = {"meta", "img", "source", "br", "link"}


class Outline(HTMLParser):
    """Tags, attributes and text of a page; fails where tags do not match."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.words = [], [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def outline(folder, load, compare=()):
    return Outline(write_report(folder, compare, load).read_text(encoding="utf-8"))


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_the_page_needs_nothing_but_itself(digits_run):
    folder, load = digits_run
    path = write_report(folder, load=load)
    assert path == folder / "report.html"
    page = Outline(path.read_text(encoding="utf-8"))
    assert "script" not in page.tags
    assert "link" not in page.tags
    sources = [value for name, value in page.attributes if name in ("src", "srcset", "href")]
    assert len(sources) > 10
    assert all(value.startswith("data:image/") for value in sources)
    assert all(value for name, value in page.attributes if name == "alt")
    assert not list(folder.glob(".*"))


def test_the_page_tells_the_whole_story(digits_run):
    text = outline(*digits_run).text
    for expected in (
        "four in five kinds of real digit",
        "1,797 images",
        "Samples seen 400,000",
        "Samples a second 5,200",
        "Nearest in the discriminator's features",
        "Nearest in pixels",
        "out of 1,618 searched",
        "Frechet distance",
        "3.22 to 3.7",
        "797 samples against 797 held-out items",
        "the samples' variance fell to 0.03",
        "The budget of 400,000 samples was used up",
        "scan 07.png",
        "corrupt: the file ends early",
        "duplicate of a/0001.png",
        "gamma 0.6, falling to 0.06",
        "penalties.gamma",
        "2 cores of a CPU with bf16",
    ):
        assert expected in text


def test_nearest_items_are_looked_for_among_those_that_were_trained_on(digits_run, monkeypatch):
    from sparring.report import gallery

    folder, load = digits_run
    searched = []
    monkeypatch.setattr(gallery, "nearest", lambda rows, source, spaces: searched.append(source) or {})
    gather(folder, [], load)
    (train,) = searched
    rows = train.rows(np.arange(len(train)))
    held_out = split(open_cache(folder / "cache"), Config()).held_out
    assert len(rows) + len(held_out) == 1797
    unseen = held_out.rows(np.arange(len(held_out)))
    assert not {row.tobytes() for row in rows} & {row.tobytes() for row in unseen}


def test_samples_over_time_are_the_first_the_last_and_some_between(digits_run):
    folder, load = digits_run
    labels = [strip.label for strip in gather(folder, [], load).moments]
    assert labels == ["0", "80,000", "160,000", "240,000", "320,000", "400,000"]
    for path in sorted((folder / "samples").iterdir())[1:]:
        path.unlink()
    assert [strip.label for strip in gather(folder, [], load).moments] == ["0"]


def test_missing_facts_say_what_to_run(digits_run):
    folder, load = digits_run
    for name in ("metrics.json", "history.jsonl", "cleaned.json"):
        (folder / name).unlink()
    for path in (folder / "samples").iterdir():
        path.unlink()
    text = outline(folder, load).text
    assert f"Not judged yet. Run sparring evaluate {folder} DATA" in text
    assert f"sparring resume {folder} goes on" in text
    assert "The run has no cleaned.json" in text
    assert "Samples over time" not in text


def test_hostile_text_stays_text(digits_run):
    folder, load = digits_run
    bad = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    skipped = [{"name": bad, "reason": bad, "detail": bad}]
    edit(folder / "cleaned.json", skipped=skipped, counts={bad: 1}, notes=[bad])
    measure = {
        "name": bad,
        "value": 1,
        "extractor": bad,
        "protocol": bad,
        "better": "lower",
        "baselines": {bad: 2},
    }
    edit(folder / "metrics.json", verdict=[bad], measures=[measure])
    edit(
        folder / "config.json",
        decisions=[bad],
        version=bad,
        hardware=bad,
        data={"path": bad},
        config={"preset": bad},
    )
    (folder / "history.jsonl").write_text(json.dumps({"event": "end", "samples": 1, "text": bad}))
    page = outline(folder, load)
    assert "script" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert all(value.startswith("data:") for name, value in page.attributes if name == "src")
    assert page.text.count("<script>alert(1)</script>") > 10


@pytest.mark.parametrize("kind", ["ring", "table", "waves"])
def test_vectors_and_series_have_the_same_sections(kind, make_run):
    folder, load = make_run(kind)
    page = outline(folder, load)
    assert page.tags.count("section") == 9
    assert page.tags.count("source") >= 8, "drawn for light and for dark pages"


def test_runs_are_put_side_by_side(make_run):
    folder, load = make_run("digits")
    other, _ = make_run("digits", name="wide", shift=0.1)
    comparison = gather(folder, [other], load).comparison
    assert comparison.names == (folder.name, "wide")
    assert [strip.label for strip in comparison.runs] == [folder.name, "wide"]
    assert comparison.table.baselines == ("wide",)
    assert comparison.curves is not None
    assert comparison.warning == ""
    edit(other / "metrics.json", n=12)
    assert "were not judged by equally many of the same items" in outline(folder, load, [other]).text
    edit(other / "config.json", data={"path": "x", "fingerprint": "another"})
    assert "did not see the same data" in outline(folder, load, [other]).text


def test_two_runs_of_one_name_are_told_apart_by_their_paths(make_run):
    folder, load = make_run("digits", name="a/run")
    other, _ = make_run("digits", name="b/run")
    names = gather(folder, [other], load).comparison.names
    assert names == (str(folder), str(other))


def test_runs_of_other_sizes_are_not_ranked(make_run):
    folder, load = make_run("digits", name="a/run")
    other, _ = make_run("digits", name="b/run")
    assert gather(folder, [other], load).comparison.warning == ""
    data = json.loads((other / "config.json").read_text())["data"]
    edit(other / "config.json", data={**data, "spec": {"shape": [4, 4, 1]}})
    assert "items of different sizes" in gather(folder, [other], load).comparison.warning


def test_a_verdict_on_an_earlier_state_of_the_model_says_so(digits_run):
    folder, load = digits_run
    edit(folder / "metrics.json", samples=1000)
    before = gather(folder, [], load).verdict
    edit(folder / "metrics.json", samples=600)
    assert gather(folder, [], load).verdict == (
        "Judged after 600 samples; the model has seen 1,000 now: evaluate it again.",
        *before,
    )


def test_at_most_twenty_names_are_shown_and_all_are_counted(digits_run):
    folder, load = digits_run
    skipped = [{"name": f"n{index}.png", "reason": "corrupt", "detail": "cut"} for index in range(30)]
    edit(folder / "cleaned.json", skipped=skipped, duplicates=[], counts={"corrupt": 30})
    text = outline(folder, load).text
    assert "the first 20 of 30" in text
    assert "n19.png" in text
    assert "n20.png" not in text


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match=r"RUN must be a run folder, which has a config\.json\. Got"):
        write_report(tmp_path)


def test_damaged_json_is_named(digits_run):
    folder, load = digits_run
    (folder / "metrics.json").write_text('{"measures": [')
    with pytest.raises(RunError, match=r"metrics\.json: it is not JSON"):
        write_report(folder, load=load)


def test_the_page_is_the_same_every_time(digits_run):
    folder, load = digits_run
    first = write_report(folder, load=load).read_bytes()
    assert write_report(folder, load=load).read_bytes() == first


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("digits", "digits"),
        ("/d/fashion.zip", "fashion"),
        ("x/train-images-idx3-ubyte.gz", "train-images-idx3-ubyte"),
        ("cells.tar.gz", "cells"),
        ("folder.v2/", "folder.v2"),
        ("/d/flowers/train", "flowers/train"),
        ("data", "data"),
    ],
)
def test_the_data_set_is_named_after_its_path(path, name, digits_run):
    from sparring.report.facts import read_facts

    folder, _ = digits_run
    edit(folder / "config.json", data={"path": path})
    assert read_facts(folder).data_name == name


def test_large_images_are_fewer(tmp_path):
    from sparring.data.source import Spec
    from sparring.report.artist import layout_for

    small, large = (layout_for(Spec("image", (side, 64, 3), "uint8")).shown for side in (96, 97))
    assert (small, large) == (64, 25)
    assert np.sqrt(large).is_integer()
