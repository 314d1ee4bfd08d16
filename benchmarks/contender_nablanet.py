"""nablanet, through its trainer and its public `predict`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import nablanet
from benchmarks.data import Array, Problem
from benchmarks.tasks import Task
from nablanet import training


class Nablanet:
    """The epochs of `fit`, each in an order of the benchmark's."""

    version = f"nablanet {nablanet.__version__} ({nablanet.build_info()['isa']})"
    same = True

    def __init__(self, task: Task, problem: Problem):
        self._task = task
        self._problem = problem
        self._threads = task.threads or None
        self.remark = ""
        if task.kind != "call":
            self.remark = "the epochs of one fit; its checks of the input, once a fit, are left out"
        self._network = nablanet.Network(
            task.sizes,
            activation=task.activation,
            output=task.output,
            cost=task.cost,
            dtype=task.dtype,
            seed=0,
        )
        self.reset()

    def reset(self) -> None:
        for parameters, start in (
            (self._network.weights, self._problem.weights),
            (self._network.biases, self._problem.biases),
        ):
            for parameter, value in zip(parameters, start, strict=True):
                parameter[...] = value
        self._trainer: training.Trainer | None = None
        self._eta = 0.0

    def train(self, order: Array, eta: float) -> None:
        if self._trainer is None or eta != self._eta:
            kind = {"sgd": nablanet.SGD, "adam": nablanet.Adam}[self._task.optimizer]
            X, Y, batch = self._problem.X, self._problem.Y, self._task.batch
            task = training.Task(X, Y, batch, kind(eta), n_threads=self._threads)
            self._trainer = training.make_trainer(self._network, task)
            self._eta = eta
        etas = np.full(-(-len(order) // self._task.batch), eta)
        self._trainer.run(order, etas, lambda samples: None)

    def outputs(self, X: Array) -> Array:
        return self._network.predict(X, n_threads=self._threads)

    def one_row(self, X: Array) -> Callable[[], object]:
        return lambda: self._network.predict(X)


make = Nablanet
