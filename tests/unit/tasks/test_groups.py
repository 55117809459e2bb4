"""Groups that were planted are found, as many as there are, the same every time."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_mutual_info_score

from sparring.tasks.groups import find_groups


@pytest.mark.parametrize("count", [2, 5, 9])
def test_planted_groups_are_found_without_their_number(count):
    vectors, truth = make_blobs(600, 8, centers=count, cluster_std=0.3, random_state=3)
    assert adjusted_mutual_info_score(truth, find_groups(vectors)) > 0.6
    apart = find_groups(vectors, neighbours=60)  # a dense graph splits no blob
    assert adjusted_mutual_info_score(truth, apart) == pytest.approx(1.0)


def test_the_largest_group_comes_first_and_all_comes_again():
    vectors = np.concatenate([np.random.default_rng(0).normal(at, 0.1, (n, 3)) for at, n in ((0, 20), (9, 50))])
    groups = find_groups(vectors)
    sizes = np.bincount(groups)
    assert (np.diff(sizes) <= 0).all()
    assert np.array_equal(groups, find_groups(vectors))


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_items_are_no_trouble(n):
    assert find_groups(np.zeros((n, 4))).shape == (n,)
