"""A model on disk: the same samples bit for bit, and one sentence where there is none, or a damaged one."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sparring.config import Config, replace
from sparring.data.scale import fit_scaler
from sparring.data.source import ArraySource, Spec
from sparring.errors import RunError, SparringWarning
from sparring.model import Model
from sparring.networks import DISCRIMINATORS, GENERATORS
from sparring.networks.base import initialise
from sparring.rng import torch_stream

FORMS = {
    "image": (Spec("image", (9, 12, 3), "uint8"), "range"),
    "deep image": (Spec("image", (8, 8, 1), "uint16", squeezed=True), "moments"),
    "series": (Spec("series", (24, 2), "float32", names=("a", "b")), "moments"),
    "vector": (Spec("vector", (5,), "float64", missing=True, names=tuple("vwxyz")), "whiten"),
}
CASES = [(form, family) for form in FORMS for family in GENERATORS if form != "vector" or family == "mlp"]


def rows_of(spec: Spec, count: int = 40) -> np.ndarray:
    values = np.random.default_rng(0).normal(100, 40, size=(count, *spec.shape))
    return (values.clip(0, 255) if spec.dtype.startswith("u") else values).astype(spec.dtype)


def make_model(form: str = "image", family: str = "conv", samples: int = 7) -> Model:
    spec, scale = FORMS[form]
    maker, judge = GENERATORS[family](spec.network_shape, 6, 4), DISCRIMINATORS[family](spec.network_shape, 4)
    initialise(maker, torch_stream(samples, "generator"))
    initialise(judge, torch_stream(samples, "discriminator"))
    scaler = fit_scaler(scale, ArraySource(rows_of(spec), spec))
    return Model(maker, judge, scaler, replace(Config(), seed=5), {"samples": samples})


@pytest.mark.parametrize(("form", "family"), CASES)
def test_a_loaded_model_is_the_saved_one_bit_for_bit(tmp_path: Path, form: str, family: str) -> None:
    model, rows = make_model(form, family), rows_of(FORMS[form][0], 5)
    loaded = Model.load(model.save(tmp_path / "mine"))
    assert (loaded.spec, loaded.config, loaded.facts) == (model.spec, model.config, model.facts)
    assert loaded.sample(9, seed=3).tobytes() == model.sample(9, seed=3).tobytes()
    assert loaded.features(rows).tobytes() == model.features(rows).tobytes()
    assert loaded.score(rows).tobytes() == model.score(rows).tobytes()


@pytest.mark.parametrize(("form", "family"), CASES)
def test_answers_are_in_the_data_s_own_form(form: str, family: str) -> None:
    model, (spec, _) = make_model(form, family), FORMS[form]
    samples = model.sample(300)
    assert samples.shape == (300, *spec.shape)
    assert samples.dtype == np.dtype(spec.dtype)
    assert model.sample(0).shape == (0, *spec.shape)
    assert model.features(samples).shape == (300, model.discriminator.num_features)
    assert model.score(samples[:0]).shape == (0,)


def test_samples_are_a_function_of_the_seed_and_move_no_global_state() -> None:
    model, state = make_model(), torch.get_rng_state()
    first = model.sample(4, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(77)
    assert np.array_equal(model.sample(4, seed=1), first)
    assert not np.array_equal(model.sample(4, seed=2), first)


def test_missing_cells_do_not_spoil_features_or_scores() -> None:
    model, rows = make_model("vector", "mlp"), rows_of(FORMS["vector"][0])
    rows[0, 2] = np.nan
    assert np.isfinite(model.features(rows)).all()
    assert np.isfinite(model.score(rows)).all()


def test_another_model_takes_the_place_of_an_older_one_that_saw_more(tmp_path: Path) -> None:
    make_model(samples=1000).save(tmp_path / "mine")
    newer = make_model(samples=3)
    newer.save(tmp_path / "mine")
    assert np.array_equal(Model.load(tmp_path / "mine").sample(4), newer.sample(4))


def test_the_best_of_a_run_is_loaded_before_the_last(tmp_path: Path) -> None:
    make_model(samples=9).save(tmp_path / "checkpoint" / "last")
    assert Model.load(tmp_path).facts == {"samples": 9}
    make_model(samples=4).save(tmp_path / "checkpoint" / "best")
    assert Model.load(tmp_path).facts == {"samples": 4}


def test_a_folder_that_is_not_there_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"There is no run folder .*`sparring train DATA --run .*` makes one"):
        Model.load(tmp_path / "nothing")


def test_a_folder_that_is_no_run_gets_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunError, match=r"must be a run of Sparring\. It holds no checkpoint"):
        Model.load(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match=r"must be a run of Sparring\. It holds no checkpoint"):
        Model.load(".")


def test_a_model_is_loaded_from_the_folder_one_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model()
    model.save(tmp_path / "mine")
    monkeypatch.chdir(tmp_path / "mine")
    assert np.array_equal(Model.load(".").sample(3), model.sample(3))


def test_a_damaged_model_gets_a_sentence_and_one_before_it_is_not_forgotten(tmp_path: Path) -> None:
    slot = make_model(samples=1).save(tmp_path / "mine")
    weights = slot / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(RunError, match=r"is damaged: model\.safetensors does not match its checksum"):
        Model.load(slot)
    make_model(samples=2).save(slot)
    make_model(samples=3).save(slot)
    weights.write_bytes(b"")
    with pytest.warns(SparringWarning, match=r"is damaged: .* The model of .*\.old is taken in its place"):
        assert Model.load(slot).facts == {"samples": 2}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("spec", {"kind": "image"}),
        ("generator", {"family": "transformer", "shape": [3, 9, 12], "latent": 6, "width": 4}),
        ("generator", {"family": "conv", "shape": [3, 9, 12], "latent": 6, "width": 5}),
        ("config", {"sed": 3}),
        ("scale", None),
    ],
)
def test_facts_that_make_no_model_get_a_sentence(tmp_path: Path, key: str, value: object) -> None:
    from sparring import checkpoint

    model = make_model()
    facts = {**model.description(), key: value}
    if value is None:
        del facts[key]
    checkpoint.write(tmp_path / "mine", json.loads(json.dumps(facts)), {"model": model.tensors()})
    with pytest.raises(RunError, match="does not hold a model"):
        Model.load(tmp_path / "mine")


def test_a_damaged_best_gives_way_to_the_last_and_says_so(tmp_path: Path) -> None:
    last = make_model(samples=9)
    last.save(tmp_path / "checkpoint" / "last")
    best = make_model(samples=4).save(tmp_path / "checkpoint" / "best")
    (best / "model.safetensors").write_bytes(b"damaged")
    with pytest.warns(SparringWarning, match=r"is damaged: .* The model of .*last is taken in its place"):
        loaded = Model.load(tmp_path)
    assert np.array_equal(loaded.sample(3), last.sample(3))
    (tmp_path / "checkpoint" / "last" / "model.safetensors").write_bytes(b"too")
    with pytest.raises(RunError, match="is damaged"):
        Model.load(tmp_path)


def test_a_damaged_best_does_not_give_way_to_the_one_before(tmp_path: Path) -> None:
    """The one before is the model without its encoder; the last one has all."""
    make_model(samples=2).save(tmp_path / "checkpoint" / "best")
    best = make_model(samples=9).save(tmp_path / "checkpoint" / "best")
    make_model(samples=9).save(tmp_path / "checkpoint" / "last")
    (best / "model.safetensors").write_bytes(b"damaged")
    with pytest.warns(SparringWarning, match=r"is damaged: .* The model of .*last is taken in its place"):
        assert Model.load(tmp_path).facts == {"samples": 9}
    (tmp_path / "checkpoint" / "last" / "model.safetensors").write_bytes(b"too")
    with pytest.warns(SparringWarning, match=r"The model of .*best\.old is taken in its place"):
        assert Model.load(tmp_path).facts == {"samples": 2}
