"""Every augmentation: affine, drawn from its stream alone, as often as asked, and as far as its table says."""

import math

import pytest
import torch
from torch import Tensor

from sparring.augment import AUGMENTS
from sparring.augment.base import Augment
from sparring.augment.images import ImageView

SHAPES = {"image": [(1, 28, 28), (3, 16, 24), (5, 9, 8)]}
CASES = [(name, shape) for name in AUGMENTS for shape in SHAPES[AUGMENTS[name].kind]]


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> tuple[Augment, Tensor]:
    name, shape = request.param
    return AUGMENTS[name](), torch.randn(64, *shape, dtype=torch.float64)


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_view_is_affine_and_linear_is_its_linear_part(case: tuple[Augment, Tensor]) -> None:
    augment, items = case
    view = augment.draw(items, 0.7, stream())
    change = torch.randn_like(items)
    torch.testing.assert_close(view(items + change) - view(items), view.linear(change))
    torch.testing.assert_close(view.linear(2 * change - items), 2 * view.linear(change) - view.linear(items))


def test_each_item_is_seen_by_itself(case: tuple[Augment, Tensor]) -> None:
    augment, items = case
    view = augment.draw(items, 0.7, stream())
    others = torch.cat([items[:1], torch.randn_like(items[1:])])
    torch.testing.assert_close(view(others)[0], view(items)[0])


def test_the_stream_alone_decides(case: tuple[Augment, Tensor]) -> None:
    augment, items = case
    first, again, other = (augment.draw(items, 0.7, stream(seed))(items) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_part_of_a_view_shows_those_items_alike(case: tuple[Augment, Tensor]) -> None:
    augment, items = case
    view, some = augment.draw(items, 0.7, stream()), torch.tensor([3, 40, 41, 63])
    assert torch.equal(view.part(some)(items[some]), view(items)[some])
    assert torch.equal(augment.draw(items[:5], 0.7, stream(), count=64).part(some)(items[some]), view(items)[some])


def test_probability_is_how_often_items_are_changed(case: tuple[Augment, Tensor]) -> None:
    augment, items = case
    assert torch.equal(augment.draw(items, 0.0, stream())(items), items)
    changed = [
        (augment.draw(items, 0.3, stream(seed)).kept.flatten(1) == 0).any(1).double().mean() for seed in range(40)
    ]
    assert torch.stack(changed).mean().item() == pytest.approx(0.3, abs=0.04)


def test_moves_are_at_most_an_eighth_of_a_side_each_way() -> None:
    items = torch.randn(64, 1, 32, 16)
    shifts = [shift for seed in range(100) for shift in AUGMENTS["images"]().draw(items, 1.0, stream(seed)).shifts]
    down, right = zip(*shifts, strict=True)
    assert set(down) == set(range(-4, 5))
    assert set(right) == set(range(-2, 3))


def test_a_moved_item_is_where_it_should_be() -> None:
    item = torch.zeros(1, 1, 8, 8)
    item[0, 0, 3, 4] = 1
    view = ImageView(((2, -1),), torch.ones(1, 1, 8, 8))
    assert view(item)[0, 0].nonzero().tolist() == [[5, 3]]


@pytest.mark.parametrize("size", [(8, 8), (6, 10)])
def test_a_turned_item_is_as_it_should_be(size: tuple[int, int]) -> None:
    item = torch.randn(1, 1, *size, dtype=torch.float64)
    half = torch.tensor([[[-1.0, 0, 0], [0, -1, 0]]], dtype=torch.float64)
    view = ImageView(((0, 0),), torch.ones(1, 1, *size, dtype=torch.float64), half, torch.ones(1, 1, 1, 1).bool())
    torch.testing.assert_close(view(item), item.rot90(2, (2, 3)))


def test_turns_zooms_and_stretches_are_as_far_as_the_table_says() -> None:
    """A matrix in pixels is a turn after a zoom along each side: its columns are at right angles."""
    items = torch.zeros(4096, 1, 32, 16)
    turned = AUGMENTS["images"]().draw(items, 1.0, stream()).turned
    sides = torch.tensor([16.0, 32.0])
    matrices = turned[:, :, :2] * sides.view(1, 2, 1) / sides.view(1, 1, 2)
    zooms = matrices.norm(dim=1)
    torch.testing.assert_close((matrices[:, :, 0] * matrices[:, :, 1]).sum(1), torch.zeros(4096), atol=1e-5, rtol=0)
    angles = torch.atan2(matrices[:, 1, 0], matrices[:, 0, 0])
    assert angles.abs().max().item() == pytest.approx(math.radians(20), rel=0.01)
    common, apart = zooms.log2().sum(1) / 2, (zooms[:, 0] / zooms[:, 1]).log2() / 2
    assert (common.abs().max().item(), apart.abs().max().item()) == pytest.approx((0.3, 0.2), rel=0.01)
    assert (turned[:, :, 2] == 0).all()


def test_an_item_is_seen_alike_in_mixed_precision(case: tuple[Augment, Tensor]) -> None:
    augment, items = case
    items = items.float()
    view = augment.draw(items, 0.7, stream())
    with torch.autocast("cpu", torch.bfloat16):
        mixed = view(items)
    torch.testing.assert_close(mixed, view(items))


def test_colours_are_left_alone_where_there_are_none() -> None:
    view = AUGMENTS["images"]().draw(torch.zeros(4, 1, 8, 8), 1.0, stream())
    assert view.brightness is None
    assert view.saturation is None
    assert view.contrast is None
