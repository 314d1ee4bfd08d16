"""The parameters of a network as places (l, j, k): w^l_jk counting from 1, with k = 0 for the bias b^l_j."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from nablanet.explain import notation
from nablanet.shapes import Array

_WORK = 6e8  # multiply-adds of all passes, up to which every parameter is checked unasked
_FEWEST = 50


def affordable(sizes: Sequence[int], m: int) -> int:
    """How many parameters can be checked in seconds; a neuron counts as 50 multiply-adds."""
    work = sum(a * b for a, b in pairwise(sizes[1:])) + 50 * sum(sizes[1:])
    return max(_FEWEST, int(_WORK / (work * m)))


def choose(sizes: Sequence[int], wanted: int, rng: np.random.Generator) -> Array:
    """All (l, j, k), or `wanted` of them, as evenly as can be from each w^l and b^l; sorted."""
    kinds = [(l, k) for l in range(2, len(sizes) + 1) for k in (False, True)]  # noqa: E741
    counts = [sizes[l - 1] * (sizes[l - 2] if weight else 1) for l, weight in kinds]  # noqa: E741
    left, chosen = min(wanted, sum(counts)), [0] * len(kinds)
    for rank, kind in enumerate(np.argsort(counts, kind="stable")):
        chosen[kind] = min(counts[kind], -(-left // (len(kinds) - rank)))
        left -= chosen[kind]
    parts = []
    for (layer, weight), size, n in zip(kinds, counts, chosen, strict=True):
        flat = np.arange(size) if n == size else np.sort(rng.choice(size, n, replace=False))
        j, k = np.divmod(flat, sizes[layer - 2]) if weight else (flat, np.full(n, -1))
        parts.append(np.column_stack([np.full(n, layer), j + 1, k + 1]))
    return np.concatenate(parts)


def values(places: Array, of_biases: Sequence[Array], of_weights: Sequence[Array]) -> Array:
    """The numbers that belong to those parameters, shape (P,)."""
    found = np.empty(len(places))
    for layer, (b, w) in enumerate(zip(of_biases, of_weights, strict=True), 2):
        for bias in (True, False):
            here = (places[:, 0] == layer) & ((places[:, 2] == 0) == bias)
            j, k = places[here, 1] - 1, places[here, 2] - 1
            found[here] = b[j, 0] if bias else w[j, k]
    return found


def name(place: Array) -> str:
    """Such as ∂C/∂w³₂₁ for (3, 2, 1), and ∂C/∂b³₂ for (3, 2, 0)."""
    layer, j, k = (int(number) for number in place)
    return notation.rate("C", notation.symbol("w", layer, j, k) if k else notation.symbol("b", layer, j))
