"""Zero-centred gradient penalties (Mescheder et al. 2018, equation 9): on real items (R1), on fake ones (R2)."""

from typing import final

from torch import Tensor

from sparring.penalties.base import Penalty


def squared_norm(gradient: Tensor) -> Tensor:
    """The squared Euclidean norm of each item's gradient, (batch,); any rank."""
    return gradient.flatten(1).square().sum(1)


@final
class R1(Penalty):
    """|grad D|^2 at the real items."""

    def __call__(self, real_gradient: Tensor, fake_gradient: Tensor) -> Tensor:
        return squared_norm(real_gradient)


@final
class R2(Penalty):
    """|grad D|^2 at the fake items."""

    def __call__(self, real_gradient: Tensor, fake_gradient: Tensor) -> Tensor:
        return squared_norm(fake_gradient)
