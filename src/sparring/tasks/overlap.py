"""Which items of the data are training items: those can tell nothing of what is remembered."""

import numpy as np

from sparring.data.source import Source, SubsetSource, iterate
from sparring.tasks.judging import batch_of

FEWEST = 16  # items that can be evaluated against
# Share of training items from which data counts as the training data, of which a run holds out a tenth. Fewer rows of a
# table may be equal by chance.
MOST = 0.8


def are_training_items(source: Source, indices: np.ndarray, train: Source) -> np.ndarray:
    """Which of the items are training items, number for number in any dtype; none of a table unless most are."""
    batch, order = batch_of(source.spec), np.argsort(indices)  # archives are read fastest in their own order
    dtype = np.result_type(source.spec.dtype, train.spec.dtype)
    known = {hash(row.tobytes()) for rows in iterate(train, batch) for row in rows.astype(dtype, copy=False)}
    seen = np.zeros(len(indices), bool)
    for part in np.array_split(order, -(-len(order) // batch)):
        rows = source.rows(indices[part]).astype(dtype, copy=False)
        seen[part] = [hash(row.tobytes()) in known for row in rows]
    return seen if source.spec.kind != "vector" or seen.mean() >= MOST else np.zeros_like(seen)


def unseen_part(source: Source, order: np.ndarray, seen: np.ndarray) -> Source | None:
    """The data less its training items; None where too few are left to tell copies by."""
    if not seen.any():
        return source
    rest = np.sort(order[: len(seen)][~seen])
    return SubsetSource(source, rest) if len(rest) >= FEWEST else None
