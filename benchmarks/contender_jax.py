"""JAX on the CPU: a whole epoch is one compiled `lax.scan`, with the mini-batches gathered inside."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.data import Array, Problem, one_hot
from benchmarks.tasks import Task

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8


class Jax:
    """Parameters as a list of (w, b), with w of shape (n_in, n_out)."""

    same = True

    def __init__(self, task: Task, problem: Problem):
        self._jax: Any = importlib.import_module("jax")
        jax = self._jax
        self.version = f"JAX {jax.__version__}"
        self.remark = "jit" if task.kind == "call" else "one compiled lax.scan for each epoch"
        self._task = task
        self._problem = problem
        self._X = jax.numpy.asarray(problem.X)
        Y = problem.Y if problem.Y.ndim == 2 else one_hot(problem.Y, task.sizes[-1], task.dtype)
        self._Y = jax.numpy.asarray(Y)
        self._epoch = jax.jit(self._run_epoch, donate_argnums=(0, 1))
        self._answer = jax.jit(self._feed_forward)
        self.reset()

    def reset(self) -> None:
        jnp = self._jax.numpy
        self._parameters = [
            (jnp.array(w.T), jnp.array(b.ravel()))
            for w, b in zip(self._problem.weights, self._problem.biases, strict=True)
        ]
        zeros = partial(self._jax.tree.map, jnp.zeros_like)
        self._state = (
            (jnp.zeros((), self._task.dtype), zeros(self._parameters), zeros(self._parameters))
            if self._task.optimizer == "adam"
            else ()
        )

    def train(self, order: Array, eta: float) -> None:
        self._parameters, self._state = self._jax.block_until_ready(
            self._epoch(
                self._parameters,
                self._state,
                self._X,
                self._Y,
                order.astype(np.int32),
                np.dtype(self._task.dtype).type(eta),
            )
        )

    def outputs(self, X: Array) -> Array:
        return np.asarray(self._answer(self._parameters, X))

    def one_row(self, X: Array) -> Callable[[], object]:
        answer, parameters = self._answer, self._parameters
        x = self._jax.numpy.asarray(X)
        return lambda: answer(parameters, x).block_until_ready()

    def _weighted_outputs(self, parameters: Any, x: Any) -> Any:
        """z^L for rows."""
        activation = {"sigmoid": self._jax.nn.sigmoid, "relu": self._jax.nn.relu}[self._task.activation]
        *hidden, (w_out, b_out) = parameters
        for w, b in hidden:
            x = activation(x @ w + b)
        return x @ w_out + b_out

    def _feed_forward(self, parameters: Any, x: Any) -> Any:
        z = self._weighted_outputs(parameters, x)
        if self._task.output == "identity":
            return z
        return {"sigmoid": self._jax.nn.sigmoid, "softmax": self._jax.nn.softmax}[self._task.output](z)

    def _cost(self, parameters: Any, x: Any, y: Any) -> Any:
        jnp = self._jax.numpy
        if self._task.cost == "quadratic":
            return jnp.square(self._feed_forward(parameters, x) - y).sum() / (2 * len(x))
        return -(y * self._jax.nn.log_softmax(self._weighted_outputs(parameters, x))).sum() / len(x)

    def _run_epoch(self, parameters: Any, state: Any, X: Any, Y: Any, order: Any, eta: Any) -> Any:
        def step(carried: Any, rows: Any) -> Any:
            parameters, state = carried
            return self._step(parameters, state, X[rows], Y[rows], eta), None

        whole = len(order) // self._task.batch * self._task.batch
        carried = parameters, state
        if whole:
            batches = order[:whole].reshape(-1, self._task.batch)
            carried, _ = self._jax.lax.scan(step, carried, batches)
        if whole < len(order):
            carried, _ = step(carried, order[whole:])
        return carried

    def _step(self, parameters: Any, state: Any, x: Any, y: Any, eta: Any) -> Any:
        jnp, tree_map = self._jax.numpy, self._jax.tree.map
        gradient = self._jax.grad(self._cost)(parameters, x, y)
        if self._task.optimizer == "sgd":
            return tree_map(lambda p, g: p - eta * g, parameters, gradient), state
        t, first, second = state
        t = t + 1
        first = tree_map(lambda m, g: _BETA1 * m + (1 - _BETA1) * g, first, gradient)
        second = tree_map(lambda v, g: _BETA2 * v + (1 - _BETA2) * g * g, second, gradient)
        rate, root = eta / (1 - _BETA1**t), 1 / (1 - _BETA2**t)
        parameters = tree_map(
            lambda p, m, v: p - rate * m / (jnp.sqrt(v * root) + _EPSILON), parameters, first, second
        )
        return parameters, (t, first, second)


make = Jax
