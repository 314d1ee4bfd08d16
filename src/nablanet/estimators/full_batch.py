"""L-BFGS on all samples at once, as scikit-learn calls it: SciPy's steps, the engine's gradient."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize
from sklearn.exceptions import ConvergenceWarning

from nablanet import derivatives, samples
from nablanet.estimators import parameters
from nablanet.network import Network
from nablanet.shapes import Array, Rows
from nablanet.training import Epoch

if TYPE_CHECKING:
    from nablanet.estimators.base import BaseMLP


def fit(estimator: BaseMLP, network: Network, X: Any, desired: Array, weights: Array | None) -> None:
    """Minimize the loss of the estimator, in float64 whatever its dtype.

    Raises ValueError for an `early_stopping` or `dropout` that goes with mini-batches only, and where the
    parameters would not be finite.
    """
    if any(parameters.dropout(estimator, network.sizes)):
        raise ValueError("dropout is for steps on mini-batches: solver='lbfgs' goes without")
    objective = _Objective(estimator, network, *samples.from_rows(network, X, desired, weights), weights)
    with np.errstate(over="ignore", invalid="ignore"):
        result = optimize.minimize(
            objective,
            np.concatenate([p.ravel() for p in network.weights + network.biases], dtype=np.float64),
            method="L-BFGS-B",
            jac=True,
            callback=objective.record,
            options={"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol},
        )
    estimator.n_iter_ = min(result.nit, estimator.max_iter)
    estimator.loss_ = objective.loss(result.x)
    if result.status != 0:
        _warn(result, estimator.n_iter_, estimator.max_iter)
    if not np.isfinite(result.x).all() or not np.isfinite(result.fun):
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large values and "
            "need to be preprocessed."
        )
    for parameter, value in zip(network.weights + network.biases, objective.split(result.x), strict=True):
        parameter[...] = value


class _Objective:
    """The loss with its penalty, and the gradient, of all parameters in one vector: weights, then biases."""

    def __init__(
        self,
        estimator: BaseMLP,
        network: Network,
        X: Rows,
        Y: Array,
        checked: Array | None,
        weights: Array | None,
    ):
        self._estimator = estimator
        self._data = X, Y, estimator.n_threads, checked
        self._alpha = float(estimator.alpha) / (len(X) if weights is None else float(weights.sum()))
        self._shapes = [p.shape for p in network.weights + network.biases]
        self._layers = len(network.weights)
        self._trial = Network(
            network.sizes,
            activation=network.activations[:-1],
            output=network.activations[-1],
            cost=network.cost,
            init=lambda rng, n_in, n_out: (np.zeros((n_out, n_in)), np.zeros((n_out, 1))),
        )

    def __call__(self, x: Array) -> tuple[float, Array]:
        if not np.isfinite(x).all():
            return np.inf, np.zeros_like(x)
        parts = self.split(x)
        self._trial.weights, self._trial.biases = parts[: self._layers], parts[self._layers :]
        mean = derivatives.gradient(self._trial, *self._data)
        loss = mean.cost + self._penalty()
        nabla_w = [nw + self._alpha * w for nw, w in zip(mean.nabla_w, self._trial.weights, strict=True)]
        return loss, np.concatenate([part.ravel() for part in nabla_w + mean.nabla_b])

    def loss(self, x: Array) -> float:
        """The loss at x as scikit-learn tells it: for several targets the mean of theirs."""
        value, _ = self(x)
        penalty = self._penalty()
        return (value - penalty) * self._estimator._loss_scale() + penalty

    def _penalty(self) -> float:
        return 0.5 * self._alpha * sum(float(np.vdot(w, w)) for w in self._trial.weights)

    def record(self, intermediate_result: Any) -> None:
        """An iteration that SciPy has accepted."""
        history = self._estimator.history_
        history.epochs.append(Epoch(len(history), float(intermediate_result.fun), 0.0))
        history.diagnoses.append(None)

    def split(self, x: Array) -> list[Array]:
        """The parts of the vector in the shapes of the weights, then of the biases."""
        ends = np.cumsum([np.prod(shape) for shape in self._shapes])
        return [part.reshape(shape) for part, shape in zip(np.split(x, ends[:-1]), self._shapes, strict=True)]


def _warn(result: Any, n_iter: int, max_iter: int) -> None:
    text = (
        f"lbfgs failed to converge after {n_iter} iteration(s) (status={result.status}):\n{result.message}\n"
    )
    if n_iter == max_iter:
        text += f"\nIncrease the number of iterations to improve the convergence (max_iter={max_iter})."
    text += (
        "\nYou might also want to scale the data as shown in:\n"
        "    https://scikit-learn.org/stable/modules/preprocessing.html"
    )
    warnings.warn(text, ConvergenceWarning, stacklevel=5)
