"""A network and a sample in float64, for what float32 cannot tell: small changes of a cost, long sums."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import numpy as np

from nablanet import backprop
from nablanet.shapes import Array

if TYPE_CHECKING:
    from nablanet.network import Network


def in_double(network: Network, x: Array, y: Array) -> tuple[Network, Array, Array]:
    """A copy of the network with its own arrays, a^1 and y, all in float64.

    x: (n_1, 1) and y: (n_L, 1), as `samples.from_pair` returns them. The copy has no `input_scale`,
    which is in a^1 already.
    """
    double = copy(network)
    double.dtype = np.dtype(np.float64)
    double.weights = [w.astype(np.float64) for w in network.weights]
    double.biases = [b.astype(np.float64) for b in network.biases]
    inputs = network.scaled(x).astype(np.float64)
    double.input_scale = 1.0
    return double, inputs, y.astype(np.float64)


def costs_from(network: Network, layer: int, z: Array, y: Array) -> Array:
    """C_x of each column of z, shape (n_l, m), taken for z^l and fed forward from there. Shape (m,)."""
    after = layer - 1
    a = network.activations[layer - 2].function(z)
    zs, activated = backprop.feed_forward(
        network.weights[after:], network.biases[after:], network.activations[after:], a
    )
    z_last = zs[-1] if zs else z
    desired = np.repeat(y, z.shape[1], axis=1)
    return backprop.sample_costs(z_last, activated[-1], desired, network.activations[-1], network.cost)
