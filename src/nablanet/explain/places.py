"""Checks of the layers, neurons, weights and samples that a user names. All count from 1, as in the book."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from nablanet import shapes

if TYPE_CHECKING:
    from nablanet.network import Network


def check_layer(network: Network, layer: object, first: int = 2) -> int:
    """The number of a layer from `first` to L. Raises TypeError or ValueError for anything else."""
    last = network.num_layers
    number = shapes.count(layer, "layer", -sys.maxsize)
    if number == 1 and first == 2:
        raise ValueError(
            f"layer must be from 2 to {last}, got 1, the input layer, which has no weighted input z and no "
            f"error: sizes are {network.sizes}"
        )
    if not first <= number <= last:
        raise ValueError(f"layer must be from {first} to {last}, got {number}: sizes are {network.sizes}")
    return number


def check_neuron(network: Network, layer: int, neuron: object, name: str = "neuron") -> int:
    """The number of a neuron in that layer, from 1. Raises TypeError or ValueError for anything else."""
    number = shapes.count(neuron, name, -sys.maxsize)
    n = network.sizes[layer - 1]
    if not 1 <= number <= n:
        raise ValueError(f"{name} must be from 1 to {n} in layer {layer}, got {number}")
    return number


def check_weight(network: Network, weight: object) -> tuple[int, int, int]:
    """(l, j, k) of w^l_jk: to neuron j of layer l from neuron k of layer l-1.

    Raises TypeError or ValueError for anything else.
    """
    if not isinstance(weight, (tuple, list)) or len(weight) != 3:
        raise TypeError(
            f"weight must be (l, j, k), for the weight to neuron j of layer l from neuron k of layer l-1; "
            f"got {shapes.describe(weight)}"
        )
    layer = check_layer(network, weight[0])
    to = check_neuron(network, layer, weight[1], "j")
    return layer, to, check_neuron(network, layer - 1, weight[2], "k")
