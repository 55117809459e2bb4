"""The one default run of a set and a seed, which every benchmark of a task asks, and the same with random weights."""

import copy
import dataclasses
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from sparring.assembly import build_encoding_engine, split
from sparring.atomic import replacing
from sparring.benchmarks.autoencoder import PlainAutoencoder, train_autoencoder
from sparring.benchmarks.bench import LONGER, Context, Figures, Line, on_one_machine
from sparring.benchmarks.command import run_sparring
from sparring.benchmarks.machine import commit, hardware
from sparring.benchmarks.picturesets import SETS, Part
from sparring.data.cache import open_cache
from sparring.data.scale import Scaler
from sparring.data.source import Source
from sparring.engine import place
from sparring.errors import RunError
from sparring.hardware import kept_memory
from sparring.model import Model
from sparring.networks.base import initialise
from sparring.networks.encoder import Encoder
from sparring.rng import torch_stream

MINUTES = 30.0
DIGITS, HELD_OUT = "digits", 500  # of scikit-learn's digits, the last so many are the test part


@dataclasses.dataclass(frozen=True)
class Known:
    """A default run, and what is known of its set.

    Attributes:
        folder: the run.
        train: images (n, height, width, channels) and labels, which only score.
        test: the same of the test part.
        commit: of the code that trained it.
        minutes: that it took; None where that was not kept.
    """

    folder: Path
    train: Part
    test: Part
    commit: str
    minutes: float | None = None

    @property
    def figures(self) -> Figures:
        """What a line says of the run that was asked."""
        return {"trained_at": self.commit} | ({} if self.minutes is None else {"training_minutes": self.minutes})

    @property
    def model(self) -> Model:
        """What was trained."""
        return Model.load(self.folder)


def default_run(name: str, seed: int, context: Context, minutes: float = MINUTES) -> Known:
    """The run of `sparring train DATA --minutes 30 --seed SEED`, made where this machine has none that can be read."""
    train, test = _read(name, context)
    folder = context.work.parent / "default" / f"{name}-{seed}"
    run, done = folder / "run", folder / "done.json"
    if not _serves(run, done, minutes):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        data: object = context.data / SETS[name].data if name in SETS else folder / "train.npy"
        if name not in SETS:
            np.save(folder / "train.npy", train.images[..., 0])
        context.note(f"  sparring train {data} --minutes {minutes:g} --seed {seed}")
        began = time.perf_counter()
        run_sparring("train", data, "--run", run, "--minutes", minutes, "--seed", seed)
        taken = (time.perf_counter() - began) / 60
        facts = {"minutes": minutes, "taken": taken, "seed": seed, "commit": commit(), "hardware": hardware()}
        done.write_text(json.dumps(facts))
    facts = json.loads(done.read_text())
    context.note(f"  asking the run of commit {facts['commit']}; remove {folder} for a new one")
    return Known(run, train, test, facts["commit"], facts.get("taken"))


def _serves(run: Path, done: Path, minutes: float) -> bool:
    """Whether a kept run is of as many minutes, of this machine, and of a version that can be read."""
    facts = json.loads(done.read_text()) if done.exists() else {}
    if facts.get("minutes") != minutes or facts.get("hardware", hardware()) != hardware():
        return False
    try:
        Model.load(run)
    except RunError:
        return False
    return True


def pairs_of_one_run(
    lines: Sequence[Line], sets: Sequence[str], ours: str, rivals: Sequence[str]
) -> list[tuple[Figures, Figures]] | None:
    """Our figures beside each rival's, of every set and seed that ours has.

    None while they cannot be compared: where a set or a rival is missing, asked another run or had another machine, or
    where ours took longer than its minutes.
    """
    found = {(line["set"], line["seed"], line["method"]): line for line in lines}
    groups = [(name, seed) for name, seed, method in found if method == ours and name in sets]
    pairs: list[tuple[Figures, Figures]] = []
    for group in groups:
        own = found[*group, ours]
        for rival in rivals:
            other = found.get((*group, rival))
            if other is None or not _comparable(own, other):
                return None
            pairs.append((own["figures"], other["figures"]))
    return pairs if {name for name, _ in groups} == set(sets) else None


def _comparable(own: Line, other: Line) -> bool:
    ours, theirs = own["figures"], other["figures"]
    longest = LONGER * theirs.get("training_minutes", MINUTES)
    is_same = ours.get("trained_at") == theirs.get("trained_at")
    return is_same and on_one_machine([own, other]) and ours.get("training_minutes", 0.0) <= longest


def _read(name: str, context: Context) -> tuple[Part, Part]:
    if name in SETS:
        return SETS[name].read(context.data, "train"), SETS[name].read(context.data, "test")
    from sklearn.datasets import load_digits

    values, labels = load_digits(return_X_y=True)
    images = (np.asarray(values) * 15.9375).astype(np.uint8).reshape(-1, 8, 8, 1)
    labels = np.asarray(labels)
    return Part(images[:-HELD_OUT], labels[:-HELD_OUT]), Part(images[-HELD_OUT:], labels[-HELD_OUT:])


def kept_autoencoder(known: Known, size: int, minutes: float, seed: int) -> PlainAutoencoder:
    """The plain autoencoder with codes of `size` numbers for a run, trained where it is not there yet.

    It is given as many minutes as the run took, where that is known.
    """
    path, model = known.folder.with_name(f"autoencoder-{size}-{minutes:g}.safetensors"), known.model
    if path.exists():
        network = PlainAutoencoder(model, size)
        tensors = load_file(path)
        network.steps, network.minutes = int(tensors.pop("steps")), float(tensors.pop("minutes", torch.tensor(minutes)))
        network.load_state_dict(tensors)
        return network.requires_grad_(False).eval()
    network = train_autoencoder(model, training_items(known), size, known.minutes or minutes, seed)
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    with replacing(path) as partial:
        facts = {"steps": torch.tensor(network.steps), "minutes": torch.tensor(network.minutes)}
        save_file({**tensors, **facts}, partial)
    return network


class AutoencoderModel(Model):
    """A model whose codes are a plain autoencoder's."""

    network: PlainAutoencoder

    def encode(self, rows: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            parts = [self.network.encode(items).numpy() for items in self._items(rows)]
        return np.concatenate(parts)


def autoencoder_as_model(known: Known, network: PlainAutoencoder) -> Model:
    """The model of a run with a plain autoencoder in its encoder's place."""
    model = known.model
    size = network.decoder.latent
    discriminator, width = model.discriminator, model.config.encoder.width
    encoder = Encoder(discriminator.num_features, discriminator.shape, width, size)
    found = AutoencoderModel(
        model.generator, model.discriminator, model.scaler, model.config, model.facts, encoder, network.decoder
    )
    found.network = network
    return found


def with_random_weights(known: Known, seed: int) -> Model:
    """The model of a run whose discriminator never learned, with an encoder that was taught as long as the run's."""
    model = known.model
    discriminator = copy.deepcopy(model.discriminator)
    initialise(discriminator, torch_stream(seed, "random weights"))
    place(discriminator, torch.device("cpu"))
    return teach(dataclasses.replace(model, discriminator=discriminator), training_items(known))


def training_items(known: Known) -> Source:
    """The items that the run was trained on."""
    return split(open_cache(known.folder / "cache"), known.model.config).train


def teach(model: Model, source: Source) -> Model:
    """The model with a new encoder, taught on the items as long as the configuration says."""
    scaler: Scaler = model.scaler
    device = torch.device("cpu")
    engine = build_encoding_engine(model.config, source, scaler, device, model.generator, model.discriminator)
    with kept_memory():
        engine.run()
    taught = engine.averaged
    return dataclasses.replace(model, encoder=taught.encoder, decoder=taught.decoder)
