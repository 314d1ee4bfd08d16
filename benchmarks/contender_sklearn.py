"""scikit-learn's MLPClassifier and MLPRegressor, one `partial_fit` for each epoch."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.data import Array, Problem
from benchmarks.tasks import Task

_ACTIVATIONS = {"sigmoid": "logistic", "relu": "relu"}
_ETA_OF_LOG_LOSS = 0.5  # chapter 3's for this network with cross-entropy, where 3.0 is too large


class Sklearn:
    """The estimator with the initial parameters and the order of rows put into it."""

    def __init__(self, task: Task, problem: Problem):
        sklearn = importlib.import_module("sklearn")
        self._module: Any = importlib.import_module("sklearn.neural_network._multilayer_perceptron")
        self.version = f"scikit-learn {sklearn.__version__}"
        self._task = task
        self._problem = problem
        classifies = problem.Y.ndim == 1
        has_cost = task.cost == ("cross_entropy" if classifies else "quadratic")
        self._eta = None if has_cost else _ETA_OF_LOG_LOSS
        self.same = has_cost and (task.optimizer != "adam" or task.kind == "call")
        self.remark = "each epoch is one call of partial_fit"
        if task.kind == "call":
            self.remark = "predict_proba"
        elif task.optimizer == "adam":
            self.remark += "; its Adam adds epsilon before it corrects the second moment"
        elif not has_cost:
            self.remark += f"; has no {task.cost} cost: softmax, log-loss and eta = {_ETA_OF_LOG_LOSS}"
        self._targets = problem.Y if classifies else problem.Y.ravel()
        make_estimator = self._module.MLPClassifier if classifies else self._module.MLPRegressor
        self._estimator: Any = make_estimator(
            hidden_layer_sizes=task.sizes[1:-1],
            activation=_ACTIVATIONS[task.activation],
            solver=task.optimizer,
            alpha=0.0,
            batch_size=min(task.batch, len(problem.X)),
            learning_rate_init=task.etas[0],
            momentum=0.0,
            nesterovs_momentum=False,
            n_iter_no_change=1_000_000,
            random_state=0,
        )
        self._classes = {"classes": np.arange(task.sizes[-1])} if classifies else {}
        self._estimator.partial_fit(problem.X[: task.batch], self._targets[: task.batch], **self._classes)
        self.reset()

    def reset(self) -> None:
        # the optimizer keeps these very arrays, and a new one is made where there is none
        for kept, w in zip(self._estimator.coefs_, self._problem.weights, strict=True):
            kept[...] = w.T
        for kept, b in zip(self._estimator.intercepts_, self._problem.biases, strict=True):
            kept[...] = b.ravel()
        if hasattr(self._estimator, "_optimizer"):
            del self._estimator._optimizer

    def train(self, order: Array, eta: float) -> None:
        eta = self._eta or eta
        self._estimator.learning_rate_init = eta
        if hasattr(self._estimator, "_optimizer"):
            self._estimator._optimizer.learning_rate_init = eta
        X, Y = self._problem.X, self._targets
        if len(order) < len(X):
            X, Y, order = X[order], Y[order], np.arange(len(order))
        self._module.shuffle = lambda indices, random_state: order
        self._estimator.partial_fit(X, Y, **self._classes)

    def outputs(self, X: Array) -> Array:
        if self._classes:
            probabilities: Array = self._estimator.predict_proba(X)
            return probabilities
        predicted: Array = self._estimator.predict(X)
        return predicted.reshape(-1, 1)

    def one_row(self, X: Array) -> Callable[[], object]:
        return lambda: self._estimator.predict_proba(X)


make = Sklearn
