"""The rivals: three GANs on DCGAN's networks, in PyTorch as a textbook writes them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import relu, softplus
from torch.nn.utils.parametrizations import spectral_norm

from sparring.rng import torch_stream

LATENT = 100
WIDTH = 64
BATCH = 128


@dataclass(frozen=True)
class Rival:
    """A textbook's GAN.

    Attributes:
        paper: where its objective and its settings come from.
        norm: of the discriminator's layers.
        d_rate: the discriminator's learning rate.
        g_rate: the generator's.
        betas: of Adam.
        d_steps: of the discriminator, for one of the generator.
        d_loss: from logits of real and of fake images.
        g_loss: from logits of fake images.
        penalty: weight of WGAN-GP's gradient penalty.
    """

    paper: str
    norm: Literal["batch", "spectral", "none"]
    d_rate: float
    g_rate: float
    betas: tuple[float, float]
    d_steps: int
    d_loss: Callable[[Tensor, Tensor], Tensor]
    g_loss: Callable[[Tensor], Tensor]
    penalty: float = 0.0


RIVALS = {
    "dcgan": Rival(
        paper="Radford et al. 2016, arXiv 1511.06434",
        norm="batch",
        d_rate=2e-4,
        g_rate=2e-4,
        betas=(0.5, 0.999),
        d_steps=1,
        d_loss=lambda real, fake: softplus(-real).mean() + softplus(fake).mean(),
        g_loss=lambda fake: softplus(-fake).mean(),
    ),
    "wgan-gp": Rival(
        paper="Gulrajani et al. 2017, arXiv 1704.00028, algorithm 1",
        norm="none",
        d_rate=1e-4,
        g_rate=1e-4,
        betas=(0.0, 0.9),
        d_steps=5,
        d_loss=lambda real, fake: fake.mean() - real.mean(),
        g_loss=lambda fake: -fake.mean(),
        penalty=10.0,
    ),
    "hinge-sn": Rival(
        paper="Miyato et al. 2018, arXiv 1802.05957; learning rates of Zhang et al. 2019, arXiv 1805.08318",
        norm="spectral",
        d_rate=4e-4,
        g_rate=1e-4,
        betas=(0.0, 0.9),
        d_steps=1,
        d_loss=lambda real, fake: relu(1 - real).mean() + relu(1 + fake).mean(),
        g_loss=lambda fake: -fake.mean(),
    ),
}


def make_generator(side: int, channels: int) -> nn.Sequential:
    """Latents (batch, 100, 1, 1) to images (batch, channels, side, side) in [-1, 1]; side 28 or 32."""
    return nn.Sequential(
        nn.ConvTranspose2d(LATENT, WIDTH * 4, 4, bias=False),
        nn.BatchNorm2d(WIDTH * 4),
        nn.ReLU(),
        nn.ConvTranspose2d(WIDTH * 4, WIDTH * 2, _kernel(side), 2, 1, bias=False),
        nn.BatchNorm2d(WIDTH * 2),
        nn.ReLU(),
        nn.ConvTranspose2d(WIDTH * 2, WIDTH, 4, 2, 1, bias=False),
        nn.BatchNorm2d(WIDTH),
        nn.ReLU(),
        nn.ConvTranspose2d(WIDTH, channels, 4, 2, 1, bias=False),
        nn.Tanh(),
    )


def make_discriminator(side: int, channels: int, norm: str = "batch") -> nn.Sequential:
    """Images (batch, channels, side, side) to logits (batch,)."""
    return nn.Sequential(
        nn.Conv2d(channels, WIDTH, 4, 2, 1, bias=norm != "batch"),
        nn.LeakyReLU(0.2),
        nn.Conv2d(WIDTH, WIDTH * 2, 4, 2, 1, bias=norm != "batch"),
        nn.BatchNorm2d(WIDTH * 2) if norm == "batch" else nn.Identity(),
        nn.LeakyReLU(0.2),
        nn.Conv2d(WIDTH * 2, WIDTH * 4, _kernel(side), 2, 1, bias=norm != "batch"),
        nn.BatchNorm2d(WIDTH * 4) if norm == "batch" else nn.Identity(),
        nn.LeakyReLU(0.2),
        nn.Conv2d(WIDTH * 4, 1, 4, bias=norm != "batch"),
        nn.Flatten(0),
    )


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Weights normal with standard deviation 0.02, scales of batch norm around 1 (DCGAN, section 4)."""
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0.0, 0.02, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02, generator=generator)
            nn.init.zeros_(layer.bias)


def train_rival(name: str, rows: np.ndarray, minutes: float, seed: int) -> tuple[Callable[[int], np.ndarray], int, int]:
    """Train for some minutes.

    Args:
        name: of the rival.
        rows: images, (n, side, side, channels), uint8, of side 28 or 32.
        minutes: of wall clock.
        seed: of weights, batches and latents.

    Returns:
        A function from a count to so many generated images, in the form of `rows`; and how many real images were
        seen, repeats included; and how many steps the generator made.
    """
    rival, seen, steps = RIVALS[name], 0, 0
    stream = torch_stream(seed, name)
    images = torch.from_numpy(rows).movedim(-1, 1).float() / 127.5 - 1
    generator, discriminator = _players(rival, images.shape[2], images.shape[1], stream)
    g_optimiser = torch.optim.Adam(generator.parameters(), rival.g_rate, rival.betas)
    d_optimiser = torch.optim.Adam(discriminator.parameters(), rival.d_rate, rival.betas)
    deadline = time.monotonic() + 60 * minutes
    while time.monotonic() < deadline:
        for _ in range(rival.d_steps):
            real = images[torch.randint(len(images), (BATCH,), generator=stream)]
            fake = generator(_latents(BATCH, stream))
            d_loss = rival.d_loss(discriminator(real), discriminator(fake.detach()))
            if rival.penalty:
                d_loss = d_loss + rival.penalty * _gradient_penalty(discriminator, real, fake.detach(), stream)
            d_optimiser.zero_grad()
            d_loss.backward()
            d_optimiser.step()
            seen += BATCH

        g_loss = rival.g_loss(discriminator(fake))
        g_optimiser.zero_grad()
        g_loss.backward()
        g_optimiser.step()
        steps += 1
    return (lambda count: _sample(generator, count, torch_stream(seed, f"{name} sample"))), seen, steps


def _players(rival: Rival, side: int, channels: int, stream: torch.Generator) -> tuple[nn.Sequential, nn.Sequential]:
    generator, discriminator = make_generator(side, channels), make_discriminator(side, channels, rival.norm)
    initialise(generator, stream)
    initialise(discriminator, stream)
    if rival.norm == "spectral":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream.initial_seed())
            for layer in [layer for layer in discriminator if isinstance(layer, nn.Conv2d)]:
                spectral_norm(layer)
    return generator, discriminator


def _gradient_penalty(discriminator: nn.Module, real: Tensor, fake: Tensor, stream: torch.Generator) -> Tensor:
    """Mean squared distance of the gradient's norm from 1, between real and fake images."""
    share = torch.rand(len(real), 1, 1, 1, generator=stream)
    between = (share * real + (1 - share) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


@torch.no_grad()
def _sample(generator: nn.Module, count: int, stream: torch.Generator) -> np.ndarray:
    """Generate in batches of 128 with the statistics of the batch, as in training."""
    parts = [generator(_latents(BATCH, stream)) for _ in range(-(-count // BATCH))]
    pixels = (torch.cat(parts)[:count].movedim(1, -1) + 1) * 127.5
    return cast(np.ndarray, pixels.round().clamp(0, 255).to(torch.uint8).contiguous().numpy())


def _latents(count: int, stream: torch.Generator) -> Tensor:
    return torch.randn(count, LATENT, 1, 1, generator=stream)


def _kernel(side: int) -> int:
    """Of the layer between the 4 x 4 places and the next: 7 x 7 of 28, or 8 x 8 of 32."""
    return 3 if side == 28 else 4
