"""nablanet, through its public calls."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import nablanet
from benchmarks.data import Array, Problem
from benchmarks.tasks import Task


class _Ordered(nablanet.Network):
    """A network that takes its mini-batches in a given order."""

    order: Array

    def _shuffle(self, n: int) -> Array:
        return self.order


class Nablanet:
    """`fit` for a single epoch, with its checks of the input, seen from outside."""

    version = f"nablanet {nablanet.__version__} ({nablanet.build_info()['isa']})"

    def __init__(self, task: Task, problem: Problem):
        self._task = task
        self._problem = problem
        self._threads = task.threads or None
        self._optimizer = {"sgd": nablanet.SGD, "adam": nablanet.Adam}[task.optimizer]
        self.same = task.kind == "call" or task.optimizer != "adam"
        self.remark = ""
        if task.kind != "call":
            self.remark = "each epoch is one call of fit, its checks of the input included"
            if not self.same:
                self.remark += ", and begins with new moments"
        self._network = _Ordered(
            task.sizes,
            activation=task.activation,
            output=task.output,
            cost=task.cost,
            dtype=task.dtype,
            seed=0,
        )
        self.reset()

    def reset(self) -> None:
        self._network.weights = [w.copy() for w in self._problem.weights]
        self._network.biases = [b.copy() for b in self._problem.biases]

    def train(self, order: Array, eta: float) -> None:
        X, Y = self._problem.X, self._problem.Y
        if len(order) < len(X):
            X, Y, order = X[order], Y[order], np.arange(len(order))
        self._network.order = order
        self._network.fit(
            X,
            Y,
            epochs=1,
            batch_size=self._task.batch,
            optimizer=self._optimizer(eta),
            n_threads=self._threads,
            progress=False,
        )

    def outputs(self, X: Array) -> Array:
        return self._network.predict(X, n_threads=self._threads)

    def one_row(self, X: Array) -> Callable[[], object]:
        return lambda: self._network.predict(X)


make = Nablanet
