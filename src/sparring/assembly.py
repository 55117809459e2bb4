"""From a resolved configuration to the parts that it names: networks, game, engine, and the split of the data."""

import math
import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch

from sparring.augment import AUGMENTS
from sparring.config import AugmentConfig, Config, OptimiserConfig, replace
from sparring.data.feed import ShuffledFeed
from sparring.data.scale import Scaler
from sparring.data.source import Source, Spec, SubsetSource, spread_rows
from sparring.distribution import share_first, together
from sparring.engine import Engine
from sparring.errors import UsageError, did_you_mean, rule
from sparring.games.adversarial import AdversarialGame
from sparring.games.encoding import Autoencoder, EncodingGame
from sparring.hooks.tensorboard import require_tensorboard
from sparring.model import Model
from sparring.networks import DISCRIMINATORS, GENERATORS
from sparring.networks.base import Discriminator, Generator, initialise
from sparring.networks.encoder import Encoder, PerceptronDecoder, make_decoder
from sparring.objectives import OBJECTIVES
from sparring.optimisers import OURS, WITH_MOMENTUM, has_moments, known_optimisers
from sparring.penalties import PENALTIES
from sparring.priors import PRIORS
from sparring.rng import numpy_stream, torch_stream

FEWEST_HELD_OUT = 64
FEWEST_LESSONS = 100  # steps that an encoder has at least, if not of the smallest size
MOST_PAINTED = 64 * 64 * 3  # numbers of an item that a perceptron paints: its last layer grows with them
SCALED_ITEMS, SCALED_BATCH = 4096, 256  # items that the scale of features and errors is taken from


@dataclass(frozen=True)
class Split:
    """The items that training sees, and those that keep-best judges by."""

    train: Source
    held_out: Source
    is_apart: bool


def split(source: Source, config: Config) -> Split:
    """Hold out a random part; where that would be fewer than 64 items, judge by the training items instead."""
    count = held_out_count(len(source), config)
    if not count:
        return Split(source, source, is_apart=False)
    order = numpy_stream(config.seed, "held_out").permutation(len(source))
    return Split(SubsetSource(source, np.sort(order[count:])), SubsetSource(source, np.sort(order[:count])), True)


def held_out_count(count: int, config: Config) -> int:
    """How many of `count` items `split` holds out; 0 where that would be fewer than 64."""
    held = int(count * config.data.held_out)
    return held if held >= FEWEST_HELD_OUT else 0


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
    prior, end = PRIORS["gaussian"](generator.latent), adversarial_samples(config)
    return Engine(game, feed, prior, config, device, end=end, augment=augment, alone=alone)


def averaged_model(engine: Engine, scaler: Scaler, facts: dict[str, Any] | None = None) -> Model:
    """The model as it stands in an engine of generator against discriminator: the average of the former."""
    generator, discriminator = engine.averaged, engine.game.players["discriminator"]
    return Model(cast(Generator, generator), cast(Discriminator, discriminator), scaler, engine.config, facts or {})


def adversarial_samples(config: Config) -> int:
    """Where the game of the two players ends, and that of the encoder begins."""
    return (config.budget.samples or 0) - (config.encoder.samples or 0)


def lessons(config: Config) -> list[int]:
    """Items that a step of the encoder may have: the players' batch, twice it and so on up to `encoder.batch`."""
    batch = int(config.optimiser.batch or 1)
    most = config.encoder.batch or batch
    sizes = [min(batch, most)]
    while 2 * sizes[-1] <= most:
        sizes.append(2 * sizes[-1])
    return sizes


def lesson(samples: int, sizes: Collection[int]) -> int:
    """Items of a step of the encoder that is shown so many: of some sizes the largest that leaves it enough steps."""
    return max((size for size in sizes if samples >= FEWEST_LESSONS * size), default=min(sizes))


def decoder_like(generator: Generator, size: int, width: int) -> Generator:
    """A fresh decoder of codes of `size` numbers for the items of a generator.

    It is a perceptron of `width` hidden units, and of the generator's own kind and width for larger items.
    """
    small = math.prod(generator.shape) <= MOST_PAINTED
    family, width = (PerceptronDecoder.family, width) if small else (generator.family, generator.width)
    return make_decoder(family, generator.shape, size, width, generator.output)


def build_encoding_engine(
    config: Config,
    source: Source,
    scaler: Scaler,
    device: torch.device,
    generator: Generator,
    discriminator: Discriminator,
    alone: bool = False,
    scaled: int = SCALED_ITEMS,
) -> Engine:
    """The engine that teaches an encoder and a decoder once both players are done, without hooks.

    Args:
        config: resolved, the same as for the players.
        source: the training items.
        scaler: fitted on them.
        device: where to compute.
        generator: of such items, which makes a share of what the encoder is shown.
        discriminator: whose features the encoder reads; on `device`.
        alone: whether to leave other processes out.
        scaled: items that the scale of features and of errors is taken from.
    """
    size = generator.latent
    encoder = Encoder(discriminator.num_features, discriminator.shape, config.encoder.width, size)
    autoencoder = Autoencoder(encoder, decoder_like(generator, size, config.encoder.width))
    for name, part in autoencoder.named_children():
        initialise(part, torch_stream(config.seed, name))
    items = scaler.to_model(spread_rows(source, scaled))
    with torch.no_grad():
        shown = items.nan_to_num(0.0)
        parts = shown.split(SCALED_BATCH)
        encoder.fit(torch.cat([discriminator.features(part.to(device)).cpu() for part in parts]), shown)
    if not alone:
        share_first(list(encoder.buffers()))
    variance = float((items - items.nanmean(0)).nan_to_num(0.0).square().mean())
    generated = config.encoder.generated or 0.0
    sizes = lessons(config)
    batch = lesson(config.encoder.samples or 0, sizes)
    options: dict[str, Any] = {"generated": generated, "missing": source.spec.missing, "twice": batch > sizes[0]}
    if not alone:
        options["together"] = together
    game = EncodingGame(autoencoder, discriminator, generator, variance, **options)
    optimiser = {"name": "Adam", "soap_share": 0.0, "beta1": 0.8, "beta2": 0.95, "beta2_end": 0.95}
    config = replace(
        config,
        optimiser={**optimiser, "batch": batch, "learning_rate": config.encoder.learning_rate, "generator_rate": 1.0},
        schedule={"warmup": 0.1, "hold": 0.0, "rate_end": 0.01},
        augment={"name": "none"},
    )
    feed, prior = ShuffledFeed(source, scaler, config.seed, device), PRIORS["gaussian"](size)
    return Engine(game, feed, prior, config, device, begin=adversarial_samples(config), alone=alone)


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
    optimiser = config.optimiser.name
    if optimiser not in (None, *known_optimisers()):
        fix = did_you_mean(optimiser, known_optimisers())
        raise UsageError(rule("`optimiser.name`", "'SOAP' or an optimiser of torch.optim", optimiser, fix))
    if config.device == "cuda" and not torch.cuda.is_available():
        raise UsageError(rule("`device`", "'cpu' on a machine without a CUDA device", config.device))
    _check_optimiser(config.optimiser)
    if config.tensorboard:
        require_tensorboard()
    _check_augment(config.augment, spec)
    check_processes(config)
    if config.data.resolution is not None and spec.kind != "image":
        raise UsageError(rule("`data.resolution`", f"left out of {spec.kind} data", list(config.data.resolution)))


def check_processes(config: Config) -> None:
    """Refuse a batch that the processes of a distributed run cannot share equally, and a GPU of two of them.

    Raises:
        UsageError: naming the batch, or the number of processes.
    """
    world, here = (int(os.environ.get(name, "1")) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    gpus = torch.cuda.device_count()
    if gpus and here > gpus and config.device != "cpu":
        fix = f"Start {gpus}, or train on the processors with --set device=cpu."
        raise UsageError(rule("The processes on this machine", f"one for each of its {gpus} GPUs", here, fix))
    for name, batch in (("optimiser.batch", config.optimiser.batch), ("encoder.batch", config.encoder.batch)):
        if isinstance(batch, int) and batch % world:
            raise UsageError(rule(f"`{name}`", f"a multiple of the {world} processes", batch))


def _check_optimiser(options: OptimiserConfig) -> None:
    """Refuse what no optimiser of the run would use, and beta1 where SOAP takes some of the steps."""
    share, named = options.soap_share or 0.0, options.name or "Adam"
    optimiser = named if share < 1.0 else "SOAP"
    ignored = [] if optimiser in WITH_MOMENTUM else ["momentum"]
    if share or optimiser in OURS or not has_moments(optimiser):
        ignored.append("beta1")
    if not share and not has_moments(optimiser):
        ignored += ["beta2", "beta2_end"]
    for name in ignored:
        value, default = getattr(options, name), getattr(OptimiserConfig, name)
        if value != default:
            must = f"left out with {'SOAP' if share and name == 'beta1' else optimiser}, which has no use for it"
            raise UsageError(rule(f"`optimiser.{name}`", must, value))


def _check_augment(options: AugmentConfig, spec: Spec) -> None:
    """Refuse an augmentation of other data, and a probability of none."""
    name, probability = options.name, options.probability
    fits = spec.kind in {AUGMENTS[known].kind for known in AUGMENTS}
    if probability not in (None, "adaptive", 0.0) and (name == "none" or (name is None and not fits)):
        raise UsageError(rule("`augment.probability`", "left out where nothing is augmented", probability))
    if name in (None, "none"):
        return
    kind = AUGMENTS[name].kind
    if kind != spec.kind:
        raise UsageError(rule("`augment.name`", f"'none' for {spec.kind} data, since it is for {kind} data", name))


def _check_network(name: str, spec: Spec) -> None:
    if name != "mlp" and spec.kind == "vector":
        raise UsageError(rule("`network.name`", "'mlp' for vectors, which have no places to convolve over", name))
