"""Samples held out of training, and how well the network does on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split

from nablanet import outputs, samples
from nablanet.shapes import Array

if TYPE_CHECKING:
    from nablanet.estimators.base import BaseMLP

# (estimator, X, y) -> a number, of which more is better
Scorer = Callable[..., float]


@dataclass(frozen=True)
class HeldOut:
    """X of shape (m, n_features) and y as a scorer wants them, y as the engine wants it, weights or none."""

    X: Any
    y: Array
    desired: Array
    weights: Array | None


@dataclass(frozen=True)
class Measured:
    """What an epoch came to on held-out samples: the mean loss, the score, and other scores by name."""

    loss: float
    score: float
    own_score: float
    others: dict[str, float]


def given_as(
    X_val: object, y_val: object, sample_weight_val: object, eval_set: object
) -> tuple[Any, Any, Any] | None:
    """The held-out data that `fit` was given in one of two ways; None where there is none.

    Raises ValueError or TypeError where the arguments do not go together.
    """
    if eval_set is not None:
        if X_val is not None or y_val is not None or sample_weight_val is not None:
            raise ValueError("held-out data is given twice: pass X_val and y_val, or eval_set")
        if not isinstance(eval_set, (list, tuple)) or len(eval_set) != 1:
            raise ValueError("eval_set must be a list with one pair, [(X_val, y_val)]")
        pair = eval_set[0]
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise ValueError("eval_set must be a list with one pair, [(X_val, y_val)]")
        return pair[0], pair[1], None
    if (X_val is None) != (y_val is None):
        raise ValueError("X_val and y_val go together: pass both or none")
    if X_val is None and sample_weight_val is not None:
        raise ValueError("sample_weight_val needs X_val and y_val")
    return None if X_val is None else (X_val, y_val, sample_weight_val)


def split(
    estimator: BaseMLP, n: int, desired: Array, random_state: np.random.RandomState
) -> tuple[Array, Array]:
    """The rows to learn from and those to hold out, drawn as scikit-learn draws them.

    Two classes keep their shares. Raises ValueError where too few rows are left to hold out.
    """
    stratify = desired.astype(bool) if is_classifier(estimator) and estimator.n_outputs_ == 1 else None
    learned, tested = train_test_split(
        np.arange(n),
        random_state=random_state,
        test_size=estimator.validation_fraction,
        stratify=stratify,
    )
    if len(tested) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
        )
    return learned, tested


class Judge:
    """Measures an estimator during training on what is held out. Raises ValueError for unknown scores."""

    def __init__(self, estimator: BaseMLP, held_out: HeldOut):
        self._estimator = estimator
        self._held_out = held_out
        network = estimator._link().network
        self._samples = samples.from_rows(network, held_out.X, held_out.desired, held_out.weights)
        self._score = None
        if estimator.scoring not in (None, "loss"):
            self._score = _scorer(estimator, estimator.scoring)
        self._others = {name: _scorer(estimator, s) for name, s in _named(estimator.metrics).items()}

    def measure(self) -> Measured:
        """What the network is worth now."""
        estimator = self._estimator
        network = estimator._link().network
        a, cost = outputs.evaluate(network, *self._samples, estimator.n_threads)
        loss = cost * estimator._loss_scale()
        own = estimator._own_score(self._held_out.y, a, self._held_out.weights)
        probe = _without_names(estimator)
        if self._score is not None:
            score = self._ask(self._score, probe)
        else:
            score = -loss if estimator.scoring == "loss" else own
        others = {name: self._ask(scorer, probe) for name, scorer in self._others.items()}
        return Measured(loss, score, own, others)

    def _ask(self, scorer: Scorer, estimator: BaseMLP) -> float:
        X, y, weights = self._held_out.X, self._held_out.y, self._held_out.weights
        if weights is None:
            return float(scorer(estimator, X, y))
        return float(scorer(estimator, X, y, sample_weight=weights))


def _scorer(estimator: BaseMLP, scoring: Any) -> Scorer:
    scorer: Scorer = check_scoring(estimator, scoring)
    return scorer


def _named(metrics: Mapping[str, Any] | Iterable[str] | None) -> dict[str, Any]:
    if metrics is None:
        return {}
    if isinstance(metrics, Mapping):
        return dict(metrics)
    return {name: name for name in metrics}


def _without_names(estimator: BaseMLP) -> BaseMLP:
    """The same estimator, which takes arrays without feature names for what they are."""
    probe = object.__new__(type(estimator))
    probe.__dict__ |= estimator.__dict__
    probe.__dict__.pop("feature_names_in_", None)
    return probe
