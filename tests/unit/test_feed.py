"""Batches are a function of the clock: permutations, no memory of earlier calls, equal parts for processes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sparring.data.feed import ShuffledFeed, load, resident
from sparring.data.scale import Scaler, fit_scaler
from sparring.data.source import ArraySource, Source, Spec, SubsetSource

COUNT = 50
CPU = torch.device("cpu")


@pytest.fixture(params=["memory", "mapped", "wide", "subset"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    """Items that are their own index, in every place that a feed reads from."""
    kind = request.param
    array = np.arange(COUNT).reshape(COUNT, 1).astype("uint16" if kind == "wide" else "float32")
    if kind == "mapped":
        np.save(tmp_path / "items.npy", array)
        array = np.load(tmp_path / "items.npy", mmap_mode="r")
    whole = ArraySource(array, Spec("vector", (1,), array.dtype.name))
    return SubsetSource(whole, np.arange(COUNT)) if kind == "subset" else whole


def feed(source: Source, seed: int = 0) -> ShuffledFeed:
    return ShuffledFeed(source, _plain_numbers(source), seed, CPU)


def _plain_numbers(source: Source) -> Scaler:
    fitted = fit_scaler("range", source)
    state = {**fitted.state(), "shift": torch.zeros(1), "factor": torch.ones(1)}
    return Scaler("range", source.spec, **state)


def indices(batch: torch.Tensor) -> list[int]:
    return batch.flatten().int().tolist()


def epoch(feed: ShuffledFeed, number: int, size: int = 10) -> list[int]:
    starts = range(number * COUNT, (number + 1) * COUNT, size)
    return [index for clock in starts for index in indices(feed.batch(clock, size))]


def test_every_epoch_shows_each_item_once_in_a_new_order(source: Source) -> None:
    orders = [epoch(feed(source), number) for number in range(3)]
    assert all(sorted(order) == list(range(COUNT)) for order in orders)
    assert len({tuple(order) for order in orders} | {tuple(range(COUNT))}) == 4


def test_a_batch_that_spans_epochs_ends_one_and_begins_the_next(source: Source) -> None:
    whole = epoch(feed(source), 0) + epoch(feed(source), 1)
    assert indices(feed(source).batch(45, 12)) == whole[45:57]


def test_a_batch_depends_on_the_clock_and_not_on_what_was_asked_before(source: Source) -> None:
    used = feed(source)
    for clock in (730, 12, 100, 0):
        used.batch(clock, 16)
    assert torch.equal(used.batch(216, 16), feed(source).batch(216, 16))
    assert torch.equal(used.batch(216, 16), used.batch(216, 16))


def test_a_batch_larger_than_the_data_shows_everything_as_evenly_as_can_be(source: Source) -> None:
    counts = np.bincount(indices(feed(source).batch(0, 3 * COUNT + 5)), minlength=COUNT)
    assert sorted(counts) == [3] * (COUNT - 5) + [4] * 5


def test_full_batches_hold_each_item_once(source: Source) -> None:
    full = feed(source)
    assert all(sorted(indices(full.batch(step * COUNT, COUNT))) == list(range(COUNT)) for step in range(3))


@pytest.mark.parametrize("world", [2, 3, 4])
def test_the_parts_of_all_processes_make_the_batch_of_one(source: Source, world: int) -> None:
    for clock in (0, 36, 96):
        whole = feed(source).batch(clock, 12)
        parts = [feed(source).batch(clock, 12, rank, world) for rank in range(world)]
        assert torch.equal(torch.cat(parts), whole)


def test_another_seed_gives_another_order(source: Source) -> None:
    assert epoch(feed(source, seed=0), 0) != epoch(feed(source, seed=1), 0)


def test_no_global_random_state_is_read_or_moved(source: Source) -> None:
    first, state = feed(source).batch(0, 16), torch.get_rng_state()
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    moved = torch.get_rng_state()
    assert torch.equal(feed(source).batch(0, 16), first)
    assert torch.equal(torch.get_rng_state(), moved)
    assert not torch.equal(moved, state)


def test_what_a_device_holds_are_the_rows(source: Source) -> None:
    if source.spec.dtype == "uint16":
        return
    many = ArraySource(np.arange(5000, dtype=np.float32).reshape(-1, 2), Spec("vector", (2,), "float32"))
    assert np.array_equal(load(many, CPU).numpy(), many.array)
    assert np.array_equal(load(source, CPU).numpy(), source.rows(np.arange(COUNT)))


@pytest.mark.parametrize(("free", "held"), [(0, False), (16 * COUNT, True), (16 * COUNT - 4, False)])
def test_a_device_holds_what_a_quarter_of_it_has_room_for(
    source: Source, monkeypatch: pytest.MonkeyPatch, free: int, held: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 0))
    monkeypatch.setattr("sparring.data.feed.load", lambda source, device: torch.ones(1))
    assert (resident(source, torch.device("cuda")) is not None) == (held and source.spec.dtype == "float32")
    assert resident(source, CPU) is None
