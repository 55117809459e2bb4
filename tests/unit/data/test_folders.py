"""Which folder each kept item came from, and back from JSON."""

import json

import numpy as np
import pytest

from sparring.data import survey
from sparring.data.folders import MOST, Folders, find_folders


def test_each_kept_image_has_its_folder_without_what_all_share(samples, folder_of):
    one, two, three, four = samples.pngs(4).values()
    files = {
        "set/cats/a.png": one,
        "set/cats/b/b.png": two,
        "set/dogs/a.png": one,  # a duplicate, which is left out
        "set/dogs/b.png": three,
        "set/dogs/broken.png": b"nothing",
        "set/dogs/c.png": four,
    }
    found = find_folders(survey(folder_of(files)))
    assert found is not None
    assert found.names == ("cats", "cats/b", "dogs")
    assert found.of.tolist() == [0, 1, 2, 2]


@pytest.mark.parametrize("count", [1, MOST + 1])
def test_one_folder_and_very_many_are_no_groups(samples, folder_of, count):
    pngs = list(samples.pngs(count).values())
    assert find_folders(survey(folder_of({f"{i}/x.png": png for i, png in enumerate(pngs)}))) is None


def test_an_array_has_no_folders():
    assert find_folders(survey(np.arange(60.0).reshape(20, 3))) is None


def test_images_beside_a_folder_are_a_group_too(samples, folder_of):
    one, two = samples.pngs(2).values()
    found = find_folders(survey(folder_of({"a.png": one, "more/b.png": two})))
    assert found is not None
    assert found.names == (".", "more")


def test_json_brings_them_back():
    folders = Folders(("a", "b"), np.array([0, 0, 1, 0]))
    values = json.loads(json.dumps(folders.to_json()))
    back = Folders.from_json(values, 4)
    assert back is not None
    assert (back.names, back.of.tolist()) == (folders.names, [0, 0, 1, 0])


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"names": ["a"], "runs": []},
        {"names": ["a"], "runs": [[0, 3]]},
        {"names": ["a"], "runs": [[1, 4]]},
        {"names": ["a"], "runs": [[-1, 4]]},
        {"names": ["a"], "runs": [[0, -4], [0, 8]]},
        {"names": ["a"], "runs": [[0]]},
        {"names": ["a"], "runs": [["x", 4]]},
        {"names": 3, "runs": [[0, 4]]},
        {"names": ["a"], "runs": [[0, 10**30]]},
        {"names": ["a"], "runs": "many"},
    ],
)
def test_anything_else_is_no_folders(values):
    assert Folders.from_json(values, 4) is None
