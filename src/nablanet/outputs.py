"""The outputs of a network and what they cost: on the engine, or through what the user brought."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from nablanet import backprop, engine, shapes
from nablanet.costs import for_output
from nablanet.csr import CSR
from nablanet.sample_weights import mean_cost
from nablanet.shapes import Array, Rows

if TYPE_CHECKING:
    from nablanet.network import Network

_ROWS = 4096  # looked at together where NumPy needs room for each


def predict(network: Network, X: object, n_threads: int | None) -> Array:
    """a^L for samples as rows, shape (m, n_L), through `feedforward` where that is the user's own."""
    rows = shapes.rows(X, network.sizes[0])
    n_threads = engine.check_threads(n_threads)
    if engine.knows_outputs(network) and not network.overrides("feedforward"):
        network.check_parameters()
        outputs, finite = engine.predict(network, rows, n_threads)
        if not finite:  # the engine has seen it, and here are the words
            shapes.check_fits(rows, network.dtype, "X", network.input_scale)
        return outputs
    shapes.check_fits(rows, network.dtype, "X", network.input_scale)
    if network.overrides("feedforward"):
        return _by_feedforward(network, rows)
    return feed_forward(network, rows, n_threads)


def feed_forward(network: Network, X: Rows, n_threads: int | None = None) -> Array:
    """a^L for rows X, which the caller has checked, shape (m, n_L)."""
    network.check_parameters()
    if engine.knows_outputs(network):
        return engine.predict(network, X, n_threads)[0]
    return np.vstack([activated for _, activated in _in_numpy(network, X)])


def _by_feedforward(network: Network, X: Rows) -> Array:
    own = network.dtype if isinstance(X, CSR) else X.dtype
    each = (shapes.take(X, np.array([i]), own).T for i in range(len(X)))
    columns = [network.feedforward(x) for x in each]
    column = (network.sizes[-1], 1)
    return np.hstack([shapes.require_shape(a, column, "feedforward") for a in columns]).T


def evaluate(
    network: Network, X: Rows, Y: Array, weights: Array | None = None, n_threads: int | None = None
) -> tuple[Array, float]:
    """a^L for rows X, and the mean of C_x against Y (rows, or int32 labels), weighted where asked for."""
    network.check_parameters()
    own_feedforward = network.overrides("feedforward")
    if network.runs_on_engine() and not own_feedforward:
        return engine.evaluate(network, X, Y, n_threads, weights)
    y = (shapes.one_hot(Y, network.sizes[-1]) if Y.ndim == 1 else Y).astype(network.dtype)
    with np.errstate(over="ignore", invalid="ignore"):  # as on the engine: infinity says it all
        if own_feedforward:
            outputs = _by_feedforward(network, X)
            costs = for_output(network.cost, network.activations[-1]).function(outputs.T, y.T)
        else:
            zs, outputs = (np.vstack(parts) for parts in zip(*_in_numpy(network, X), strict=True))
            costs = backprop.sample_costs(zs.T, outputs.T, y.T, network.activations[-1], network.cost)
        return outputs, mean_cost(backprop.weighted(costs, weights), weights)


def _in_numpy(network: Network, X: Rows) -> Iterator[tuple[Array, Array]]:
    """(z^L, a^L) through NumPy for some rows of X after the other."""
    for begin in range(0, len(X), _ROWS):
        here = np.arange(begin, min(begin + _ROWS, len(X)))
        x = network.scaled(shapes.take(X, here, network.dtype)).T
        zs, activated = backprop.feed_forward(network.weights, network.biases, network.activations, x)
        yield zs[-1].T, activated[-1].T
