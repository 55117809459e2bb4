"""The step as a textbook writes it: float32, contiguous, default Adam, one player after the other."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

LEARNING_RATE = 2e-4
BETAS = (0.0, 0.99)


def plain_step(
    generator: nn.Module, discriminator: nn.Module, items: Tensor, batch: int, latent: int, gamma: float
) -> Callable[[], None]:
    """A relativistic GAN with R1 and R2 (Huang et al. 2024, equations 2 to 4), ready to step.

    Args:
        generator: maps latents to items.
        discriminator: maps items to logits.
        items: the whole data in memory, (n, *shape), float32.
        batch: items in a batch.
        latent: numbers in a latent vector.
        gamma: weight of the penalties.

    Returns:
        A function that trains both players on one batch.
    """
    d_optimiser = torch.optim.Adam(discriminator.parameters(), LEARNING_RATE, BETAS)
    g_optimiser = torch.optim.Adam(generator.parameters(), LEARNING_RATE, BETAS)

    def penalty(logits: Tensor, x: Tensor) -> Tensor:
        (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
        return gradient.square().sum(dim=(1, 2, 3)).mean()

    def latents() -> Tensor:
        return torch.randn(batch, latent, device=items.device)

    def step() -> None:
        real = items[torch.randint(len(items), (batch,), device=items.device)].requires_grad_()
        fake = generator(latents()).detach().requires_grad_()
        real_logits, fake_logits = discriminator(real), discriminator(fake)
        d_loss = softplus(fake_logits - real_logits).mean()
        d_loss = d_loss + gamma / 2 * (penalty(real_logits, real) + penalty(fake_logits, fake))
        d_optimiser.zero_grad()
        d_loss.backward()
        d_optimiser.step()

        discriminator.requires_grad_(False)
        with torch.no_grad():
            real_logits = discriminator(real)
        g_loss = softplus(real_logits - discriminator(generator(latents()))).mean()
        g_optimiser.zero_grad()
        g_loss.backward()
        g_optimiser.step()
        discriminator.requires_grad_(True)

    return step
