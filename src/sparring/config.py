"""The configuration of a run: frozen dataclasses <-> JSON, "a.b=3" settings, every mistake told at once.

A value of None means "chosen by rule from the data and the budget" (rules.py); a resolved configuration,
the one that `config.json` keeps, has none of those left.
"""

import dataclasses
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from sparring.errors import UsageError, did_you_mean

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0)]
STRICT = ConfigDict(extra="forbid")


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """How items are brought into the form that the networks see."""

    __pydantic_config__ = STRICT
    resolution: tuple[Annotated[int, Field(ge=8, le=256)], Annotated[int, Field(ge=8, le=256)]] | None = None
    scale: Literal["range", "moments", "whiten"] | None = None
    held_out: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.1


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """The family of both networks, or of each, and their size; the discriminator may be narrower than `width`."""

    __pydantic_config__ = STRICT
    name: str | None = None
    generator: str | None = None
    discriminator: str | None = None
    width: Count | None = None
    discriminator_width: Count | None = None
    latent: Count | None = None
    output: Literal["tanh", "linear"] | None = None


@dataclasses.dataclass(frozen=True)
class ObjectiveConfig:
    """What the two players are paid for."""

    __pydantic_config__ = STRICT
    name: str = "relativistic"


@dataclasses.dataclass(frozen=True)
class PenaltyConfig:
    """What smooths the discriminator, and how strongly.

    Gamma falls to `gamma * gamma_fall` over the first half of the budget, or over `gamma_samples` where that is less.
    """

    __pydantic_config__ = STRICT
    names: tuple[str, ...] = ("r1", "r2")
    gamma: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] | None = None
    gamma_fall: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    gamma_samples: Annotated[int, Field(gt=0)] | None = None


@dataclasses.dataclass(frozen=True)
class OptimiserConfig:
    """One optimiser a player, of the same kind, of torch.optim or "SOAP"; beta2 rises from `beta2` to `beta2_end`.

    The discriminator learns at `learning_rate`, the generator at `generator_rate` times that. SOAP takes the steps of
    the first `soap_share` of the run, whatever the name.
    """

    __pydantic_config__ = STRICT
    name: str | None = None
    soap_share: Fraction | None = None
    learning_rate: Positive | None = None
    generator_rate: Positive | None = None
    beta1: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    beta2: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    beta2_end: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.99
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    batch: Count | Literal["full"] | None = None


@dataclasses.dataclass(frozen=True)
class ScheduleConfig:
    """Fractions of the run: the learning rate warms up, stays, and falls to `rate_end` of itself over the last part."""

    __pydantic_config__ = STRICT
    warmup: Fraction | None = None
    hold: Fraction | None = None
    rate_end: Annotated[float, Field(ge=0.0, le=1.0)] | None = None


@dataclasses.dataclass(frozen=True)
class BudgetConfig:
    """How long to train, by one of three measures; `samples`, the items shown, is what the others become."""

    __pydantic_config__ = STRICT
    samples: Count | None = None
    epochs: Positive | None = None
    minutes: Positive | None = None


@dataclasses.dataclass(frozen=True)
class EmaConfig:
    """The moving average of the generator: half-life as a share of the samples seen, capped in samples."""

    __pydantic_config__ = STRICT
    share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.05
    cap: Positive | None = None


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """What the discriminator sees instead of plain items: a name of the augment table or "none", and how often: with a
    `probability` that rises to a number, or with the "adaptive" one that keeps the discriminator's loss at `target`.
    While the chance that a generated item is nearer to a training item than these are to each other is above
    `closeness`, it keeps a larger loss.
    """

    __pydantic_config__ = STRICT
    name: str | None = None
    probability: Fraction | Literal["adaptive"] | None = None
    target: Positive | None = None
    closeness: Fraction | None = None


@dataclasses.dataclass(frozen=True)
class EncoderConfig:
    """The encoder and its decoder, taught over the last `share` of the budget: over `samples` of its items, the share
    `generated` of which is made by the generator, at most `batch` at a step.
    """

    __pydantic_config__ = STRICT
    share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    samples: Annotated[int, Field(ge=0)] | None = None
    generated: Fraction | None = None
    batch: Count | None = None
    width: Count = 512
    learning_rate: Positive = 5e-3


@dataclasses.dataclass(frozen=True)
class ValidationConfig:
    """Keep-best: how often the held-out kernel distance is taken, on how many items, and when to give up."""

    __pydantic_config__ = STRICT
    points: Annotated[int, Field(ge=1)] = 25
    items: Annotated[int, Field(ge=8)] = 1024
    patience: Annotated[int, Field(ge=1)] = 12


@dataclasses.dataclass(frozen=True)
class GuardConfig:
    """When training counts as collapsed, and how often it may be rolled back."""

    __pydantic_config__ = STRICT
    variance: Fraction = 0.05
    rollbacks: Annotated[int, Field(ge=0)] = 4


@dataclasses.dataclass(frozen=True)
class CheckpointConfig:
    """How often the state goes to disk, in seconds of wall clock."""

    __pydantic_config__ = STRICT
    seconds: Positive = 60.0


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything that a run depends on besides the data."""

    __pydantic_config__ = STRICT
    preset: str | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    precision: Literal["float32", "bfloat16"] | None = None
    threads: Count | None = None
    device: Literal["cpu", "cuda"] | None = None
    tensorboard: bool = False
    data: DataConfig = DataConfig()
    network: NetworkConfig = NetworkConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    penalties: PenaltyConfig = PenaltyConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    budget: BudgetConfig = BudgetConfig()
    ema: EmaConfig = EmaConfig()
    augment: AugmentConfig = AugmentConfig()
    encoder: EncoderConfig = EncoderConfig()
    validation: ValidationConfig = ValidationConfig()
    guard: GuardConfig = GuardConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()


_ADAPTER = TypeAdapter(Config)
# pydantic's words for these say how it reads text, which is not what a user asked
_RULES = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "an integer"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
}


def to_json(config: Config) -> dict[str, Any]:
    """The configuration as nested JSON values."""
    return _ADAPTER.dump_python(config, mode="json")


def from_json(values: Mapping[str, Any], where: str = "the configuration") -> Config:
    """A configuration from nested values; what is left out keeps its default.

    Raises:
        UsageError: naming every unknown key (with the nearest known one) and every value out of its range.
    """
    try:
        return _ADAPTER.validate_python(dict(values))
    except ValidationError as error:
        raise UsageError(f"{where[:1].upper()}{where[1:]}: {' '.join(_complaints(error))}") from None


def keys(section: Any = Config, prefix: str = "") -> Iterator[str]:
    """Every dotted key that `--set` knows, in order."""
    for field in dataclasses.fields(section):
        if dataclasses.is_dataclass(field.type):
            yield from keys(field.type, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name


def replace(config: Config, **sections: Any) -> Config:
    """A copy with other values: `replace(config, seed=3, network={"width": 32})`."""
    changes = {
        name: dataclasses.replace(getattr(config, name), **value) if isinstance(value, dict) else value
        for name, value in sections.items()
    }
    return dataclasses.replace(config, **changes)


def apply_settings(config: Config, settings: Mapping[str, Any], where: str = "--set") -> Config:
    """A copy with dotted settings applied, such as {"network.width": "32"}; text is read as JSON where it is.

    Args:
        config: to start from.
        settings: dotted key -> value.
        where: what an error names as the origin of the settings.

    Returns:
        The changed copy.

    Raises:
        UsageError: naming every unknown key and every value out of its range.
    """
    known = set(keys())
    unknown = [f"there is no setting {key!r}. {did_you_mean(key, known)}" for key in settings if key not in known]
    if unknown:
        raise UsageError(f"{where}: {' '.join(unknown)}")
    values = to_json(config)
    for key, value in settings.items():
        section, _, name = key.rpartition(".")
        (values[section] if section else values)[name] = _read(value)
    return from_json(values, where)


def read_file(path: Path) -> tuple[dict[str, Any], bool]:
    """The nested values of a `.json` or `.toml` file, and whether it is the `config.json` of a run.

    A run's budget is what its minutes or epochs became, its samples, so that the same items are shown again.

    Raises:
        UsageError: when the file is missing, or is not JSON or TOML.
    """
    if not path.is_file():
        raise UsageError(f"There is no configuration file {str(path)!r}.")
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (ValueError, OSError, RecursionError) as error:
        raise UsageError(f"The configuration file {str(path)!r} cannot be read: {error}") from None
    if not isinstance(values, dict):
        raise UsageError(f"The configuration file {str(path)!r} must hold one table of settings.")
    config = values.get("config")
    if not isinstance(config, dict):
        return values, False
    budget = config.get("budget")
    if isinstance(budget, dict) and budget.get("samples"):
        config = {**config, "budget": {"samples": budget["samples"]}}
    return config, True


def _read(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=_no_number)
    except ValueError:
        return value


def _no_number(word: str) -> None:
    """JSON has no NaN and no Infinity, though Python reads them: they are words."""
    raise ValueError(word)


def _complaints(error: ValidationError) -> Iterator[str]:
    told: dict[tuple[str, str], list[str]] = {}
    for detail in error.errors():
        key = _dotted(detail["loc"])
        if detail["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
            yield f"there is no setting {key!r}. {did_you_mean(key, keys())}"
        else:
            rule = _RULES.get(detail["type"], detail["msg"].removeprefix("Input should be "))
            told.setdefault((key, repr(detail["input"])), []).append(rule)
    for (key, got), rules in told.items():
        yield f"`{key}`: it must be {' or '.join(rules)}. Got {got}."


def _dotted(place: Sequence[int | str]) -> str:
    """The key of a setting; a union reports once for each branch, with the branch behind the key."""
    parts = [str(part) for part in place]
    return next((".".join(parts[:n]) for n in (1, 2) if ".".join(parts[:n]) in set(keys())), ".".join(parts))
