"""Difference quotients, by running a network forward with one number changed, and the time that takes.

The networks and columns here are in float64, from `in_double`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from nablanet import backprop
from nablanet.costs import for_output
from nablanet.shapes import Array

if TYPE_CHECKING:
    from nablanet.network import Network

DECADES = range(1, 13)  # steps 10^-1 .. 10^-12
_OUTPUT_DECADE = 5  # the central difference's best step is near 10^-5
_SECONDS = 0.04  # to spend on the passes that are timed
_REPEATS = 9  # of backpropagation


def of_outputs(network: Network, a: Array, y: Array) -> tuple[Array, Array, Array]:
    """The step h, C_x(a + h) and C_x(a - h) for each output.

    h is the largest of 10^-5 .. 10^-12 at which both are finite; nan stands for both where there is none.
    """
    function = for_output(network.cost, network.activations[-1]).function
    steps, up, down = (np.full(len(a), np.nan) for _ in range(3))
    for j in range(len(a)):
        for decade in range(_OUTPUT_DECADE, DECADES[-1] + 1):
            steps[j] = 10.0**-decade
            two = np.repeat(a, 2, axis=1)
            two[j] += [steps[j], -steps[j]]
            up[j], down[j] = function(two, np.repeat(y, 2, axis=1))
            if np.isfinite(up[j]) and np.isfinite(down[j]):
                break
        else:
            up[j] = down[j] = np.nan
    return steps, up, down


def of_weight(
    network: Network, x: Array, y: Array, weight: tuple[int, int, int], cost: float
) -> tuple[Array, Array]:
    """Forward and central difference quotients for each step, the network run with w + h and w - h."""
    layer, j, k = weight
    w = network.weights[layer - 2]
    forward, central = [], []
    for decade in DECADES:
        h = 10.0**-decade
        with _changed(w, (j - 1, k - 1), h) as upper:
            up = _cost(network, x, y)
        with _changed(w, (j - 1, k - 1), -h) as lower:
            down = _cost(network, x, y)
        # w + h is rounded: divide by the step that was made
        forward.append((up - cost) / (upper - w[j - 1, k - 1]))
        central.append((up - down) / (upper - lower))
    return np.array(forward), np.array(central)


@contextmanager
def _changed(array: Array, place: tuple[int, ...], by: float) -> Iterator[float]:
    """One number of the array changed for a while, to what is yielded."""
    before = array[place]
    array[place] += by
    try:
        yield float(array[place])
    finally:
        array[place] = before


def _cost(network: Network, x: Array, y: Array) -> float:
    zs, activated = backprop.feed_forward(network.weights, network.biases, network.activations, x)
    return float(backprop.sample_costs(zs[-1], activated[-1], y, network.activations[-1], network.cost)[0])


def timed(network: Network, x: Array, y: Array) -> tuple[float, list[float]]:
    """Seconds of backpropagation, and of each forward pass that there is time for.

    The first pass is the network as it is, each other one has the next parameter changed.
    """
    derivative = network.cost_derivative if network.overrides("cost_derivative") else None
    repeated = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        backprop.backpropagate(
            network.weights, network.biases, network.activations, network.cost, x, y, derivative
        )
        repeated.append(time.perf_counter() - began)
    began = time.perf_counter()
    _cost(network, x, y)
    durations = [time.perf_counter() - began]
    spent = durations[0]
    for array in (*network.weights, *network.biases):
        for place in np.ndindex(array.shape):
            began = time.perf_counter()
            with _changed(array, place, 1e-8):
                _cost(network, x, y)
            durations.append(time.perf_counter() - began)
            spent += durations[-1]
            if spent > _SECONDS:
                return float(np.median(repeated)), durations
    return float(np.median(repeated)), durations
