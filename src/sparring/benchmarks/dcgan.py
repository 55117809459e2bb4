"""The baseline: DCGAN (Radford et al. 2016) for 28 x 28 grey images, in PyTorch as a textbook writes it."""

import time
from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from sparring.rng import torch_stream

LATENT = 100
WIDTH = 64
BATCH = 128
LEARNING_RATE = 2e-4
BETAS = (0.5, 0.999)


def make_generator() -> nn.Sequential:
    """Latents (batch, 100, 1, 1) to images (batch, 1, 28, 28) in [-1, 1]."""
    return nn.Sequential(
        nn.ConvTranspose2d(LATENT, WIDTH * 4, 4, bias=False),
        nn.BatchNorm2d(WIDTH * 4),
        nn.ReLU(),
        nn.ConvTranspose2d(WIDTH * 4, WIDTH * 2, 3, 2, 1, bias=False),
        nn.BatchNorm2d(WIDTH * 2),
        nn.ReLU(),
        nn.ConvTranspose2d(WIDTH * 2, WIDTH, 4, 2, 1, bias=False),
        nn.BatchNorm2d(WIDTH),
        nn.ReLU(),
        nn.ConvTranspose2d(WIDTH, 1, 4, 2, 1, bias=False),
        nn.Tanh(),
    )


def make_discriminator() -> nn.Sequential:
    """Images (batch, 1, 28, 28) to logits (batch,)."""
    return nn.Sequential(
        nn.Conv2d(1, WIDTH, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2),
        nn.Conv2d(WIDTH, WIDTH * 2, 4, 2, 1, bias=False),
        nn.BatchNorm2d(WIDTH * 2),
        nn.LeakyReLU(0.2),
        nn.Conv2d(WIDTH * 2, WIDTH * 4, 3, 2, 1, bias=False),
        nn.BatchNorm2d(WIDTH * 4),
        nn.LeakyReLU(0.2),
        nn.Conv2d(WIDTH * 4, 1, 4, bias=False),
        nn.Flatten(0),
    )


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Weights normal with standard deviation 0.02, scales of batch norm around 1 (section 4 of the paper)."""
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0.0, 0.02, generator=generator)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02, generator=generator)
            nn.init.zeros_(layer.bias)


def train_dcgan(rows: np.ndarray, minutes: float, seed: int) -> Callable[[int], np.ndarray]:
    """Train for some minutes.

    Args:
        rows: images, (n, 28, 28, 1), uint8.
        minutes: of wall clock.
        seed: of weights, batches and latents.

    Returns:
        A function from a count to so many generated images, in the form of `rows`.
    """
    stream = torch_stream(seed, "dcgan")
    images = torch.from_numpy(rows).movedim(-1, 1).float() / 127.5 - 1
    generator, discriminator = make_generator(), make_discriminator()
    initialise(generator, stream)
    initialise(discriminator, stream)
    g_optimiser = torch.optim.Adam(generator.parameters(), LEARNING_RATE, BETAS)
    d_optimiser = torch.optim.Adam(discriminator.parameters(), LEARNING_RATE, BETAS)
    deadline = time.monotonic() + 60 * minutes
    while time.monotonic() < deadline:
        real = images[torch.randint(len(images), (BATCH,), generator=stream)]
        fake = generator(_latents(BATCH, stream))

        d_loss = _loss(discriminator(real), 1.0) + _loss(discriminator(fake.detach()), 0.0)
        d_optimiser.zero_grad()
        d_loss.backward()
        d_optimiser.step()

        g_loss = _loss(discriminator(fake), 1.0)
        g_optimiser.zero_grad()
        g_loss.backward()
        g_optimiser.step()
    return lambda count: _sample(generator, count, torch_stream(seed, "dcgan sample"))


@torch.no_grad()
def _sample(generator: nn.Module, count: int, stream: torch.Generator) -> np.ndarray:
    """Generate in batches of 128 with the statistics of the batch, as in training."""
    parts = [generator(_latents(BATCH, stream)) for _ in range(-(-count // BATCH))]
    pixels = (torch.cat(parts)[:count].movedim(1, -1) + 1) * 127.5
    return cast(np.ndarray, pixels.round().clamp(0, 255).to(torch.uint8).contiguous().numpy())


def _latents(count: int, stream: torch.Generator) -> Tensor:
    return torch.randn(count, LATENT, 1, 1, generator=stream)


def _loss(logits: Tensor, target: float) -> Tensor:
    return binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
