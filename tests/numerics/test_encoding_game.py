"""The encoder's game: its gradients against the loss as written, its law of lengths, and what it learns."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from sklearn.decomposition import PCA
from torch import Tensor
from torch.nn.functional import mse_loss

from sparring.games.base import PLAIN
from sparring.games.encoding import (
    FEWEST,
    WHOLE,
    WHOLE_VECTORS,
    Autoencoder,
    EncodingGame,
    _first,
    _misplaced,
    _of_one_vector,
    digits,
    fewest,
    halves,
)
from sparring.games.neighbours import affinities, misplaced
from sparring.networks import DISCRIMINATORS, GENERATORS
from sparring.networks.base import initialise
from sparring.networks.encoder import Components, Encoder, PerceptronDecoder, lengths
from sparring.rng import torch_stream

SIZE, LENGTHS = 10, (4, 8, 10)  # of the vectors of an embedding


def make(missing: bool = False, variance: float = 0.5, generated: float = 0.0) -> EncodingGame:
    discriminator = DISCRIMINATORS["mlp"]((3,), 16)
    initialise(discriminator, torch_stream(0, "discriminator"))
    encoder = Encoder(16, (3,), 24, SIZE)
    autoencoder = Autoencoder(encoder, GENERATORS["mlp"]((3,), SIZE, 16))
    for part in (encoder, autoencoder.decoder, autoencoder.describer):
        initialise(part, torch_stream(1, type(part).__name__))
    encoder.fit(discriminator.features(items(500)).detach(), items(500))
    generator = GENERATORS["mlp"]((3,), SIZE, 16)
    initialise(generator, torch_stream(4, "generator"))
    return EncodingGame(autoencoder, discriminator, generator, variance, generated, missing)


def items(count: int) -> Tensor:
    """A curve in space."""
    angle = 6 * torch.rand(count, generator=torch_stream(2, "items"))
    return torch.stack([angle.cos(), angle.sin(), angle / 6], dim=1)


def still(player: str) -> None:
    """No step is taken."""


def test_gradients_are_those_of_the_loss_as_written() -> None:
    game, real = make(), items(7)
    z = torch.randn(7, SIZE, generator=torch_stream(0, "z"))
    numbers = game.play(real, z, 1.0, still, lambda x: PLAIN)
    ours = [weight.grad.clone() for weight in game.autoencoder.parameters() if weight.grad is not None]
    encoder = game.autoencoder.encoder
    read = encoder.read(game.discriminator.features(real), real).detach()
    features = read[:, :16]
    painted = game.autoencoder.decoder(_first(encoder.codes(read), digits(z[:, 0], 0)))
    told = game.autoencoder.describer(_of_one_vector(encoder.embedding(read), digits(z[:, 0], 1), LENGTHS))
    apart = [part - part.mean(0) for part in (features, encoder.codes(read).detach())]
    both = torch.cat([part / (part**2).sum(1).mean().sqrt() for part in apart], 1)
    embedding, wanted = encoder.embedding(read), affinities(both)
    share = digits(z[0, 0], 1)
    ends = [4, 4 + int(5 + 4 * share), 12 + int(9 + 2 * share)]
    moved = sum(misplaced([embedding[:, start:end]], wanted) for start, end in zip((0, 4, 12), ends, strict=True)) / 3
    loss = mse_loss(painted, real) / 0.5 + mse_loss(told, features) + moved
    theirs = torch.autograd.grad(loss, list(game.autoencoder.parameters()))
    parts = numbers.reconstruction + numbers.description + numbers.misplaced
    assert parts.item() == pytest.approx(loss.item(), rel=1e-5)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)


def test_what_is_read_once_is_learned_from_twice_in_other_company() -> None:
    game, alone, real = make(), make(), items(16)
    game.twice = True
    z = torch.randn(16, SIZE, generator=torch_stream(0, "z"))
    moves: list[list[Tensor]] = []
    numbers = game.play(
        real, z, 1.0, lambda player: moves.append([w.grad.clone() for w in game._weights]), lambda x: PLAIN
    )
    parts, seen = halves(16), []
    assert (sorted(torch.cat([place for place, _ in parts]).tolist())) == sorted(2 * list(range(16)))
    assert len({tuple(place.tolist()) for place, _ in parts}) == len(moves) == 4
    for (place, turn), moved in zip(parts, moves, strict=True):
        encoder = alone.autoencoder.encoder
        read = encoder.read(alone.discriminator.features(real[place]), real[place]).detach()
        seen.append(alone._learn(real[place], read, z[place, 0], turn))
        for one, other in zip(moved, alone._weights, strict=True):
            torch.testing.assert_close(one, other.grad, rtol=1e-4, atol=1e-7)
    mean = torch.stack([told.reconstruction for told in seen]).mean()
    assert numbers.reconstruction.item() == pytest.approx(mean.item(), rel=1e-5)
    draw = torch.rand(8, generator=torch_stream(0, "draw"))
    assert (draw - (draw + parts[2][1]).remainder(1.0)).abs() == pytest.approx(0.5), "the second time, other lengths"


def test_processes_that_share_a_batch_have_the_halves_that_one_has() -> None:
    for (whole, turn), (part, again) in zip(halves(16), halves(8), strict=True):
        assert whole.tolist() == [*part.tolist(), *(part + 8).tolist()]
        assert turn == again


def test_two_items_have_no_second_way_to_be_halved() -> None:
    assert [place.tolist() for place, _ in halves(2)] == [[0], [1], [0, 1]]


def test_the_discriminator_is_left_alone() -> None:
    game = make()
    before = [weight.clone() for weight in game.discriminator.parameters()]
    game.play(items(7), torch.randn(7, SIZE), 1.0, still, lambda x: PLAIN)
    assert all(
        weight.grad is None and torch.equal(weight, old)
        for weight, old in zip(game.discriminator.parameters(), before, strict=True)
    )


def test_features_are_standardised_by_those_it_was_given() -> None:
    game = make()
    features = game.discriminator.features(items(500)).detach()
    own = game.autoencoder.encoder.features.standardise(features)
    assert own.mean(0).abs().max() < 1e-5
    assert own.square().mean().item() == pytest.approx(1.0, rel=1e-4)


def test_some_codes_keep_all_their_numbers_and_the_others_log_uniformly_many() -> None:
    kept = _first(torch.ones(40_000, 64), torch.rand(40_000, generator=torch_stream(0, "draw")))
    counts = kept.sum(1).numpy()
    assert (np.sort(kept.numpy(), axis=1)[:, ::-1] == kept.numpy()).all(), "the first ones are kept"
    assert (counts.min(), counts.max()) == (FEWEST, 64)
    assert (counts == 64).mean() == pytest.approx(WHOLE, abs=0.02)
    # the median of a log-uniform law from 8 to 64 is 22.6
    assert np.median(counts[counts < 64]) == pytest.approx(22.6, abs=1)


def test_a_short_code_is_always_whole() -> None:
    assert _first(torch.ones(100, 3), torch.rand(100)).sum(1).min() == 3, "fewer than eight are always given together"
    assert _first(torch.ones(100, 1), torch.rand(100)).sum(1).min() == 1


def test_every_vector_is_given_alike_whole_or_with_more_numbers_than_shorter_ones_have() -> None:
    known = lengths(64)
    draw = torch.rand(60_000, generator=torch_stream(0, "draw"))
    kept = _of_one_vector(torch.ones(60_000, sum(known)), draw, known).split(known, dim=1)
    counts = torch.stack([part.sum(1) for part in kept], 1).numpy()
    assert ((counts > 0).sum(1) == 1).all(), "numbers of one vector only"
    for part, length, shorter, found in zip(kept, known, (3, *known[:-1]), counts.T, strict=True):
        assert (part == part.sort(1, descending=True).values).all(), "the first ones"
        some = found[found > 0]
        assert len(some) / 60_000 == pytest.approx(1 / len(known), abs=0.01)
        assert (some.min(), some.max()) == (shorter + 1, length)
        assert (some == length).mean() == pytest.approx(
            WHOLE_VECTORS + (1 - WHOLE_VECTORS) / (length - shorter), abs=0.02
        )
        assert some.mean() == pytest.approx(
            WHOLE_VECTORS * length + (1 - WHOLE_VECTORS) * (shorter + 1 + length) / 2, rel=0.02
        )


def test_lengths_are_multiples_of_four_then_twice_as_many_each() -> None:
    found = [lengths(size) for size in (1, 4, 5, 8, 16, 20, 100)]
    assert found == [(1,), (4,), (4, 5), (4, 8), (4, 8, 12, 16), (4, 8, 12, 16, 20), (4, 8, 12, 16, 32, 64, 100)]
    assert fewest((4, 8, 10)) == [(4, 4), (5, 8), (9, 10)]
    assert fewest((3,)) == [(3, 3)]


def test_a_vector_comes_from_its_own_place() -> None:
    encoder, numbers = Encoder(16, (3,), 8, SIZE), torch.arange(22.0).expand(2, -1)
    places = {1: [0], 4: [0, 1, 2, 3], 5: [4, 5, 6, 7, 8], 8: list(range(4, 12)), 9: list(range(12, 21))}
    for dim, place in places.items():
        assert encoder.vector(numbers, dim).tolist() == [place, place]


def test_neighbours_do_not_count_among_too_few() -> None:
    few = make().play(items(6), torch.randn(6, SIZE), 1.0, still, lambda x: PLAIN)
    assert few.misplaced.item() == 0.0


def test_features_and_codes_count_alike_on_whatever_scale_they_are() -> None:
    stream = torch_stream(0, "vectors")
    embedding, one, other = (torch.randn(40, size, generator=stream) for size in (8, 30, 5))
    found = _misplaced([embedding], [one, other])
    torch.testing.assert_close(_misplaced([embedding], [100.0 * one + 3.0, 0.01 * other]), found, rtol=1e-3, atol=0.0)
    assert abs(float(_misplaced([embedding], [one]) - found)) > 0.01
    assert abs(float(_misplaced([embedding], [other]) - found)) > 0.01


def test_missing_cells_count_for_nothing() -> None:
    game, real, z = make(missing=True), items(7), torch.zeros(7, SIZE)
    real[::2, 1] = torch.nan
    numbers = game.play(real, z, 1.0, still, lambda x: PLAIN)
    encoder = game.autoencoder.encoder
    known = real.nan_to_num(0.0)
    with torch.no_grad():
        painted = game.autoencoder.decoder(
            _first(encoder.codes(encoder.read(game.discriminator.features(known), known)), digits(z[:, 0], 0))
        )
    squares = ((painted - known) ** 2)[~real.isnan()].sum() / real.numel() / 0.5
    assert numbers.reconstruction.item() == pytest.approx(squares.item(), rel=1e-5)


def test_digits_are_uniform_and_tell_nothing_of_the_number_nor_of_each_other() -> None:
    draw = torch.randn(20_000, generator=torch_stream(0, "draw"))
    found = torch.stack([digits(draw, which) for which in range(3)])
    for row in found:
        assert kstest(row.numpy(), "uniform").pvalue > 0.01
    together = torch.cat([draw[None], draw.square()[None], found])
    assert (torch.corrcoef(together) - torch.eye(5)).abs().max() < 0.03


def test_the_asked_share_of_items_is_made_by_the_generator_each_from_its_own_latents() -> None:
    game, real = make(generated=0.75), items(4000)
    z = torch.randn(4000, SIZE, generator=torch_stream(0, "z"))
    shown = game._with_generated(real, z)
    made = game.generator(z)
    is_made = torch.isclose(shown, made).all(1)
    assert ((shown == real).all(1) ^ is_made).all()
    assert is_made.float().mean().item() == pytest.approx(0.75, abs=0.02)
    halves = [game._with_generated(real[i::2], z[i::2]) for i in (0, 1)]
    torch.testing.assert_close(shown, torch.stack(halves, 1).view_as(shown), msg="alike on several processes")
    assert make()._with_generated(real, z) is real


def test_generated_items_miss_what_the_real_ones_in_their_places_miss() -> None:
    game, real = make(generated=0.75, missing=True), items(400)
    real[::3, 1] = torch.nan
    shown = game._with_generated(real, torch.randn(400, SIZE, generator=torch_stream(0, "z")))
    assert (shown.isnan() == real.isnan()).all()
    assert ((shown != real) & ~real.isnan()).any(1).float().mean().item() == pytest.approx(0.75, abs=0.07)


def test_it_learns_a_curve() -> None:
    game = make(variance=float(items(2000).var(0).mean()))
    optimiser = torch.optim.Adam(game.autoencoder.parameters(), lr=3e-3)
    stream, data = torch_stream(3, "batches"), items(2000)
    for _ in range(300):
        batch = data[torch.randint(len(data), (64,), generator=stream)]
        numbers = game.play(
            batch, torch.randn(64, SIZE, generator=stream), 1.0, lambda player: optimiser.step(), lambda x: PLAIN
        )
    assert numbers.reconstruction.item() < 0.05
    assert numbers.description.item() < 0.1


def test_of_many_numbers_the_principal_components_are_read() -> None:
    rows = torch.randn(900, 700, generator=torch_stream(0, "rows")) * torch.linspace(3.0, 0.1, 700) + 5.0
    few = Components(700, 512)
    few.fit(rows)
    read = few(rows).double().numpy()
    assert read.shape == (900, few.count) == (900, 512)
    assert np.square(read).mean() == pytest.approx(1.0, rel=1e-4)
    centred = (rows - rows.mean(0)).double().numpy()
    theirs = PCA(512, svd_solver="full").fit_transform(centred)
    np.testing.assert_allclose(np.abs(read), np.abs(theirs) / np.sqrt(np.square(theirs).mean()), atol=1e-3)
    again = Components(700, 512)
    again.fit(rows + 1e-6 * torch.randn(900, 700, generator=torch_stream(1, "rows")))
    assert few.axes is not None
    torch.testing.assert_close(again.axes[:, :9], few.axes[:, :9], atol=1e-4, rtol=0)


def test_fewer_items_than_components_leave_the_others_empty() -> None:
    rows = torch.randn(20, 700, generator=torch_stream(0, "rows"))
    few = Components(700, 512)
    few.fit(rows)
    read = few(rows)
    assert (read.square().sum(0) > 0).sum() == 19
    ours, theirs = torch.cdist(read, read), torch.cdist(rows, rows)
    torch.testing.assert_close(ours / ours.max(), theirs / theirs.max(), rtol=1e-3, atol=1e-3)
    few.fit(rows[:1].expand(5, -1))
    assert few(rows).isfinite().all(), "items that are all the same"


def test_few_numbers_are_read_as_they_are() -> None:
    rows = 3.0 * torch.randn(5000, 16, generator=torch_stream(0, "rows")) + 2.0
    few = Components(16, 512)
    few.fit(rows)
    torch.testing.assert_close(few(rows), (rows - 2.0) / 3.0, atol=0.05, rtol=0.02)


def test_features_and_the_item_are_read_side_by_side() -> None:
    encoder, discriminator, real = make().autoencoder.encoder, make().discriminator, items(500)
    features = discriminator.features(real)
    apart = features - features.mean(0), real - real.mean(0)
    wanted = torch.cat([part / part.square().mean().sqrt() for part in apart], 1)
    torch.testing.assert_close(encoder.read(features, real), wanted, rtol=1e-3, atol=1e-3)


def test_a_large_item_is_read_at_a_smaller_size() -> None:
    encoder = Encoder(16, (3, 90, 60), 8, SIZE)
    assert encoder.items.shift.shape == (3 * 45 * 30,)
    fine = torch.randn(30, 3, 45, 30, generator=torch_stream(0, "items"))
    large = fine.repeat_interleave(2, 2).repeat_interleave(2, 3)
    encoder.fit(torch.zeros(30, 16), large)
    torch.testing.assert_close(encoder.items.shift, fine.mean(0).flatten())
    assert Encoder(16, (2, 9001), 8, SIZE).items.shift.shape == (2 * 1126,)
    assert Encoder(16, (5000,), 8, SIZE).items.shift.shape == (5000,), "columns of a table have no size"
    assert Encoder(16, (1, 64, 64), 8, SIZE).items.shift.shape == (4096,)


def test_a_decoder_starts_with_zeros() -> None:
    decoder = PerceptronDecoder((1, 8, 8), SIZE, 16, "tanh")
    initialise(decoder, torch_stream(0, "decoder"))
    assert decoder(torch.randn(5, SIZE)).abs().max() == 0.0
