"""From a resolved configuration to the parts that it names: networks, game, engine, and the split of the data."""

import os
from dataclasses import dataclass

import numpy as np
import torch

from sparring.augment import AUGMENTS
from sparring.config import Config
from sparring.data.feed import ShuffledFeed
from sparring.data.scale import Scaler
from sparring.data.source import Source, Spec, SubsetSource
from sparring.engine import Engine
from sparring.errors import UsageError, did_you_mean, rule
from sparring.games.adversarial import AdversarialGame
from sparring.networks import DISCRIMINATORS, GENERATORS
from sparring.networks.base import Discriminator, Generator, initialise
from sparring.objectives import OBJECTIVES
from sparring.penalties import PENALTIES
from sparring.priors import PRIORS
from sparring.rng import numpy_stream, torch_stream

FEWEST_HELD_OUT = 64
NEED_MORE_THAN_GRADIENTS = ("Optimizer", "LBFGS", "SparseAdam", "Muon")


@dataclass(frozen=True)
class Split:
    """The items that training sees, and those that keep-best judges by."""

    train: Source
    held_out: Source
    is_apart: bool


def split(source: Source, config: Config) -> Split:
    """Hold out a random part; where that would be fewer than 64 items, judge by the training items instead."""
    count = int(len(source) * config.data.held_out)
    if count < FEWEST_HELD_OUT:
        return Split(source, source, is_apart=False)
    order = numpy_stream(config.seed, "held_out").permutation(len(source))
    return Split(SubsetSource(source, np.sort(order[count:])), SubsetSource(source, np.sort(order[:count])), True)


def build_networks(config: Config, spec: Spec) -> tuple[Generator, Discriminator]:
    """Both networks with fresh weights, a function of the seed alone."""
    options, shape = config.network, spec.network_shape
    generator = GENERATORS[options.generator or ""](shape, options.latent, options.width, options.output or "linear")
    discriminator = DISCRIMINATORS[options.discriminator or ""](shape, options.discriminator_width or options.width)
    initialise(generator, torch_stream(config.seed, "generator"))
    initialise(discriminator, torch_stream(config.seed, "discriminator"))
    return generator, discriminator


def build_engine(config: Config, source: Source, scaler: Scaler, device: torch.device, alone: bool = False) -> Engine:
    """The engine over the training items, without hooks; `alone` leaves other processes out."""
    generator, discriminator = build_networks(config, source.spec)
    game = AdversarialGame(
        generator,
        discriminator,
        OBJECTIVES[config.objective.name](),
        [PENALTIES[name]() for name in config.penalties.names],
        missing=source.spec.missing,
    )
    feed = ShuffledFeed(source, scaler, config.seed, device)
    name = config.augment.name or "none"
    augment = None if name == "none" else AUGMENTS[name]()
    return Engine(game, feed, PRIORS["gaussian"](generator.latent), config, device, augment=augment, alone=alone)


def check_names(config: Config, spec: Spec) -> None:
    """Refuse names that no table knows, and parts that do not fit the data, before anything is computed.

    Raises:
        UsageError: naming the setting, what came and what there is.
    """
    network = config.network
    for name in (network.name, network.generator, network.discriminator):
        if name is not None:
            _ = GENERATORS[name], DISCRIMINATORS[name]
            _check_network(name, spec)
    _ = OBJECTIVES[config.objective.name], [PENALTIES[name] for name in config.penalties.names]
    optimisers = [name for name in dir(torch.optim) if name[0].isupper() and name not in NEED_MORE_THAN_GRADIENTS]
    if config.optimiser.name not in optimisers:
        fix = did_you_mean(config.optimiser.name, optimisers)
        raise UsageError(rule("`optimiser.name`", "an optimiser of torch.optim", config.optimiser.name, fix))
    if config.device == "cuda" and not torch.cuda.is_available():
        raise UsageError(rule("`device`", "'cpu' on a machine without a CUDA device", config.device))
    _check_augment(config.augment.name or "none", spec)
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if isinstance(config.optimiser.batch, int) and config.optimiser.batch % world:
        raise UsageError(rule("`optimiser.batch`", f"a multiple of the {world} processes", config.optimiser.batch))


def _check_augment(name: str, spec: Spec) -> None:
    if name == "none":
        return
    kind = AUGMENTS[name].kind
    if kind != spec.kind:
        raise UsageError(rule("`augment.name`", f"'none' for {spec.kind} data, since it is for {kind} data", name))


def _check_network(name: str, spec: Spec) -> None:
    if name != "mlp" and spec.kind == "vector":
        raise UsageError(rule("`network.name`", "'mlp' for vectors, which have no places to convolve over", name))
