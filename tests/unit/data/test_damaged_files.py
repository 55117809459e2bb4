"""Seeded damage of every format: each file becomes a listed skip, a readable item, or one sentence."""

from pathlib import Path

import numpy as np
import pytest

from sparring.data import survey
from sparring.errors import DataError

WHOLE_FORMS = (
    *("a.npy", "a.npz", "stored.npz", "a.idx", "a.idx.gz", "a.zip"),
    *("a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz", "a.parquet"),
)
CASES = 30


def damaged(content: bytes, random: np.random.Generator) -> bytes:
    """Cut short, with flipped bits (often in the header), or with a stretch overwritten."""
    kind = random.integers(4)
    if kind == 0:
        return content[: random.integers(len(content))]
    changed = np.frombuffer(content, np.uint8).copy()
    end = len(changed) if kind == 1 else min(len(changed), 64)
    if kind == 3:
        start = random.integers(len(changed))
        changed[start : start + 40] = random.integers(256, size=len(changed[start : start + 40]))
    else:
        places = random.integers(end, size=random.integers(1, 6))
        changed[places] ^= (1 << random.integers(8, size=len(places))).astype(np.uint8)
    return changed.tobytes()


def outcome(path: Path) -> str:
    """Read everything that can be read; the text of the error, or nothing."""
    try:
        found = survey(path)
    except DataError as error:
        return str(error)
    cleaning = found.cleaning
    assert cleaning.found == cleaning.kept + len(cleaning.skipped) + len(cleaning.duplicates)
    source = found.source(keep_duplicates=True)
    assert source.rows(np.arange(len(source))).shape == (len(source), *found.spec.shape)
    return ""


@pytest.mark.parametrize("name", WHOLE_FORMS)
def test_damaged_file_gets_one_sentence_that_names_it(samples, tmp_path, capfd, name):
    content = samples.files(tmp_path)[name].read_bytes()
    random = np.random.default_rng(len(content))
    path = tmp_path / f"damaged-{name}"
    refused = 0
    for _ in range(CASES):
        path.write_bytes(damaged(content, random))
        text = outcome(path)
        refused += bool(text)
        assert not text or (text.startswith(str(path)) and "\n" not in text and text.endswith("."))
    assert refused > 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tif", "webp", "jp2", "ppm", "pcx", "ico"])
def test_damaged_images_are_listed_and_the_others_stay(samples, folder_of, capfd, suffix):
    content = samples.encoded(samples.picture(7, (32, 32)), samples.image_formats[suffix])
    random = np.random.default_rng(len(content))
    bad = {f"bad{index:02d}.{suffix}": damaged(content, random) for index in range(CASES)}
    found = survey(folder_of({**samples.pngs(4), **bad}))
    assert found.cleaning.found == 4 + CASES
    assert set(samples.pngs(4)) <= set(found.names or ())
    listed = {item.name for item in found.cleaning.skipped}
    assert listed
    assert listed | set(found.names or ()) == {*samples.pngs(4), *bad}
    source = found.source((16, 16, found.spec.shape[2]), keep_duplicates=True)
    assert len(source.rows(np.arange(len(source)))) == len(found.names or ())
    assert capfd.readouterr() == ("", "")
