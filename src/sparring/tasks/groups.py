"""Groups of items, as many as there are: communities of the graph of nearest neighbours."""

from __future__ import annotations

import numpy as np

NEIGHBOURS = 15
SEED = 0


def find_groups(vectors: np.ndarray, neighbours: int = NEIGHBOURS, seed: int = SEED) -> np.ndarray:
    """Part items into groups whose number nobody gave.

    Each item is joined to its nearest others, and the graph is parted by Louvain's method (Blondel et al. 2008,
    arXiv:0803.0476), which raises its modularity: more edges within groups than chance would lay there.

    Args:
        vectors: of the items, (n, size).
        neighbours: to how many others each item is joined; at most n - 1 are.
        seed: of the order in which items are looked at.

    Returns:
        The group of each item, (n,), from 0; the largest group is 0.
    """
    from networkx import from_scipy_sparse_array
    from networkx.algorithms.community import louvain_communities
    from sklearn.neighbors import kneighbors_graph

    if len(vectors) < 2:
        return np.zeros(len(vectors), np.int64)
    joined = kneighbors_graph(np.asarray(vectors, np.float64), min(neighbours, len(vectors) - 1))
    graph = from_scipy_sparse_array(joined.maximum(joined.T))
    found = sorted(louvain_communities(graph, seed=seed), key=lambda group: (-len(group), min(group)))
    groups = np.empty(len(vectors), np.int64)
    for number, group in enumerate(found):
        groups[list(group)] = number
    return groups
