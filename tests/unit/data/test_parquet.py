"""Parquet with an image column: struct of bytes and path, or plain binary."""

import sys
from pathlib import Path

import numpy as np
import pytest

from sparring.data import survey
from sparring.errors import DataError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def test_struct_column_over_several_row_groups(samples, tmp_path):
    cells = [*samples.pngs(12).values(), None, b"", b"broken"]
    found = survey(samples.write_parquet(tmp_path / "a.parquet", cells))
    assert found.names == tuple(f"row {row}" for row in range(12))
    listed = {item.name: item.reason for item in found.cleaning.skipped}
    assert listed == {"row 12": "empty", "row 13": "empty", "row 14": "not an image"}
    rows = found.source().rows([11, 0, 6])
    np.testing.assert_array_equal(rows, np.stack([samples.picture(index) for index in (11, 0, 6)]))


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_binary_column(samples, tmp_path, kind):
    cells = list(samples.pngs(3).values())
    pq.write_table(pa.table({"id": [1, 2, 3], "scan": pa.array(cells, kind)}), tmp_path / "a.parquet")
    assert survey(tmp_path / "a.parquet").cleaning.kept == 3


def test_column_named_image_goes_before_other_binary_ones(samples, tmp_path):
    cells = list(samples.pngs(3).values())
    pq.write_table(pa.table({"mask": [b"x"] * 3, "image": cells}), tmp_path / "a.parquet")
    assert survey(tmp_path / "a.parquet").cleaning.kept == 3


def test_no_image_column_names_the_columns(tmp_path):
    pq.write_table(pa.table({"age": [1], "name": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="Got the columns age, name"):
        survey(tmp_path / "a.parquet")


def test_missing_pyarrow_names_the_extra(samples, tmp_path, monkeypatch):
    path = samples.write_parquet(tmp_path / "a.parquet", list(samples.pngs(2).values()))
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(DataError, match=r"pip install 'sparring\[tables\]'"):
        survey(path)


def shards(samples, folder, split, count, first=0):
    folder.mkdir(parents=True, exist_ok=True)
    cells = list(samples.pngs(first + 4 * count).values())[first:]
    for number in range(count):
        name = f"{split}-{number:05d}-of-{count:05d}.parquet"
        samples.write_parquet(folder / name, cells[4 * number : 4 * number + 4])


def test_shards_of_the_training_split_are_one_set(samples, tmp_path):
    shards(samples, tmp_path / "data", "train", 3)
    shards(samples, tmp_path / "data", "test", 1, first=12)
    (tmp_path / "README.md").write_text("# A data set")
    found = survey(tmp_path)
    assert (found.cleaning.kept, found.cleaning.skipped) == (12, ())
    assert found.names[5] == "train-00001-of-00003.parquet, row 1"
    assert "data/train is taken; left out: data/test." in found.cleaning.notes[0]
    rows = found.source().rows([11, 0, 6])
    np.testing.assert_array_equal(rows, np.stack([samples.picture(index) for index in (11, 0, 6)]))


def test_a_table_beside_images_in_folders_of_folders_is_not_the_data(samples, tmp_path):
    pq.write_table(pa.table({"id": [1], "label": ["cat"]}), tmp_path / "labels.parquet")
    deep = tmp_path / "set" / "train" / "cats"
    deep.mkdir(parents=True)
    for name, content in samples.pngs(3).items():
        (deep / name).write_bytes(content)
    found = survey(tmp_path)
    assert found.cleaning.kept == 3
    assert [item.name for item in found.cleaning.skipped] == ["labels.parquet"]


def test_more_shards_than_a_process_may_open_files(samples, tmp_path):
    import resource

    shards(samples, tmp_path, "train", 40)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 20, limits[1]))
    try:
        assert len(survey(tmp_path).source().rows(range(160))) == 160
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_several_sets_of_shards_without_a_training_one_are_refused(samples, tmp_path):
    for split in ("cats", "dogs"):
        shards(samples, tmp_path, split, 1)
    with pytest.raises(DataError, match=r"must hold one set, or one named train\. Got cats, dogs\."):
        survey(tmp_path)
