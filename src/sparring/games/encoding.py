"""An encoder and what it is answerable to, taught after the two players are done.

The encoder reads the discriminator's features, which stay as they are. A decoder paints the item from the code, a
describer tells the features from the embedding; of both only the first numbers are given, at every step another
number of them, so that every length is learned at once (nested dropout, Rippel et al. 2014, arXiv 1402.0915).
At many lengths the embedding also answers for keeping near each other, among the items of a batch, what is near in the
features and the codes together: what the discriminator goes by, and what the item looks like. What it needs to be long
must not make its first numbers worse for those who ask for few.
It is taught on real items; few of them would be learned by heart, so some of what is shown is generated then.
Half of what a step costs may be the discriminator's reading; what is read then serves twice, in other company.
Reconstruction is by mean square; why the features are learned from apart from the pixels, and why the decoder is a
network of its own and not the generator, is in benchmarks/LOG.md.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from sparring.games import neighbours
from sparring.games.base import Move, See, hide, set_gradients
from sparring.networks.base import Discriminator, Generator
from sparring.networks.encoder import Encoder, Perceptron

MULTIPLES = (983.0, 1409.0, 2003.0)
WHOLE, FEWEST = 0.2, 8  # share of the items whose numbers are all given, and the fewest that the others get
AT_ONCE = 256  # items that the players are asked about, for the memory that this takes
SHORT, STEP = 16, 4  # neighbours are kept at 8, 12 and 16 numbers; for longer vectors these stay as they are


@dataclass(frozen=True)
class Numbers:
    """What one update saw, as detached scalars.

    Attributes:
        reconstruction: mean square error of what was painted, over the variance of the items.
        description: the same of the features that were told.
        misplaced: nats by which neighbours in the embedding differ from those in features and codes together.
    """

    reconstruction: Tensor
    description: Tensor
    misplaced: Tensor

    def words(self) -> str:
        """For a line of progress."""
        left = f"left of the items {self.reconstruction.item():.3f}  of their features {self.description.item():.3f}"
        return f"{left}  of their neighbours {self.misplaced.item():.3f}"


class Autoencoder(nn.Module):
    """The networks that are taught together.

    Args:
        encoder: from features to codes and embedding.
        decoder: from codes to items.
    """

    def __init__(self, encoder: Encoder, decoder: Generator) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.describer = Perceptron(encoder.size, encoder.width, encoder.num_read)


class EncodingGame:
    """One update of the encoder, its decoder and its describer.

    Args:
        autoencoder: what is taught.
        discriminator: whose features are read; it stays as it is.
        generator: that makes items like the real ones; it stays as it is.
        variance: of an item's numbers, about their means; the unit of the reconstruction's error.
        generated: the share of items that the generator makes, from 0 to 1.
        missing: whether items have missing cells (NaN): these count for nothing.
        twice: whether every item is learned from twice, in four updates by half of the batch each.
        together: from some rows of a batch to all of its rows, where several processes share it.
    """

    name, averaged = "encoding", "autoencoder"

    def __init__(
        self,
        autoencoder: Autoencoder,
        discriminator: Discriminator,
        generator: Generator,
        variance: float,
        generated: float = 0.0,
        missing: bool = False,
        twice: bool = False,
        together: Callable[[Tensor], Tensor] = lambda rows: rows,
    ) -> None:
        self.together, self.twice = together, twice
        self.autoencoder, self.generator, self.generated = autoencoder, generator, generated
        self.variance, self.missing = max(variance, 1e-12), missing
        self.discriminator = copy.deepcopy(discriminator).requires_grad_(False)
        self._weights = list(autoencoder.parameters())

    @property
    def players(self) -> dict[str, nn.Module]:
        """The networks that are trained, by name."""
        return {"autoencoder": self.autoencoder}

    def play(self, real: Tensor, z: Tensor, gamma: float, move: Move, see: See) -> Numbers:
        """Update everything that is taught.

        The latents make the items that are generated; digits of theirs say which these are, and how many numbers of a
        code are given.
        """
        shown = self._with_generated(real, z)
        encoder = self.autoencoder.encoder
        with torch.no_grad():
            items = hide(shown, shown.isnan() if self.missing else None)
            read = _in_parts(self.discriminator.features, items)
            features = encoder.read(encoder.standardise(read.float())).float()
        seen: list[Numbers] = []
        for part, turn in halves(len(shown)) if self.twice else [(torch.arange(len(shown)), 0.0)]:
            some = part.to(shown.device)
            seen.append(self._learn(shown[some], features[some], z[some, 0], turn))
            move("autoencoder")
        return Numbers(*(torch.stack(values).mean() for values in zip(*map(astuple, seen), strict=True)))

    def _learn(self, shown: Tensor, features: Tensor, draw: Tensor, turn: float) -> Numbers:
        """The gradients by some items, how many of whose numbers are given by a draw, turned by a share of its law."""
        encoder = self.autoencoder.encoder
        unknown = shown.isnan() if self.missing else None
        items = hide(shown, unknown)
        codes = encoder.codes(features)
        painted = self.autoencoder.decoder(_first(codes, (digits(draw, 0) + turn).remainder(1.0)))
        embedding = encoder.embedding(features)
        told = self.autoencoder.describer(_first(embedding, (digits(draw, 1) + turn).remainder(1.0)))
        reconstruction = mse_loss(hide(painted.float(), unknown), items) / self.variance
        description = mse_loss(told.float(), features)
        known = [self.together(part) for part in (features, codes.detach().float())]
        misplaced = _misplaced(self.together(embedding.float()), known)
        loss = reconstruction + description + misplaced
        set_gradients(self._weights, torch.autograd.grad(loss, self._weights))
        return Numbers(reconstruction.detach(), description.detach(), misplaced.detach())

    def _with_generated(self, real: Tensor, z: Tensor) -> Tensor:
        """The items, some of them replaced by generated ones: which ones, each item's own latents say."""
        if not self.generated:
            return real
        chosen = digits(z[:, 0], 2) < self.generated
        with torch.no_grad():
            return torch.where(
                chosen.view(-1, *[1] * (real.dim() - 1)), _in_parts(self.generator, z).to(real.dtype), real
            )


def _in_parts(player: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """What a player answers to all rows, asked about some at a time."""
    return torch.cat([player(part) for part in rows.split(AT_ONCE)])


def halves(count: int) -> list[tuple[Tensor, float]]:
    """The places of a batch by halves, each place in two of the four, and how far its draw is turned in each.

    They go by the last digits of a place, so that where processes share a batch theirs together are the same.
    """
    places = torch.arange(count)
    return [(places[places // 2**digit % 2 == half], digit / 2) for digit in (0, 1) for half in (0, 1)]


def digits(draw: Tensor, which: int) -> Tensor:
    """Uniform numbers from 0 to 1 out of standard normal ones that they tell nothing of: digits far behind the point.

    Args:
        draw: standard normal, (batch,).
        which: 0, 1 or 2; those tell nothing of each other.
    """
    return (MULTIPLES[which] * draw).remainder(1.0)


def _misplaced(embedding: Tensor, known: Sequence[Tensor]) -> Tensor:
    """Neighbours' divergence, (), the mean over embeddings of several lengths; what is known are vectors (batch, any).

    Only short embeddings move the first numbers.
    """
    if len(embedding) < neighbours.FEWEST:
        return embedding.new_zeros(())
    with torch.autocast(embedding.device.type, enabled=False):  # distances would be lost in bfloat16
        wanted = neighbours.affinities(torch.cat([_of_one_variance(part) for part in known], 1))
        longer = torch.cat([embedding[:, :SHORT].detach(), embedding[:, SHORT:]], 1)
        asked = [(embedding if size <= SHORT else longer)[:, :size] for size in lengths(embedding.shape[1])]
        return neighbours.misplaced(asked, wanted)


def _of_one_variance(rows: Tensor) -> Tensor:
    """Rows (n, d) less their mean, at a mean square distance of 1 from it."""
    apart = rows - rows.mean(0)
    return apart / apart.square().sum(1).mean().sqrt().clamp_min(1e-12)


def lengths(size: int) -> list[int]:
    """8, 12, 16, then each twice the one before, and all numbers at the end; these alone where they are fewer."""
    some = [*range(FEWEST, SHORT + 1, STEP)]
    while some[-1] < size:
        some.append(2 * some[-1])
    return [*(length for length in some if length < size), size]


def _first(numbers: Tensor, draw: Tensor) -> Tensor:
    """Each row with its first numbers only: all of them for some rows, else as many as a log-uniform law says.

    Args:
        numbers: (batch, size).
        draw: uniform from 0 to 1, (batch,).
    """
    size = numbers.shape[1]
    fewest = min(FEWEST, size)
    share = ((draw - WHOLE) / (1.0 - WHOLE)).clamp_min(0.0)
    count = torch.where(share > 0, fewest * (size / fewest) ** share, float(size)).round()
    return numbers * (torch.arange(size, device=numbers.device) < count[:, None])
