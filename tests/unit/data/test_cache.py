"""The cache gives back the rows that went in, whole or not at all, and notices damage."""

import numpy as np
import pytest

from sparring.data import cache
from sparring.data.source import ArraySource, Spec
from sparring.errors import DataError, RunError


@pytest.fixture(params=["uint8", "uint16", "float32", "float64", "bool"])
def source(request):
    values = np.random.default_rng(0).integers(0, 200, (50, 4, 5, 3)).astype(request.param)
    return ArraySource(values, Spec("image", (4, 5, 3), request.param, missing=True, names=("a", "b")))


@pytest.fixture
def mapped(monkeypatch):
    monkeypatch.setattr(cache, "MEMORY_BYTES", 0)
    monkeypatch.setattr(cache, "SHARD_BYTES", 1000)
    monkeypatch.setattr(cache, "BATCH_BYTES", 300)


def test_small_set_comes_back_in_memory(source, tmp_path):
    stored = cache.write_cache(source, tmp_path / "cache")
    assert isinstance(stored, ArraySource)
    assert not isinstance(stored.array, np.memmap)
    assert stored.spec == source.spec
    np.testing.assert_array_equal(stored.rows(np.arange(50)), source.array)


def test_large_set_comes_back_in_mapped_shards(source, tmp_path, mapped):
    cache.write_cache(source, tmp_path / "cache")
    stored = cache.open_cache(tmp_path / "cache")
    assert isinstance(stored, cache.ShardedSource)
    assert len(stored.shards) > 1
    assert all(isinstance(shard, np.memmap) for shard in stored.shards)
    assert (len(stored), stored.spec) == (50, source.spec)
    order = np.array([49, 0, 17, 17, -1, 3])
    np.testing.assert_array_equal(stored.rows(order), source.array[order])
    assert stored.rows([]).shape == (0, 4, 5, 3)
    with pytest.raises(IndexError):
        stored.rows([50])


def test_shards_in_memory_are_joined(source, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "SHARD_BYTES", 1000)
    stored = cache.write_cache(source, tmp_path / "cache")
    np.testing.assert_array_equal(stored.rows(np.arange(50)), source.array)


def test_older_cache_is_replaced(source, tmp_path):
    cache.write_cache(source, tmp_path / "cache")
    half = ArraySource(source.array[:25], source.spec)
    assert len(cache.write_cache(half, tmp_path / "cache")) == 25
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


class Failing:
    """A source that breaks in the middle."""

    def __init__(self, source, error):
        self.spec, self.array, self.error = source.spec, source.array, error

    def __len__(self):
        return len(self.array)

    def rows(self, indices):
        if max(indices) > 20:
            raise self.error
        return self.array[indices]


def test_failure_leaves_the_older_cache_and_nothing_else(source, tmp_path, mapped):
    cache.write_cache(source, tmp_path / "cache")
    with pytest.raises(DataError):
        cache.write_cache(Failing(source, DataError("broken")), tmp_path / "cache")
    with pytest.raises(RunError, match="cannot be written: No space left on device"):
        cache.write_cache(Failing(source, OSError(28, "No space left on device")), tmp_path / "cache")
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    assert len(cache.open_cache(tmp_path / "cache")) == 50


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("damage", ["missing", "short", "table missing", "table broken", "table foreign"])
def test_damage_is_noticed(source, tmp_path, monkeypatch, in_memory, damage):
    monkeypatch.setattr(cache, "MEMORY_BYTES", 2**28 if in_memory else 0)
    cache.write_cache(source, tmp_path / "cache")
    shard, table = tmp_path / "cache" / "00000.npy", tmp_path / "cache" / cache.TABLE
    actions = {
        "missing": lambda: shard.unlink(),
        "short": lambda: shard.write_bytes(shard.read_bytes()[:-1]),
        "table missing": lambda: table.unlink(),
        "table broken": lambda: table.write_text("{"),
        "table foreign": lambda: table.write_text('{"format": 1, "shards": [1], "spec": {}}'),
    }
    actions[damage]()
    with pytest.raises(DataError, match=str(tmp_path / "cache")) as caught:
        cache.open_cache(tmp_path / "cache")
    assert "\n" not in str(caught.value)


def test_changed_byte_is_noticed_in_memory(source, tmp_path):
    cache.write_cache(source, tmp_path / "cache")
    shard = tmp_path / "cache" / "00000.npy"
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DataError, match="does not agree with the digest"):
        cache.open_cache(tmp_path / "cache")
