"""Training through the NumPy reference of `backprop`, which calls whatever Python the user brought."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nablanet import backprop
from nablanet.shapes import Array, one_hot

if TYPE_CHECKING:
    from nablanet.network import Network
    from nablanet.training import Advance, Task


class Trainer:
    """Trains a network mini-batch by mini-batch in NumPy; see `training.Trainer`."""

    def __init__(self, network: Network, task: Task):
        self._network = network
        self._task = task
        self._state = task.optimizer.start(network.weights + network.biases)
        self._step = 0  # mini-batches since training began

    def run(self, order: Array, etas: Array, advance: Advance) -> float:
        """One epoch in this order; returns the mean cost."""
        net = self._network
        before = [p.copy() for p in net.weights + net.biases]
        total = 0.0
        batch_size = self._task.batch_size
        for begin, eta in zip(range(0, len(order), batch_size), etas, strict=True):
            batch = order[begin : begin + batch_size]
            total += self._learn(batch, eta)
            if not math.isfinite(total) or not _finite(net.weights + net.biases):
                for parameter, old in zip(net.weights + net.biases, before, strict=True):
                    parameter[...] = old
                return math.nan
            advance(len(batch))
        return total / self._weight_of(order)

    def _weight_of(self, samples: Array) -> float:
        weights = self._task.weights
        return float(len(samples) if weights is None else weights[samples].sum())

    def _learn(self, batch: Array, eta: float) -> float:
        """One step on a copy of the parameters, so that an interruption finds whole ones."""
        net, task = self._network, self._task
        x = task.X[batch].T.astype(net.dtype)
        y = (one_hot(task.Y[batch], net.sizes[-1]) if task.Y.ndim == 1 else task.Y[batch]).T
        weights = None if task.weights is None else task.weights[batch]
        masks = None
        if task.dropout is not None:
            masks = task.dropout.masks(net.sizes, self._step, len(batch), net.dtype)
        nabla_b, nabla_w, costs = gradient_sums(net, x, y.astype(net.dtype), weights, masks)
        m = self._weight_of(batch) or 1.0  # without any weight the sums are zero
        n = len(task.X)
        penalties = [task.regularization.gradient(w, n) for w in net.weights]
        gradients = [nw / m + penalty for nw, penalty in zip(nabla_w, penalties, strict=True)]
        gradients += [nb / m for nb in nabla_b]
        parameters = [p.copy() for p in net.weights + net.biases]
        task.optimizer.step(parameters, gradients, self._state, eta)
        for parameter, new in zip(net.weights + net.biases, parameters, strict=True):
            parameter[...] = new
        self._step += 1
        return float(costs.sum())


def gradient_sums(
    net: Network,
    x: Array,
    y: Array,
    sample_weight: Array | None = None,
    masks: Sequence[Array] | None = None,
) -> tuple[list[Array], list[Array], Array]:
    """(nabla_b, nabla_w, costs) over the columns of x, through what the user's subclass overrides.

    An overridden `backprop` is called once for each sample, as the chapter's program does; it knows
    nothing of dropout's `masks`.
    """
    derivative = net.cost_derivative if net.overrides("cost_derivative") else None
    if not net.overrides("backprop"):
        return backprop.backpropagate(
            net.weights, net.biases, net.activations, net.cost, x, y, derivative, sample_weight, masks
        )
    nabla_b = [np.zeros_like(b) for b in net.biases]
    nabla_w = [np.zeros_like(w) for w in net.weights]
    for i in range(x.shape[1]):
        weight = 1.0 if sample_weight is None else float(sample_weight[i])
        if weight == 0:
            continue
        sample_b, sample_w = net.backprop(x[:, [i]], y[:, [i]])
        _check_shapes("nabla_b", sample_b, net.biases)
        _check_shapes("nabla_w", sample_w, net.weights)
        nabla_b = [total + weight * nb for total, nb in zip(nabla_b, sample_b, strict=True)]
        nabla_w = [total + weight * nw for total, nw in zip(nabla_w, sample_w, strict=True)]
    zs, activated = backprop.feed_forward(net.weights, net.biases, net.activations, x)
    costs = backprop.sample_costs(zs[-1], activated[-1], y, net.activations[-1], net.cost)
    return nabla_b, nabla_w, backprop.weighted(costs, sample_weight)


def _check_shapes(name: str, returned: Sequence[Array], parameters: list[Array]) -> None:
    shapes = [np.shape(array) for array in returned]
    wanted = [array.shape for array in parameters]
    if shapes != wanted:
        raise ValueError(f"backprop must return {name} with the shapes {wanted}, one per layer; got {shapes}")


def _finite(parameters: list[Array]) -> bool:
    return all(bool(np.isfinite(p).all()) for p in parameters)
