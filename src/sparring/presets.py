"""Recipes by name, and the configuration that a user asks for with one of them.

What neither a recipe nor the user sets is filled in by rule (`rules.py`).
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparring.config import Config, apply_settings, from_json, read_file, replace, to_json
from sparring.errors import UsageError, did_you_mean, rule


@dataclass(frozen=True)
class Preset:
    """A named recipe.

    Attributes:
        name: for `--preset`.
        summary: what it is for, in a sentence.
        paper: where it comes from.
        settings: dotted settings that differ from the rules' choices.
    """

    name: str
    summary: str
    paper: str
    settings: dict[str, Any]


PRESETS = (
    Preset(
        "default",
        "relativistic pairing with R1 and R2 at every step; networks, width and gamma by rule from data and budget",
        "Huang et al. 2024, The GAN is dead; long live the GAN! (R3GAN), arXiv 2501.05441",
        {},
    ),
    Preset(
        "residual",
        "the default on residual networks: slower a step, for long runs and GPUs",
        "Huang et al. 2024, arXiv 2501.05441; Zhang et al. 2019 (Fixup), arXiv 1901.09321",
        {"network.name": "residual"},
    ),
    Preset(
        "r1",
        "the classical non-saturating GAN with the R1 penalty",
        "Goodfellow et al. 2014, arXiv 1406.2661; Mescheder et al. 2018, arXiv 1801.04406",
        {"objective.name": "cross_entropy", "penalties.names": ["r1"], "optimiser.name": "Adam"},
    ),
    Preset(
        "mlp",
        "the default on fully connected networks, the plainest choice for vectors and very small images",
        "Goodfellow et al. 2014, arXiv 1406.2661; Huang et al. 2024, arXiv 2501.05441",
        {"network.name": "mlp"},
    ),
)


def configure(
    preset: str | None,
    config_file: Path | None,
    settings: Mapping[str, Any],
    budget: Mapping[str, float | None],
    seed: int | None,
) -> Config:
    """The configuration that the user asked for: preset, then file, then options, then settings.

    Raises:
        UsageError: for anything unknown or out of its range, and for more than one kind of budget.
    """
    values, of_run = read_file(config_file) if config_file else ({}, False)
    config = from_json(values, f"the file {str(config_file)!r}") if values else Config()
    name = preset or config.preset or "default"
    known = {entry.name: entry for entry in PRESETS}
    if name not in known:
        raise UsageError(f"There is no preset named {name!r}. {did_you_mean(name, known)}")
    if values.get("preset", name) != name:
        fix = "Leave one of them out: what the file sets goes before what a preset sets."
        what = f"`preset` of the file {str(config_file)!r}"
        raise UsageError(rule(what, f"{name!r} like --preset", values["preset"], fix))
    config = apply_settings(Config(preset=name), known[name].settings)
    config = from_json(_merge(to_json(config), values), f"the file {str(config_file)!r}") if values else config
    config = dataclasses.replace(config, preset=name)
    given = {f"budget.{key}": value for key, value in budget.items() if value is not None}
    if given:
        config = replace(config, budget={"minutes": None, "samples": None, "epochs": None})
        if of_run:  # what a share of that run's budget became
            config = replace(config, encoder={"samples": None})
    options = {**given, **({} if seed is None else {"seed": seed})}
    config = apply_settings(apply_settings(config, options, "the arguments"), settings)
    if config.preset != name:
        raise UsageError(rule("`preset` of --set", "the preset that --preset names", config.preset, "Use --preset."))
    asked = [key for key, value in dataclasses.asdict(config.budget).items() if value is not None]
    if len(asked) > 1:
        raise UsageError(rule("The budget", "one of minutes, samples or epochs", ", ".join(asked), "Keep one."))
    return config


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        nested = isinstance(value, Mapping) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if nested else value
    return merged
