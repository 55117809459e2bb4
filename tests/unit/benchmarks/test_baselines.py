"""The baselines and clocks of the benchmarks: shapes, determinism, and figures that are what they say."""

import numpy as np
import pytest
import torch

from sparring.benchmarks import dcgan, fashion, plain, step, stopwatch
from sparring.benchmarks.bench import Cell, Context
from sparring.data.source import ArraySource, Spec
from sparring.networks import DISCRIMINATORS, GENERATORS

CPU = torch.device("cpu")


def test_dcgan_has_the_shapes_of_28_x_28_grey_images():
    images = dcgan.make_generator()(torch.zeros(3, dcgan.LATENT, 1, 1))
    assert images.shape == (3, 1, 28, 28)
    assert dcgan.make_discriminator()(images).shape == (3,)


def test_dcgan_starts_as_the_paper_says():
    network = dcgan.make_generator()
    dcgan.initialise(network, torch.Generator().manual_seed(0))
    assert network[0].weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert network[1].weight.mean().item() == pytest.approx(1.0, abs=0.01)


def test_dcgan_gives_rows_that_its_seed_alone_decides(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dcgan, "BATCH", 4)
    rows = np.zeros((200, 28, 28, 1), np.uint8)
    first, again, other = (dcgan.train_dcgan(rows, 0.0, seed)(6) for seed in (0, 0, 1))
    assert (first.shape, first.dtype) == ((6, 28, 28, 1), np.uint8)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_plain_step_trains_both_players():
    generator = GENERATORS["conv"]((1, 8, 8), 4, 4)
    discriminator = DISCRIMINATORS["conv"]((1, 8, 8), 4)
    before = [p.detach().clone() for net in (generator, discriminator) for p in net.parameters()]
    one = plain.plain_step(generator, discriminator, torch.randn(32, 1, 8, 8), 16, 4, 1.0)
    one()
    after = [p for net in (generator, discriminator) for p in net.parameters()]
    # only the discriminator's last bias may stand still: a relativistic loss does not see it
    assert sum(torch.equal(a, b) for a, b in zip(before, after, strict=True)) <= 1


def test_contestants_take_turns(monkeypatch: pytest.MonkeyPatch):
    order: list[str] = []
    monkeypatch.setattr(stopwatch, "SHORTEST", 0.0)
    contestants = {name: lambda name=name: order.append(name) for name in "ab"}
    assert set(stopwatch.median_seconds(contestants, 3, CPU)) == {"a", "b"}
    assert order[-6:] == ["a", "b"] * 3


def test_operations_are_counted_as_two_for_each_weight_and_item_forwards_and_for_each_gradient():
    layer, items = torch.nn.Linear(7, 3), torch.randn(5, 7, requires_grad=True)
    with step.OperationCounter() as counter:
        layer(items).sum().backward()
    assert counter.total == 3 * (2 * 5 * 7 * 3)


def test_a_step_with_penalties_counts_more_operations_than_one_without():
    rows = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1), dtype=np.uint8)
    source = ArraySource(rows, Spec("image", (8, 8, 1), "uint8"))
    bare = step.make_engine("mlp", source, "float32", CPU, ())
    with_penalties = step.make_engine("mlp", source, "float32", CPU)
    weights = {
        name: sum(p.numel() for p in net.parameters() if p.dim() == 2) for name, net in bare.game.players.items()
    }
    forwards = 2 * step.BATCH * (weights["generator"] + 2 * weights["discriminator"])
    assert 2 * forwards < step.count_operations(bare) < 5 * forwards
    assert step.count_operations(with_penalties) > 1.1 * step.count_operations(bare)


def test_the_figures_of_equal_samples_are_perfect_and_those_of_others_are_not():
    generator = np.random.default_rng(0)
    real = generator.normal(size=(300, 6))
    same = fashion.compare(real, real)
    assert same["coverage"] == same["precision"] == same["recall"] == 1.0
    assert same["frechet"] == pytest.approx(0, abs=1e-6)
    far = fashion.compare(real, real + 50)
    assert far["coverage"] == far["precision"] == 0.0
    assert far["frechet"] > 1000


def test_our_worst_seed_stands_against_the_baselines_best():
    def line(method: str, seed: int, frechet: float) -> dict:
        return {"method": method, "seed": seed, "figures": {"frechet": frechet, "coverage": 0.9}}

    lines = [line("sparring", 0, 1.0), line("sparring", 1, 2.0), line("dcgan", 0, 5.0), line("dcgan", 1, 8.0)]
    ratio = fashion.FASHION.bars[2].judge(lines)
    assert (ratio.value, ratio.passed) == (0.4, True)
    assert fashion.FASHION.bars[2].judge(lines[:2]).passed is None


def test_a_poor_judge_is_refused(tmp_path, monkeypatch):
    from sparring.errors import RunError
    from sparring.extractors.classifier import Judge, JudgeConfig, JudgeFacts, JudgeNetwork

    config = JudgeConfig(width=2, features=4)
    Judge(JudgeNetwork(1, 10, config), JudgeFacts((28, 28, 1), 10, 0.5, config)).save(tmp_path / "judge-mnist")
    with pytest.raises(RunError, match="test accuracy of 91%"):
        fashion.make_judge("mnist", Context(tmp_path, tmp_path / "mnist"))


def test_every_cell_of_fashion_has_a_way_to_generate():
    assert {cell.method for cell in fashion.FASHION.cells()} == set(fashion.GENERATE)
    assert Cell("mnist", "sparring", 0) in fashion.MNIST.cells()
