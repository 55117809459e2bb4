"""Trainings that are small enough for tests."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from sparring.assembly import build_engine
from sparring.config import Config, replace
from sparring.data.scale import fit_scaler
from sparring.data.source import ArraySource, Spec
from sparring.engine import Engine
from sparring.rules import choose_form, choose_recipe

BATCH = 8


def small_images(count: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, size=(count, 8, 8, 1)).astype(np.uint8)


def small_engine(
    network: str = "mlp", objective: str = "relativistic", steps: int = 20, width: int = 4, **sections: Any
) -> Engine:
    """An engine over 64 random images of 8 x 8, without hooks; `sections` as in `config.replace`."""
    images = small_images()
    spec = Spec("image", images.shape[1:], "uint8")
    rate = {"batch": BATCH, "learning_rate": 4e-4}
    options = {"optimiser": rate, "budget": {"samples": steps * BATCH}, **sections}
    config = replace(Config(), network={"name": network, "width": width, "latent": 6}, objective={"name": objective})
    config = replace(config, precision="float32", **options)
    config = choose_recipe(
        choose_form(config, spec, torch.device("cpu")).config, spec, 64, 30.0, torch.device("cpu")
    ).config
    source = ArraySource(images, spec)
    return build_engine(config, source, fit_scaler("range", source), torch.device("cpu"))


@pytest.fixture
def make_engine() -> Callable[..., Engine]:
    return small_engine
