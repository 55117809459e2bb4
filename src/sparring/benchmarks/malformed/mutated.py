"""Bit flips and truncations of real files."""

from functools import partial

import numpy as np

from sparring.benchmarks.malformed.materials import CONTAINERS, IMAGES, write_good_images
from sparring.benchmarks.malformed.readers import sound
from sparring.benchmarks.malformed.trap import Case, Place, Trap, inspect

NUM_FLIPS = 8
NUM_CUTS = 6
HEADER = 256


def flipped(content: bytes, generator: np.random.Generator, header: bool) -> bytes:
    """Turn over one to eight bits, in the first 256 bytes where `header`, else anywhere."""
    damaged = bytearray(content)
    reach = min(HEADER, len(content)) if header else len(content)
    for position in generator.integers(0, reach * 8, size=generator.integers(1, 9)):
        damaged[position // 8] ^= 1 << (position % 8)
    return bytes(damaged)


def truncated(content: bytes, generator: np.random.Generator) -> bytes:
    """Keep a random part of the beginning, at least one byte less than all."""
    return content[: generator.integers(0, len(content))]


def cases(form: str) -> list[Case]:
    """Every flip and cut of one format."""
    kinds = [f"header-flip-{i}" if i % 2 else f"flip-{i}" for i in range(NUM_FLIPS)]
    kinds += [f"cut-{i}" for i in range(NUM_CUTS)]
    return [Case(f"{form}/{kind}", partial(_make, form, kind)) for kind in kinds]


def _make(form: str, kind: str, place: Place, generator: np.random.Generator) -> Trap:
    suffix, content = IMAGES[form] if form in IMAGES else (form, CONTAINERS[form])
    cut = kind.startswith("cut")
    damage = truncated if cut else partial(flipped, header=kind.startswith("header"))
    damaged = damage(content(), generator)
    if form in IMAGES:
        return _among_good_images(f"bad.{suffix}", damaged, place)
    path = place.data / f"data.{suffix}"
    path.write_bytes(damaged)
    return inspect(path, "good-", answer="any" if sound(form, damaged) else "named")


def _among_good_images(name: str, content: bytes, place: Place) -> Trap:
    folder = write_good_images(place.data / "images")
    (folder / name).write_bytes(content)
    return inspect(folder, name, answer="any" if sound("image", content) else "skipped")
