"""SOAP's step against Adam, against its formula written with Kronecker products, and against planted gradients."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sparring.networks.base import initialise
from sparring.networks.conv import ConvDiscriminator
from sparring.rng import torch_stream
from sparring.soap import EVERY, LARGEST_AXIS, OUTER_DECAY, SOAP

RATE, DECAY = 1e-2, 0.9


def gradients(shape: tuple[int, ...], steps: int) -> list[Tensor]:
    return [torch.randn(shape, generator=torch_stream(step, "gradient"), dtype=torch.float64) for step in range(steps)]


def moved(weight: nn.Parameter, steps: list[Tensor], optimiser: torch.optim.Optimizer) -> Tensor:
    for gradient in steps:
        weight.grad = gradient.clone(memory_format=torch.preserve_format)
        optimiser.step()
    return weight.detach()


def zeros(shape: tuple[int, ...]) -> nn.Parameter:
    return nn.Parameter(torch.zeros(shape, dtype=torch.float64))


@pytest.mark.parametrize("shape", [(7,), (5, 8), (4, 3, 4, 4), (6, 2, 3), (1, 9)])
def test_before_its_first_turn_it_is_adam(shape: tuple[int, ...]) -> None:
    steps = gradients(shape, EVERY)
    ours, adam = zeros(shape), zeros(shape)
    expected = moved(adam, steps, torch.optim.Adam([adam], lr=RATE, betas=(0.0, DECAY)))
    assert torch.allclose(moved(ours, steps, SOAP([ours], lr=RATE, betas=(0.0, DECAY))), expected, rtol=1e-10)


def by_formula(steps: list[np.ndarray]) -> np.ndarray:
    """For a matrix: the bases of both sides act on the gradient's numbers, row by row, as one Kronecker product."""
    rows, columns = steps[0].shape
    weight, second = np.zeros(rows * columns), np.zeros(rows * columns)
    outers, bases = [np.zeros((n, n)) for n in (rows, columns)], [np.eye(n) for n in (rows, columns)]
    for step, g in enumerate(steps, 1):
        outers = [OUTER_DECAY * o + (1 - OUTER_DECAY) * new for o, new in zip(outers, (g @ g.T, g.T @ g), strict=True)]
        turn = np.kron(*bases)
        seen = turn.T @ g.ravel()
        second = DECAY * second + (1 - DECAY) * seen**2
        weight -= RATE * turn @ (seen / (np.sqrt(second / (1 - DECAY**step)) + 1e-8))
        if step % EVERY == 0:
            bases = [np.linalg.qr(o @ b)[0] for o, b in zip(outers, bases, strict=True)]
    return weight.reshape(rows, columns)


def test_its_turns_are_those_of_the_formula() -> None:
    steps = gradients((5, 8), 3 * EVERY + 4)
    weight = zeros((5, 8))
    ours = moved(weight, steps, SOAP([weight], lr=RATE, betas=(0.0, DECAY)))
    np.testing.assert_allclose(ours.numpy(), by_formula([g.numpy() for g in steps]), rtol=1e-8)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_a_convolution_is_the_matrix_of_its_outputs_however_it_lies_in_memory(memory: torch.memory_format) -> None:
    steps = gradients((6, 2, 4, 4), 2 * EVERY + 3)
    weight = nn.Parameter(torch.zeros(6, 2, 4, 4, dtype=torch.float64).to(memory_format=memory))
    laid = [g.to(memory_format=memory) for g in steps]
    ours = moved(weight, laid, SOAP([weight], lr=RATE, betas=(0.0, DECAY)))
    expected = by_formula([g.reshape(6, 32).numpy() for g in steps])
    np.testing.assert_allclose(ours.reshape(6, 32).numpy(), expected, rtol=1e-8)


def test_the_bases_find_the_directions_that_gradients_vary_in() -> None:
    mixed = torch.linalg.qr(gradients((6, 6), 1)[0])[0]
    strengths = torch.tensor([32.0, 16, 8, 4, 2, 1], dtype=torch.float64)
    steps = [mixed @ (strengths[:, None] * g) for g in gradients((6, 40), 400)]
    weight = zeros((6, 40))
    optimiser = SOAP([weight], lr=RATE, betas=(0.0, DECAY))
    moved(weight, steps, optimiser)
    agreement = (optimiser.state[weight]["basis_0"].T @ mixed).abs()
    assert agreement.diag().min() > 0.95


def test_a_step_is_the_same_where_networks_compute_in_less_precision() -> None:
    steps = [g.float() for g in gradients((5, 8), EVERY + 2)]
    ends = []
    for low in (False, True):
        weight = nn.Parameter(torch.zeros(5, 8))
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            ends.append(moved(weight, steps, SOAP([weight], lr=RATE)))
    assert torch.equal(*ends)


def test_an_axis_that_is_too_long_stays_as_it_is() -> None:
    long = LARGEST_AXIS + 1
    weight = zeros((3, long))
    optimiser = SOAP([weight], lr=RATE)
    moved(weight, gradients((3, long), 1), optimiser)
    assert [key for key in optimiser.state[weight] if key.startswith("basis")] == ["basis_0"]


def test_gradients_that_are_not_finite_raise_nothing_here() -> None:
    """What becomes of them is for the guard to see."""
    network = ConvDiscriminator((1, 8, 8), 4)
    initialise(network, torch_stream(0, "network"))
    optimiser = SOAP(network.parameters(), lr=RATE)
    for _ in range(EVERY + 1):
        for weight in network.parameters():
            weight.grad = torch.full_like(weight, torch.nan)
        optimiser.step()
    assert all(bool(weight.isnan().all()) for weight in network.parameters())
