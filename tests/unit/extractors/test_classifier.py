"""The judge learns digits, is deterministic, and comes back from its folder unchanged."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from sparring.errors import RunError
from sparring.extractors.classifier import Judge, JudgeConfig, train_judge

CONFIG = JudgeConfig(epochs=8, batch=50, shift=0, width=8, features=16)


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    bunch = load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.target))
    rows, labels = (bunch.images[order, ..., None] * 15).astype(np.uint8), bunch.target[order]
    return rows[:1200], labels[:1200], rows[1200:], labels[1200:]


@pytest.fixture(scope="module")
def judge(digits: tuple[np.ndarray, ...]) -> Judge:
    return train_judge(*digits, config=CONFIG)


def test_it_learns_and_says_how_well(judge: Judge, digits: tuple[np.ndarray, ...]) -> None:
    assert judge.facts.test_accuracy > 0.95
    classes = judge.classify(digits[2]).argmax(1)
    assert judge.facts.test_accuracy == (classes == digits[3]).mean()
    np.testing.assert_allclose(judge.classify(digits[2]).sum(1), 1, rtol=1e-6)


def test_its_features_are_those_under_the_last_layer(judge: Judge, digits: tuple[np.ndarray, ...]) -> None:
    features = judge(digits[2])
    assert features.shape == (597, 16)
    assert features.dtype == np.float64
    head = judge.network.head
    logits = torch.from_numpy(features).float() @ head.weight.T + head.bias
    np.testing.assert_array_equal(logits.argmax(1), judge.classify(digits[2]).argmax(1))


def test_shuffled_labels_teach_nothing(digits: tuple[np.ndarray, ...]) -> None:
    rows, labels, test_rows, test_labels = digits
    shuffled = np.random.default_rng(0).permutation(labels)
    lost = train_judge(rows, shuffled, test_rows, test_labels, config=replace(CONFIG, epochs=2))
    assert lost.facts.test_accuracy < 0.25


def test_the_same_seed_gives_the_same_judge_and_leaves_the_global_generator(
    digits: tuple[np.ndarray, ...],
) -> None:
    before = torch.get_rng_state()
    short = replace(CONFIG, epochs=1, shift=1)
    first, second = (train_judge(*digits, config=short)(digits[2]) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (torch.get_rng_state() == before).all()
    assert (train_judge(*digits, config=replace(short, seed=1))(digits[2]) != first).any()


def test_it_comes_back_from_its_folder(judge: Judge, digits: tuple[np.ndarray, ...], tmp_path: Path) -> None:
    judge.save(tmp_path / "judge")
    again = Judge.load(tmp_path / "judge")
    assert again.facts == judge.facts
    np.testing.assert_array_equal(again(digits[2]), judge(digits[2]))
    assert json.loads((tmp_path / "judge" / "judge.json").read_text())["classes"] == 10
    with pytest.raises(RunError, match=r"must be one that holds judge\.json"):
        Judge.load(tmp_path)


def test_it_takes_colour_images_of_any_size() -> None:
    rng = np.random.default_rng(0)
    rows, labels = rng.integers(0, 256, (120, 17, 40, 3), dtype=np.uint8), np.arange(120) % 2
    rows[labels == 1, :, :20] = 0
    judge = train_judge(rows[:80], labels[:80], rows[80:], labels[80:], config=replace(CONFIG, batch=20))
    assert judge.facts.test_accuracy > 0.9
