"""The learning rate of each epoch: scikit-learn's three rules, and the package's schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nablanet.schedules import Plateau, Rates, get_schedule
from nablanet.shapes import Array
from nablanet.training import Epoch

if TYPE_CHECKING:
    from nablanet.estimators.base import BaseMLP

_LEAST = 1e-6  # at which the adaptive rule gives up
_DIVISOR = 5.0
_PATIENCE = 10  # of the plateau, where training waits for ever
_SCHEDULES = ("cosine", "one_cycle", "plateau")


class LearningRate:
    """The rates of one call of `fit`, of mini-batches by n_batches.

    eta: the rate of the last step. has_ended: whether the rate is not to be lowered any more.
    scikit-learn's rules are for solver "sgd" alone, as they are there; the schedules are for every one.
    """

    def __init__(self, estimator: BaseMLP, n_batches: int, held_out: bool, incremental: bool):
        self._estimator = estimator
        self._n_batches = n_batches
        self._init = float(estimator.learning_rate_init)
        rule = estimator.learning_rate
        self._rule = rule if rule in _SCHEDULES or estimator.solver in ("sgd", "nesterov") else "constant"
        self._rates: Rates | None = None
        if rule in _SCHEDULES:
            plan = _plateau(estimator, held_out) if rule == "plateau" else get_schedule(rule)
            self._rates = Rates(plan, self._init, n_batches, estimator.max_iter, estimator.history_.epochs)
        self.has_ended = False
        self.eta = self._init
        if self._rule == "adaptive" and incremental and estimator._memory.eta is not None:
            self.eta = estimator._memory.eta
        if self._rule == "invscaling" and estimator.t_ > 0:
            self.eta = self._scaled()

    def of(self, epoch: int) -> Array:
        """The rates of the mini-batches of an epoch of this call, shape (n_batches,)."""
        if self._rates is None:
            return np.full(self._n_batches, self.eta)
        etas = self._rates.of(min(epoch, self._estimator.max_iter - 1))
        self.eta = float(etas[-1])
        return etas

    def end_epoch(self, epoch: Epoch) -> None:
        """Take in what an epoch came to."""
        if self._rates is not None:
            self._rates.see(epoch)
        if self._rule == "invscaling":
            self.eta = self._scaled()

    def after_no_improvement(self) -> str:
        """Lower the rate, or end training: what is done, as scikit-learn tells it."""
        if self._rule != "adaptive":
            self.has_ended = True
            return "Stopping."
        if self.eta <= _LEAST:
            self.has_ended = True
            return "Learning rate too small. Stopping."
        self.eta /= _DIVISOR
        return f"Setting learning rate to {self.eta:f}"

    def _scaled(self) -> float:
        return self._init / (self._estimator.t_ + 1) ** float(self._estimator.power_t)


def _plateau(estimator: BaseMLP, held_out: bool) -> Plateau:
    """Lowers the rate after half of the epochs that training waits, so that it can help before the end."""
    waits = estimator.n_iter_no_change
    return Plateau(
        patience=_PATIENCE if np.isinf(waits) else max(1, int(waits) // 2),
        metric="validation_cost" if held_out else "cost",
        min_delta=float(estimator.tol),
    )
