"""The baselines and clocks of the benchmarks: shapes, determinism, and figures that are what they say."""

import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sparring.benchmarks import few, generation, picturesets, plain, rivals, stability, step, stopwatch
from sparring.benchmarks.bench import Cell, Context
from sparring.data.source import ArraySource, Spec
from sparring.networks import DISCRIMINATORS, GENERATORS

CPU = torch.device("cpu")


@pytest.mark.parametrize(("side", "channels"), [(28, 1), (32, 3)])
@pytest.mark.parametrize("name", rivals.RIVALS)
def test_rivals_have_the_shapes_of_their_images(name: str, side: int, channels: int):
    images = rivals.make_generator(side, channels)(torch.zeros(3, rivals.LATENT, 1, 1))
    assert images.shape == (3, channels, side, side)
    assert rivals.make_discriminator(side, channels, rivals.RIVALS[name].norm)(images).shape == (3,)


def test_rivals_start_as_dcgans_paper_says():
    network = rivals.make_generator(28, 1)
    rivals.initialise(network, torch.Generator().manual_seed(0))
    assert network[0].weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert network[1].weight.mean().item() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("name", rivals.RIVALS)
def test_rivals_give_rows_that_their_seed_alone_decides(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rivals, "BATCH", 4)
    rows = np.zeros((200, 28, 28, 1), np.uint8)
    first, again, other = (rivals.train_rival(name, rows, 0.0, seed)[0](6) for seed in (0, 0, 1))
    assert (first.shape, first.dtype) == ((6, 28, 28, 1), np.uint8)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", rivals.RIVALS)
def test_rivals_losses_fall_where_each_player_wants_them_to(name: str):
    rival = rivals.RIVALS[name]
    real, fake = (torch.zeros(3, requires_grad=True) for _ in range(2))
    by_real, by_fake = torch.autograd.grad(rival.d_loss(real, fake), [real, fake])
    assert (by_real < 0).all()
    assert (by_fake > 0).all()
    assert (torch.autograd.grad(rival.g_loss(fake), fake)[0] < 0).all()


def test_the_hinge_rivals_discriminator_is_bounded_by_its_spectral_norms():
    _, discriminator = rivals._players(rivals.RIVALS["hinge-sn"], 28, 1, torch.Generator().manual_seed(0))
    for layer in [layer for layer in discriminator if isinstance(layer, torch.nn.Conv2d)]:
        largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item()
        assert largest == pytest.approx(1.0, abs=0.1)


def test_the_gradient_penalty_of_a_linear_critic_is_the_distance_of_its_norm_from_1():
    critic = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 1, bias=False), torch.nn.Flatten(0))
    torch.nn.init.constant_(critic[1].weight, 1.5)
    images = torch.randn(5, 1, 2, 2)
    penalty = rivals._gradient_penalty(critic, images, -images, torch.Generator().manual_seed(0))
    assert penalty.item() == pytest.approx((3.0 - 1) ** 2)


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
    same = generation.compare(real, real)
    assert same["coverage"] == same["precision"] == same["recall"] == 1.0
    assert same["frechet"] == pytest.approx(0, abs=1e-6)
    far = generation.compare(real, real + 50)
    assert far["coverage"] == far["precision"] == 0.0
    assert far["frechet"] > 1000


def test_our_worst_seed_stands_against_the_rivals_best():
    def line(method: str, seed: int, frechet: float, cores: int = 2, minutes: float = 10.0) -> dict:
        figures = {"frechet": frechet, "coverage": frechet / 10, "training_minutes": minutes}
        return {"method": method, "seed": seed, "figures": figures, "hardware": {"cores": cores}}

    ours = [line("sparring", 0, 1.0), line("sparring", 1, 2.0)]
    theirs = [line("dcgan", 0, 5.0), line("dcgan", 1, 8.0), line("wgan-gp", 0, 9.0), line("hinge-sn", 0, 4.0)]
    bars = {bar.name: bar for bar in (*generation.TEN_MINUTES, *generation.HALF_AN_HOUR)}
    assert bars["Frechet distance over that of DCGAN"].judge(ours + theirs).value == 0.4
    assert bars["Frechet distance over the best rival's"].judge(ours + theirs).value == 0.5
    assert bars["Frechet distance over the best rival's"].judge(ours + theirs[:3]).passed is None
    elsewhere = [*theirs[:3], line("hinge-sn", 0, 4.0, cores=64)]
    assert bars["Frechet distance over the best rival's"].judge(ours + elsewhere).passed is None
    assert bars["coverage ahead of the best rival's"].judge(ours + theirs).value == pytest.approx(0.1 - 0.9)
    longer = [*ours, line("sparring", 2, 1.0, minutes=12.0)]
    assert bars["Frechet distance over the best rival's"].judge(longer + theirs).passed is None
    shorter = [*theirs[:3], line("hinge-sn", 0, 4.0, minutes=9.0)]
    assert bars["coverage ahead of the best rival's"].judge(ours + shorter).passed is None


def test_rivals_get_the_minutes_that_ours_took_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    context = Context(tmp_path, tmp_path)
    given: list[float] = []

    def slow_training(*arguments: object) -> None:
        Path(str(arguments[3])).mkdir(parents=True)
        time.sleep(0.2)

    def train(name: str, rows: np.ndarray, minutes: float, seed: int):
        given.append(minutes)
        return (lambda count: np.zeros(count)), 0, 0

    monkeypatch.setenv("SPARRING_DATA", str(tmp_path))
    monkeypatch.setattr(generation, "run_sparring", slow_training)
    monkeypatch.setattr(generation, "train_rival", train)
    monkeypatch.setattr(
        generation, "SETS", {"cifar": SimpleNamespace(data="", read=lambda *_: SimpleNamespace(images=()))}
    )
    rival = Cell("cifar", "dcgan")
    generation._generate(rival, context, 0.001)
    generation._ours(Cell("cifar", "sparring"), context, 0.001)
    generation._generate(rival, context, 0.001)
    generation._generate(rival, context, 30.0)
    monkeypatch.setattr(generation, "hardware", lambda: {"cores": 64})
    generation._generate(rival, context, 0.001)
    assert given[0] == given[3] == 0.001
    assert 0.2 / 60 <= given[1] < 10
    assert given[2] == 30.0


def test_a_gain_is_that_over_the_run_that_stands_beside_it():
    def line(method: str, name: str = "daisy", **figures: object) -> dict:
        return {"set": name, "method": method, "seed": 0, "figures": figures, "hardware": {}}

    bar = next(bar for bar in few.FEW.bars if "less" in bar.name)
    pairs = [
        line(few.OURS, run="a"),
        line(few.PLAIN, compared_with="a", difference=-0.2),
        line(few.OURS, "iris", run="b"),
        line(few.PLAIN, "iris", compared_with="b", difference=-0.1),
    ]
    assert bar.measure(pairs) == -0.1
    assert bar.measure([line(few.OURS, run="c"), *pairs[1:]]) is None, "ours was trained again"
    assert bar.measure([pairs[0], line(few.PLAIN, compared_with="a"), *pairs[2:]]) is None, "no run to compare with"
    assert bar.measure([line(few.OURS), line(few.PLAIN, difference=-0.2)]) is None, "of which run is not known"


def test_no_set_of_several_machines_is_left_out():
    def line(name: str, seed: int, kernel: float, cores: int = 2) -> dict:
        return {
            "set": name,
            "method": "sparring",
            "seed": seed,
            "figures": {"kernel": kernel, "kernel_error": 0.01},
            "hardware": {"cores": cores},
        }

    bar = stability.STABILITY.bars[-1]
    lines = [line(name, seed, kernel) for name in ("fashion", "mnist") for seed, kernel in enumerate((1.0, 2.0, 3.0))]
    assert bar.measure(lines) == pytest.approx(1.5)
    assert bar.measure([*lines, line("mnist", 3, 9.0, cores=64)]) is None


def test_a_poor_judge_is_refused(tmp_path, monkeypatch):
    from sparring.errors import RunError
    from sparring.extractors.classifier import Judge, JudgeConfig, JudgeFacts, JudgeNetwork

    config = JudgeConfig(width=2, features=4)
    Judge(JudgeNetwork(1, 10, config), JudgeFacts((28, 28, 1), 10, 0.5, config)).save(tmp_path / "judge-mnist")
    with pytest.raises(RunError, match="test accuracy of 99%"):
        picturesets.make_judge("mnist", Context(tmp_path, tmp_path / "mnist"))


def test_frechet_bench_is_exact_with_more_and_with_fewer_items_than_dimensions(tmp_path):
    from sparring.benchmarks import frechet

    for name in ("n=200 d=64", "n=40 d=64"):
        figures = frechet.run(Cell(name, "sparring"), Context(tmp_path, tmp_path))
        assert figures["finite"]
        assert figures["difference"] < frechet.TOLERANCE
        assert figures["root_is_real"] == (name == "n=200 d=64")
