"""Parameters in the order and the shapes of Keras's `model.get_weights()`, for a stack of Dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nablanet import shapes
from nablanet.activations import Activation
from nablanet.costs import Cost
from nablanet.files.building import build
from nablanet.files.plan import scaled_weights
from nablanet.network import Network
from nablanet.shapes import Array


def to_keras_weights(network: Network) -> list[Array]:
    """[kernel (n_in, n_out), bias (n_out,), ...] for layers 2..L, as `model.set_weights` takes them.

    Copies in the network's dtype. `input_scale` is multiplied into the first kernel. Raises ValueError
    for a network with Python functions of the user's own.
    """
    pairs = zip(scaled_weights(network), network.biases, strict=True)
    return [array for w, b in pairs for array in (np.ascontiguousarray(w.T), b.reshape(-1).copy())]


def from_keras_weights(
    weights: Sequence[Any],
    *,
    activation: str | Activation | Sequence[str | Activation] = "sigmoid",
    output: str | Activation | None = None,
    cost: str | Cost = "quadratic",
) -> Network:
    """A network with copies of such parameters, as `model.get_weights()` gives them.

    They say nothing of the functions: activation, output and cost are those of `Network`. The dtype is
    that of the arrays. Raises ValueError or TypeError for other shapes, and for what is not finite.
    """
    if not isinstance(weights, Sequence) or not weights or len(weights) % 2:
        raise ValueError(
            "weights must be a list [kernel, bias, ...] with two arrays for each layer, got "
            + (f"{len(weights)} arrays" if isinstance(weights, Sequence) else shapes.describe(weights))
        )
    kernels = [np.asarray(kernel).T for kernel in weights[::2]]
    return build(kernels, weights[1::2], activation=activation, output=output, cost=cost)
