"""The encoder's section: errors that are the figures they say, a map where there is one, nothing without an encoder."""

import re

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from sparring import training
from sparring.assembly import Split
from sparring.data.cache import open_cache
from sparring.data.folders import Folders
from sparring.data.source import SubsetSource
from sparring.model import Model
from sparring.report import write_report
from sparring.report.understanding import look_inside
from sparring.tasks.groups import find_groups
from sparring.tasks.reconstruct import STEPS

SETTINGS = {"network.width": 8, "validation.points": 2, "encoder.width": 16}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "digits"
    return training.train("digits", folder, samples=1280, progress=False, settings=SETTINGS)


@pytest.fixture(autouse=True)
def few_anchors(monkeypatch):
    monkeypatch.setattr("sparring.tasks.maps.ANCHORS", 200)


def test_the_losses_said_are_those_of_the_rows(run):
    model, source = Model.load(run), open_cache(run / "cache")
    found = look_inside(model, source, Split(source, source, is_apart=True))
    assert found is not None
    assert found.map is not None
    assert "t-SNE map of 200 items" in found.rule
    held = source.rows(np.linspace(0, 1796, 128).astype(int)).astype(float)
    painted = model.decode(model.refine(held, model.encode(held.astype(np.uint8)), STEPS))
    share = ((painted - held) ** 2).mean() / ((held - held.mean(0)) ** 2).mean()
    said = re.search(r"all 64 numbers of its code, refined: ([\d.]+)%", found.strips[1].label)
    assert said is not None
    assert float(said[1]) == pytest.approx(100 * share, abs=0.2)
    assert [strip.label.partition(":")[0] for strip in found.strips[2:]] == [
        "Painted from the first 10 numbers, refined",
        "From 10 principal components",
    ]


def test_the_page_has_the_section(run):
    page = write_report(run).read_text()
    assert "What the encoder knows" in page
    assert "Held-out items on a t-SNE map" in page


def test_without_an_encoder_there_is_no_section(run):
    model, source = Model.load(run), open_cache(run / "cache")
    model.encoder = None
    assert look_inside(model, source, Split(source, source, is_apart=True)) is None


def test_folders_are_told_apart_as_often_as_neighbours_agree(run):
    model, source = Model.load(run), open_cache(run / "cache")
    keep, rest = np.arange(0, 1797, 9), np.setdiff1d(np.arange(1797), np.arange(0, 1797, 9))
    parts = Split(SubsetSource(source, rest), SubsetSource(source, keep), is_apart=True)
    truth = load_digits().target
    folders = Folders(tuple("0123456789"), truth)
    found = look_inside(model, source, parts, folders)
    assert found is not None
    assert len(found.coloured) == 2
    rows = source.rows(np.arange(1797)).reshape(1797, -1)
    agree = KNeighborsClassifier(1).fit(rows[rest], truth[rest]).score(rows[keep], truth[keep])
    low_to_high = r" \([\d.]+% to [\d.]+%\)"
    assert re.search(f"for {agree:.1%}{low_to_high} by the values", found.coloured[1].label)
    vectors = model.embed(source.rows(np.arange(1797)), model.code_size)
    agree = KNeighborsClassifier(1).fit(vectors[rest], truth[rest]).score(vectors[keep], truth[keep])
    assert re.search(f"for {agree:.1%}{low_to_high} of these 200 items by the embedding", found.coloured[1].label)


def test_an_item_is_no_neighbour_of_its_own(run):
    model, source = Model.load(run), open_cache(run / "cache")
    alone = Folders(tuple(map(str, range(10))), np.arange(1797) % 10)  # groups that mean nothing
    found = look_inside(model, source, Split(source, source, is_apart=False), alone)
    assert found is not None
    assert len(found.coloured) == 2
    said = re.search(r"for ([\d.]+)% \(.*\) of these [\d,]+ items by the embedding", found.coloured[1].label)
    assert said is not None
    assert float(said[1]) < 25


def test_clusters_are_measured_against_folders(run):
    model, source = Model.load(run), open_cache(run / "cache")
    parts = Split(source, source, is_apart=False)
    plain = look_inside(model, source, parts)
    assert plain is not None
    assert len(plain.coloured) == 1
    assert "information" not in plain.coloured[0].label
    groups = find_groups(model.embed(source.rows(np.arange(1797)), model.code_size))
    assert f"of which {groups.max() + 1} were found" in plain.coloured[0].label
    same = look_inside(model, source, parts, Folders(tuple(map(str, range(groups.max() + 1))), groups))
    assert same is not None
    assert "share 1.00 of their information" in same.coloured[0].label
