"""Neighbours: equal to scikit-learn and to the definitions, with every sign shown by a planted case."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from sparring.metrics.copying import closeness, copies, mann_whitney_z, memorisation
from sparring.metrics.distances import nearest, squared_distances
from sparring.metrics.neighbours import manifold


def normal(n: int, d: int, seed: int, offset: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)) + offset


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_nearest_equals_scikit_learn(monkeypatch: pytest.MonkeyPatch, offset: float) -> None:
    queries, points = normal(157, 20, 0, offset), normal(301, 20, 1, offset)
    monkeypatch.setattr("sparring.metrics.distances.BLOCK", 50 * 301)
    ours = nearest(queries, points, 7)
    theirs = NearestNeighbors(n_neighbors=7, algorithm="kd_tree").fit(points).kneighbors(queries)
    np.testing.assert_allclose(ours.distances, theirs[0], rtol=1e-12)
    np.testing.assert_array_equal(ours.indices, theirs[1])


def test_nearest_to_itself_leaves_itself_out_and_finds_copies() -> None:
    points = normal(200, 6, 0, 1e4)
    points[150] = points[3]
    ours = nearest(points, points, 2, exclude_self=True)
    theirs = NearestNeighbors(n_neighbors=2, algorithm="kd_tree").fit(points).kneighbors()
    np.testing.assert_allclose(ours.distances, theirs[0], rtol=1e-12)
    assert (ours.distances[3, 0], ours.indices[3, 0]) == (0, 150)


def test_blocks_put_together_are_all_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, points = normal(90, 5, 0), normal(40, 5, 1)
    monkeypatch.setattr("sparring.metrics.distances.BLOCK", 7 * 40)
    squared = np.concatenate([part for _, part in squared_distances(queries, points)])
    np.testing.assert_allclose(np.sqrt(squared), pairwise_distances(queries, points), rtol=1e-9)


def by_definition(real: np.ndarray, fake: np.ndarray, k: int) -> list[float]:
    real_radius = np.sort(pairwise_distances(real), 1)[:, k]
    fake_radius = np.sort(pairwise_distances(fake), 1)[:, k]
    distances = pairwise_distances(real, fake)
    inside = distances <= real_radius[:, None]
    recalled = (distances <= fake_radius[None]).any(1)
    return [inside.any(0).mean(), recalled.mean(), inside.sum(0).mean() / k, inside.any(1).mean()]


def figures(real: np.ndarray, fake: np.ndarray, k: int = 5) -> list[float]:
    m = manifold(real, fake, k)
    return [m.precision.value, m.recall.value, m.density.value, m.coverage.value]


@pytest.mark.parametrize("k", [1, 5])
def test_manifold_equals_the_definitions(k: int) -> None:
    real, fake = normal(150, 3, 0), 0.7 * normal(130, 3, 1) + 0.3
    assert figures(real, fake, k) == pytest.approx(by_definition(real, fake, k), rel=1e-12)
    wrong = by_definition(real, fake, k + 1)  # counts the item itself as its own neighbour, a common slip
    assert figures(real, fake, k) != pytest.approx(wrong, rel=1e-3)


def test_perfect_samples_score_high_and_intervals_hold_the_values() -> None:
    m = manifold(normal(1000, 4, 0), normal(1000, 4, 1))
    assert m.precision.value > 0.9
    assert m.recall.value > 0.9
    assert m.density.value == pytest.approx(1, abs=0.1)
    # Naeem et al. 2020, equation 10: expected coverage of equal samples is near 1 - 2^-k.
    assert m.coverage.value == pytest.approx(1 - 2**-5, abs=0.03)
    for e in (m.precision, m.recall, m.density, m.coverage):
        assert e.low <= e.value <= e.high
        assert e.low < e.high


@pytest.mark.parametrize(("d", "scale"), [(1, 1.0), (3, 1.0), (8, 1.0), (3, 0.5)])
def test_intervals_hold_what_other_generated_items_would_give(d: int, scale: float) -> None:
    # The real items, or for recall the generated ones, are given: redrawing the others shows the truth and its noise.
    fixed, n, runs = normal(300, d, 0), 400, 150
    found = [manifold(fixed, scale * normal(n, d, seed)) for seed in range(1, runs + 1)]
    for name in ("precision", "density", "coverage"):
        estimates = [getattr(each, name) for each in found]
        truth = np.mean([e.value for e in estimates])
        assert np.mean([e.low <= truth <= e.high for e in estimates]) > 0.88, name
    recalls = [manifold(scale * normal(n, d, seed), fixed).recall for seed in range(1, runs + 1)]
    truth = np.mean([e.value for e in recalls])
    assert np.mean([e.low <= truth <= e.high for e in recalls]) > 0.88, "recall"


def test_collapse_keeps_precision_and_loses_recall_and_coverage() -> None:
    real = normal(600, 4, 0)
    m = manifold(real, 0.05 * normal(600, 4, 1))
    assert m.precision.value > 0.95
    assert m.density.low > 1.2
    assert m.recall.value < 0.1
    assert m.coverage.value < 0.1


def test_scatter_loses_precision_and_density_but_not_recall() -> None:
    m = manifold(normal(600, 4, 0), 5 * normal(600, 4, 1))
    assert m.precision.value < 0.3
    assert m.density.value < 0.2
    assert m.recall.value > 0.95


def test_a_lost_mode_lowers_coverage_by_its_share() -> None:
    real = np.concatenate([normal(400, 3, 0), normal(400, 3, 1) + 50])
    whole = manifold(real, np.concatenate([normal(400, 3, 2), normal(400, 3, 3) + 50]))
    half = manifold(real, normal(800, 3, 4))
    assert whole.coverage.value > 0.93
    assert half.coverage.value == pytest.approx(0.5, abs=0.03)
    assert half.recall.value == pytest.approx(0.5, abs=0.03)


def test_repeated_discrete_rows_count_as_inside() -> None:
    cells = np.random.default_rng(0).integers(0, 2, (400, 3)).astype(float)
    assert figures(cells, cells[::-1].copy())[:2] == [1, 1]


def test_memorisation_is_silent_for_fresh_samples() -> None:
    m = memorisation(normal(500, 5, 0), normal(800, 5, 1), normal(500, 5, 2))
    assert m.closeness.low <= 0.5 <= m.closeness.high
    assert abs(m.z) < 3
    assert m.ratio == pytest.approx(1, abs=0.1)
    assert m.copies.low <= m.expected_copies <= m.copies.high
    assert m.expected_copies == pytest.approx(0.01, abs=0.001)
    assert m.preference.low <= 0.5 <= m.preference.high


def test_memorisation_catches_copies_noisy_copies_and_a_few_copies() -> None:
    train, held_out = normal(800, 5, 1), normal(500, 5, 2)
    exact = memorisation(train[:500], train, held_out)
    assert (exact.closeness.value, exact.copies.value, exact.preference.value) == (1, 1, 1)
    assert exact.z < -20
    assert exact.ratio < 1e-6
    noisy = memorisation(train[:500] + 0.1 * normal(500, 5, 3), train, held_out)
    assert noisy.closeness.low > 0.8
    few = memorisation(np.concatenate([normal(450, 5, 4), train[:50]]), train, held_out)
    assert few.copies.low > 0.05


def test_memorisation_does_not_blame_poor_samples() -> None:
    m = memorisation(3 * normal(500, 5, 0), normal(800, 5, 1), normal(500, 5, 2))
    assert m.closeness.high < 0.5
    assert m.z > 3
    assert m.ratio > 1


def test_typical_samples_are_close_to_everything_but_prefer_nothing() -> None:
    m = memorisation(0.5 * normal(500, 5, 0), normal(800, 5, 1), normal(500, 5, 2))
    assert m.closeness.low > 0.6  # the sign that would blame them
    assert m.preference.low <= 0.5 <= m.preference.high


def test_mann_whitney_equals_scipy_with_ties() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, 70).astype(float), rng.integers(1, 10, 50).astype(float)
    test = mannwhitneyu(a, b, use_continuity=False, method="asymptotic")
    assert test.statistic / (70 * 50) == pytest.approx(1 - closeness(a, b).value, rel=1e-12)
    from scipy.stats import norm

    assert 2 * norm.cdf(mann_whitney_z(a, b)) == pytest.approx(test.pvalue, rel=1e-9)
    assert mann_whitney_z(np.ones(5), np.ones(4)) == 0


@pytest.mark.parametrize("unseen", [16, 50, 179, 1000])
def test_copies_are_where_they_are_expected_of_equal_distances(unseen: int) -> None:
    rng = np.random.default_rng(unseen)
    found = [copies(rng.random(1500), rng.random(unseen)) for _ in range(400)]
    values, expected = np.array([estimate.value for estimate, _ in found]), found[0][1]
    assert values.mean() == pytest.approx(expected, rel=0.15)
    held = np.mean([estimate.low <= expected <= estimate.high for estimate, _ in found])
    assert held > 0.9


def test_copies_are_seen_where_unseen_rows_repeat_training_rows_too() -> None:
    rng = np.random.default_rng(0)
    found, values = [], np.where(rng.random((200, 1000)) < 0.02, 0.0, rng.random((200, 1000)) + 0.1)
    for held_out in values:
        fresh = np.where(rng.random(1000) < 0.02, 0.0, rng.random(1000) + 0.1)
        found.append(copies(fresh, held_out))
    assert np.mean([estimate.value for estimate, _ in found]) == pytest.approx(found[0][1], rel=0.15)
    assert np.mean([estimate.low <= expected <= estimate.high for estimate, expected in found]) > 0.9
    every, expected = copies(np.zeros(1000), values[0])
    assert every.low > 10 * expected, "all are copies, of which the rows that repeat by nature cannot be told"


def test_neighbours_within_very_tight_clusters_are_the_true_ones() -> None:
    rng = np.random.default_rng(0)
    points = rng.choice([-1.0, 1.0], (2000, 1)) + rng.normal(0, 1e-5, (2000, 2))
    truth = NearestNeighbors(n_neighbors=6).fit(points).kneighbors(points[:100])
    found = nearest(points[:100], points, k=6)
    np.testing.assert_array_equal(found.indices, truth[1])
    np.testing.assert_allclose(found.distances, truth[0], rtol=1e-9, atol=1e-15)


def test_the_interval_of_preference_holds_with_few_real_items() -> None:
    held, runs = 0, 200
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        preference = memorisation(*(rng.normal(size=(n, 3)) for n in (1000, 20, 20))).preference
        held += preference.low <= 0.5 <= preference.high
    assert held >= 0.92 * runs


def test_closeness_of_few_that_all_win_is_not_certain() -> None:
    found = closeness(np.zeros(8), np.ones(20))
    assert found.value == found.high == 1
    assert 0.5 < found.low < 0.75, "Wilson's interval of eight in eight"
    assert closeness(np.ones(20), np.zeros(8)).high == pytest.approx(1 - found.low)
