"""The labelled sets of images that generators are judged on, and the classifier that judges each."""

import gzip
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from sparring.benchmarks.bench import Context
from sparring.data.arrayfiles import read_idx
from sparring.data.source import Spec
from sparring.errors import RunError
from sparring.extractors.classifier import Judge, JudgeConfig, train_judge

LABELS_START = 8  # byte of an idx file of labels at which they begin


@dataclass(frozen=True)
class Part:
    """Images, uint8 (n, height, width, channels), and their classes, (n,), which only a judge may see."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class PictureSet:
    """A set with a train and a test part.

    Attributes:
        title: as pages call it.
        data: what `sparring train` is given, below the folder of all data.
        spec: of its images.
        accuracy: least test accuracy of its judge.
        judge: how that is trained.
        read: gives the part "train" or "test" from the folder of all data.
    """

    title: str
    data: str
    spec: Spec
    accuracy: float
    judge: JudgeConfig
    read: Callable[[Path, str], Part]


def make_judge(name: str, context: Context) -> Judge:
    """The classifier of a set, trained once and kept beside the runs of all benchmarks.

    Raises:
        RunError: it does not reach the accuracy that the set asks for.
    """
    pictures, folder = SETS[name], context.work.parent / f"judge-{name}"
    if not (folder / "judge.json").exists():
        context.note(f"  training the judge of {name}")
        train, test = (pictures.read(context.data, part) for part in ("train", "test"))
        train_judge(train.images, train.labels, test.images, test.labels, pictures.judge).save(folder)
    judge = Judge.load(folder)
    if judge.facts.test_accuracy < pictures.accuracy:
        raise RunError(
            f"The judge in {str(folder)!r} must reach a test accuracy of {pictures.accuracy:.0%}. "
            f"Got {judge.facts.test_accuracy:.1%}. Remove the folder to train it again."
        )
    return judge


def _read_idx(folder: str) -> Callable[[Path, str], Part]:
    def read(data: Path, part: str) -> Part:
        start = {"train": "train", "test": "t10k"}[part]
        content = gzip.decompress((data / folder / f"{start}-labels-idx1-ubyte.gz").read_bytes())
        images = read_idx(data / folder / f"{start}-images-idx3-ubyte.gz")[..., None]
        return Part(images, np.frombuffer(content, np.uint8, offset=LABELS_START))

    return read


def _read_zip(stem: str) -> Callable[[Path, str], Part]:
    """An archive of pictures in a folder for each class."""

    def read(data: Path, part: str) -> Part:
        with zipfile.ZipFile(data / f"{stem}_{part}.zip") as archive:
            names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
            images = np.stack([np.asarray(Image.open(BytesIO(archive.read(name)))) for name in names])
        classes = [PurePosixPath(name).parent.name for name in names]
        return Part(images, np.unique(classes, return_inverse=True)[1])

    return read


GREY, COLOUR = Spec("image", (28, 28, 1), "uint8", squeezed=True), Spec("image", (32, 32, 3), "uint8")
SETS = {
    "fashion": PictureSet(
        title="Fashion-MNIST",
        data="images/fashion_mnist/train-images-idx3-ubyte.gz",
        spec=GREY,
        accuracy=0.91,
        judge=JudgeConfig(),
        read=_read_idx("images/fashion_mnist"),
    ),
    "mnist": PictureSet(
        title="MNIST",
        data="images/mnist/train-images-idx3-ubyte.gz",
        spec=GREY,
        accuracy=0.99,
        judge=JudgeConfig(),
        read=_read_idx("images/mnist"),
    ),
    "cifar": PictureSet(
        title="CIFAR-10 (as JPEG files)",
        data="images/cifar10_jpeg_train.zip",
        spec=COLOUR,
        accuracy=0.75,
        judge=JudgeConfig(width=64, epochs=10),
        read=_read_zip("images/cifar10_jpeg"),
    ),
}
