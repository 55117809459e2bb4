"""Configuration: dotted settings, every mistake at once with its likely fix, and files that come back the same."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from sparring.config import Config, apply_settings, from_json, keys, read_file, replace, to_json
from sparring.errors import UsageError
from sparring.presets import configure

positive = st.floats(min_value=1e-6, max_value=1e6)
fraction = st.floats(min_value=0.0, max_value=1.0)
settings = st.fixed_dictionaries(
    {},
    optional={
        "seed": st.integers(0, 2**63 - 1),
        "precision": st.sampled_from(["float32", "bfloat16", None]),
        "preset": st.text(max_size=8) | st.none(),
        "data.resolution": st.tuples(st.integers(8, 256), st.integers(8, 256)) | st.none(),
        "data.scale": st.sampled_from(["range", "moments", "whiten"]),
        "network.width": st.integers(1, 10**6),
        "network.discriminator_width": st.integers(1, 10**6) | st.none(),
        "penalties.names": st.lists(st.sampled_from(["r1", "r2"])),
        "penalties.gamma": st.floats(min_value=0.0, max_value=1e9),
        "optimiser.learning_rate": positive,
        "optimiser.generator_rate": positive,
        "optimiser.batch": st.integers(1, 10**6) | st.just("full"),
        "schedule.hold": fraction,
        "budget.minutes": positive,
        "checkpoint.seconds": positive,
    },
)


@budget(max_examples=50, deadline=None)
@given(settings)
def test_json_brings_every_configuration_back(values: dict[str, Any]) -> None:
    given = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
    given |= {k: json.dumps(v) for k, v in values.items() if k == "preset"}  # a bare "0" would be read as a number
    config = apply_settings(Config(), given)
    assert from_json(json.loads(json.dumps(to_json(config)))) == config
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        got = getattr(getattr(config, section) if section else config, name)
        assert got == (tuple(value) if isinstance(value, list) else value)


@budget(max_examples=50, deadline=None)
@given(settings)
def test_text_from_the_command_line_means_what_the_value_means(values: dict[str, Any]) -> None:
    values = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items() if k != "preset"}
    text = {k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}
    assert apply_settings(Config(), text) == apply_settings(Config(), values)


def test_what_is_left_out_keeps_its_default() -> None:
    assert from_json({}) == Config()
    assert from_json({"network": {"width": 32}}) == replace(Config(), network={"width": 32})


def test_settings_leave_the_original_alone() -> None:
    config = Config()
    changed = apply_settings(config, {"network.width": "48", "seed": "3", "network.name": "conv"})
    assert (changed.network.width, changed.seed, changed.network.name) == (48, 3, "conv")
    assert config == Config()
    assert changed.optimiser == config.optimiser


def test_keys_name_every_setting_once() -> None:
    known = list(keys())
    assert len(known) == len(set(known))
    assert {"seed", "network.width", "penalties.gamma_fall", "checkpoint.seconds"} <= set(known)
    defaults = to_json(Config())
    flat = [
        f"{k}.{n}" if isinstance(v, dict) else k for k, v in defaults.items() for n in (v if type(v) is dict else [0])
    ]
    assert known == flat


def test_every_unknown_setting_is_named_with_the_nearest_known_one() -> None:
    with pytest.raises(UsageError) as error:
        apply_settings(Config(), {"network.widht": "3", "sed": "1", "network.width": "8"})
    assert str(error.value) == (
        "--set: there is no setting 'network.widht'. Did you mean 'network.width'? "
        "there is no setting 'sed'. Did you mean 'seed'?"
    )


def test_a_setting_near_to_nothing_gets_the_whole_list() -> None:
    with pytest.raises(UsageError, match=r"The choices are .*augment\.name.*validation\.points"):
        apply_settings(Config(), {"qqqqqq": "3"})


def test_every_mistake_of_a_file_is_told_at_once() -> None:
    values = {"network": {"width": -3, "widht": 4}, "optimiser": {"beta1": 1.5}, "sed": 4}
    with pytest.raises(UsageError) as error:
        from_json(values, "the file 'a.toml'")
    text = str(error.value)
    assert text.startswith("The file 'a.toml': ")
    assert "`network.width`: it must be greater than 0. Got -3." in text
    assert "there is no setting 'network.widht'. Did you mean 'network.width'?" in text
    assert "`optimiser.beta1`: it must be less than 1. Got 1.5." in text
    assert "there is no setting 'sed'. Did you mean 'seed'?" in text


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("network.width", "wide", "it must be an integer. Got 'wide'."),
        ("network.width", "2.5", "it must be an integer. Got 2.5."),
        ("optimiser.learning_rate", "fast", "it must be a number. Got 'fast'."),
        ("optimiser.batch", "1.5", "it must be an integer or 'full'. Got 1.5."),
        ("tensorboard", "perhaps", "it must be true or false. Got 'perhaps'."),
    ],
)
def test_the_rule_is_told_in_plain_words(key: str, value: str, rule: str) -> None:
    with pytest.raises(UsageError) as error:
        apply_settings(Config(), {key: value})
    assert str(error.value) == f"--set: `{key}`: {rule}"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("network.width", "0"),
        ("network.width", "2.5"),
        ("network.width", "wide"),
        ("optimiser.batch", "-1"),
        ("optimiser.batch", "most"),
        ("optimiser.learning_rate", "0"),
        ("optimiser.learning_rate", "Infinity"),
        ("optimiser.learning_rate", "NaN"),
        ("penalties.gamma", "-1"),
        ("penalties.gamma", "NaN"),
        ("penalties.gamma", "Infinity"),
        ("penalties.names", "5"),
        ("precision", "float16"),
        ("data.scale", "log"),
        ("data.held_out", "0.5"),
        ("data.resolution", "[4, 64]"),
        ("data.resolution", "[64, 64, 64]"),
        ("data.resolution", "[64, 512]"),
        ("ema.share", "NaN"),
        ("schedule.hold", "NaN"),
        ("seed", "-1"),
        ("budget.samples", "0"),
        ("network", "{}"),
    ],
)
def test_a_value_out_of_its_range_is_refused_by_name(key: str, value: str) -> None:
    with pytest.raises(UsageError, match=key.replace(".", r"\.")):
        apply_settings(Config(), {key: value})


def test_toml_and_json_files_mean_the_same(tmp_path: Path) -> None:
    toml, as_json = tmp_path / "a.toml", tmp_path / "a.json"
    toml.write_text('seed = 4\n[network]\nwidth = 24\n[data]\nresolution = [32, 48]\n[penalties]\nnames = ["r1"]\n')
    as_json.write_text('{"seed":4,"network":{"width":24},"data":{"resolution":[32,48]},"penalties":{"names":["r1"]}}')
    values, of_run = read_file(toml)
    config = from_json(values)
    assert not of_run
    assert config == from_json(read_file(as_json)[0])
    assert (config.seed, config.network.width, config.data.resolution) == (4, 24, (32, 48))
    assert config.penalties.names == ("r1",)


def test_the_configuration_of_a_run_is_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"version": "0", "config": to_json(replace(Config(), seed=7)), "decisions": []}))
    values, of_run = read_file(path)
    assert from_json(values).seed == 7
    assert of_run


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.toml", "seed = = 4", "cannot be read"),
        ("a.json", "{", "cannot be read"),
        ("a.json", "[1]", "one table"),
        ("a.json", "[" * 100_000, "cannot be read"),
        ("a.json", "\udcff", "cannot be read"),
    ],
)
def test_a_file_that_is_none_gets_a_sentence(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UsageError, match=words):
        read_file(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no configuration file '.*nowhere\.toml'"):
        read_file(tmp_path / "nowhere.toml")


def test_a_preset_is_named_in_one_place(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"`preset` of --set must be the preset that --preset names\. Got 'mlp'"):
        configure(None, None, {"preset": "mlp"}, {}, None)
    file = tmp_path / "old.json"
    file.write_text(json.dumps(to_json(configure("mlp", None, {}, {}, None))))
    assert configure(None, file, {}, {}, None).preset == "mlp"
    assert configure("mlp", file, {}, {}, None).preset == "mlp"
    with pytest.raises(UsageError, match=r"must be 'residual' like --preset\. Got 'mlp'"):
        configure("residual", file, {}, {}, None)
