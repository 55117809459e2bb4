"""The rules: they fill every gap, touch nothing that was set, and give a reason for each choice."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from sparring.config import Config, apply_settings, replace, to_json
from sparring.data.source import Spec
from sparring.presets import PRESETS
from sparring.rules import (
    Choice,
    choose_by_width,
    choose_form,
    choose_network,
    choose_recipe,
    fit_resolution,
    largest_side,
)

CPU = torch.device("cpu")
IMAGE = Spec("image", (28, 28, 1), "uint8")
COLOUR = Spec("image", (28, 28, 3), "uint8")
SERIES = Spec("series", (24, 3), "float32")
VECTOR = Spec("vector", (5,), "float32")
SPECS = pytest.mark.parametrize("spec", [IMAGE, SERIES, VECTOR], ids=lambda spec: spec.kind)

# what is left to the clock or the command, and so is not a rule of this module
LATER = {
    "encoder.samples",
    "network.width",
    "network.discriminator_width",
    "optimiser.name",
    "optimiser.soap_share",
    "optimiser.learning_rate",
    "budget.samples",
    "budget.epochs",
    "budget.minutes",
    "threads",
    "device",
    "preset",
}


def chosen(config: Config, spec: Spec, count: int = 5000, variance: float = 100.0) -> Config:
    form = choose_form(config, spec, CPU).config
    return choose_recipe(form, spec, count, variance, CPU).config


def gaps(config: Config) -> set[str]:
    flat = {}
    for key, value in to_json(config).items():
        flat |= {f"{key}.{name}": part for name, part in value.items()} if isinstance(value, dict) else {key: value}
    return {key for key, value in flat.items() if value is None}


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (28, 28, (28, 28)),
        (64, 48, (64, 48)),
        (128, 128, (64, 64)),
        (480, 640, (48, 64)),
        (640, 480, (64, 48)),
        (1000, 100, (80, 8)),
        (32, 512, (8, 128)),
        (6, 16, (8, 21)),
        (8, 100, (8, 100)),
        (31, 9, (31, 9)),
    ],
)
def test_resolution_keeps_the_shape(height: int, width: int, expected: tuple[int, int]) -> None:
    assert fit_resolution(height, width, 64) == expected


@pytest.mark.parametrize("size", [(5000, 3000), (77, 65), (4096, 100), (2, 3), (256, 255)])
def test_resolution_is_always_one_that_can_be_trained(size: tuple[int, int]) -> None:
    height, width = fit_resolution(*size, 64)
    assert min(height, width) >= 8
    assert max(height, width) <= (64 if min(height, width) > 8 else 256)
    if max(height, width) < 256:
        assert height / width == pytest.approx(size[0] / size[1], rel=0.06)


def test_what_is_cut_off_of_a_very_long_image_is_said() -> None:
    reasons = choose_form(Config(), Spec("image", (10, 1000, 1), "uint8"), CPU).reasons
    assert any("8 x 256" in reason and "the middle 32% of its longer side is kept" in reason for reason in reasons)
    whole = choose_form(Config(), Spec("image", (100, 1000, 1), "uint8"), CPU).reasons
    assert any("8 x 80" in reason and "the least of 8" in reason for reason in whole)
    assert not any("middle" in reason for reason in whole)


@pytest.mark.parametrize(("objective", "blind"), [("relativistic", np.log(2)), ("cross_entropy", 2 * np.log(2))])
def test_augmentation_aims_at_a_share_of_what_a_blind_discriminator_loses(objective: str, blind: float) -> None:
    config = chosen(apply_settings(Config(), {"objective.name": objective}), IMAGE)
    assert config.augment.target == pytest.approx(0.7 * blind, rel=0.02)


@SPECS
def test_every_gap_is_filled(spec: Spec) -> None:
    config = chosen(Config(), spec)
    open_ones = gaps(config) - LATER - ({"data.resolution"} if spec.kind != "image" else set())
    assert open_ones == set()


def test_a_gap_would_be_seen() -> None:
    assert {"network.latent", "penalties.gamma", "optimiser.batch"} <= gaps(Config())


SET: dict[str, Any] = {
    "data.resolution": [16, 24],
    "data.scale": "moments",
    "network.name": "residual",
    "network.generator": "conv",
    "network.latent": 7,
    "network.discriminator_width": 5,
    "optimiser.generator_rate": 1.5,
    "optimiser.batch": 33,
    "optimiser.learning_rate": 0.5,
    "penalties.gamma": 0.0,
    "penalties.gamma_fall": 0.9,
    "penalties.gamma_samples": 77,
    "schedule.warmup": 0.0,
    "schedule.hold": 0.0,
    "schedule.rate_end": 0.0,
    "ema.cap": 5.0,
    "precision": "float32",
}


@pytest.mark.parametrize("key", list(SET))
def test_what_the_user_set_is_never_changed(key: str) -> None:
    config = to_json(chosen(apply_settings(Config(), {key: SET[key]}), IMAGE))
    section, _, name = key.rpartition(".")
    assert (config[section] if section else config)[name] == SET[key]


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_every_recipe_is_kept_by_the_rules(preset: Any) -> None:
    before = apply_settings(Config(), preset.settings)
    after = chosen(before, IMAGE)
    for key, value in preset.settings.items():
        section, _, name = key.rpartition(".")
        assert to_json(after)[section][name] == value
    assert preset.summary
    assert preset.paper


def test_recipes_have_different_names_and_one_is_the_default() -> None:
    names = [preset.name for preset in PRESETS]
    assert len(names) == len(set(names))
    assert "default" in names


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (IMAGE, "skip"),
        (Spec("image", (15, 28, 1), "uint8"), "conv"),
        (COLOUR, "conv"),
        (Spec("image", (7, 28, 1), "uint8"), "mlp"),
        (SERIES, "conv"),
        (Spec("series", (4, 3), "float32"), "mlp"),
        (VECTOR, "mlp"),
    ],
)
def test_convolutions_where_there_are_places(spec: Spec, expected: str) -> None:
    assert choose_network(spec) == expected


@SPECS
def test_a_full_batch_is_every_item(spec: Spec) -> None:
    assert chosen(apply_settings(Config(), {"optimiser.batch": "full"}), spec, count=777).optimiser.batch == 777


@SPECS
def test_a_batch_is_never_larger_than_the_data(spec: Spec) -> None:
    assert chosen(Config(), spec, count=16).optimiser.batch == 16


def test_gamma_grows_with_the_variance_of_the_data() -> None:
    small, large = (chosen(Config(), IMAGE, variance=v).penalties.gamma for v in (10.0, 1000.0))
    assert small is not None
    assert large is not None
    assert 0 < small < large


@pytest.mark.parametrize(
    ("variance", "start", "end"), [(10.0, 0.04, 0.01), (277.0, 1.1, 0.275), (762.0, 3.0, 0.75), (3000.0, 3.0, 1.2)]
)
def test_gamma_ends_where_the_variance_says_and_starts_at_three_at_most(
    variance: float, start: float, end: float
) -> None:
    penalties = chosen(Config(), IMAGE, variance=variance).penalties
    assert penalties.gamma == pytest.approx(start)
    assert penalties.gamma * penalties.gamma_fall == pytest.approx(end)
    table = chosen(Config(), Spec("vector", (9,), "float32"), variance=variance).penalties
    colour = chosen(Config(), Spec("image", (28, 28, 3), "uint8"), variance=variance).penalties
    assert (colour.gamma, colour.gamma_fall, colour.gamma_samples) == (penalties.gamma, penalties.gamma_fall, 200_000)
    assert penalties.gamma_samples == table.gamma_samples == 10_000_000
    assert (table.gamma, table.gamma_fall) == (pytest.approx(min(0.03 * variance, 12.0), rel=0.05), 0.3)


@pytest.mark.parametrize("variance", [0.0, float("nan"), float("inf")])
def test_gamma_is_a_positive_number_whatever_the_data(variance: float) -> None:
    gamma = chosen(Config(), IMAGE, variance=variance).penalties.gamma
    assert gamma is not None
    assert 0 < gamma < 1e6


@pytest.mark.parametrize(
    ("network", "spec", "width", "expected"),
    [
        ("skip", IMAGE, 64, 32),
        ("conv", IMAGE, 64, 32),
        ("conv", IMAGE, 24, 16),
        ("conv", IMAGE, 4, 4),
        ("conv", COLOUR, 64, 64),
        ("conv", SERIES, 64, 64),
        ("mlp", IMAGE, 128, 128),
    ],
)
def test_of_grey_images_half_as_wide_a_discriminator_learns_enough(
    network: str, spec: Spec, width: int, expected: int
) -> None:
    options = apply_settings(Config(), {"network.discriminator": network, "network.width": width})
    assert choose_by_width(options, spec).config.network.discriminator_width == expected


@pytest.mark.parametrize(
    ("settings", "spec", "samples", "expected"),
    [
        ({}, IMAGE, 1_000, (1, "Adam")),
        ({}, IMAGE, 150_000, (1, "Adam")),
        ({}, IMAGE, 300_000, (0.5, "Adam")),
        ({}, IMAGE, 10**9, (0.4, "Adam")),
        ({}, COLOUR, 99_999, (1, "Adam")),
        ({}, COLOUR, 100_000, (0, "Adam")),
        ({}, Spec("image", (16, 40, 3), "uint8"), 1_000, (1, "Adam")),
        ({}, Spec("image", (15, 40, 3), "uint8"), 1_000, (0, "Adam")),
        ({}, Spec("image", (15, 40, 1), "uint8"), 1_000, (0, "Adam")),
        ({}, SERIES, 1_000, (0, "Adam")),
        ({}, VECTOR, 1_000, (0, "Adam")),
        ({"network.name": "mlp"}, IMAGE, 1_000, (0, "Adam")),
        ({"network.name": "residual"}, IMAGE, 1_000, (0, "Adam")),
        ({"optimiser.beta1": 0.5}, IMAGE, 1_000, (0, "Adam")),
        ({"optimiser.name": "Adam"}, IMAGE, 1_000, (0, "Adam")),
        ({"optimiser.name": "SGD"}, IMAGE, 1_000, (0, "SGD")),
        ({"optimiser.name": "SOAP"}, VECTOR, 10**9, (0, "SOAP")),
        ({"optimiser.name": "SGD", "optimiser.soap_share": 0.7}, VECTOR, 10**9, (0.7, "SGD")),
    ],
)
def test_convolutions_over_images_begin_with_soap(
    settings: dict[str, Any], spec: Spec, samples: int, expected: tuple[float, str]
) -> None:
    config = apply_settings(Config(), {"budget.samples": samples} | settings)
    options = choose_by_width(chosen(config, spec), spec).config.optimiser
    assert (options.soap_share, options.name) == expected


@pytest.mark.parametrize(("spec", "expected"), [(IMAGE, 2.0), (COLOUR, 1.0), (SERIES, 1.0), (VECTOR, 1.0)])
def test_of_grey_images_the_generator_learns_twice_as_fast(spec: Spec, expected: float) -> None:
    assert chosen(Config(), spec).optimiser.generator_rate == expected


def test_what_follows_from_the_width_leaves_what_is_set() -> None:
    options = {
        "network.width": 64,
        "network.discriminator_width": 7,
        "optimiser.name": "SGD",
        "optimiser.soap_share": 0.3,
        "optimiser.learning_rate": 0.5,
    }
    config = apply_settings(Config(), options)
    assert choose_by_width(config, IMAGE) == Choice(config, ())


def test_each_choice_has_a_reason_and_nothing_set_has_one() -> None:
    free = choose_recipe(choose_form(Config(), IMAGE, CPU).config, IMAGE, 5000, 100.0, CPU).reasons
    config = replace(choose_form(Config(), IMAGE, CPU).config, network={"latent": 7})
    bound = choose_recipe(config, IMAGE, 5000, 100.0, CPU).reasons
    assert any(reason.startswith("network.latent = ") for reason in free)
    assert not any(reason.startswith("network.latent = ") for reason in bound)
    assert any(reason.startswith("precision = ") for reason in free)


def test_rules_choose_alike_for_the_same_data() -> None:
    assert dataclasses.astuple(chosen(Config(), IMAGE)) == dataclasses.astuple(chosen(Config(), IMAGE))


@pytest.mark.parametrize(
    ("minutes", "device", "expected"), [(2, "cpu", 32), (10, "cpu", 64), (None, "cpu", 64), (2, "cuda", 128)]
)
def test_the_longest_side_follows_the_budget_and_the_device(minutes: float, device: str, expected: int) -> None:
    assert largest_side(replace(Config(), budget={"minutes": minutes}), torch.device(device)) == expected


@pytest.mark.parametrize(("side", "items"), [(8, 1024), (64, 1024), (96, 512), (128, 256), (256, 64)])
def test_steps_of_the_encoder_have_fewer_items_where_these_are_large(side: int, items: int) -> None:
    spec = Spec("image", (side, side, 3), "uint8")
    assert chosen(Config(), spec).encoder.batch == items
    assert chosen(replace(Config(), encoder={"batch": 90}), spec).encoder.batch == 90, "what was set stays"
