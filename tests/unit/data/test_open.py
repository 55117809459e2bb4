"""`survey`: bundled names, paths that are none, and forms that it does not read."""

import gzip
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from sparring.data import survey, toys
from sparring.data.bundled import BUNDLED
from sparring.errors import DataError


@pytest.mark.parametrize(
    ("name", "count", "kind", "shape", "dtype"),
    [
        ("digits", 1797, "image", (8, 8, 1), "uint8"),
        ("patches", 4880, "image", (32, 32, 3), "uint8"),
        ("ring", 100_000, "vector", (2,), "float32"),
        ("grid", 100_000, "vector", (2,), "float32"),
    ],
)
def test_bundled_sets(name, count, kind, shape, dtype):
    found = survey(name)
    assert (found.cleaning.kept, found.spec.kind, found.spec.shape, found.spec.dtype) == (
        count,
        kind,
        shape,
        dtype,
    )
    np.testing.assert_array_equal(BUNDLED[name](), BUNDLED[name]())


def test_digits_span_black_to_white():
    assert survey("digits").value_range == (0, 255)


def test_patches_are_cut_from_the_photographs():
    from sklearn.datasets import load_sample_image

    patches = BUNDLED["patches"]()
    np.testing.assert_array_equal(patches[0], load_sample_image("china.jpg")[:32, :32])
    np.testing.assert_array_equal(patches[1], load_sample_image("china.jpg")[:32, 10:42])
    np.testing.assert_array_equal(patches[-1], load_sample_image("flower.jpg")[390:422, 600:632])


@pytest.mark.parametrize(("toy", "modes", "sigma"), [(toys.ring(), 8, 0.01), (toys.grid(), 25, 0.05)])
def test_toys_have_the_published_modes_and_widths(toy, modes, sigma):
    points = toy.points().astype(np.float64)
    distances = np.linalg.norm(points[:, None] - toy.centres[None], axis=2)
    nearest, apart = distances.argmin(axis=1), distances.min(axis=1)
    shares = np.bincount(nearest, minlength=modes) / len(points)
    assert len(toy.centres) == modes
    # Shares are binomial and the mean square distance is 2 sigma^2 with a relative error of 1 / sqrt(n).
    np.testing.assert_allclose(shares, 1 / modes, atol=5 * np.sqrt(1 / modes / len(points)))
    assert np.mean(apart**2) == pytest.approx(2 * sigma**2, rel=5 / np.sqrt(len(points)))


def test_toy_centres_lie_where_the_paper_puts_them():
    np.testing.assert_allclose(np.linalg.norm(toys.ring().centres, axis=1), 1)
    assert {tuple(centre) for centre in toys.grid().centres} == {
        (x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)
    }


def test_path_goes_before_a_bundled_name(samples, tmp_path, monkeypatch):
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "a.png").write_bytes(samples.pngs(1)["000.png"])
    monkeypatch.chdir(tmp_path)
    assert survey("digits").form == "folder of images"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("digit", "Did you mean 'digits'"),
        ("nonesuch", "The choices are digits, grid, patches, ring"),
        ("no/such/path", "There is no such path"),
        ("nothing.zip", "There is no such path"),
        ("", "must be a path"),
        ("a\0b", "there is no such path"),
        ("x" * 5000, "cannot be read"),
        (3, "must be a path.*Got 'int'"),
    ],
)
def test_data_that_is_not_there(data, text):
    with pytest.raises(DataError, match=text):
        survey(data)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"1,2\n3,4"),
        ("a.xlsx", b"PK\x03\x04 a workbook"),
        ("a.csv.gz", gzip.compress(b"1,2\n3,4", mtime=0)),
        ("a.png", b"\x89PNG"),
        ("a", b""),
        ("b", b"hello"),
    ],
)
def test_form_that_is_not_read(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match="the data must be a folder, zip or tar of images") as caught:
        survey(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert ("np.save" in str(caught.value)) == (".csv" in name or ".xlsx" in name)


def test_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.zip")
    with pytest.raises(DataError, match="a pipe"):
        survey(tmp_path / "pipe.zip")


def test_inspection_is_json(samples, folder_of):
    folder = folder_of({**samples.pngs(3), "bad.png": b"", "copy.png": samples.pngs(1)["000.png"]})
    shown = json.loads(json.dumps(survey(folder).to_json()))
    assert (shown["count"], shown["found"], shown["duplicates"], shown["skipped"]) == (3, 5, 1, {"empty": 1})
    assert shown["duplicate_items"] == [{"name": "copy.png", "of": "000.png"}]
    assert shown["sizes"] == [{"height": 20, "width": 24, "count": 3}]
    assert shown["shape"] == [20, 24, 3]


def test_opening_does_not_import_torch_or_scikit_learn(samples, folder_of):
    folder = folder_of(samples.pngs(2))
    code = (
        "import sys; from sparring.data import survey; "
        f"survey({str(folder)!r}).source().rows([0]); print({{'torch', 'sklearn'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
