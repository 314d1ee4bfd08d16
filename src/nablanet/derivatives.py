"""Derivatives of a network: to its parameters, to its inputs, and of its outputs to its inputs.

Each runs on the engine, or through the NumPy reference where the network carries the user's own Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nablanet import backprop, engine, reference, shapes
from nablanet.shapes import Array, Rows

if TYPE_CHECKING:
    from nablanet.network import Network

_ROWS = 512  # that the reference looks at together


@dataclass(frozen=True)
class Gradient:
    """The mean cost C = (1/n) sum_x C_x of a network, and its gradient by BP1-BP4.

    With weights of the samples it is C = sum_x w_x C_x / sum_x w_x.
    nabla_b, nabla_w: dC/db and dC/dw, lists by layer with the shapes of `biases` and `weights`.
    """

    cost: float
    nabla_b: list[Array]
    nabla_w: list[Array]


def gradient(
    network: Network, X: Rows, Y: Array, n_threads: int | None, weights: Array | None = None
) -> Gradient:
    """The gradient over rows X and Y (rows, or int32 labels), which the caller has checked.

    weights: float64, shape (n,), not all zero.
    """
    n_threads = engine.check_threads(n_threads)
    if network.runs_on_engine():
        nabla_b, nabla_w, cost = engine.gradient_sums(network, X, Y, n_threads, weights)
    else:
        nabla_b = [np.zeros_like(b) for b in network.biases]
        nabla_w = [np.zeros_like(w) for w in network.weights]
        cost = 0.0
        for block, (x, y) in enumerate(_columns(network, X, Y)):
            here = None if weights is None else weights[block * _ROWS :][:_ROWS]
            part_b, part_w, costs = reference.gradient_sums(network, x, y, here)
            cost += float(costs.sum())
            for total, part in zip(nabla_b + nabla_w, part_b + part_w, strict=True):
                total += part
    weight = len(X) if weights is None else float(weights.sum())
    for total in nabla_b + nabla_w:
        total /= weight
    return Gradient(cost / weight, nabla_b, nabla_w)


def input_gradient(network: Network, X: Rows, Y: Array, n_threads: int | None) -> Array:
    """dC_x/dx for rows that the caller has checked, shape (m, n_1).

    An overridden `cost_derivative` is what runs; an overridden `backprop` does not tell it.
    """
    n_threads = engine.check_threads(n_threads)
    if network.runs_on_engine():
        return engine.input_gradient(network, X, Y, n_threads)
    derivative = network.cost_derivative if network.overrides("cost_derivative") else None
    weights, biases, activations = network.weights, network.biases, network.activations
    parts = [
        backprop.input_gradient(
            weights, biases, activations, network.cost, network.scaled(x), y, derivative
        ).T
        for x, y in _columns(network, X, Y)
    ]
    return np.concatenate(parts) * network.dtype.type(network.input_scale)


def jacobian(network: Network, X: npt.ArrayLike, n_threads: int | None) -> Array:
    """da^L_j/dx_k for each row, shape (m, n_L, n_1)."""
    rows, n_threads = _rows(network, X), engine.check_threads(n_threads)
    if engine.knows_outputs(network):
        return engine.jacobian(network, rows, n_threads)
    weights, biases, activations = network.weights, network.biases, network.activations
    parts = [
        backprop.jacobian(weights, biases, activations, network.scaled(x)) for x, _ in _columns(network, rows)
    ]
    return np.concatenate(parts) * network.dtype.type(network.input_scale)


def hidden(network: Network, X: npt.ArrayLike, layer: int, n_threads: int | None) -> Array:
    """a^l for each row, shape (m, n_l); layer counts from 1, or from the end as -1, -2, ..."""
    last = network.num_layers
    number = shapes.count(layer, "layer", -last)
    if number == 0 or number > last:
        raise ValueError(f"layer must be from 1 to {last}, or from -{last} to -1, got {number}")
    number = number if number > 0 else last + 1 + number
    rows, n_threads = _rows(network, X), engine.check_threads(n_threads)
    if number == 1:
        return network.scaled(shapes.take(rows, np.arange(len(rows)), network.dtype))
    if engine.knows_outputs(network) and number == last:
        return engine.predict(network, rows, n_threads)[0]
    if engine.knows_outputs(network):
        return engine.hidden(network, rows, number, n_threads)
    parts = [
        backprop.feed_forward(network.weights, network.biases, network.activations, network.scaled(x))[1][
            number - 1
        ].T
        for x, _ in _columns(network, rows)
    ]
    return np.concatenate(parts)


def _rows(network: Network, X: npt.ArrayLike) -> Rows:
    network.check_parameters()
    rows = shapes.rows(X, network.sizes[0])
    shapes.check_fits(rows, network.dtype, "X", network.input_scale)
    return rows


def _columns(network: Network, X: Rows, Y: Array | None = None) -> Iterator[tuple[Array, Array]]:
    """A block of samples after the other, as columns in the network's float type; without Y only x."""
    for begin in range(0, len(X), _ROWS):
        x = shapes.take(X, np.arange(begin, min(begin + _ROWS, len(X))), network.dtype).T
        y = x[:0] if Y is None else Y[begin : begin + _ROWS]
        if Y is not None:
            y = (shapes.one_hot(y, network.sizes[-1]) if y.ndim == 1 else y).T.astype(network.dtype)
        yield x, y
