"""Every penalty: its closed form on linear and quadratic discriminators, for items of any rank."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from sparring.penalties import PENALTIES
from sparring.penalties.base import Penalty

SHAPES = [(3,), (2, 5), (3, 4, 6), (1, 7, 2)]

# name -> which of (real, fake) gradients the price is the squared norm of
READS = {"r1": 0, "r2": 1}


@pytest.fixture(params=SHAPES, ids=str)
def items(request: pytest.FixtureRequest) -> tuple[Tensor, Tensor]:
    return tuple(torch.randn(4, *request.param, dtype=torch.float64, requires_grad=True) for _ in range(2))


@pytest.fixture(params=list(PENALTIES))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def price(penalty: Penalty, discriminator: Callable[[Tensor], Tensor], items: tuple[Tensor, Tensor]) -> Tensor:
    return penalty(*(torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)[0] for x in items))


def test_every_penalty_has_a_closed_form() -> None:
    assert set(READS) == set(PENALTIES)


def test_linear_discriminator_costs_the_squared_norm_of_its_weights(name: str, items: tuple[Tensor, Tensor]) -> None:
    w = torch.randn(items[0].shape[1:], dtype=torch.float64)
    got = price(PENALTIES[name](), lambda x: (x * w).flatten(1).sum(1), items)
    torch.testing.assert_close(got, w.square().sum().expand(4), rtol=1e-12, atol=0)


def test_quadratic_discriminator_costs_four_times_the_squared_norm_of_the_item(
    name: str, items: tuple[Tensor, Tensor]
) -> None:
    got = price(PENALTIES[name](), lambda x: x.square().flatten(1).sum(1), items)
    expected = 4 * items[READS[name]].detach().square().flatten(1).sum(1)
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=0)


def test_norm_per_pixel_without_flattening_is_told_from_the_right_one() -> None:
    class PerPixel(Penalty):
        def __call__(self, real_gradient: Tensor, fake_gradient: Tensor) -> Tensor:
            return real_gradient.norm(dim=1).square().flatten(1).mean(1)

    w, x = torch.ones(3, 4, 6, dtype=torch.float64), torch.randn(4, 3, 4, 6, dtype=torch.float64, requires_grad=True)

    def linear(x: Tensor) -> Tensor:
        return (x * w).flatten(1).sum(1)

    assert price(PENALTIES["r1"](), linear, (x, x)).tolist() == pytest.approx([72.0] * 4)
    assert price(PerPixel(), linear, (x, x)).tolist() == pytest.approx([3.0] * 4)


def test_a_penalty_teaches_the_weights_in_proportion(name: str) -> None:
    """The price of x -> w . x is |w|^2, so its gradient with respect to w is 2 w: the graph must reach the weights."""
    w = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64, requires_grad=True)
    items = tuple(torch.randn(4, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    price(PENALTIES[name](), lambda x: x @ w, items).mean().backward()
    assert w.grad is not None
    torch.testing.assert_close(w.grad, 2 * w.detach(), rtol=1e-12, atol=0)


def test_gradients_are_those_of_finite_differences(name: str) -> None:
    slopes = tuple(torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(PENALTIES[name](), slopes)
