"""What an epoch came to: measured, shown in the estimator's attributes, printed, told to the callbacks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from nablanet.estimators.held_out import HeldOut, Judge, Measured
from nablanet.training import Callback, Epoch

if TYPE_CHECKING:
    from nablanet.estimators.base import BaseMLP


class Recorder:
    """Keeps the record of one call of `fit`.

    Raises ValueError or TypeError for callbacks, scoring and metrics of the estimator that are none, or
    where there is nothing that they could look at.
    """

    def __init__(self, estimator: BaseMLP, held_out: HeldOut | None):
        self._estimator = estimator
        self._callbacks = _callbacks(estimator.callbacks)
        if held_out is None:
            for name in ("scoring", "metrics"):
                if getattr(estimator, name):
                    # L-BFGS holds nothing out of its own accord, as in scikit-learn
                    or_else = "" if estimator.solver == "lbfgs" else ", or early_stopping=True"
                    raise ValueError(f"{name} is measured on held-out data: pass X_val and y_val{or_else}")
        self._judge = None if held_out is None else Judge(estimator, held_out)
        self._coefs, self._intercepts = list(estimator.coefs_), list(estimator.intercepts_)

    def measure(self, loss: float) -> Measured | None:
        """What the network is worth after an epoch with this training loss; None without held-out data.

        Nothing is measured where the loss is not finite: the parameters are then older than that epoch.
        It may take long, and Ctrl-C end it: nothing of the epoch is shown before.
        """
        if self._judge is None:
            return None
        return self._judge.measure() if math.isfinite(loss) else Measured(math.nan, math.nan, math.nan, {})

    def add(
        self, loss: float, seconds: float, eta: float | None, measured: Measured | None
    ) -> tuple[Epoch, bool]:
        """Show an epoch with this training loss; also whether its score is the best so far."""
        estimator = self._estimator
        if measured is not None:
            self._show(measured)
        history = estimator.history_
        best = measured is not None and measured.score > best_score(estimator)
        if measured is not None and best:
            estimator.best_validation_score_ = measured.score
            history.best_epoch = len(history)
        epoch = Epoch(
            len(history),
            loss,
            seconds,
            None if measured is None else measured.loss,
            None if measured is None or estimator.loss != "log_loss" else measured.own_score,
            eta,
            {} if measured is None else {"score": measured.score, **measured.others},
        )
        history.epochs.append(epoch)
        history.diagnoses.append(None)
        return epoch, best

    def tell(self, epoch: Epoch) -> bool:
        """Call the callbacks; whether one of them wants to end training."""
        answers = [callback(epoch) for callback in self._callbacks]
        self._take_in()
        if not any(isinstance(a, (bool, np.bool_)) and bool(a) for a in answers):
            return False
        self._estimator.history_.stopped = f"A callback ended training after epoch {epoch.epoch}."
        return True

    def _show(self, measured: Measured) -> None:
        estimator = self._estimator
        if estimator.validation_loss_curve_ is None:
            estimator.validation_loss_curve_ = []
        if getattr(estimator, "validation_scores_", None) is None:
            estimator.validation_scores_, estimator.best_validation_score_ = [], -np.inf
        scores = estimator.validation_scores_
        estimator.validation_loss_curve_.append(measured.loss)
        if scores is not None:
            scores.append(measured.score)
        if estimator.verbose:
            print(f"Validation score: {measured.score:f}")

    def _take_in(self) -> None:
        """Arrays that a callback has put in the place of those that train: their numbers go on training.

        Raises ValueError where their shapes are others.
        """
        estimator = self._estimator
        ours = self._coefs + self._intercepts
        theirs = [*estimator.coefs_, *estimator.intercepts_]
        if len(ours) == len(theirs) and all(a is b for a, b in zip(ours, theirs, strict=True)):
            return
        wanted, came = [a.shape for a in ours], [np.shape(a) for a in theirs]
        if wanted != came:
            raise ValueError(
                f"a callback must leave coefs_ and intercepts_ their shapes {wanted}, but they are {came}"
            )
        for parameter, value in zip(ours, theirs, strict=True):
            parameter[...] = value
        estimator.coefs_, estimator.intercepts_ = list(self._coefs), list(self._intercepts)


def best_score(estimator: BaseMLP) -> float:
    """The best validation score so far; below every number where there is none."""
    best = getattr(estimator, "best_validation_score_", None)
    return -math.inf if best is None else best


def _callbacks(value: Iterable[Callback] | Callback | None) -> list[Callback]:
    if value is None:
        return []
    callbacks: list[Callback] = [value] if callable(value) else list(value)
    for callback in callbacks:
        if not callable(callback):
            raise TypeError(f"callbacks must be functions of a nablanet.Epoch, got {callback!r}")
    return callbacks
