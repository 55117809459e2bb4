"""Generator against discriminator: the gradients of both players at the same point, from one pass through each.

Both players move at once (simultaneous gradient descent, Mescheder et al. 2017), which allows one forward pass
of the discriminator over real and fake items together. The penalties need d D(x) / d x for every item; since
each logit depends on its own item only, the generator's gradient is that same quantity times d loss / d logit,
and the discriminator is not run again for the generator.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sparring.networks.base import Discriminator, Generator
from sparring.objectives.base import Objective
from sparring.penalties.base import Penalty


@dataclass(frozen=True)
class Numbers:
    """What one update saw, as detached scalars.

    Attributes:
        d_loss: the discriminator's objective, without penalties.
        g_loss: the generator's objective.
        r1: mean squared gradient norm at the real items.
        r2: the same at the fake items.
        real_logit: mean logit of the real items.
        fake_logit: mean logit of the fake items.
        variance: variance of the fake items over that of the real ones, summed over features.
    """

    d_loss: Tensor
    g_loss: Tensor
    r1: Tensor
    r2: Tensor
    real_logit: Tensor
    fake_logit: Tensor
    variance: Tensor


class AdversarialGame:
    """One update of each player: leaves the gradients in `.grad` and returns what it saw; steps nothing.

    Args:
        generator: maps latents to items.
        discriminator: maps items to logits, each from its own item alone.
        objective: per-sample losses.
        penalties: prices on the discriminator's input gradients, each weighted by gamma / 2.
        augment: a differentiable map of items that the discriminator sees them through, or nothing; penalties
            are taken with respect to the items before it.
        missing: whether items have missing cells (NaN): these are hidden in each real item and in its paired fake.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        objective: Objective,
        penalties: Sequence[Penalty],
        augment: Callable[[Tensor, torch.Generator], Tensor] | None = None,
        missing: bool = False,
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.objective, self.penalties = objective, tuple(penalties)
        self.augment, self.missing = augment, missing
        self._generator_weights = list(generator.parameters())
        self._discriminator_weights = list(discriminator.parameters())

    @property
    def players(self) -> dict[str, nn.Module]:
        """The networks that are trained, by name."""
        return {"generator": self.generator, "discriminator": self.discriminator}

    def gradients(self, real: Tensor, z: Tensor, gamma: float, stream: torch.Generator) -> Numbers:
        """Set `.grad` of every weight of both players.

        Args:
            real: items (batch, *shape), float32, NaN where missing.
            z: latents (batch, latent).
            gamma: weight of the penalties (half of it multiplies each).
            stream: random numbers for the augmentation.
        """
        fake = self.generator(z)
        real, shown, known = self._hide_missing(real, fake.detach().to(real.dtype))
        items = torch.cat([real, shown]).requires_grad_(True)
        logits = self.discriminator(items if self.augment is None else self.augment(items, stream))
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        slopes = self._slopes(logits, items)
        d_losses = self._teach_discriminator(logits, slopes, gamma)
        logits, slopes = logits.detach(), slopes.detach()
        g_losses = self._teach_generator(fake, logits, slopes[len(real) :], known)
        return _numbers(d_losses.detach(), g_losses.detach(), logits, slopes, real, shown)

    def _hide_missing(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Put the mean (0 in the scaler's units) in missing cells of both; and 1 where a cell is known."""
        if not self.missing:
            return real, fake, None
        unknown = real.isnan()
        return real.masked_fill(unknown, 0.0), fake.masked_fill(unknown, 0.0), 1.0 - unknown.to(real.dtype)

    def _slopes(self, logits: Tensor, items: Tensor) -> Tensor:
        """Gradient of each logit with respect to its own item; differentiable where penalties need it."""
        (slopes,) = torch.autograd.grad(logits.sum(), items, create_graph=bool(self.penalties), retain_graph=True)
        return slopes

    def _teach_discriminator(self, logits: Tensor, slopes: Tensor, gamma: float) -> Tensor:
        losses = self.objective.discriminator(*logits.chunk(2))
        prices = [0.5 * gamma * penalty(*slopes.chunk(2)) for penalty in self.penalties]
        total = sum(prices, start=losses).mean()
        _set_gradients(self._discriminator_weights, torch.autograd.grad(total, self._discriminator_weights))
        return losses

    def _teach_generator(self, fake: Tensor, logits: Tensor, slopes: Tensor, known: Tensor | None) -> Tensor:
        real_logits, fake_logits = logits.chunk(2)
        fake_logits = fake_logits.detach().requires_grad_(True)
        losses = self.objective.generator(real_logits, fake_logits)
        (price,) = torch.autograd.grad(losses.mean(), fake_logits)
        towards = price.view(-1, *[1] * (fake.dim() - 1)) * slopes
        towards = (towards if known is None else towards * known).to(fake.dtype)
        gradients = torch.autograd.grad(fake, self._generator_weights, grad_outputs=towards)
        _set_gradients(self._generator_weights, gradients)
        return losses


def _set_gradients(weights: Sequence[nn.Parameter], gradients: Sequence[Tensor]) -> None:
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = gradient


@torch.no_grad()
def _numbers(d_losses: Tensor, g_losses: Tensor, logits: Tensor, slopes: Tensor, real: Tensor, fake: Tensor) -> Numbers:
    r1, r2 = slopes.flatten(1).square().sum(1).view(2, -1).mean(1)
    real_logit, fake_logit = logits.view(2, -1).mean(1)
    variance = fake.var(0, correction=0).sum() / real.var(0, correction=0).sum().clamp_min(1e-12)
    return Numbers(d_losses.mean(), g_losses.mean(), r1, r2, real_logit, fake_logit, variance)
