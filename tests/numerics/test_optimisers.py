"""A step of a fused optimiser equals the plain formula, however weights and gradients lie in memory."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from sparring.config import OptimiserConfig
from sparring.engine import place
from sparring.games.adversarial import AdversarialGame
from sparring.networks import DISCRIMINATORS, GENERATORS
from sparring.networks.base import initialise
from sparring.objectives import OBJECTIVES
from sparring.optimisers import flatten_optimiser, make_optimiser, unflatten_optimiser
from sparring.penalties import PENALTIES
from sparring.rng import torch_stream

CPU = torch.device("cpu")
FUSED = ["Adam", "AdamW", "SGD", "Adagrad"]
Update = Callable[[nn.Module, str], torch.optim.Optimizer]


def make_game(family: str) -> AdversarialGame:
    maker, judge = GENERATORS[family]((3, 12, 9), 5, 8), DISCRIMINATORS[family]((3, 12, 9), 8)
    for name, network in (("generator", maker), ("discriminator", judge)):
        initialise(network, torch_stream(0, name))
        place(network.double(), CPU)  # in float32 Adam makes much of the rounding of a gradient near zero
    return AdversarialGame(maker, judge, OBJECTIVES["relativistic"](), [PENALTIES["r1"](), PENALTIES["r2"]()])


def plain(network: nn.Module, name: str) -> torch.optim.Optimizer:
    """torch's own loop over single tensors, which reads numbers by index."""
    options = {"betas": (0.0, 0.9)} if "Adam" in name else {"momentum": 0.5} if name == "SGD" else {}
    return getattr(torch.optim, name)(network.parameters(), lr=1e-3, foreach=False, fused=False, **options)


def ours(network: nn.Module, name: str) -> torch.optim.Optimizer:
    return make_optimiser(network, OptimiserConfig(name=name, learning_rate=1e-3, momentum=0.5))


def trained(family: str, name: str, make: Update, steps: int, game: AdversarialGame | None = None) -> list[Tensor]:
    game = game or make_game(family)
    optimisers = {player: make(network, name) for player, network in game.players.items()}
    for step in range(steps):
        stream = torch_stream(step, "items")
        real, z = torch.randn(6, 3, 12, 9, generator=stream), torch.randn(6, 5, generator=stream)
        game.play(real.double(), z.double(), 0.5, lambda player: optimisers[player].step())
    return [weight.detach().clone() for network in game.players.values() for weight in network.parameters()]


@pytest.mark.parametrize("name", FUSED)
@pytest.mark.parametrize("family", list(GENERATORS))
def test_a_fused_step_is_the_plain_one(family: str, name: str) -> None:
    for fused, expected in zip(trained(family, name, ours, 1), trained(family, name, plain, 1), strict=True):
        torch.testing.assert_close(fused, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", list(GENERATORS))
def test_gradients_lie_in_memory_as_their_weights_do(family: str) -> None:
    game = make_game(family)
    trained(family, "Adam", ours, 1, game)
    for network in game.players.values():
        for weight in network.parameters():
            assert weight.grad is not None
            assert weight.grad.stride() == weight.stride()


def test_torch_s_fused_step_does_mix_up_numbers_that_lie_differently() -> None:
    """Why the two tests above are needed; where this fails, torch was mended and the copies can go."""
    gradient = torch.randn(3, 3, 4, 8, generator=torch_stream(0, "gradient")).permute(3, 2, 0, 1)
    ends = []
    for fused in (True, False):
        weight = nn.Parameter(torch.zeros(8, 4, 3, 3))
        weight.grad = gradient
        torch.optim.SGD([weight], lr=1.0, fused=fused).step()
        ends.append(weight.detach())
    assert torch.equal(ends[1], -gradient)
    assert not torch.equal(ends[0], -gradient)


@pytest.mark.parametrize("name", FUSED)
def test_moments_come_back_as_they_lay(name: str) -> None:
    game = make_game("conv")
    network = game.discriminator
    optimiser = ours(network, name)
    game.play(torch.randn(6, 3, 12, 9).double(), torch.randn(6, 5).double(), 0.5, lambda player: None)
    optimiser.step()
    again = ours(network, name)
    unflatten_optimiser(again, {key: value.contiguous() for key, value in flatten_optimiser(optimiser).items()})
    for weight in network.parameters():
        for key, moment in optimiser.state[weight].items():
            if moment is not None:
                assert torch.equal(again.state[weight][key], moment)
                assert again.state[weight][key].stride() == moment.stride()
