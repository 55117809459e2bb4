"""The map: an anchor lies where it was put, new items lie beside their neighbours, groups stay apart."""

import numpy as np

from sparring.tasks.maps import NEIGHBOURS, Map, fit_map

RNG = np.random.default_rng(0)
ANCHORS = RNG.normal(size=(200, 4)).astype(np.float32)
PLACES = ANCHORS[:, :2]


class Groups:
    """A model whose items are three groups; the embedding is the item, behind it a feature of noise."""

    centres = 20 * np.eye(3, 4)

    def sample(self, count: int, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return self.centres[np.arange(count) % 3] + rng.normal(size=(count, 4))

    code_size = 4

    def embed(self, rows: np.ndarray, dim: int) -> np.ndarray:
        return rows[:, :dim]


def test_an_item_between_its_neighbours():
    items = RNG.normal(size=(50, 4)).astype(np.float32)
    placed = Map(ANCHORS, PLACES).place(items)
    assert placed.shape == (50, 2)
    around = PLACES[np.linalg.norm(items[:, None] - ANCHORS, axis=2).argsort(1)[:, :NEIGHBOURS]]
    assert (placed >= around.min(1) - 1e-5).all()
    assert (placed <= around.max(1) + 1e-5).all()


def test_an_anchor_lies_nearest_to_its_own_place():
    placed = Map(ANCHORS, PLACES).place(ANCHORS)
    far = np.linalg.norm(placed - PLACES, axis=1)
    others = np.linalg.norm(placed - np.roll(PLACES, 1, axis=0), axis=1)
    assert np.median(far) < 0.25 * np.median(others)


def test_a_place_depends_on_its_own_item_alone():
    chart = Map(ANCHORS, PLACES)
    items = RNG.normal(size=(1500, 4)).astype(np.float32)
    np.testing.assert_array_equal(chart.place(items)[1200:1210], chart.place(items[1200:1210]))


def test_a_generator_that_makes_one_item_has_a_map_of_one_place(monkeypatch):
    monkeypatch.setattr("sparring.tasks.maps.ANCHORS", 50)
    monkeypatch.setattr(Groups, "sample", lambda self, count, seed=0: np.ones((count, 4)))
    assert (fit_map(Groups()).place(ANCHORS) == 0).all()


def test_the_map_of_a_model_is_the_same_every_time(monkeypatch):
    monkeypatch.setattr("sparring.tasks.maps.ANCHORS", 300)
    one, other = fit_map(Groups()), fit_map(Groups())
    np.testing.assert_array_equal(one.places, other.places)


def test_groups_stay_apart(monkeypatch):
    monkeypatch.setattr("sparring.tasks.maps.ANCHORS", 300)
    model = Groups()
    chart = fit_map(model)
    items = model.sample(90, seed=5)
    places = chart.place(items.astype(np.float32))
    centres = np.stack([places[i::3].mean(0) for i in range(3)])
    nearest = np.linalg.norm(places[:, None] - centres, axis=2).argmin(1)
    assert (nearest == np.arange(90) % 3).mean() > 0.95
