"""The autoencoder that an encoder is held against: the same kinds of networks, trained end to end on pixels."""

import time

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from sparring.benchmarks.bench import Figures
from sparring.data.feed import ShuffledFeed
from sparring.data.source import Source
from sparring.engine import place
from sparring.games.base import set_gradients
from sparring.hardware import has_fast_bfloat16, kept_memory
from sparring.model import Model
from sparring.networks import DISCRIMINATORS, GENERATORS
from sparring.networks.base import initialise
from sparring.networks.encoder import Perceptron
from sparring.rng import torch_stream
from sparring.schedule import cosine

BATCH, RATE, RATE_END = 64, 1e-3, 0.01


class PlainAutoencoder(nn.Module):
    """The discriminator's convolutions and the encoder's layers to `size` numbers, and the decoder's back.

    Args:
        model: whose networks' kinds and widths are taken.
        size: numbers of a code.

    Attributes:
        steps: that it was trained for.
        minutes: that these took.
    """

    steps, minutes = 0, 0.0

    def __init__(self, model: Model, size: int) -> None:
        super().__init__()
        eye, maker, shape = model.discriminator, model.generator, model.spec.network_shape
        self.body = DISCRIMINATORS[eye.family](shape, eye.width)
        self.top = Perceptron(eye.num_features, model.coders()[0].width, size)
        self.decoder = GENERATORS[maker.family](shape, size, maker.width, maker.output)

    @property
    def figures(self) -> Figures:
        """What a line says of its training."""
        return {"steps": self.steps, "training_minutes": self.minutes}

    def encode(self, items: Tensor) -> Tensor:
        """Codes (batch, size) of items (batch, *shape)."""
        return self.top(self.body.features(items))

    def forward(self, items: Tensor) -> Tensor:
        return self.decoder(self.encode(items))


def train_autoencoder(model: Model, source: Source, size: int, minutes: float, seed: int) -> PlainAutoencoder:
    """Train for so many minutes of Adam on the mean square error, at the precision that training chooses here."""
    device = torch.device("cpu")
    network = PlainAutoencoder(model, size)
    for name in ("body", "top", "decoder"):
        initialise(getattr(network, name), torch_stream(seed, f"autoencoder/{name}"))
    place(network, device)
    weights = [weight for name, weight in network.named_parameters() if not name.startswith("body.head")]
    optimiser = torch.optim.Adam(weights, lr=RATE, betas=(0.9, 0.99), fused=True)
    feed = ShuffledFeed(source, model.scaler, seed, device)
    fast, end = has_fast_bfloat16(device), time.perf_counter() + 60 * minutes
    with kept_memory():
        start, step = time.perf_counter(), 0
        while (now := time.perf_counter()) < end:
            optimiser.param_groups[0]["lr"] = RATE * cosine((now - start) / (end - start), 1.0, RATE_END)
            items = feed.batch(step * BATCH, BATCH)
            with torch.autocast("cpu", torch.bfloat16, enabled=fast):
                painted = network(items)
            loss = mse_loss(painted.float(), items)
            set_gradients(weights, torch.autograd.grad(loss, weights))
            optimiser.step()
            torch.clear_autocast_cache()
            step += 1
    network.steps, network.minutes = step, minutes
    return network.requires_grad_(False).eval()
