"""The standard normal prior."""

from typing import final

import torch
from torch import Tensor


@final
class Gaussian:
    """Independent standard normal latents of `size` numbers."""

    def __init__(self, size: int) -> None:
        self.size = size

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Latents, (count, size), on the device of `generator`."""
        return torch.randn(count, self.size, generator=generator, device=generator.device)
