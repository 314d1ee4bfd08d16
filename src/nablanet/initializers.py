"""Starting values of weights and biases.

An initializer is a function (rng, n_in, n_out) -> (w, b) for one layer, with w of shape
(n_out, n_in) and b of shape (n_out, 1), drawn from the `numpy.random.Generator` rng.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from nablanet.layout import in_columns
from nablanet.shapes import Array, cast, describe, numeric

# a string, since NumPy loads its random numbers when they are first named
Initializer = Callable[["np.random.Generator", int, int], tuple[Array, Array]]


def gaussian(rng: np.random.Generator, n_in: int, n_out: int) -> tuple[Array, Array]:
    """The chapter's: mean 0 and variance 1 for every weight and bias."""
    return rng.standard_normal((n_out, n_in)), rng.standard_normal((n_out, 1))


def scaled(rng: np.random.Generator, n_in: int, n_out: int) -> tuple[Array, Array]:
    """Gaussian weights over sqrt(n_in), so that z does not saturate; Gaussian biases (chapter 3)."""
    w, b = gaussian(rng, n_in, n_out)
    return w / np.sqrt(n_in), b


def xavier(rng: np.random.Generator, n_in: int, n_out: int) -> tuple[Array, Array]:
    """Uniform on +-sqrt(6 / (n_in + n_out)), zero biases (Glorot & Bengio 2010, eq. 16)."""
    limit = np.sqrt(6 / (n_in + n_out))
    return rng.uniform(-limit, limit, (n_out, n_in)), np.zeros((n_out, 1))


def he(rng: np.random.Generator, n_in: int, n_out: int) -> tuple[Array, Array]:
    """Gaussian of variance 2 / n_in, zero biases (He et al. 2015, eq. 10); suits ReLU."""
    return rng.standard_normal((n_out, n_in)) * np.sqrt(2 / n_in), np.zeros((n_out, 1))


INITIALIZERS: Mapping[str, Initializer] = MappingProxyType(
    {
        "gaussian": gaussian,
        "scaled": scaled,
        "xavier": xavier,
        "he": he,
    }
)


def initialize(
    init: str | Initializer, rng: np.random.Generator, sizes: list[int], dtype: np.dtype
) -> tuple[list[Array], list[Array]]:
    """Draw (weights, biases) for layers 2..L of a network with these sizes, laid out `in_columns`."""
    if isinstance(init, str):
        if init not in INITIALIZERS:
            raise ValueError(f"no initializer {init!r}; there are: {', '.join(INITIALIZERS)}")
        init = INITIALIZERS[init]
    elif not callable(init):
        raise TypeError("init is a name or a function (rng, n_in, n_out) -> (w, b), got " + describe(init))
    weights, biases = [], []
    for layer, (n_in, n_out) in enumerate(pairwise(sizes), start=2):
        drawn = init(rng, n_in, n_out)
        if not isinstance(drawn, (tuple, list)) or len(drawn) != 2:
            raise TypeError(
                f"init must return a pair (w, b) of arrays, got {describe(drawn)} for layer {layer}"
            )
        w, b = (
            cast(numeric(part, name), dtype, name)
            for part, name in zip(drawn, (f"w of layer {layer}", f"b of layer {layer}"), strict=True)
        )
        if w.shape != (n_out, n_in) or b.shape != (n_out, 1):
            raise ValueError(
                f"init must return w of shape {(n_out, n_in)} and b of shape {(n_out, 1)} for layer "
                f"{layer}, got {w.shape} and {b.shape}"
            )
        weights.append(in_columns(w))
        biases.append(in_columns(b))
    return weights, biases
