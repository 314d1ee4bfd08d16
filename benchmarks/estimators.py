"""scikit-learn's estimators and ours with the same settings: S1-S5."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

from benchmarks.data import Array, Problem
from benchmarks.tasks import Task

_MODULES = {"nablanet": "nablanet", "sklearn": "sklearn.neural_network"}
_SEARCHED = {
    "hidden_layer_sizes": [(50,), (100,)],
    "alpha": [1e-5, 1e-4, 1e-3],
    "learning_rate_init": [0.001, 0.003],
}


class Estimator:
    """`MLPClassifier` or `MLPRegressor` of one of the two, at its defaults where the task says nothing."""

    same = True

    def __init__(self, name: str, task: Task, problem: Problem):
        warnings.simplefilter("ignore")  # that so few iterations have not converged is known
        self._make: Callable[..., Any] = getattr(
            importlib.import_module(_MODULES[name]),
            "MLPClassifier" if problem.Y.ndim == 1 else "MLPRegressor",
        )
        package = importlib.import_module(_MODULES[name].partition(".")[0])
        self.version = f"{package.__name__} {package.__version__}"
        self._predict = "predict_proba" if problem.Y.ndim == 1 else "predict"
        self.remark = {"fit": "fit", "predict": self._predict, "search": "GridSearchCV.fit"}[task.does]
        self._task = task
        self._problem = problem
        self._fitted: Any = None
        if task.does == "predict":
            self._fit(1, problem.X, problem.Y)

    def reset(self) -> None:
        """Nothing: every `train` begins anew."""

    def train(self, order: Array, eta: float) -> None:
        X, Y = self._problem.X, self._problem.Y
        epochs = self._task.epochs
        if len(order) < len(X):
            X, Y, epochs = X[order], Y[order], 1
        self._fit(epochs, X, Y)

    def _fit(self, epochs: int, X: Array, Y: Array) -> None:
        estimator = self._make(random_state=0, max_iter=epochs)
        if self._task.does == "search":
            from sklearn.model_selection import GridSearchCV

            estimator = GridSearchCV(estimator, _SEARCHED, n_jobs=2, cv=3)
        self._fitted = estimator.fit(X, Y if Y.ndim == 1 else Y.ravel())

    def outputs(self, X: Array) -> Array:
        outputs: Array = getattr(self._fitted, self._predict)(X)
        return outputs.reshape(len(X), -1)

    def one_row(self, X: Array) -> Callable[[], object]:
        predict = getattr(self._fitted, self._predict)
        return lambda: predict(X)
