"""Every objective: golden numbers, one per sample, finite anywhere, differentiable, level where nothing is told."""

from decimal import Decimal, localcontext

import pytest
import torch
from torch import Tensor

from sparring.objectives import OBJECTIVES
from sparring.objectives.base import Objective

REAL, FAKE = (2.0, -1.0, 0.5), (0.5, 1.5, -2.0)


def softplus(x: float) -> float:
    """log(1 + e^x) with 40 decimal digits: as plain as it can be written."""
    with localcontext() as context:
        context.prec = 40
        return float((1 + Decimal(x).exp()).ln())


# name -> per-sample losses of discriminator and generator at the logits above, from the papers' formulas
GOLDEN = {
    "relativistic": (
        [softplus(-1.5), softplus(2.5), softplus(-2.5)],
        [softplus(1.5), softplus(-2.5), softplus(2.5)],
    ),
    "cross_entropy": (
        [softplus(-2.0) + softplus(0.5), softplus(1.0) + softplus(1.5), softplus(-0.5) + softplus(-2.0)],
        [softplus(-0.5), softplus(-1.5), softplus(2.0)],
    ),
}


@pytest.fixture(params=list(OBJECTIVES))
def objective(request: pytest.FixtureRequest) -> Objective:
    return OBJECTIVES[request.param]()


@pytest.fixture
def logits() -> tuple[Tensor, Tensor]:
    return torch.tensor(REAL, dtype=torch.float64), torch.tensor(FAKE, dtype=torch.float64)


def agrees(objective: Objective, golden: tuple[list[float], list[float]], logits: tuple[Tensor, Tensor]) -> bool:
    losses = objective.discriminator(*logits), objective.generator(*logits)
    return all(
        torch.allclose(loss, torch.tensor(numbers, dtype=torch.float64), rtol=1e-13)
        for loss, numbers in zip(losses, golden, strict=True)
    )


def test_the_formula_itself_has_the_numbers_of_the_tables() -> None:
    assert softplus(0.0) == pytest.approx(0.693147180559945309, abs=1e-16)
    assert softplus(1.0) == pytest.approx(1.313261687518222834, abs=1e-15)


def test_every_objective_has_golden_numbers() -> None:
    assert set(GOLDEN) == set(OBJECTIVES)


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_golden_numbers(name: str, logits: tuple[Tensor, Tensor]) -> None:
    assert agrees(OBJECTIVES[name](), GOLDEN[name], logits)


def test_the_saturating_generator_and_swapped_players_are_told_from_the_right_ones(
    logits: tuple[Tensor, Tensor],
) -> None:
    class Saturating(Objective):
        def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
            return OBJECTIVES["cross_entropy"]().discriminator(real, fake)

        def generator(self, real: Tensor, fake: Tensor) -> Tensor:
            return -torch.nn.functional.softplus(fake)

    assert not agrees(Saturating(), GOLDEN["cross_entropy"], logits)
    assert not agrees(OBJECTIVES["relativistic"](), GOLDEN["relativistic"], logits[::-1])


def test_one_loss_per_sample_that_hears_of_no_other(objective: Objective, logits: tuple[Tensor, Tensor]) -> None:
    for player in (objective.discriminator, objective.generator):
        whole = player(*logits)
        assert whole.shape == (3,)
        alone = torch.cat([player(r, f) for r, f in zip(*(part.split(1) for part in logits), strict=True)])
        assert torch.equal(whole, alone)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_losses_and_slopes_are_finite_at_extreme_logits(objective: Objective, dtype: torch.dtype) -> None:
    values = torch.tensor([1e4, -1e4, 0.0], dtype=dtype)
    real, fake = (part.reshape(-1).requires_grad_(True) for part in torch.meshgrid(values, values, indexing="ij"))
    for player in (objective.discriminator, objective.generator):
        losses = player(real, fake)
        slopes = torch.autograd.grad(losses.sum(), (real, fake), allow_unused=True)
        assert losses.isfinite().all()
        assert all(slope is None or slope.isfinite().all() for slope in slopes)


def test_the_textbook_logarithm_of_a_sigmoid_would_not_be_finite() -> None:
    assert not torch.log(torch.sigmoid(torch.tensor(-1e4))).isfinite()


def test_balance_is_the_loss_of_a_discriminator_that_cannot_tell(objective: Objective) -> None:
    nothing = torch.zeros(2, dtype=torch.float64)
    assert objective.discriminator(nothing, nothing).tolist() == pytest.approx([objective.balance] * 2, abs=1e-15)


def test_the_players_want_opposite_things(objective: Objective) -> None:
    real, fake = (torch.zeros(1, dtype=torch.float64, requires_grad=True) for _ in range(2))
    (teach,) = torch.autograd.grad(objective.discriminator(real, fake).sum(), fake)
    (learn,) = torch.autograd.grad(objective.generator(real, fake).sum(), fake)
    assert teach.item() > 0 > learn.item()


def test_gradients_are_those_of_finite_differences(objective: Objective, logits: tuple[Tensor, Tensor]) -> None:
    inputs = tuple(part.clone().requires_grad_(True) for part in logits)
    assert torch.autograd.gradcheck(objective.discriminator, inputs)
    assert torch.autograd.gradcheck(objective.generator, inputs)
