"""Relativistic pairing (Jolicoeur-Martineau 2019, RpGAN; Huang et al. 2024, R3GAN, equation 2)."""

import math
from typing import final

from torch import Tensor
from torch.nn.functional import softplus

from sparring.objectives.base import Objective


@final
class Relativistic(Objective):
    """The discriminator ranks each real above its paired fake; the generator wants the opposite."""

    balance = math.log(2.0)

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(fake - real)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(real - fake)
