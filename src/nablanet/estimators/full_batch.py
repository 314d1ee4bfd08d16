"""L-BFGS on all samples at once, as scikit-learn calls it: SciPy's steps, the engine's gradient."""

from __future__ import annotations

from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize
from sklearn.exceptions import ConvergenceWarning

from nablanet import derivatives, memory, samples
from nablanet.estimators import parameters
from nablanet.estimators.held_out import HeldOut
from nablanet.estimators.recording import Recorder
from nablanet.estimators.warned import warn
from nablanet.network import Network
from nablanet.progress import Bar, progress_bar
from nablanet.shapes import Array, Rows
from nablanet.state import assign

if TYPE_CHECKING:
    from nablanet.estimators.base import BaseMLP


_PAST = 10  # steps that L-BFGS remembers


def check_memory(sizes: list[int], dtype: np.dtype[Any]) -> None:
    """Refuse a network that there is no memory to train, before any of it is drawn: MemoryError.

    SciPy takes two vectors of float64 for each past step at least, and five of its own.
    """
    count = sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes))
    memory.require(
        ((2 * _PAST + 5) * 8 + dtype.itemsize) * count,
        f"sizes {sizes} make {count:,} parameters, which with what lbfgs remembers",
    )


class Run:
    """One call of `fit`: prepared here, nothing changes before `train`. In float64 whatever the dtype.

    network: the estimator's. Raises ValueError or TypeError for settings that do not go with the data,
    among them `dropout`, which is for mini-batches.
    """

    def __init__(
        self,
        estimator: BaseMLP,
        network: Network,
        X: Any,
        desired: Array,
        weights: Array | None,
        held_out: HeldOut | None,
    ):
        if any(parameters.dropout(estimator, network.sizes)):
            raise ValueError("dropout is for steps on mini-batches: solver='lbfgs' goes without")
        self._estimator = estimator
        self._parameters = network.weights + network.biases
        self._recorder = Recorder(estimator, held_out)
        self._objective = _Objective(
            estimator, network, *samples.from_rows(network, X, desired, weights), weights
        )
        self._since = 0.0

    def train(self) -> None:
        """Minimize the loss. Raises ValueError where the parameters would not be finite.

        The network then keeps those of the last step that was accepted.
        """
        estimator, objective = self._estimator, self._objective
        estimator.n_iter_ = 0
        estimator.history_.stopped = None
        self._since = perf_counter()
        start = np.concatenate([p.ravel() for p in self._parameters], dtype=np.float64)
        options = {
            "maxcor": _PAST,
            "maxfun": estimator.max_fun,
            "maxiter": estimator.max_iter,
            "gtol": estimator.tol,
        }
        with (
            progress_bar(estimator.max_iter, enabled=estimator.progress) as bar,
            np.errstate(over="ignore", invalid="ignore"),
        ):
            try:
                result = optimize.minimize(
                    objective,
                    start,
                    method="L-BFGS-B",
                    jac=True,
                    callback=lambda intermediate_result: self._record(intermediate_result, bar),
                    options=options,
                )
            except KeyboardInterrupt:
                warn("Training interrupted by user.")
                return
        ended = estimator.history_.stopped is not None  # by a callback
        estimator.n_iter_ = min(result.nit, estimator.max_iter)
        estimator.loss_ = objective.loss(result.x)
        if result.status == 0:
            estimator.history_.stopped = str(result.message)
        elif not ended:
            _warn(result, estimator.n_iter_, estimator.max_iter)
        if not np.isfinite(result.x).all() or not np.isfinite(result.fun):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and "
                "need to be preprocessed."
            )
        assign(self._parameters, objective.split(result.x))

    def _record(self, result: Any, bar: Bar) -> None:
        """An iteration that SciPy has accepted; StopIteration ends its work."""
        estimator = self._estimator
        seconds = perf_counter() - self._since
        assign(self._parameters, self._objective.split(result.x))
        loss = self._objective.shown(float(result.fun), result.x)
        measured = self._recorder.measure(loss)
        estimator.n_iter_ += 1
        estimator.loss_ = loss
        epoch, _ = self._recorder.add(loss, seconds, None, measured)
        bar.advance(1)
        bar.tell(epoch, estimator.history_.best_epoch)
        if self._recorder.tell(epoch):
            raise StopIteration
        self._since = perf_counter()


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
        loss = mean.cost + self._penalty(self._trial.weights)
        nabla_w = [nw + self._alpha * w for nw, w in zip(mean.nabla_w, self._trial.weights, strict=True)]
        return loss, np.concatenate([part.ravel() for part in nabla_w + mean.nabla_b])

    def loss(self, x: Array) -> float:
        """The loss at x as scikit-learn tells it."""
        value, _ = self(x)
        return self.shown(value, x)

    def shown(self, value: float, x: Array) -> float:
        """What scikit-learn tells where the value at x is minimized: for several targets their mean."""
        weights = self.split(x)[: self._layers]
        penalty = self._penalty(weights)
        return (value - penalty) * self._estimator._loss_scale() + penalty

    def _penalty(self, weights: list[Array]) -> float:
        return 0.5 * self._alpha * sum(float(np.vdot(w, w)) for w in weights)

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
    warn(text, ConvergenceWarning)
