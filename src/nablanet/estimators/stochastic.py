"""Training on mini-batches with scikit-learn's rules: when to stop, what to warn of, what to print.

The steps are the engine's. The order of the samples, the learning rates and the rules for stopping are
scikit-learn's, so that one random state gives the same run in both, up to rounding.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from nablanet import samples, training
from nablanet.dropout import Dropout
from nablanet.estimators import parameters
from nablanet.estimators.held_out import HeldOut, Judge, Measured
from nablanet.estimators.rates import LearningRate
from nablanet.network import Network
from nablanet.progress import progress_bar
from nablanet.regularization import Regularization
from nablanet.shapes import Array
from nablanet.state import assign
from nablanet.training import Callback, Epoch, Task

if TYPE_CHECKING:
    from nablanet.estimators.base import BaseMLP

_BATCH = 200  # rows at most in a mini-batch of batch_size="auto"


@dataclass
class Memory:
    """What training keeps between two calls, beside what it shows.

    optimizer: the trainer's state, and which optimizer's it is. eta: the learning rate that the adaptive
    rule has come to. waited: epochs without improvement in a row. best: parameters of the best
    validation score. dropout_seed: of the masks, which go on with the optimizer's steps.
    """

    optimizer: tuple[str, dict[str, Any]] | None = None
    eta: float | None = None
    waited: int = 0
    best: list[Array] | None = None
    dropout_seed: int | None = None


def fit(
    estimator: BaseMLP,
    network: Network,
    X: Any,
    desired: Array,
    weights: Array | None,
    chosen: Array,
    held_out: HeldOut | None,
    random_state: np.random.RandomState,
    incremental: bool,
) -> None:
    """Train the network of the estimator on the chosen rows; `incremental` for a single epoch.

    Raises ValueError where the parameters are no longer finite; the network then keeps the last that
    were.
    """
    run = _Run(estimator, network, X, desired, weights, chosen, held_out, random_state, incremental)
    try:
        run.epochs()
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=4)
    run.end()


class _Run:
    def __init__(
        self,
        estimator: BaseMLP,
        network: Network,
        X: Any,
        desired: Array,
        weights: Array | None,
        chosen: Array,
        held_out: HeldOut | None,
        random_state: np.random.RandomState,
        incremental: bool,
    ):
        self._estimator = estimator
        self._network = network
        self._chosen = chosen
        self._random_state = random_state
        self._incremental = incremental
        self._memory = estimator._memory
        self._judge = None if held_out is None else Judge(estimator, held_out)
        self._callbacks = _callbacks(estimator.callbacks)
        if estimator.metrics and held_out is None:
            raise ValueError(
                "metrics are measured on held-out data: pass X_val and y_val, or early_stopping=True"
            )
        if estimator.scoring is not None and held_out is None and not estimator.early_stopping:
            raise ValueError(
                "scoring is measured on held-out data: pass X_val and y_val, or early_stopping=True"
            )
        self._task = self._make_task(X, desired, weights)
        self._trainer = training.make_trainer(network, self._task)
        self._resume()
        n_batches = -(-len(chosen) // self._task.batch_size)
        self._rate = LearningRate(estimator, n_batches, held_out is not None, incremental)
        self._finite = True
        if estimator.early_stopping and self._memory.best is None:
            self._memory.best = self._copies()

    def epochs(self) -> None:
        """One epoch after the other, until something ends training."""
        estimator, memory = self._estimator, self._memory
        order = self._chosen
        estimator.n_iter_ = 0
        estimator.history_.stopped = None
        with progress_bar(estimator.max_iter * len(order), enabled=estimator.progress) as bar:
            for _ in range(estimator.max_iter):
                if estimator.shuffle:
                    shuffled = np.arange(len(order))
                    self._random_state.shuffle(shuffled)
                    order = order[shuffled]
                started = perf_counter()
                cost = self._learn(order, bar.advance)
                epoch = self._record(cost, perf_counter() - started)
                bar.tell(epoch)
                if not self._finite:
                    break
                self._rate.end_epoch(epoch)
                asked = _any_true([callback(epoch) for callback in self._callbacks])
                if memory.waited > estimator.n_iter_no_change and self._has_converged():
                    break
                if asked:
                    estimator.history_.stopped = f"A callback ended training after epoch {epoch.epoch}."
                    break
                if self._incremental:
                    break
                if estimator.n_iter_ == estimator.max_iter:
                    warnings.warn(
                        f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the "
                        "optimization hasn't converged yet.",
                        ConvergenceWarning,
                        stacklevel=5,
                    )

    def end(self) -> None:
        """Keep what another call goes on from; the best parameters, where early stopping looked for them."""
        estimator, memory = self._estimator, self._memory
        memory.optimizer = (estimator.solver, self._trainer.state())
        memory.eta = self._rate.eta
        stopped = memory.waited > estimator.n_iter_no_change
        if estimator.early_stopping and memory.best is not None and (stopped or not self._incremental):
            assign(self._network.weights + self._network.biases, memory.best)
        if self._incremental and stopped:
            memory.waited = 0
        if self._finite:
            return
        if not estimator.early_stopping:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and "
                "need to be preprocessed."
            )
        warnings.warn(
            f"Training diverged in iteration {estimator.n_iter_}: the loss is no longer finite. The weights "
            "of the best validation score are kept.",
            ConvergenceWarning,
            stacklevel=5,
        )

    def _make_task(self, X: Any, desired: Array, weights: Array | None) -> Task:
        estimator, network, n = self._estimator, self._network, len(self._chosen)
        size = estimator.batch_size
        if size == "auto":
            size = min(_BATCH, n)
        elif int(size) > n:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
                stacklevel=6,
            )
        rates = parameters.dropout(estimator, network.sizes)
        dropped = None
        if any(rates):
            if self._memory.dropout_seed is None:
                self._memory.dropout_seed = int(self._random_state.randint(2**31))
            dropped = Dropout(tuple(rates), self._memory.dropout_seed)
        rows, Y, checked = samples.from_rows(network, X, desired, weights)
        # scikit-learn divides alpha by the weights of a mini-batch, the engine by its rows
        mean = 1.0 if weights is None else float(weights[self._chosen].mean())
        return Task(
            rows,
            Y,
            min(int(size), n),
            parameters.get_optimizer(estimator),
            Regularization(alpha=float(estimator.alpha) / mean),
            estimator.n_threads,
            dropout=dropped,
            weights=checked,
        )

    def _resume(self) -> None:
        """Go on with the optimizer's state of the last call, where it is one of this solver."""
        kept = self._memory.optimizer
        if kept is not None and kept[0] == self._estimator.solver:
            self._trainer.restore(kept[1])

    def _learn(self, order: Array, advance: Callable[[int], None]) -> float:
        """One epoch; its loss, which is not finite where the parameters would not be."""
        epoch = len(self._estimator.loss_curve_) if self._incremental else self._estimator.n_iter_
        before = self._penalty()
        with np.errstate(over="ignore", invalid="ignore"):
            cost = self._trainer.run(order, self._rate.of(epoch), advance)
        steps = -(-len(order) // self._task.batch_size)
        # the mean over the steps, before each is taken, as if it went straight from one end to the other
        mean = before + (self._penalty() - before) * (steps - 1) / (2 * steps)
        penalty = mean * steps / len(order)
        return cost * self._estimator._loss_scale() + penalty

    def _penalty(self) -> float:
        """What alpha adds to the loss of a mini-batch, summed over its rows."""
        alpha = self._task.regularization.alpha
        if alpha == 0:
            return 0.0
        squares = math.fsum(float(np.vdot(w, w)) for w in self._network.weights)
        return 0.5 * alpha * squares

    def _record(self, loss: float, seconds: float) -> Epoch:
        """Show what an epoch came to, and count the epochs without improvement."""
        estimator = self._estimator
        self._finite = math.isfinite(loss)
        estimator.n_iter_ += 1
        estimator.loss_ = loss if self._finite else math.nan
        estimator.t_ += len(self._chosen)
        estimator.loss_curve_.append(estimator.loss_)
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
        measured = None
        if self._judge is not None:
            measured = self._judge.measure() if self._finite else Measured(math.nan, math.nan, math.nan, {})
            self._show(measured)
        self._count(measured)
        number = len(estimator.history_)
        epoch = Epoch(
            number,
            estimator.loss_,
            seconds,
            None if measured is None else measured.loss,
            None if measured is None or estimator.loss != "log_loss" else measured.own_score,
            self._rate.eta,
            {} if measured is None else {"score": measured.score, **measured.others},
        )
        estimator.history_.epochs.append(epoch)
        estimator.history_.diagnoses.append(None)
        return epoch

    def _show(self, measured: Measured) -> None:
        estimator = self._estimator
        if estimator.validation_loss_curve_ is None:
            estimator.validation_loss_curve_ = []
        if estimator.validation_scores_ is None:
            estimator.validation_scores_, estimator.best_validation_score_ = [], -np.inf
        estimator.validation_loss_curve_.append(measured.loss)
        estimator.validation_scores_.append(measured.score)
        if estimator.verbose:
            print(f"Validation score: {measured.score:f}")

    def _count(self, measured: Measured | None) -> None:
        estimator, memory = self._estimator, self._memory
        if measured is not None:
            best = _or(estimator.best_validation_score_, -math.inf)
            worse = measured.score < best + estimator.tol
            if measured.score > best:
                estimator.best_validation_score_ = measured.score
                estimator.history_.best_epoch = len(estimator.history_)
                if estimator.early_stopping:
                    memory.best = self._copies()
            if estimator.early_stopping:
                memory.waited = memory.waited + 1 if worse else 0
        if not estimator.early_stopping:
            best_loss = _or(estimator.best_loss_, math.inf)
            memory.waited = memory.waited + 1 if estimator.loss_ > best_loss - estimator.tol else 0
            if estimator.loss_ < best_loss:
                estimator.best_loss_ = estimator.loss_
            else:
                estimator.best_loss_ = best_loss

    def _has_converged(self) -> bool:
        """Whether to stop, now that nothing has improved for long: not if the learning rate is lowered."""
        estimator = self._estimator
        what = "Validation score" if estimator.early_stopping else "Training loss"
        said = (
            f"{what} did not improve more than tol={estimator.tol:f} for "
            f"{estimator.n_iter_no_change} consecutive epochs."
        )
        answer = self._rate.after_no_improvement()
        if estimator.verbose:
            print(f"{said} {answer}")
        if self._rate.has_ended:
            estimator.history_.stopped = said
            return True
        self._memory.waited = 0
        return False

    def _copies(self) -> list[Array]:
        return [p.copy() for p in self._network.weights + self._network.biases]


def _callbacks(value: Iterable[Callback] | Callback | None) -> list[Callback]:
    if value is None:
        return []
    callbacks: list[Callback] = [value] if callable(value) else list(value)
    for callback in callbacks:
        if not callable(callback):
            raise TypeError(f"callbacks must be functions of a nablanet.Epoch, got {callback!r}")
    return callbacks


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _any_true(answers: list[object]) -> bool:
    return any(isinstance(answer, (bool, np.bool_)) and bool(answer) for answer in answers)
