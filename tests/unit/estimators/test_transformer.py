"""`GANTransformer`: vectors of a chosen length, by scikit-learn's rules."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparring import GANTransformer
from sparring.errors import UsageError

SETTINGS = {"network.width": 8, "network.latent": 5, "validation.points": 2, "encoder.width": 16}


def tiny(**options) -> GANTransformer:
    return GANTransformer(**{"samples": 96, "random_state": 0, "settings": SETTINGS, **options})


def vectors(n: int = 80) -> np.ndarray:
    return np.random.default_rng(0).normal([0.0, 10.0, -5.0], [1.0, 2.0, 0.1], (n, 3))


@pytest.fixture(scope="module")
def whole() -> GANTransformer:
    return tiny().fit(vectors())


def test_vectors_have_the_asked_length_and_few_numbers_are_learned_for_themselves(whole):
    full = whole.transform(vectors())
    assert (full.shape, full.dtype) == ((80, 5), np.float32)
    four = tiny(n_components=4).fit_transform(vectors())
    np.testing.assert_array_equal(tiny(n_components=3).fit_transform(vectors()), four[:, :3])
    assert not np.isclose(four, full[:, :4]).any()
    assert "the 5 numbers that the encoder tells" in whole.rule_


def test_beyond_the_embedding_come_the_features(whole):
    longer = tiny(n_components=9).fit(vectors())
    model, X = longer.model_, vectors()
    with torch.no_grad():
        features = model.encoder.features.standardise(model.discriminator.features(model.scaler.to_model(X)))
    np.testing.assert_allclose(longer.transform(X)[:, 5:], features[:, :4].numpy(), atol=1e-5)
    assert "then the first 4 of the features themselves" in longer.rule_
    with pytest.raises(UsageError, match="from 1 to 13"):
        tiny(n_components=14).fit(X)


def test_two_numbers_are_a_map_on_which_new_items_find_their_place():
    planar = tiny(n_components=2).fit(vectors())
    places = planar.transform(vectors())
    assert places.shape == (80, 2)
    assert "t-SNE" in planar.rule_
    np.testing.assert_array_equal(planar.transform(vectors()[7:9]), places[7:9])


@pytest.mark.parametrize("wrong", [0, -3, 2.5, "ten"])
def test_a_wrong_length_is_refused_before_training(wrong, monkeypatch):
    monkeypatch.setattr("sparring.training.train", lambda *arguments, **options: pytest.fail("it trained"))
    with pytest.raises(UsageError, match="None or a whole number from 1 on"):
        tiny(n_components=wrong).fit(vectors())


def test_a_length_beyond_what_the_networks_know_is_refused_before_training(monkeypatch, tmp_path):
    monkeypatch.setattr("sparring.training.play", lambda *arguments: pytest.fail("it trained"))
    most = 5 + 8  # numbers of the code, and features of a discriminator of width 8
    with pytest.raises(UsageError, match=f"`n_components` of `GANTransformer` must be from 1 to {most}, "):
        tiny(n_components=most + 1, run=tmp_path / "run").fit(vectors())
    assert not (tmp_path / "run").exists()


def test_the_model_of_another_estimator_is_described_without_training(whole, tmp_path):
    again = GANTransformer.load(whole.save(tmp_path / "model"), n_components=9)
    np.testing.assert_array_equal(again.transform(vectors())[:, :5], whole.transform(vectors()))


def test_pandas_in_and_out(whole):
    frame = pd.DataFrame(vectors(), columns=["a", "b", "c"])
    described = tiny().set_output(transform="pandas").fit(frame).transform(frame)
    assert list(described.columns) == [f"gantransformer{i}" for i in range(5)]
    np.testing.assert_array_equal(described.to_numpy(), whole.transform(vectors()))


def test_in_a_grid_search_over_a_pipeline():
    labels = (vectors()[:, 0] > 0).astype(int)
    pipeline = make_pipeline(tiny(), LogisticRegression())
    search = GridSearchCV(pipeline, {"gantransformer__n_components": [1, 4]}, cv=2).fit(vectors(), labels)
    best = clone(pipeline).set_params(**search.best_params_).fit(vectors(), labels)
    np.testing.assert_array_equal(search.predict(vectors()), best.predict(vectors()))
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 2
    assert search.best_score_ == max(scores)
    assert search.best_estimator_[0].n_components == search.best_params_["gantransformer__n_components"]


def test_a_pickled_estimator_answers_the_same(whole):
    again = pickle.loads(pickle.dumps(whole))
    np.testing.assert_array_equal(again.transform(vectors()), whole.transform(vectors()))
    assert clone(again).get_params() == whole.get_params()


@parametrize_with_checks([tiny(preset="mlp", samples=64)])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("settings", [{"encoder.share": 0}, {"encoder.samples": 0}, {"encoder.share": "0.0"}])
def test_vectors_without_an_encoder_are_refused_before_training(settings):
    with pytest.raises(UsageError, match="must be more than 0, since the encoder makes the vectors"):
        GANTransformer(minutes=60, settings=settings).fit(np.zeros((20, 3)))
