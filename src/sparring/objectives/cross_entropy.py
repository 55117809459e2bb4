"""Cross-entropy (Goodfellow et al. 2014), the generator in its non-saturating form."""

import math
from typing import final

from torch import Tensor
from torch.nn.functional import softplus

from sparring.objectives.base import Objective


@final
class CrossEntropy(Objective):
    """-log D(x) - log(1 - D(G(z))) for the discriminator, -log D(G(z)) for the generator, with D a sigmoid."""

    balance = 2.0 * math.log(2.0)

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-real) + softplus(fake)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-fake)
