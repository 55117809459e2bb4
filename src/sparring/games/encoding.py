"""An encoder and what it is answerable to, taught after the two players are done.

The encoder reads the item and the discriminator's features, which stay as they are. A decoder paints the item from the
code, a describer tells the features from the embedding. Of a code only the first numbers are given, of every item
another number of them, so that every length is learned at once (nested dropout, Rippel et al. 2014, arXiv 1402.0915).
Of an embedding one of its vectors is given, or its first numbers.
These vectors also answer for keeping near each other, among the items of a batch, what is near in the features and the
codes together: what the discriminator goes by, and what the item looks like.
It is taught on real items; few of them would be learned by heart, so some of what is shown is generated then.
Half of what a step costs may be the discriminator's reading; what is read then serves twice, in other company.
Reconstruction is by mean square; why the features are learned from apart from the pixels, and why the decoder is a
network of its own and not the generator, is in benchmarks/LOG.md.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from sparring.games import neighbours
from sparring.games.base import Move, See, hide, set_gradients
from sparring.networks.base import Discriminator, Generator
from sparring.networks.encoder import Encoder, Perceptron

MULTIPLES = (983.0, 1409.0, 2003.0)
WHOLE, FEWEST = 0.2, 8  # share of the items whose codes are given whole, and the fewest numbers that the others get
WHOLE_VECTORS = 0.5  # share of the items whose vector is given whole
AT_ONCE = 256  # items that the players are asked about, for the memory that this takes


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
        encoder: from items and their features to codes and embedding.
        decoder: from codes to items.
    """

    def __init__(self, encoder: Encoder, decoder: Generator) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.describer = Perceptron(sum(encoder.lengths), encoder.width, encoder.features.count)


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
            read = encoder.read(_in_parts(self.discriminator.features, items).float(), items).float()
        seen: list[Numbers] = []
        for part, turn in halves(len(shown)) if self.twice else [(torch.arange(len(shown)), 0.0)]:
            some = part.to(shown.device)
            seen.append(self._learn(shown[some], read[some], z[some, 0], turn))
            move("autoencoder")
        return Numbers(*(torch.stack(values).mean() for values in zip(*map(astuple, seen), strict=True)))

    def _learn(self, shown: Tensor, read: Tensor, draw: Tensor, turn: float) -> Numbers:
        """The gradients by some items, whose numbers are given by a draw that is turned by a share of its law."""
        encoder = self.autoencoder.encoder
        features = read[:, : encoder.features.count]
        unknown = shown.isnan() if self.missing else None
        items = hide(shown, unknown)
        of_codes, of_embedding = ((digits(draw, which) + turn).remainder(1.0) for which in (0, 1))
        codes, embedding = encoder.codes(read), encoder.embedding(read)
        painted = self.autoencoder.decoder(_first(codes, of_codes))
        told = self.autoencoder.describer(_of_one_vector(embedding, of_embedding, encoder.lengths))
        reconstruction = mse_loss(hide(painted.float(), unknown), items) / self.variance
        description = mse_loss(told.float(), features)
        known = [self.together(part) for part in (features, codes.detach().float())]
        few, length = torch.tensor(fewest(encoder.lengths), device=draw.device).T
        first = self.together(of_embedding[:1])[0]  # the same in every process
        counts = _count(few, length, first).tolist()
        embedding = self.together(embedding.float())
        misplaced = _misplaced([encoder.vector(embedding, count) for count in counts], known)
        loss = reconstruction + description + misplaced
        set_gradients(self._weights, torch.autograd.grad(loss, self._weights))
        return Numbers(reconstruction.detach(), description.detach(), misplaced.detach())

    def _with_generated(self, real: Tensor, z: Tensor) -> Tensor:
        """The items, some of them replaced by generated ones, with cells missing where theirs are.

        Which ones, each item's own latents say.
        """
        if not self.generated:
            return real
        chosen = digits(z[:, 0], 2) < self.generated
        shown = real.clone()
        if chosen.any():
            with torch.no_grad():
                made = _in_parts(self.generator, z[chosen]).to(real.dtype)
            shown[chosen] = made.masked_fill(real[chosen].isnan(), torch.nan) if self.missing else made
        return shown


def _in_parts(player: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """What a player answers to all rows, asked about some at a time."""
    return torch.cat([player(part) for part in rows.split(AT_ONCE)])


def halves(count: int) -> list[tuple[Tensor, float]]:
    """The places of a batch by halves, each place in two of the four, and how far its draw is turned in each.

    They go by the last digits of a place, so that where processes share a batch theirs together are the same.
    """
    places = torch.arange(count)
    found = [(places[places // 2**digit % 2 == half], digit / 2) for digit in (0, 1) for half in (0, 1)]
    return [(part, turn) for part, turn in found if len(part)]


def digits(draw: Tensor, which: int) -> Tensor:
    """Uniform numbers from 0 to 1 out of standard normal ones that they tell nothing of: digits far behind the point.

    Args:
        draw: standard normal, (batch,).
        which: 0, 1 or 2; those tell nothing of each other.
    """
    return (MULTIPLES[which] * draw).remainder(1.0)


def _misplaced(vectors: Sequence[Tensor], known: Sequence[Tensor]) -> Tensor:
    """Neighbours' divergence, (), the mean over vectors (batch, any) of the same items; as are those that are known."""
    if len(vectors[0]) < neighbours.FEWEST:
        return vectors[0].new_zeros(())
    with torch.autocast(vectors[0].device.type, enabled=False):  # distances would be lost in bfloat16
        wanted = neighbours.affinities(torch.cat([_of_one_variance(part) for part in known], 1))
        return neighbours.misplaced(vectors, wanted)


def _of_one_variance(rows: Tensor) -> Tensor:
    """Rows (n, d) less their mean, at a mean square distance of 1 from it."""
    apart = rows - rows.mean(0)
    return apart / apart.square().sum(1).mean().sqrt().clamp_min(1e-12)


def fewest(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """The fewest numbers of each vector that are asked for, more than any shorter one has, beside its length."""
    return [(lengths[0], lengths[0]), *((shorter + 1, length) for shorter, length in pairwise(lengths))]


def _first(codes: Tensor, draw: Tensor) -> Tensor:
    """Each row with its first numbers only: all of them for some rows, else as many as a log-uniform law says.

    Args:
        codes: (batch, size).
        draw: uniform from 0 to 1, (batch,).
    """
    size = codes.shape[1]
    few = min(FEWEST, size)
    share = ((draw - WHOLE) / (1.0 - WHOLE)).clamp_min(0.0)
    count = torch.where(share > 0, few * (size / few) ** share, float(size)).round()
    return codes * (torch.arange(size, device=codes.device) < count[:, None])


def _count(few: Tensor, length: Tensor, share: Tensor) -> Tensor:
    """Whole numbers from few to length, each as likely as the others where the share is uniform from 0 to 1."""
    return (few + (share * (length - few + 1)).long()).minimum(length)


def _of_one_vector(embedding: Tensor, draw: Tensor, lengths: Sequence[int]) -> Tensor:
    """Each row with the numbers of one vector only, or the first of them.

    Every vector is given equally often, whole or with any number that no shorter one has.

    Args:
        embedding: vectors of these lengths side by side, (batch, all).
        draw: uniform from 0 to 1, (batch,).
        lengths: of the vectors, rising.
    """
    few, length = torch.tensor(fewest(lengths), device=embedding.device).T
    drawn = draw * len(lengths)
    which = drawn.long().clamp_max(len(lengths) - 1)
    share = ((drawn - which - WHOLE_VECTORS) / (1.0 - WHOLE_VECTORS)).clamp(0.0, 1.0)
    some = _count(few[which], length[which], share)
    count = torch.where(drawn - which < WHOLE_VECTORS, length[which], some)
    start, place = (length.cumsum(0) - length)[which, None], torch.arange(embedding.shape[1], device=embedding.device)
    return embedding * ((place >= start) & (place < start + count[:, None]))
