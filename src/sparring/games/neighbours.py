"""Items that are near each other in one space, and how well another space keeps them so.

Stochastic neighbour embedding (Hinton & Roweis 2002) by a network (van der Maaten 2009, Learning a Parametric Embedding
by Preserving Local Structure) on the items of a batch. The kernel's width is each item's own (Zelnik-Manor & Perona
2004), so that nothing has to be searched for.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

NEAR = 5  # the neighbour whose distance is the unit of an item's kernel
SHARPNESS = 6.0  # of the kernel at that neighbour
FEWEST = NEAR + 2  # items among which neighbours are told from others


@torch.no_grad()
def affinities(items: Tensor) -> Tensor:
    """How much each item is a neighbour of each other: exp(-6 (d_ij - d_i1) / (d_i5 - d_i1)), rows summing to 1.

    Args:
        items: (n, size), n at least 7.

    Returns:
        (n, n), zero on the diagonal; d_ik is the squared distance of item i from its k-th nearest.
    """
    squares = _squares(items).fill_diagonal_(torch.inf)
    near = squares.topk(NEAR, largest=False).values
    nearest, unit = near[:, :1], (near[:, -1:] - near[:, :1]).clamp_min(1e-12 + 1e-6 * near[:, -1:])
    return torch.softmax(-SHARPNESS * (squares - nearest) / unit, dim=1)


def misplaced(embeddings: Sequence[Tensor], wanted: Tensor) -> Tensor:
    """Mean divergence of the neighbours that vectors have from those that they should have, in nats; 0 is perfect.

    Vectors are neighbours by Student's law of size - 1 degrees of freedom (van der Maaten 2009, section 3.3).

    Args:
        embeddings: some of the same items, each (n, size); the mean over them is taken.
        wanted: (n, n), from `affinities`.
    """
    unsure = torch.special.entr(wanted).sum(1).mean()
    return torch.stack([_CrossEntropy.apply(vectors, wanted) for vectors in embeddings]).mean() - unsure


class _CrossEntropy(torch.autograd.Function):
    """Of the neighbours that are wanted and those that vectors have, with its gradient: a third of what it costs when
    each of its operations is differentiated.
    """

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, wanted: Tensor) -> Tensor:
        freedom = max(1.0, vectors.shape[1] - 1.0)
        power = -0.5 * (freedom + 1.0)
        base = _squares(vectors).div_(freedom).add_(1.0)
        closeness = base.log().mul_(power).fill_diagonal_(-torch.inf)
        total = closeness.logsumexp(1)
        found = (closeness - total[:, None]).exp_()
        pull = found.sub_(wanted).mul_(power / freedom / len(vectors)).div_(base)  # by the squared distances
        pull = pull + pull.T
        ctx.save_for_backward(2.0 * torch.addmm(pull.sum(1, keepdim=True) * vectors, pull, vectors, alpha=-1.0))
        return (total - torch.linalg.vecdot(wanted, closeness.fill_diagonal_(0.0))).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return grads[0] * gradient, None


def _squares(items: Tensor) -> Tensor:
    """Squared Euclidean distances, (n, n)."""
    norms = items.square().sum(1)
    return torch.addmm(norms[:, None] + norms, items, items.T, alpha=-2.0).clamp_min(0.0)
