"""A trained model: networks, prior, scaler and the form of the data; what every task works with."""

import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sparring import checkpoint
from sparring.config import Config, from_json, to_json
from sparring.data.scale import Scaler
from sparring.data.source import Spec
from sparring.errors import RunError, SparringError, SparringWarning
from sparring.networks import DISCRIMINATORS, GENERATORS
from sparring.networks.base import Discriminator, Generator
from sparring.networks.encoder import Encoder, make_decoder
from sparring.priors import PRIORS
from sparring.rng import torch_stream

BATCH = 256
SAVED = "model"  # the part of a folder that `GAN.save` writes
OF_TRAINING = ("game", "progress", "hooks")  # what a checkpoint also knows, of its engine
REFINED_NUMBERS = 2**20  # of the items that are refined at a time: the decoder's maps are kept for each
REFINED = 0.2  # of the codes' root mean square: how far a first step of `refine` moves a number


@dataclass
class Model:
    """Everything that one training leaves behind.

    Attributes:
        generator: the averaged generator.
        discriminator: the discriminator.
        scaler: data units <-> network units.
        config: the resolved configuration that it was trained with.
        facts: what else is known of it, such as the samples seen.
        encoder: from items and the discriminator's features to codes and an embedding; None where none was trained.
        decoder: from codes to items; None with the encoder.
    """

    generator: Generator
    discriminator: Discriminator
    scaler: Scaler
    config: Config
    facts: dict[str, Any] = field(default_factory=dict)
    encoder: Encoder | None = None
    decoder: Generator | None = None

    def __post_init__(self) -> None:
        self.prior = PRIORS["gaussian"](self.generator.latent)

    @property
    def spec(self) -> Spec:
        """The form of an item."""
        return self.scaler.spec

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.generator.parameters()).device

    def latents(self, count: int, seed: int = 0) -> Tensor:
        """Latents from the prior, (count, latent); the same for the same seed."""
        return self.prior.draw(count, torch_stream(seed, "sample")).to(self.device)

    def sample(self, count: int, seed: int = 0) -> np.ndarray:
        """New items, (count, *spec.shape), in the data's own units and dtype."""
        return self.generate(self.latents(count, seed))

    @torch.inference_mode()
    def generate(self, z: Tensor) -> np.ndarray:
        """What the generator makes of latents (n, latent): rows (n, *spec.shape) in the data's own units and dtype."""
        return self._paint(self.generator, z)

    @torch.inference_mode()
    def encode(self, rows: np.ndarray) -> np.ndarray:
        """The codes of rows, (n, codes), float32: from eight on, the first d numbers are the best d that were learned.

        Raises:
            RunError: when the model has no encoder.
        """
        encoder, _ = self.coders()
        parts = [encoder.codes(encoder.read(*seen)).cpu().numpy() for seen in self._seen(rows)]
        return np.concatenate(parts) if parts else np.empty((0, encoder.size), np.float32)

    @torch.inference_mode()
    def decode(self, codes: np.ndarray | Tensor) -> np.ndarray:
        """The items of codes (n, d), d at most those of `encode`: rows (n, *spec.shape); numbers left out count as 0.

        Raises:
            RunError: when the model has no encoder.
        """
        encoder, decoder = self.coders()
        codes = torch.as_tensor(codes, dtype=torch.float32)
        return self._paint(decoder, functional.pad(codes, (0, encoder.size - codes.shape[1])))

    def refine(self, rows: np.ndarray, codes: np.ndarray, steps: int) -> np.ndarray:
        """Move codes (n, d) so that `decode` comes closer to rows, by mean square in the networks' units.

        Args:
            rows: (n, *spec.shape); missing cells count for nothing.
            codes: where to start, such as those of `encode`, or the first numbers of them.
            steps: of Adam, with a rate that falls to nothing; each costs about three times a `decode`.

        Returns:
            Codes of the same shape. An item's codes depend on its own row alone.
        """
        encoder, decoder = self.coders()
        batch = max(8, min(BATCH, REFINED_NUMBERS // self.spec.size))
        parts = []
        for start in range(0, len(rows), batch):
            part = slice(start, start + batch)
            items = self.scaler.to_model(rows[part]).to(self.device)
            code = torch.from_numpy(codes[part].astype(np.float32)).to(self.device)
            parts.append(_descend(decoder, encoder.size, items.nan_to_num(0.0), ~items.isnan(), code, steps))
        return np.concatenate(parts) if parts else codes.copy()

    @torch.inference_mode()
    def embed(self, rows: np.ndarray, dim: int | None = None) -> np.ndarray:
        """The embedding of rows in `dim` numbers; behind its longest vector stand the features, standardised.

        Where no more of these are asked for than the encoder reads, they are principal components, the largest first.

        Args:
            rows: (n, *spec.shape).
            dim: at most code_size + num_features, which is what None stands for.

        Returns:
            (n, dim), float32.

        Raises:
            RunError: when the model has no encoder.
        """
        encoder, _ = self.coders()
        dim = encoder.size + encoder.num_features if dim is None else dim
        parts = []
        for features, items in self._seen(rows):
            numbers = encoder.vector(encoder.embedding(encoder.read(features, items)), min(dim, encoder.size))
            more = dim - numbers.shape[1]
            known = encoder.features if more <= encoder.features.count else encoder.features.standardise
            parts.append(torch.cat([numbers, known(features)[:, :more]], 1).cpu().numpy())
        return np.concatenate(parts) if parts else np.empty((0, dim), np.float32)

    @property
    def code_size(self) -> int:
        """Numbers in a code, and in an embedding where no other number is asked for.

        Raises:
            RunError: when the model has no encoder.
        """
        return self.coders()[0].size

    def coders(self) -> tuple[Encoder, Generator]:
        """Encoder and decoder.

        Raises:
            RunError: when the model has none.
        """
        if self.encoder is None or self.decoder is None:
            raise RunError(
                "This model has no encoder: its training was stopped before that was taught (`sparring resume RUN` "
                "goes on), or it broke there, as history.jsonl then says, or encoder.share was 0. Train again for one."
            )
        return self.encoder, self.decoder

    def _seen(self, rows: np.ndarray) -> Iterator[tuple[Tensor, Tensor]]:
        for items in self._items(rows):
            yield self.discriminator.features(items), items

    def _paint(self, network: Generator, z: Tensor) -> np.ndarray:
        if not len(z):
            return np.empty((0, *self.spec.shape), self.spec.dtype)
        parts = [network(part) for part in z.to(self.device).split(BATCH)]
        with torch.autocast(self.device.type, enabled=False):
            return np.concatenate([self.scaler.to_data(part) for part in parts])

    @torch.inference_mode()
    def features(self, rows: np.ndarray) -> np.ndarray:
        """The discriminator's features of rows, (n, num_features), float32."""
        parts = [self.discriminator.features(items).cpu().numpy() for items in self._items(rows)]
        return np.concatenate(parts) if parts else np.empty((0, self.discriminator.num_features), np.float32)

    @torch.inference_mode()
    def score(self, rows: np.ndarray) -> np.ndarray:
        """The discriminator's logit of each row, (n,), float32: higher = more like the data."""
        parts = [self.discriminator(items).cpu().numpy() for items in self._items(rows)]
        return np.concatenate(parts) if parts else np.empty(0, np.float32)

    def _items(self, rows: np.ndarray) -> Iterator[Tensor]:
        for start in range(0, len(rows), BATCH):
            items = self.scaler.to_model(rows[start : start + BATCH]).to(self.device)
            yield items.nan_to_num(0.0) if self.spec.missing else items

    def tensors(self) -> dict[str, Tensor]:
        """All weights and constants by name, for a checkpoint."""
        parts = {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "scaler": self.scaler.state(),
        }
        if self.encoder is not None and self.decoder is not None:
            parts |= {"encoder": self.encoder.state_dict(), "decoder": self.decoder.state_dict()}
        return {f"{part}.{name}": tensor for part, state in parts.items() for name, tensor in state.items()}

    def description(self) -> dict[str, Any]:
        """All that `tensors` needs to become a model again, as JSON values."""
        return {
            "spec": asdict(self.spec),
            "scale": self.scaler.kind,
            "generator": _recipe(self.generator),
            "discriminator": _recipe(self.discriminator),
            **self._coders_description(),
            "config": to_json(self.config),
            **self.facts,
        }

    def _coders_description(self) -> dict[str, Any]:
        if self.encoder is None or self.decoder is None:
            return {}
        sizes = {name: getattr(self.encoder, name) for name in ("num_features", "shape", "width", "size")}
        return {"encoder": sizes, "decoder": _recipe(self.decoder)}

    def save(self, folder: Path | str) -> Path:
        """Write the model as a slot of a checkpoint; `load` reads it back."""
        slot = Path(folder)
        checkpoint.write(slot, self.description(), {"model": self.tensors()})
        return slot

    @classmethod
    def load(cls, folder: Path | str) -> "Model":
        """Read the model of a run (its best checkpoint, else its last) or of a folder written by `save`.

        Where that is damaged another one is taken, and a `SparringWarning` says which.

        Raises:
            RunError: when there is no model there, or it is damaged or of another version.
        """
        slots, complaint = find_slots(Path(folder)), None
        for slot, fall_back in [(slot, old) for old in (False, True) for slot in slots]:
            try:
                saved = checkpoint.read(slot, fall_back)
                model = from_saved(saved)
            except RunError as error:
                complaint = complaint or error
                continue
            if complaint:
                warnings.warn(f"{complaint} The model of {saved.folder} is taken in its place.", SparringWarning, 2)
            return model
        assert complaint is not None
        raise complaint


def find_slots(folder: Path) -> list[Path]:
    """The checkpoints of a run folder or of a saved model, the one to take first.

    Raises:
        RunError: when the folder holds neither.
    """
    if not folder.is_dir():
        raise RunError(f"There is no run folder {str(folder)!r}. `sparring train DATA --run {folder}` makes one.")
    names = ("checkpoint/best", "checkpoint/last", SAVED, ".")
    found = [slot for slot in (folder.resolve() / name for name in names) if checkpoint.exists(slot)]
    if found:
        return found
    raise RunError(f"The folder {str(folder)!r} must be a run of Sparring. It holds no checkpoint.")


def from_saved(saved: checkpoint.Saved) -> Model:
    """The model of a checkpoint.

    Raises:
        RunError: when its facts or tensors do not make a model.
    """
    try:
        facts = dict(saved.facts)
        spec = _spec(facts.pop("spec"))
        parts = {part: _part(saved.tensors["model"], part) for part in ("generator", "discriminator", "scaler")}
        scaler = Scaler(facts.pop("scale"), spec, **parts["scaler"])
        generator = _build(facts.pop("generator"), parts["generator"])
        discriminator = _build(facts.pop("discriminator"), parts["discriminator"])
        encoder, decoder = _read_coders(facts, saved.tensors["model"])
        config = from_json(facts.pop("config"))
        for name in OF_TRAINING:
            facts.pop(name, None)
    except (KeyError, TypeError, ValueError, RuntimeError, SparringError) as error:
        raise RunError(f"The checkpoint {str(saved.folder)!r} does not hold a model: {error}.") from None
    return Model(generator, discriminator, scaler, config, facts, encoder, decoder)


def _read_coders(facts: dict[str, Any], tensors: dict[str, Tensor]) -> tuple[Encoder | None, Generator | None]:
    if "encoder" not in facts:
        return None, None
    encoder = Encoder(**facts.pop("encoder"))
    encoder.load_state_dict(_part(tensors, "encoder"))
    recipe = facts.pop("decoder")
    decoder = make_decoder(**{**recipe, "shape": tuple(recipe["shape"])})
    decoder.load_state_dict(_part(tensors, "decoder"))
    return encoder.requires_grad_(False), decoder.requires_grad_(False)


def _descend(decoder: Generator, size: int, items: Tensor, shown: Tensor, code: Tensor, steps: int) -> np.ndarray:
    """Adam on the codes of one batch, each item for itself and on the scale of its own code."""
    scale = code.square().mean(1, keepdim=True).sqrt()
    shift = torch.zeros_like(code, requires_grad=True)
    optimiser = torch.optim.Adam([shift], lr=REFINED, betas=(0.9, 0.99))
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = REFINED * (1.0 - step / steps)
        painted = decoder(functional.pad(code + scale * shift, (0, size - code.shape[1])))
        error = ((painted - items).square() * shown).sum()
        (shift.grad,) = torch.autograd.grad(error, shift)
        optimiser.step()
    return (code + scale * shift).detach().cpu().numpy()


def _spec(values: dict[str, Any]) -> Spec:
    return Spec(**{**values, "shape": tuple(values["shape"]), "names": tuple(values["names"])})


def _recipe(network: Generator | Discriminator) -> dict[str, Any]:
    """How to build a network of the tables again: its table, its name there, and its arguments."""
    recipe = {"family": type(network).family, "shape": list(network.shape), "width": network.width}
    return recipe | ({"latent": network.latent, "output": network.output} if isinstance(network, Generator) else {})


def _build(recipe: dict[str, Any], state: dict[str, Tensor]) -> Any:
    table = GENERATORS if "latent" in recipe else DISCRIMINATORS
    arguments = {name: value for name, value in recipe.items() if name != "family"}
    network = table[recipe["family"]](**{**arguments, "shape": tuple(recipe["shape"])})
    network.load_state_dict(state)
    return network.requires_grad_(False)


def _part(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.removeprefix(part + "."): tensor for name, tensor in tensors.items() if name.startswith(part + ".")}
