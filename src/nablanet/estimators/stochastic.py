"""Training on mini-batches with scikit-learn's rules: when to stop, what to warn of, what to print.

The steps are the engine's. The order of the samples, the learning rates and the rules for stopping are
scikit-learn's, so that one random state gives the same run in both, up to rounding.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from nablanet import engine, samples
from nablanet.dropout import Dropout
from nablanet.estimators import parameters
from nablanet.estimators.held_out import HeldOut
from nablanet.estimators.rates import LearningRate
from nablanet.estimators.recording import Recorder, best_score
from nablanet.estimators.warned import warn
from nablanet.network import Network
from nablanet.progress import progress_bar
from nablanet.regularization import Regularization
from nablanet.shapes import Array
from nablanet.state import assign
from nablanet.training import Epoch, Task

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


class Run:
    """One call of `fit` or, `incremental`, of `partial_fit`: prepared here, nothing changes before `train`.

    network: the estimator's. chosen: the rows of X to learn from. Raises ValueError or TypeError for
    settings that do not go with the data.
    """

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
        self._memory = copy.copy(estimator._memory)
        self._recorder = Recorder(estimator, held_out)
        self._task = self._make_task(X, desired, weights)
        self._trainer = engine.Trainer(network, self._task)
        self._resume()
        n_batches = -(-len(chosen) // self._task.batch_size)
        self._rate = LearningRate(estimator, n_batches, held_out is not None, incremental)
        self._finite = True

    def train(self) -> None:
        """Train, and keep what another call goes on from.

        Raises ValueError where the parameters are no longer finite; the network then keeps the last that
        were.
        """
        self._estimator._memory = self._memory
        if not self._incremental and self._estimator.history_.epochs:
            # going on, what is there now trains, and comes back unless an epoch beats the record
            self._memory.best = None
        elif self._estimator.early_stopping and self._memory.best is None:
            self._memory.best = self._copies()
        try:
            self._epochs()
        except KeyboardInterrupt:
            warn("Training interrupted by user.")
        finally:
            self._keep_state()
        self._end()

    def _epochs(self) -> None:
        """One epoch after the other, until something ends training."""
        estimator, memory = self._estimator, self._memory
        order = self._chosen.copy()
        estimator.n_iter_ = 0
        estimator.history_.stopped = None
        planned = 1 if self._incremental else estimator.max_iter
        with progress_bar(planned * len(order), enabled=estimator.progress) as bar:
            for _ in range(estimator.max_iter):
                if estimator.shuffle:
                    self._random_state.shuffle(order)
                started = perf_counter()
                cost = self._learn(order, bar.advance)
                epoch = self._record(cost, perf_counter() - started)
                bar.tell(epoch, estimator.history_.best_epoch)
                if not self._finite:
                    estimator.history_.stopped = f"Training diverged in epoch {epoch.epoch}."
                    break
                self._rate.end_epoch(epoch)
                asked = self._recorder.tell(epoch)
                if memory.waited > estimator.n_iter_no_change and self._has_converged():
                    break
                if asked or self._incremental:
                    break
                if estimator.n_iter_ == estimator.max_iter:
                    warn(
                        f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the "
                        "optimization hasn't converged yet.",
                        ConvergenceWarning,
                    )

    def _keep_state(self) -> None:
        # after divergence the optimizer's numbers are as useless as the parameters that it made
        kept = (self._estimator.solver, self._trainer.state()) if self._finite else None
        self._memory.optimizer = kept
        self._memory.eta = self._rate.eta

    def _end(self) -> None:
        """The best parameters, where early stopping looked for them; a word where training diverged."""
        estimator, memory = self._estimator, self._memory
        stopped = memory.waited > estimator.n_iter_no_change
        if estimator.early_stopping and memory.best is not None and (stopped or not self._incremental):
            assign(self._network.weights + self._network.biases, memory.best)
        if self._incremental and stopped and estimator.early_stopping:
            memory.waited = 0
        if self._finite:
            return
        if not estimator.early_stopping:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and "
                "need to be preprocessed."
            )
        warn(
            f"Training diverged in iteration {estimator.n_iter_}: the loss is no longer finite. The weights "
            "of the best validation score are kept.",
            ConvergenceWarning,
        )

    def _make_task(self, X: Any, desired: Array, weights: Array | None) -> Task:
        estimator, network, n = self._estimator, self._network, len(self._chosen)
        size = estimator.batch_size
        if size == "auto":
            size = min(_BATCH, n)
        elif int(size) > n:
            warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped")
        rates = parameters.dropout(estimator, network.sizes)
        rows, Y, checked = samples.from_rows(network, X, desired, weights, finite=X.dtype == network.dtype)
        scale = 1.0
        if weights is not None and checked is not None:
            if not weights[self._chosen].any():
                raise ValueError("the samples to learn from must not all have the weight 0")
            scale = float(checked.max() / weights.max())  # the weights are scaled, and alpha with them
        dropped = None
        if any(rates):
            if self._memory.dropout_seed is None or not self._goes_on():
                self._memory.dropout_seed = int(self._random_state.randint(2**31))
            dropped = Dropout(rates, self._memory.dropout_seed)
        return Task(
            rows,
            Y,
            min(int(size), n),
            parameters.get_optimizer(estimator),
            Regularization(alpha=float(estimator.alpha) * scale),
            estimator.n_threads,
            dropout=dropped,
            weights=checked,
            sum_squares=bool(estimator.alpha > 0),
            by_weight=weights is not None,
        )

    def _goes_on(self) -> bool:
        """Whether the last call left the state of this very optimizer."""
        kept = self._memory.optimizer
        return kept is not None and kept[0] == self._estimator.solver

    def _resume(self) -> None:
        """Go on with the optimizer's state of the last call, in the float type that the parameters have."""
        if self._memory.optimizer is None or not self._goes_on():
            return
        dtype = self._network.dtype
        self._trainer.restore(
            {
                name: value if name == "steps" else [a.astype(dtype) for a in value]
                for name, value in self._memory.optimizer[1].items()
            }
        )

    def _learn(self, order: Array, advance: Callable[[int], None]) -> float:
        """One epoch; its loss, which is not finite where the parameters would not be."""
        epoch = len(self._estimator.loss_curve_) if self._incremental else self._estimator.n_iter_
        with np.errstate(over="ignore", invalid="ignore"):
            cost = self._trainer.run(order, self._rate.of(epoch), advance)
        penalty = 0.5 * self._task.regularization.alpha * self._trainer.weight_squares / len(order)
        return cost * self._estimator._loss_scale() + penalty

    def _record(self, loss: float, seconds: float) -> Epoch:
        """Show what an epoch came to, and count the epochs without improvement."""
        estimator, memory = self._estimator, self._memory
        self._finite = math.isfinite(loss)
        measured = self._recorder.measure(loss)
        estimator.n_iter_ += 1
        estimator.loss_ = loss if self._finite else math.nan
        estimator.t_ += len(self._chosen)
        estimator.loss_curve_.append(estimator.loss_)
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
        score_before = best_score(estimator)
        epoch, best = self._recorder.add(estimator.loss_, seconds, self._rate.eta, measured)
        if best and estimator.early_stopping:
            memory.best = self._copies()
        if estimator.early_stopping:
            worse = epoch.metrics["score"] < score_before + estimator.tol
        else:
            least = math.inf if estimator.best_loss_ is None else estimator.best_loss_
            worse = estimator.loss_ > least - estimator.tol
            estimator.best_loss_ = estimator.loss_ if estimator.loss_ < least else least
        memory.waited = memory.waited + 1 if worse else 0
        return epoch

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
