"""How one output follows the inputs and the hidden neurons: gradients, and integrated gradients.

Columns are samples, or points on the way from a baseline to a sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nablanet import backprop
from nablanet.activations import SOFTMAX
from nablanet.costs import softmax_error
from nablanet.shapes import Array

if TYPE_CHECKING:
    from nablanet.network import Network

_COLUMNS = 512  # points that are computed together


def output_gradient(network: Network, x: Array, output: int) -> Array:
    """∂a^L_j/∂x for columns x, before `input_scale`, and j counted from 0. Shape (n_1, m).

    BP1 and BP2 for the cost C_x = a^L_j, whose ∇_a C is 1 at j and 0 elsewhere.
    """
    zs, _ = backprop.feed_forward(network.weights, network.biases, network.activations, network.scaled(x))
    last = network.activations[-1]
    nabla_a = np.zeros_like(zs[-1])
    nabla_a[output] = 1
    delta = softmax_error(zs[-1], nabla_a) if last == SOFTMAX else nabla_a * backprop.slope(last, zs[-1])
    return _rates(network, zs, delta)[0] * network.dtype.type(network.input_scale)


def contributions(network: Network, zs: list[Array], activated: list[Array], output: int) -> list[Array]:
    """a^l ∂z^L_j/∂a^l for layers 1..L-1, each (n_l, 1): to first order what each neuron adds to z^L_j.

    In layer L-1 it is w^L_jk a^{L-1}_k, which with b^L_j adds up to z^L_j exactly.
    """
    one = np.zeros_like(zs[-1])
    one[output] = 1
    rates = _rates(network, zs, one)
    return [rate * a for rate, a in zip(rates, activated[:-1], strict=True)]


def _rates(network: Network, zs: list[Array], delta: Array) -> list[Array]:
    """From the errors δ^L of layer L, the rates (w^{l+1})ᵀ δ^{l+1} of the activations of layers 1..L-1."""
    rates = [backprop.input_error(network.weights[-1], delta)]
    for i in range(len(zs) - 2, -1, -1):
        delta = rates[0] * backprop.slope(network.activations[i], zs[i])
        rates.insert(0, backprop.input_error(network.weights[i], delta))
    return rates


def integrated_gradients(network: Network, x: Array, baseline: Array, output: int, steps: int) -> Array:
    """(x - x') ∫ ∂a^L_j/∂x at x' + t (x - x') dt from 0 to 1, with x' the baseline. Shape (n_1, 1), float64.

    Sundararajan, Taly & Yan 2017, eq. 1; the integral by the Gauss-Legendre rule with `steps` nodes.
    """
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    places, weights = (nodes + 1) / 2, weights / 2
    step = x.astype(np.float64) - baseline
    mean = np.zeros_like(step)
    for begin in range(0, steps, _COLUMNS):
        here = slice(begin, begin + _COLUMNS)
        points = (baseline + step * places[here]).astype(network.dtype)
        mean[:, 0] += output_gradient(network, points, output) @ weights[here]
    return step * mean
