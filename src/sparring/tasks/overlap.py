"""Which items of the data are training items: those can tell nothing of what is remembered."""

from collections import Counter

import numpy as np

from sparring.data.source import Source, SubsetSource, iterate
from sparring.tasks.judging import batch_of

FEWEST = 16  # items that can be evaluated against
MOST = 0.8  # share of training items from which data counts as the training data, of which a run holds out a tenth
LEAST = 0.05  # share of a table's rows, beyond what chance explains, below which none is called a training item


def are_training_items(source: Source, indices: np.ndarray, train: Source) -> np.ndarray:
    """Which of the items are training items, number for number in any dtype.

    Rows of a table may be equal by chance: of new rows as many as there are training rows that another one equals.
    Where that, give or take three standard errors, explains what was found, none is a training item.
    """
    batch, order = batch_of(source.spec), np.argsort(indices)  # archives are read fastest in their own order
    dtype = np.result_type(source.spec.dtype, train.spec.dtype)
    known = Counter(hash(row.tobytes()) for rows in iterate(train, batch) for row in rows.astype(dtype, copy=False))
    seen = np.zeros(len(indices), bool)
    for part in np.array_split(order, -(-len(order) // batch)):
        rows = source.rows(indices[part]).astype(dtype, copy=False)
        seen[part] = [hash(row.tobytes()) in known for row in rows]
    if source.spec.kind != "vector":
        return seen
    chance = sum(count for count in known.values() if count > 1) / known.total()
    # both shares have noise, that of twins more than the binomial, since they come in groups
    noise = np.sqrt(3 * chance * (1 - chance) / min(len(seen), known.total()))
    explained = chance + max(LEAST, 3 * noise)
    return seen if seen.mean() > explained else np.zeros_like(seen)


def unseen_part(source: Source, order: np.ndarray, seen: np.ndarray) -> Source | None:
    """The data less its training items; None where too few are left to tell copies by."""
    if not seen.any():
        return source
    rest = np.sort(order[: len(seen)][~seen])
    return SubsetSource(source, rest) if len(rest) >= FEWEST else None
