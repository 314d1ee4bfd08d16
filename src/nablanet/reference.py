"""Training through the NumPy reference of `backprop`, which calls whatever Python the user brought."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nablanet import backprop
from nablanet.averaging import update_average
from nablanet.optimizers import Moments
from nablanet.regularization import limit_norms
from nablanet.shapes import Array, one_hot, take
from nablanet.state import assign, check_state

if TYPE_CHECKING:
    from nablanet.network import Network
    from nablanet.training import Advance, Task


class Trainer:
    """Trains a network mini-batch by mini-batch in NumPy; see `training.Trainer`."""

    def __init__(self, network: Network, task: Task):
        self._network = network
        self._task = task
        self._state = task.optimizer.start(network.weights + network.biases)
        self._steps = 0  # mini-batches since training began
        self._raw: list[Array] = []  # with averaging, the parameters that training goes on from,
        self._average: list[Array] = []  # and what the network holds between runs

    def run(self, order: Array, etas: Array, advance: Advance) -> float:
        """One epoch in this order; returns the mean cost."""
        if self._task.average is None:
            return self._run(order, etas, advance)
        parameters = self._network.weights + self._network.biases
        if self._average and all(map(np.array_equal, parameters, self._average)):
            assign(parameters, self._raw)
        else:  # the first run, or the network was changed since the last
            self._average = _copies(parameters)
        before = _copies(self._average)
        cost = math.inf
        try:
            cost = self._run(order, etas, advance)
        finally:
            self._raw = _copies(parameters)
            if math.isnan(cost):
                self._average = before
            assign(parameters, self._average)
        return cost

    def _run(self, order: Array, etas: Array, advance: Advance) -> float:
        net = self._network
        before = [p.copy() for p in net.weights + net.biases]
        total = 0.0
        batch_size = self._task.batch_size
        for begin, eta in zip(range(0, len(order), batch_size), etas, strict=True):
            batch = order[begin : begin + batch_size]
            total += self._learn(batch, eta)
            if not math.isfinite(total) or not _finite(net.weights + net.biases):
                assign(net.weights + net.biases, before)
                return math.nan
            advance(len(batch))
        return total / self._weight_of(order)

    def state(self) -> dict[str, Any]:
        """See `training.Trainer`."""
        state: dict[str, Any] = {"steps": self._steps}
        if isinstance(self._state, Moments):
            moments = {"first": self._state.first, "second": self._state.second}
            state.update({name: _copies(arrays) for name, arrays in moments.items() if arrays})
        elif self._state is not None:
            state["optimizer"] = copy.deepcopy(self._state)
        if self._task.average is not None:
            parameters = self._network.weights + self._network.biases
            state["parameters"] = _copies(self._raw or parameters)
            state["average"] = _copies(self._average or parameters)
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """See `training.Trainer`."""
        checked = check_state(state, self.state())
        self._steps = checked["steps"]
        if isinstance(self._state, Moments):
            self._state = Moments(checked.get("first", []), checked.get("second", []), self._steps)
        elif "optimizer" in checked:
            self._state = checked["optimizer"]
        self._raw, self._average = checked.get("parameters", []), checked.get("average", [])

    def _weight_of(self, samples: Array) -> float:
        weights = self._task.weights
        return float(len(samples) if weights is None else weights[samples].sum())

    def _learn(self, batch: Array, eta: float) -> float:
        """One step on a copy of the parameters, so that an interruption finds whole ones."""
        net, task = self._network, self._task
        x = take(task.X, batch, net.dtype).T
        y = (one_hot(task.Y[batch], net.sizes[-1]) if task.Y.ndim == 1 else task.Y[batch]).T
        weights = None if task.weights is None else task.weights[batch]
        masks = None
        if task.dropout is not None:
            masks = task.dropout.masks(net.sizes, self._steps, len(batch), net.dtype)
        nabla_b, nabla_w, costs = gradient_sums(net, x, y.astype(net.dtype), weights, masks)
        m = self._weight_of(batch) or 1.0  # without any weight the sums are zero
        n = len(task.X)
        penalties = [task.regularization.gradient(w, n, len(batch)) for w in net.weights]
        gradients = [nw / m + penalty for nw, penalty in zip(nabla_w, penalties, strict=True)]
        gradients += [nb / m for nb in nabla_b]
        parameters = _copies(net.weights + net.biases)
        task.optimizer.step(parameters, task.clipping.clip(gradients), self._state, eta)
        self._steps += 1
        if task.max_norm is not None:
            for w in parameters[: len(net.weights)]:
                limit_norms(w, task.max_norm)
        if task.average is not None:
            update_average(self._average, parameters, task.average)
        assign(net.weights + net.biases, parameters)
        return float(costs.sum())


def gradient_sums(
    net: Network,
    x: Array,
    y: Array,
    sample_weight: Array | None = None,
    masks: Sequence[Array] | None = None,
) -> tuple[list[Array], list[Array], Array]:
    """(nabla_b, nabla_w, costs) over the columns of x, through what the user's subclass overrides.

    An overridden `backprop` is called once for each sample, as the chapter's program does, with x as
    it was passed to the network, before `input_scale`; it knows nothing of dropout's `masks`.
    """
    derivative = net.cost_derivative if net.overrides("cost_derivative") else None
    scaled = net.scaled(x)
    if not net.overrides("backprop"):
        return backprop.backpropagate(
            net.weights, net.biases, net.activations, net.cost, scaled, y, derivative, sample_weight, masks
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
    zs, activated = backprop.feed_forward(net.weights, net.biases, net.activations, scaled)
    costs = backprop.sample_costs(zs[-1], activated[-1], y, net.activations[-1], net.cost)
    return nabla_b, nabla_w, backprop.weighted(costs, sample_weight)


def _check_shapes(name: str, returned: Sequence[Array], parameters: list[Array]) -> None:
    shapes = [np.shape(array) for array in returned]
    wanted = [array.shape for array in parameters]
    if shapes != wanted:
        raise ValueError(f"backprop must return {name} with the shapes {wanted}, one per layer; got {shapes}")


def _copies(arrays: list[Array]) -> list[Array]:
    return [array.copy() for array in arrays]


def _finite(parameters: list[Array]) -> bool:
    return all(bool(np.isfinite(p).all()) for p in parameters)
