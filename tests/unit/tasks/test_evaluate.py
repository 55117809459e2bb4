"""Evaluate on scikit-learn's digits: a perfect, a collapsed and a memorising model each get what they deserve."""

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sparring.data.source import ArraySource, Spec
from sparring.errors import DataError, UsageError
from sparring.metrics.distances import nearest
from sparring.tasks.evaluate import EvaluateConfig, evaluate
from sparring.tasks.findings import EvaluateResult

SPEC = Spec("image", (8, 8, 1), "uint8")
CONFIG = EvaluateConfig(extractor="random_conv-64")


@dataclass
class Fake:
    """A model that draws with replacement from a pool of rows, with noise where asked."""

    pool: np.ndarray
    spec: Spec = SPEC
    noise: float = 0.0

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        rows = self.pool[rng.permutation(np.resize(rng.permutation(len(self.pool)), n))]
        return (rows + rng.normal(0, self.noise, rows.shape)).astype(self.spec.dtype) if self.noise else rows

    def features(self, rows: np.ndarray) -> np.ndarray:
        return rows.reshape(len(rows), -1).astype(np.float32)


@pytest.fixture(scope="module")
def parts() -> list[np.ndarray]:
    """Three disjoint thirds of the digits: what a perfect model draws from, training items, test items."""
    rows = (load_digits().images[..., None] * 15).astype(np.uint8)
    rows = rows[np.random.default_rng(0).permutation(len(rows))]
    return [rows[:599], rows[599:1198], rows[1198:]]


@pytest.fixture(scope="module")
def results(parts: list[np.ndarray]) -> dict[str, EvaluateResult]:
    perfect, train, test = parts
    models = {
        "perfect": Fake(perfect),
        "collapsed": Fake(perfect[:3]),
        "memoriser": Fake(train),
        "noise": Fake(np.random.default_rng(0).integers(0, 256, perfect.shape, dtype=np.uint8)),
    }
    sources = ArraySource(test, SPEC), ArraySource(train, SPEC)
    return {name: evaluate(m, sources[0], train=sources[1], config=CONFIG) for name, m in models.items()}


QUALITY = ["frechet", "kernel", "precision", "recall", "density", "coverage", "two_sample", "spectrum"]
COPYING = ["memorisation", "copies", "training_preference"]


def test_every_measure_says_how_it_was_made(results: dict[str, EvaluateResult]) -> None:
    result = results["perfect"]
    assert [m.name for m in result.measures] == QUALITY + COPYING
    for m in result.measures:
        assert m.low <= m.value <= m.high
        assert m.n == 599
        assert m.protocol.endswith(".")
        assert "{" not in m.protocol
        assert m.extractor == ("pixels" if m.name == "spectrum" else "random_conv-64")
        assert list(m.baselines) == (["pca_gaussian", "gaussian_mixture"] if m.name in QUALITY else [])
    assert result.floor == "599 real items against 599 training items"


def test_real_items_in_the_models_place_score_near_the_floor(results: dict[str, EvaluateResult]) -> None:
    result = results["perfect"]
    for name in ["precision", "recall", "density", "coverage", "two_sample"]:
        assert result[name].value == pytest.approx(result[name].floor, abs=0.06), name
    # The kernel distance is unbiased: real against real holds zero.
    assert result["kernel"].low <= 0 <= result["kernel"].high
    assert result["frechet"].value < 1.3 * result["frechet"].floor
    assert any(s.startswith("No sign of memorisation") for s in result.verdict())
    assert any("beats the simple baseline" in s for s in result.verdict())


def test_a_collapsed_model_is_caught(results: dict[str, EvaluateResult]) -> None:
    result = results["collapsed"]
    assert result["coverage"].high < 0.1
    assert result["recall"].high < 0.1
    assert result["precision"].low > 0.5
    assert result["kernel"].low > 10 * abs(result["kernel"].floor)
    assert result["frechet"].low > 10 * result["frechet"].floor
    assert any("wins on" in s and "coverage" in s for s in result.verdict())
    assert any(s.startswith("Real data is still better on") and "recall" in s for s in result.verdict())


def test_a_memoriser_is_flagged_and_nobody_else(results: dict[str, EvaluateResult]) -> None:
    flagged = {
        name for name, r in results.items() if any(s.startswith("Memorisation is suspected") for s in r.verdict())
    }
    assert flagged == {"memoriser"}
    assert results["memoriser"].details["memorisation_z"] < -20
    assert results["memoriser"]["copies"].value == 1
    assert results["memoriser"]["copies"].floor == pytest.approx(6 / 600)


def test_noise_is_worse_than_every_baseline(results: dict[str, EvaluateResult]) -> None:
    for m in results["noise"].measures:
        if m.name in QUALITY and m.name != "recall":
            assert all(m.beaten_by(other) for other in m.baselines.values()), m.name
    assert results["noise"]["memorisation"].high < 0.5


def test_noisy_copies_are_flagged_too(parts: list[np.ndarray]) -> None:
    _, train, test = parts
    model = Fake(train.clip(20, 230), noise=10.0)
    config = replace(CONFIG, baselines=False)
    result = evaluate(model, ArraySource(test, SPEC), train=ArraySource(train, SPEC), config=config)
    assert any(s.startswith("Memorisation is suspected") for s in result.verdict())


def test_the_result_is_deterministic_json(parts: list[np.ndarray]) -> None:
    test = ArraySource(parts[2][:100], SPEC)
    first, second = (evaluate(Fake(parts[0]), test, config=CONFIG).to_json() for _ in range(2))
    assert first == second
    assert json.loads(json.dumps(first, allow_nan=False))["measures"][0]["name"] == "frechet"
    assert first["fitted"] == "the data itself"
    assert any(s.startswith("Only 50 items were judged") for s in first["verdict"])
    assert any(s.startswith("Memorisation was not measured") for s in first["verdict"])
    assert first["floor"] == "50 real items against 50 other real items"


def test_its_own_training_data_is_called_that(parts: list[np.ndarray]) -> None:
    train = ArraySource(parts[1], SPEC)
    config = replace(CONFIG, baselines=False, n=200)
    held_out = ArraySource(parts[2], SPEC)
    result = evaluate(Fake(parts[0]), train, held_out=held_out, config=config, same_as_training=True)
    assert result.verdict()[0].startswith("Evaluated on its own training data")
    assert "memorisation" in result
    assert result.floor == "200 real items against 200 other real items"
    alone = evaluate(Fake(parts[0]), train, config=config, same_as_training=True)
    assert "memorisation" not in alone


def test_a_part_of_the_training_items_is_known_for_what_it_is(parts: list[np.ndarray]) -> None:
    _, train, test = parts
    config = replace(CONFIG, baselines=False, n=200)
    known, model = ArraySource(train, SPEC), Fake(train)
    part = evaluate(model, ArraySource(train[100:400][::-1], SPEC), train=known, config=config)
    assert part.same_as_training
    assert "memorisation" not in part, "there are no unseen items"
    assert part.verdict()[0].startswith("Evaluated on its own training data")
    mixed = ArraySource(np.concatenate([train[:150], test[:250]]), SPEC)
    result = evaluate(model, mixed, train=known, config=config)
    assert not result.same_as_training
    assert 50 < result.overlap < 100, "three in eight of 200"
    assert result.verdict()[0].startswith(f"{result.overlap} of the 200 real items are training items")
    assert result.details["unseen_items"] == 200, "of 250"
    assert result.floor == "200 real items against 200 other real items"
    assert any(sentence.startswith("Memorisation is suspected") for sentence in result.verdict())


def test_training_items_of_another_dtype_are_known_too() -> None:
    rows = np.random.default_rng(0).integers(0, 200, (300, 4))
    spec, config = Spec("vector", (4,), "int64"), replace(CONFIG, baselines=False, extractor="auto")
    known, same = ArraySource(rows, spec), ArraySource(rows.astype(float), replace(spec, dtype="float64"))
    assert evaluate(Fake(rows, spec), same, train=known, config=config).same_as_training
    other = ArraySource(rows + 0.5, replace(spec, dtype="float64"))
    assert not evaluate(Fake(rows, spec), other, train=known, config=config).same_as_training


def test_rows_of_a_table_that_agree_by_chance_are_no_training_rows() -> None:
    rows = np.random.default_rng(0).integers(0, 3, (600, 3)).astype(np.float64)
    spec, config = Spec("vector", (3,), "float64"), replace(CONFIG, baselines=False, extractor="auto")
    train, test = ArraySource(rows[:20], spec), ArraySource(rows[300:], spec)
    result = evaluate(Fake(rows, spec), test, train=train, config=config)
    assert (result.same_as_training, result.overlap) == (False, 0)
    assert result.details["unseen_items"] == 300
    every = evaluate(Fake(rows, spec), test, train=ArraySource(rows[:300], spec), config=config)
    assert (every.same_as_training, every.overlap) == (False, 0), "there are 27 different rows, all of them in both"


def test_rows_of_a_table_that_chance_does_not_explain_are_training_rows() -> None:
    rows = np.random.default_rng(0).normal(size=(1600, 4))
    spec, config = Spec("vector", (4,), "float64"), replace(CONFIG, baselines=False, extractor="auto")
    mixed = ArraySource(rows[300:1300], spec)
    result = evaluate(Fake(rows, spec), mixed, train=ArraySource(rows[:1000], spec), config=config)
    assert not result.same_as_training
    assert result.overlap == pytest.approx(0.7 * result.n, abs=0.1 * result.n)
    assert result.details["unseen_items"] == 300
    assert result.verdict()[0].endswith("the model is judged in part by what it saw.")


def test_the_floor_is_of_as_many_items_as_the_figures(parts: list[np.ndarray]) -> None:
    # a Frechet distance of few items is larger: at unequal numbers any model would reach such a floor
    perfect, train, test = parts
    pool = ArraySource(np.concatenate([perfect[:200], test]), SPEC)
    few = evaluate(
        Fake(perfect[:50]), pool, train=ArraySource(train[:60], SPEC), config=replace(CONFIG, baselines=False)
    )
    assert few.floor == f"{len(pool) // 2} real items against {len(pool) // 2} other real items"
    assert {measure.n for measure in few.measures} == {len(pool) // 2}
    some = evaluate(Fake(perfect), pool, train=ArraySource(train[:500], SPEC), config=replace(CONFIG, baselines=False))
    assert some.floor == "500 real items against 500 training items"
    assert {measure.n for measure in some.measures} == {500}


def test_data_are_read_in_their_own_order(parts: list[np.ndarray]) -> None:
    """Compressed archives start again for every step back."""

    class Tape(ArraySource):
        def rows(self, indices: Any) -> np.ndarray:
            assert (np.diff(indices) > 0).all()
            return super().rows(indices)

    _, train, test = parts
    config = replace(CONFIG, baselines=False, n=300)
    found = [
        evaluate(Fake(train), kind(test, SPEC), train=kind(train, SPEC), config=config).to_json()
        for kind in (Tape, ArraySource)
    ]
    assert found[0] == found[1]


def test_a_model_of_data_with_gaps_is_judged_against_whole_data() -> None:
    rng = np.random.default_rng(0)
    whole = rng.normal(size=(2000, 4)) @ rng.normal(size=(4, 4))
    spec, complete = Spec("vector", (4,), "float64", missing=True), Spec("vector", (4,), "float64")
    train = np.where(rng.random((500, 4)) < 0.3, np.nan, whole[:500])
    unseen = np.where(rng.random((500, 4)) < 0.3, np.nan, whole[500:1000])
    result = evaluate(
        Fake(whole[1500:], spec),
        ArraySource(whole[1000:1500], complete),
        train=ArraySource(train, spec),
        held_out=ArraySource(unseen, spec),
        config=replace(CONFIG, extractor="auto", baselines=False),
    )
    assert result.floor == "250 real items against 250 other real items"
    assert result["memorisation"].low < 0.5 < result["memorisation"].high, "seen with gaps, as unseen items are"


@pytest.mark.parametrize(
    ("spec", "asked", "extractor"),
    [
        (Spec("vector", (64,), "float64", missing=True), "auto", "standardised"),
        (Spec("series", (16, 4), "float32"), "random_conv-32", "random_conv-32"),
    ],
)
def test_vectors_with_gaps_and_series_work_too(parts: list[np.ndarray], spec: Spec, asked: str, extractor: str) -> None:
    perfect, train, test = (p.reshape(len(p), *spec.shape).astype(spec.dtype) for p in parts)
    if spec.missing:
        test[::7, 3] = np.nan
        train[::5, 9] = np.nan
    sources = ArraySource(test, spec), ArraySource(train, spec)
    result = evaluate(Fake(perfect, spec), sources[0], train=sources[1], config=EvaluateConfig(extractor=asked))
    assert result.extractor == extractor
    assert "spectrum" not in result
    assert result["coverage"].value > 0.85
    assert all(
        np.isfinite([m.value, m.low, m.high, m.floor, *(b.value for b in m.baselines.values())]).all()
        for m in result.measures
    )


def test_ties_of_a_table_accuse_nobody() -> None:
    """Half of all new rows equal a training row: either median of the distances may be 0, by chance."""
    spec, config = Spec("vector", (2,), "float64"), replace(CONFIG, baselines=False, extractor="auto")
    for seed in range(24):
        rows = np.random.default_rng(seed).integers(0, 30, (3 * 624, 2)).astype(np.float64)
        train, unseen, fresh = np.split(rows, 3)
        result = evaluate(Fake(fresh, spec), ArraySource(unseen, spec), train=ArraySource(train, spec), config=config)
        assert not any("suspected" in sentence for sentence in result.verdict()), (seed, result.details)


def test_a_measure_that_was_not_taken_is_named() -> None:
    rows = np.random.default_rng(0).normal(size=(100, 3))
    spec = Spec("vector", (3,), "float64")
    result = evaluate(Fake(rows, spec), ArraySource(rows + 1, spec), config=replace(CONFIG, extractor="auto"))
    with pytest.raises(KeyError, match="'spectrum' was not measured; there are frechet, kernel"):
        result["spectrum"]


def test_two_draws_of_one_gaussian_are_seldom_told_apart() -> None:
    """A baseline that is as good as the model, by construction: its own noise counts too."""
    spec, ahead, judged = Spec("vector", (3,), "float64"), 0, 0
    for seed in range(20):
        rows = np.random.default_rng(seed).normal(size=(900, 3))
        test, train, made = (ArraySource(part, spec) for part in np.split(rows, 3))
        config = replace(CONFIG, extractor="auto")
        result = evaluate(Fake(made.rows(np.arange(300)), spec), test, train=train, config=config)
        for measure in result.measures:
            for other in measure.baselines.values():
                ahead += measure.beats(other) or measure.beaten_by(other)
                judged += 1
    assert ahead / judged < 0.09


def test_few_unseen_items_leave_memorisation_open(parts: list[np.ndarray]) -> None:
    # The most ordinary of the digits are near everything; 20 unseen items cannot show that none is a copy.
    perfect, train, test = parts
    flat = [part.reshape(len(part), -1) for part in parts]
    crowd = nearest(flat[0], np.concatenate(flat[1:]), 10).distances.mean(1)
    typical = Fake(perfect[crowd.argsort()[:150]])
    few = evaluate(
        typical,
        ArraySource(test, SPEC),
        train=ArraySource(train, SPEC),
        held_out=ArraySource(test[:20], SPEC),
        config=replace(CONFIG, baselines=False),
    )
    assert few.verdict()[-1].startswith("Memorisation cannot be ruled out")
    many = evaluate(typical, ArraySource(test, SPEC), train=ArraySource(train, SPEC), config=CONFIG)
    assert many.verdict()[-1].startswith("No sign of memorisation: generated items lie near")


def test_items_of_another_shape_are_refused(parts: list[np.ndarray]) -> None:
    with pytest.raises(DataError, match=r"must be of the model's shape \(8, 8, 1\)\. Got \(64,\)\."):
        evaluate(Fake(parts[0]), ArraySource(parts[2].reshape(-1, 64), Spec("vector", (64,), "uint8")))


def test_too_few_items_get_one_sentence(parts: list[np.ndarray]) -> None:
    with pytest.raises(DataError, match=r"must be at least 16 items\. Got 10\."):
        evaluate(Fake(parts[0]), ArraySource(parts[2][:10], SPEC))
    with pytest.raises(UsageError, match=r"at least 22 for 10 neighbours\. Got 20\."):
        evaluate(Fake(parts[0]), ArraySource(parts[2], SPEC), config=EvaluateConfig(n=20, k=10))


def test_a_perfect_model_is_seldom_called_worse_than_real_data() -> None:
    """Each measure at 95 %, of which one side: of thirty perfect models about one would be blamed."""
    spec, config = Spec("image", (8, 8, 1), "float64"), replace(CONFIG, baselines=False, extractor="pixels")
    blamed = dict.fromkeys(QUALITY, 0)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        train, test, pool = (rng.normal(size=(n, 8, 8, 1)).cumsum(1) / 8 for n in (300, 200, 300))
        result = evaluate(Fake(pool, spec), ArraySource(test, spec), train=ArraySource(train, spec), config=config)
        for name in QUALITY:
            blamed[name] += result[name].beaten_by_floor
    assert all(count <= 3 for count in blamed.values()), blamed


def test_missing_cells_of_real_rows_cost_a_perfect_model_nothing() -> None:
    rng = np.random.default_rng(0)
    whole = rng.normal(size=(3000, 4)) @ rng.normal(size=(4, 4))
    spec = Spec("vector", (4,), "float64", missing=True)
    shown = np.where(rng.random(whole.shape) < 0.3, np.nan, whole)
    model, config = Fake(whole[:1000], spec), replace(CONFIG, extractor="auto", baselines=False)
    result = evaluate(model, ArraySource(shown[1000:2000], spec), train=ArraySource(shown[2000:], spec), config=config)
    assert not [m.name for m in result.measures if m.name in QUALITY and m.beaten_by_floor]
    assert result["frechet"].value < 2 * result["frechet"].floor


def test_a_memoriser_of_more_than_is_searched_is_not_cleared(parts: list[np.ndarray]) -> None:
    _, train, test = parts
    config = replace(CONFIG, baselines=False, train_limit=60)
    result = evaluate(Fake(train), ArraySource(test, SPEC), train=ArraySource(train, SPEC), config=config)
    words = " ".join(result.verdict())
    assert "Copies were looked for among 60 of 599 training items" in words
    assert "typical and not copied" not in words


def test_scales_of_a_table_come_from_its_training_part() -> None:
    rng = np.random.default_rng(0)
    train = np.column_stack([rng.normal(size=500), np.where(np.arange(500) % 50, 0.0, 1000.0)])
    test = np.column_stack([rng.normal(size=100), np.zeros(100)])
    spec = Spec("vector", (2,), "float64")
    config = replace(CONFIG, extractor="auto", baselines=False)
    result = evaluate(Fake(train, spec), ArraySource(test, spec), train=ArraySource(train, spec), config=config)
    assert result["kernel"].value < 10
