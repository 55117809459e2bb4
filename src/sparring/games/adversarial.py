"""Generator against discriminator, one after the other, on one batch of fake items.

The discriminator sees real and fake items in one pass, and one pass back gives the slopes that both penalties
price (`tape.py` has the way from there to its weights' gradient). The generator then answers the discriminator as
it has become, with the fake items (and the graph behind them) that were made already, since its own weights have
not moved. The real half of a relativistic pair is the logit from before that move: it only weighs the pairs, and
another pass for it gained nothing (benchmarks/LOG.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sparring.augment.base import View
from sparring.games.base import PLAIN, Move, See, hide, set_gradients
from sparring.games.tape import Tape
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

    def words(self) -> str:
        """For a line of progress."""
        losses = f"D {self.d_loss.item():.3f}  G {self.g_loss.item():.3f}"
        return f"{losses}  variance {self.variance.item():.2f}"


class AdversarialGame:
    """One update of each player.

    Args:
        generator: maps latents to items.
        discriminator: maps items to logits, each from its own item alone.
        objective: per-sample losses.
        penalties: prices on the discriminator's input gradients, each weighted by gamma / 2.
        missing: whether items have missing cells (NaN): these are hidden in each real item and in its paired fake.
    """

    name, averaged = "adversarial", "generator"

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        objective: Objective,
        penalties: Sequence[Penalty],
        missing: bool = False,
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.objective, self.penalties = objective, tuple(penalties)
        self.missing = missing
        self._generator_weights = list(generator.parameters())
        self._discriminator_weights = list(discriminator.parameters())

    @property
    def players(self) -> dict[str, nn.Module]:
        """The networks that are trained, by name."""
        return {"generator": self.generator, "discriminator": self.discriminator}

    def play(self, real: Tensor, z: Tensor, gamma: float, move: Move, see: See = lambda items: PLAIN) -> Numbers:
        """Update the discriminator, then the generator.

        Args:
            real: items (batch, *shape), float32, NaN where missing.
            z: latents (batch, latent).
            gamma: weight of the penalties (half of it multiplies each).
            move: called with a player's name when its weights have their `.grad`; takes the optimiser's step.
            see: draws what the discriminator sees of some items; penalties price the gradient at the plain items.

        Returns:
            What each player saw before its own move.
        """
        fake = self.generator(z)
        unknown = real.isnan() if self.missing else None
        real, shown = hide(real, unknown), hide(fake.to(real.dtype), unknown)
        items = torch.cat([real, shown.detach()]).requires_grad_(True)
        view = see(items)
        with Tape() as tape:
            logits = self._verdict(view(items))
        slopes = tape.slopes(logits, items)
        d_losses = self._teach_discriminator(tape, logits.detach(), slopes, gamma, view)
        move("discriminator")
        g_losses = self._teach_generator(logits.detach().chunk(2)[0], shown, see)
        move("generator")
        return _numbers(d_losses, g_losses, logits.detach(), slopes, real, shown.detach())

    def _verdict(self, items: Tensor) -> Tensor:
        logits = self.discriminator(items)
        return logits.to(torch.promote_types(logits.dtype, torch.float32))

    def _teach_discriminator(self, tape: Tape, logits: Tensor, slopes: Tensor, gamma: float, view: View) -> Tensor:
        logits.requires_grad_(True)
        losses = self.objective.discriminator(*logits.chunk(2))
        (by_logit,) = torch.autograd.grad(losses.mean(), logits)
        changes = None
        if self.penalties:
            changes = tape.changes(self.discriminator, view.linear(self._priced(slopes, gamma)))
        weights = self._discriminator_weights
        set_gradients(weights, tape.gradients(weights, by_logit, changes))
        return losses.detach()

    def _priced(self, slopes: Tensor, gamma: float) -> Tensor:
        """The derivative of the penalties with respect to the slopes, (2 * batch, *shape)."""
        slopes = slopes.detach().requires_grad_(True)
        prices = [0.5 * gamma * penalty(*slopes.chunk(2)) for penalty in self.penalties]
        return torch.autograd.grad(sum(prices[1:], start=prices[0]).mean(), slopes)[0]

    def _teach_generator(self, real_logits: Tensor, fake: Tensor, see: See) -> Tensor:
        losses = self.objective.generator(real_logits, self._verdict(see(fake)(fake)))
        gradients = torch.autograd.grad(losses.mean(), self._generator_weights)
        set_gradients(self._generator_weights, gradients)
        return losses.detach()


@torch.no_grad()
def _numbers(d_losses: Tensor, g_losses: Tensor, logits: Tensor, slopes: Tensor, real: Tensor, fake: Tensor) -> Numbers:
    r1, r2 = torch.linalg.vector_norm(slopes.flatten(1), dim=1).square().view(2, -1).mean(1)
    real_logit, fake_logit = logits.view(2, -1).mean(1)
    variance = _variance(fake) / _variance(real).clamp_min(1e-12)
    return Numbers(d_losses.mean(), g_losses.mean(), r1, r2, real_logit, fake_logit, variance)


def _variance(items: Tensor) -> Tensor:
    """Summed over features; a norm of the deviations, which is several times as fast as `var` over the batch."""
    rows = items.float().flatten(1)
    return torch.linalg.vector_norm(rows - rows.mean(0)).square() / len(rows)
