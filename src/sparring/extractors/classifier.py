"""A judge for benchmarks: a small classifier trained on real labels, and the features under its last layer.

Labels touch this judge only, never a model that is judged.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from sparring.errors import RunError, rule
from sparring.extractors.pixels import dtype_range
from sparring.rng import torch_stream

WEIGHTS, FACTS = "judge.safetensors", "judge.json"
BATCH = 500


@dataclass(frozen=True)
class JudgeConfig:
    """How a judge is built and trained.

    Attributes:
        epochs: passes over the training items.
        batch: items a step.
        rate: highest learning rate of the one-cycle schedule.
        shift: most pixels that an image is moved by, each way, while training.
        width: channels of the first level; each further level has twice as many.
        features: width of the penultimate layer.
        seed: of the weights, the order and the shifts.
    """

    epochs: int = 6
    batch: int = 128
    rate: float = 4e-3
    shift: int = 2
    width: int = 32
    features: int = 128
    seed: int = 0


@dataclass(frozen=True)
class JudgeFacts:
    """What a judge knows about itself: the form of its items, its classes, and its accuracy on the test part."""

    shape: tuple[int, int, int]
    classes: int
    test_accuracy: float
    config: JudgeConfig


class JudgeNetwork(nn.Module):
    """Three levels of convolution, pooling, batch norm and rectifier; then `features` units; then the classes.

    Args:
        channels: of an image.
        classes: number of classes.
        config: widths.
    """

    def __init__(self, channels: int, classes: int, config: JudgeConfig) -> None:
        super().__init__()
        widths = [channels] + [config.width * 2**level for level in range(3)]
        levels = [_level(inputs, outputs) for inputs, outputs in pairwise(widths)]
        self.body = nn.Sequential(*levels, nn.AdaptiveMaxPool2d(3), nn.Flatten())
        self.penultimate = nn.Linear(widths[-1] * 9, config.features)
        self.head = nn.Linear(config.features, classes)

    def features(self, x: Tensor) -> Tensor:
        """Penultimate activations, (batch, features), of images (batch, channels, height, width)."""
        return functional.relu(self.penultimate(self.body(x)))

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (batch, classes)."""
        return self.head(functional.dropout(self.features(x), 0.2, self.training))


def _level(inputs: int, outputs: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.MaxPool2d(2, ceil_mode=True), nn.BatchNorm2d(outputs), nn.ReLU())


class Judge:
    """A trained classifier as an extractor; `train_judge` makes one.

    Args:
        network: in evaluation mode.
        facts: what it was trained on, and how well.
    """

    def __init__(self, network: JudgeNetwork, facts: JudgeFacts) -> None:
        self.network = network.eval()
        self.facts = facts
        self.name = f"classifier-{facts.config.features}"

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Penultimate features of images (n, height, width, channels), float64 (n, features)."""
        return self._apply(self.network.features, rows)

    def classify(self, rows: np.ndarray) -> np.ndarray:
        """Class probabilities of images (n, height, width, channels), float64 (n, classes)."""
        logits = torch.from_numpy(self._apply(self.network, rows))
        return logits.softmax(1).numpy()

    @torch.no_grad()
    def _apply(self, function: Callable[[Tensor], Tensor], rows: np.ndarray) -> np.ndarray:
        batches = (_tensor(rows[i : i + BATCH]) for i in range(0, len(rows), BATCH))
        return torch.cat([function(batch).double() for batch in batches]).numpy()

    def save(self, folder: Path) -> None:
        """Write the judge into `folder` (safetensors and json), making it where it does not exist."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file({k: v.contiguous() for k, v in self.network.state_dict().items()}, folder / WEIGHTS)
        (folder / FACTS).write_text(json.dumps(asdict(self.facts), indent=2))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a judge that `save` wrote."""
        if not (folder / FACTS).exists():
            raise RunError(rule("The folder of a judge", f"one that holds {FACTS}", str(folder)))
        stored = json.loads((folder / FACTS).read_text())
        config = JudgeConfig(**stored.pop("config"))
        facts = JudgeFacts(**{**stored, "shape": tuple(stored["shape"])}, config=config)
        network = JudgeNetwork(facts.shape[-1], facts.classes, config)
        network.load_state_dict(load_file(folder / WEIGHTS))
        return cls(network, facts)


def train_judge(
    rows: np.ndarray,
    labels: np.ndarray,
    test_rows: np.ndarray,
    test_labels: np.ndarray,
    config: JudgeConfig | None = None,
) -> Judge:
    """Train a judge; the same arguments give the same judge on the same machine and threads.

    Args:
        rows: training images, shape (n, height, width, channels).
        labels: classes from 0, shape (n,).
        test_rows: images that tell its accuracy and are not trained on, shape (m, height, width, channels).
        test_labels: their classes, shape (m,).
        config: how to train; the defaults where None.

    Returns:
        The judge, with `facts.test_accuracy`.
    """
    config = config or JudgeConfig()
    classes = int(labels.max()) + 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = JudgeNetwork(rows.shape[-1], classes, config)
        _fit(network, rows, labels, config)
    judge = Judge(network, JudgeFacts(rows.shape[1:], classes, 0.0, config))
    accuracy = float((judge.classify(test_rows).argmax(1) == test_labels).mean())
    return Judge(network, JudgeFacts(rows.shape[1:], classes, accuracy, config))


def _fit(network: JudgeNetwork, rows: np.ndarray, labels: np.ndarray, config: JudgeConfig) -> None:
    steps = config.epochs * (len(rows) // config.batch)
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.rate, total_steps=max(steps, 2))
    draw = torch_stream(config.seed, "judge")
    targets = torch.from_numpy(np.asarray(labels, np.int64))
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    network.train()
    for _ in range(config.epochs):
        order = torch.randperm(len(rows), generator=draw)
        for index in order[: len(rows) // config.batch * config.batch].split(config.batch):
            images = _shifted(_tensor(rows[index.numpy()]), config.shift, draw)
            loss = _loss(network, images, targets[index])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()


def _loss(network: JudgeNetwork, images: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy, the network in bfloat16 where the processor multiplies it natively."""
    with torch.autocast("cpu", torch.bfloat16, enabled=_native_bfloat16()):
        logits = network(images)
    return functional.cross_entropy(logits.float(), targets, label_smoothing=0.05)


def _native_bfloat16() -> bool:
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def _tensor(rows: np.ndarray) -> Tensor:
    """Images as the network sees them: float32, about -1 to 1, channels first in channels-last memory."""
    low, high = dtype_range(rows.dtype)
    scaled = (rows.astype(np.float32) - low) * np.float32(2 / (high - low)) - 1
    return torch.from_numpy(scaled).movedim(-1, 1)


def _shifted(images: Tensor, most: int, draw: torch.Generator) -> Tensor:
    """The batch moved by up to `most` pixels each way, one shift for the batch; the edge is repeated."""
    if most == 0:
        return images
    down, right = torch.randint(0, 2 * most + 1, (2,), generator=draw).tolist()
    height, width = images.shape[2:]
    padded = functional.pad(images, (most,) * 4, mode="replicate")
    moved = padded[:, :, down : down + height, right : right + width]
    return moved.contiguous(memory_format=torch.channels_last)
