"""Every family of networks on every form of item: shapes, weights reached, items apart, twice differentiable."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sparring.engine import place
from sparring.networks import DISCRIMINATORS, GENERATORS
from sparring.networks.base import Discriminator, Generator, initialise
from sparring.rng import torch_stream

IMAGES = [(1, 8, 8), (3, 28, 28), (1, 9, 31), (3, 64, 48), (1, 256, 8), (16, 17, 12)]
SERIES = [(3, 24), (1, 140)]
VECTORS = [(2,), (30,)]
CASES = [
    pytest.param(family, shape, id=f"{family}-{'x'.join(map(str, shape))}")
    for family in GENERATORS
    for shape in IMAGES + SERIES + (VECTORS if family == "mlp" else [])
]
LATENT, WIDTH, BATCH = 5, 4, 3
every_case = pytest.mark.parametrize(("family", "shape"), CASES)


def make(table: Any, family: str, *arguments: Any, seed: int = 0) -> Any:
    network = table[family](*arguments)
    initialise(network, torch_stream(seed, family))
    return _wake(network).double()


def _wake(network: nn.Module) -> nn.Module:
    """Residual branches start at zero, which hides what they do: give them values."""
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "branch.last" in name or name.endswith("bias"):
                weight.normal_(std=0.1, generator=torch_stream(1, name))
    return network


def generator(family: str, shape: tuple[int, ...]) -> Generator:
    return make(GENERATORS, family, shape, LATENT, WIDTH)


def discriminator(family: str, shape: tuple[int, ...]) -> Discriminator:
    return make(DISCRIMINATORS, family, shape, WIDTH)


def latents() -> Tensor:
    return torch.randn(BATCH, LATENT, dtype=torch.float64)


def items(shape: tuple[int, ...]) -> Tensor:
    return torch.randn(BATCH, *shape, dtype=torch.float64)


def unreached(network: nn.Module, output: Tensor) -> list[str]:
    """Weights that a random weighting of the output gives no gradient."""
    names, weights = zip(*network.named_parameters(), strict=True)
    gradients = torch.autograd.grad((output * torch.randn_like(output)).sum(), weights, allow_unused=True)
    return [name for name, slope in zip(names, gradients, strict=True) if slope is None or not slope.abs().sum() > 0]


def test_both_tables_have_the_same_families() -> None:
    assert set(GENERATORS) == set(DISCRIMINATORS)


@every_case
def test_shapes(family: str, shape: tuple[int, ...]) -> None:
    x = generator(family, shape)(latents())
    judge = discriminator(family, shape)
    assert x.shape == (BATCH, *shape)
    assert judge(x).shape == (BATCH,)
    assert judge.features(x).shape == (BATCH, judge.num_features)


@every_case
def test_the_verdict_is_a_linear_head_on_the_features(family: str, shape: tuple[int, ...]) -> None:
    judge, x = discriminator(family, shape), items(shape)
    expected = judge.features(x) @ judge.head.weight[0] + judge.head.bias
    torch.testing.assert_close(judge(x), expected, rtol=1e-12, atol=1e-12)


@every_case
def test_gradient_reaches_every_weight(family: str, shape: tuple[int, ...]) -> None:
    maker, judge = generator(family, shape), discriminator(family, shape)
    assert unreached(maker, maker(latents())) == []
    assert unreached(judge, judge(items(shape))) == []


def test_a_weight_that_is_not_reached_would_be_named() -> None:
    network = nn.ModuleDict({"used": nn.Linear(2, 2), "idle": nn.Linear(2, 2)})
    assert unreached(network, network["used"](torch.ones(1, 2))) == ["idle.weight", "idle.bias"]


@every_case
def test_every_latent_number_and_every_place_of_an_item_counts(family: str, shape: tuple[int, ...]) -> None:
    z, x = latents().requires_grad_(True), items(shape).requires_grad_(True)
    output = generator(family, shape)(z)
    (of_z,) = torch.autograd.grad((output * torch.randn_like(output)).sum(), z)
    (of_x,) = torch.autograd.grad(discriminator(family, shape)(x).sum(), x)
    assert (of_z != 0).all()
    assert (of_x != 0).all()


@every_case
def test_each_item_is_made_and_judged_apart_from_the_others(family: str, shape: tuple[int, ...]) -> None:
    for network, batch in ((generator(family, shape), latents()), (discriminator(family, shape), items(shape))):
        alone = torch.cat([network(one) for one in batch.split(1)])
        torch.testing.assert_close(network(batch), alone, rtol=1e-10, atol=1e-10)


def test_batch_norm_would_be_caught_mixing_items() -> None:
    network, batch = nn.BatchNorm1d(LATENT).double(), latents()
    other = torch.cat([batch[:1], torch.zeros_like(batch[1:])])
    assert not torch.allclose(network(batch)[0], network(other)[0])


@every_case
def test_twice_differentiable(family: str, shape: tuple[int, ...]) -> None:
    """The gradient of the squared slopes equals a finite difference of them, along a random direction of weights."""
    judge, x = discriminator(family, shape), items(shape).requires_grad_(True)
    weights = list(judge.parameters())
    directions = [torch.randn_like(weight) for weight in weights]

    def price(step: float) -> Tensor:
        moved = {n: w + step * d for (n, w), d in zip(judge.named_parameters(), directions, strict=True)}
        (slopes,) = torch.autograd.grad(torch.func.functional_call(judge, moved, x).sum(), x, create_graph=True)
        return slopes.square().sum()

    gradients = torch.autograd.grad(price(0.0), weights, allow_unused=True)
    exact = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True) if g is not None)
    torch.testing.assert_close((price(1e-7) - price(-1e-7)) / 2e-7, exact, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("family", list(GENERATORS))
def test_weights_are_a_function_of_the_seed_alone(family: str) -> None:
    def fresh(seed: int) -> list[Tensor]:
        network = GENERATORS[family]((3, 12, 9), LATENT, WIDTH)
        before = torch.get_rng_state()
        initialise(network, torch_stream(seed, "generator"))
        assert torch.equal(torch.get_rng_state(), before)
        return list(network.parameters())

    first = fresh(0)
    torch.manual_seed(99)
    assert all(torch.equal(a, b) for a, b in zip(first, fresh(0), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, fresh(1), strict=True))


@pytest.mark.parametrize("family", list(GENERATORS))
def test_items_and_logits_start_at_about_unit_size(family: str) -> None:
    maker, judge = GENERATORS[family]((3, 32, 32), 64, 32), DISCRIMINATORS[family]((3, 32, 32), 32)
    initialise(maker, torch_stream(0, "generator"))
    initialise(judge, torch_stream(0, "discriminator"))
    with torch.no_grad():
        x, logits = maker(torch.randn(32, 64)), judge(torch.randn(32, 3, 32, 32))
    assert 0.3 < x.std().item() < 3.0
    assert 0.1 < logits.std().item() < 5.0


@pytest.mark.parametrize("family", [family for family in GENERATORS if family != "mlp"])
@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 9, 31)], ids=str)
def test_channels_last_memory_changes_no_number(family: str, shape: tuple[int, ...]) -> None:
    maker, judge, z, x = generator(family, shape), discriminator(family, shape), latents(), items(shape)
    plain = maker(z), judge(x)
    fast = place(maker, torch.device("cpu"))(z), place(judge, torch.device("cpu"))(x)
    convolution = next(weight for weight in maker.parameters() if weight.dim() == 4 and min(weight.shape[:2]) > 1)
    assert convolution.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(fast, plain, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("family", list(GENERATORS))
def test_tanh_bounds_what_the_same_weights_paint(family: str) -> None:
    free, bounded = (make(GENERATORS, family, (1, 8, 8), LATENT, WIDTH, output) for output in ("linear", "tanh"))
    z = 30 * latents()
    assert free(z).abs().max() > 1
    torch.testing.assert_close(bounded(z), free(z).tanh())


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 48), (1, 140)])
def test_every_resolution_of_the_skip_generator_adds_to_the_item(shape: tuple[int, ...]) -> None:
    maker = GENERATORS["skip"](shape, LATENT, WIDTH).double()
    painters = [*maker.sketches, maker.last]
    for weight in maker.parameters():
        nn.init.zeros_(weight)
    for painter in painters:
        nn.init.ones_(painter.bias)
    torch.testing.assert_close(maker(latents()), torch.full((BATCH, *shape), len(painters) ** 0.5).double())


@pytest.mark.parametrize("shape", [shape for shape in IMAGES + SERIES if max(shape[1:]) >= 16])
def test_the_skip_generator_starts_neither_flat_nor_saturated(shape: tuple[int, ...]) -> None:
    maker = GENERATORS["skip"](shape, 64, 32)
    initialise(maker, torch_stream(0, "start"))
    spread = float(maker(torch.randn(64, 64, generator=torch_stream(0, "z"))).detach().std())
    assert 0.3 < spread < 1.5
