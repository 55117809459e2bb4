import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from sparring.data.source import ArraySource, Spec
from sparring.report import nearest as nearest_module
from sparring.report.gallery import real_items, slerp, walk
from sparring.report.nearest import nearest, own_values, searched


class Identity:
    """A model whose items are its latents."""

    spec = Spec("vector", (5,), "float32")

    def latents(self, count, seed=0):
        return torch.randn(count, 5, generator=torch.Generator().manual_seed(seed))

    def generate(self, z):
        return z.numpy()


def test_slerp_of_unit_vectors_turns_at_a_constant_rate():
    start, end = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    for share in (0.0, 0.25, 0.5, 1.0):
        angle = share * np.pi / 2
        np.testing.assert_allclose(slerp(start, end, share)[0], [np.cos(angle), np.sin(angle)], atol=1e-6)


def test_slerp_of_gaussian_latents_keeps_their_length_where_a_straight_line_would_not():
    ends = torch.randn(2, 200, 512, generator=torch.Generator().manual_seed(0))
    halfway = slerp(ends[0], ends[1], 0.5).norm(dim=1).mean()
    straight = (ends.sum(dim=0) / 2).norm(dim=1).mean()
    assert halfway == pytest.approx(512**0.5, rel=0.01)
    assert straight < 0.75 * 512**0.5


def test_slerp_of_a_latent_with_itself_is_that_latent():
    z = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(slerp(z, z, 0.3), z, rtol=1e-3, atol=1e-3)


def test_each_line_of_a_walk_goes_from_one_latent_to_another():
    model = Identity()
    tracks = walk(model, 3)
    ends = model.latents(6).numpy()
    assert tracks.shape == (3, 9, 5)
    np.testing.assert_allclose(tracks[:, 0], ends[:3], atol=1e-5)
    np.testing.assert_allclose(tracks[:, -1], ends[3:], atol=1e-5)


def test_nearest_equals_scikit_learn_in_every_space_over_several_batches():
    rng = np.random.default_rng(0)
    rows, queries = (rng.normal(size=(n, 4, 3, 1)).astype(np.float32) for n in (1300, 20))
    source = ArraySource(rows, Spec("image", (4, 3, 1), "float32"))
    spaces = {"pixels": own_values(source), "first row": lambda items: items[:, 0, :, 0]}
    found = nearest(queries, source, spaces)
    for name, embed in spaces.items():
        truth = NearestNeighbors(n_neighbors=1).fit(embed(rows)).kneighbors(embed(queries))[1][:, 0]
        np.testing.assert_array_equal(found[name], rows[truth])


def test_nearest_finds_the_planted_copies():
    rows = np.random.default_rng(0).integers(0, 255, (600, 6, 6, 1), np.uint8)
    source = ArraySource(rows, Spec("image", (6, 6, 1), "uint8"))
    found = nearest(rows[[5, 599, 0]], source, {"pixels": own_values(source)})
    np.testing.assert_array_equal(found["pixels"], rows[[5, 599, 0]])


def test_of_very_many_items_a_random_part_is_searched(monkeypatch):
    monkeypatch.setattr(nearest_module, "MAX_SEARCHED", 50)
    source = ArraySource(np.arange(1000.0)[:, None], Spec("vector", (1,), "float64"))
    part = searched(source).rows(np.arange(50))[:, 0]
    assert len(set(part)) == 50
    assert part.max() > 500
    assert len(searched(ArraySource(np.arange(50.0)[:, None], source.spec))) == 50


def test_real_items_are_the_same_every_time_and_none_comes_twice():
    source = ArraySource(np.arange(200, dtype=np.uint8)[:, None, None, None], Spec("image", (1, 1, 1), "uint8"))
    first = real_items(source).ravel()
    assert len(set(first)) == 64
    assert first.tolist() != sorted(first)
    np.testing.assert_array_equal(first, real_items(source).ravel())


def test_of_a_table_no_column_decides_by_its_unit():
    rows = np.array([[0.0, 0.0], [1000.0, 1.0], [2000.0, 0.0], [0.0, 1.0]] * 5)
    source = ArraySource(rows, Spec("vector", (2,), "float64"))
    found = nearest(np.array([[100.0, 1.0]]), source, {"own": own_values(source)})
    np.testing.assert_array_equal(found["own"], [[0.0, 1.0]])


def test_the_nearest_item_is_found_far_from_zero():
    rng = np.random.default_rng(0)
    rows = 1.7e9 + rng.normal(0, 10, (300, 50))
    spec = Spec("series", (50, 1), "float64")
    queries = rows[[7, 100, 250]] + rng.normal(0, 0.1, (3, 50))
    found = nearest(queries[..., None], ArraySource(rows[..., None], spec), {"own": lambda part: part[..., 0]})
    np.testing.assert_array_equal(found["own"][..., 0], rows[[7, 100, 250]])
