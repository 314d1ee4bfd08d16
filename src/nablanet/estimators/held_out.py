"""Samples held out of training, and how well the network does on them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import config_context
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split

from nablanet import outputs, samples
from nablanet.shapes import Array
from nablanet.training import Epoch

if TYPE_CHECKING:
    from nablanet.estimators.base import BaseMLP

_TAKEN = {field.name for field in fields(Epoch)} | {"score"}

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
        if X_val is not None or y_val is not None:
            raise ValueError("held-out data is given twice: pass X_val and y_val, or eval_set")
        if not isinstance(eval_set, (list, tuple)) or len(eval_set) != 1:
            raise ValueError("eval_set must be a list with one pair, [(X_val, y_val)]")
        pair = eval_set[0]
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise ValueError("eval_set must be a list with one pair, [(X_val, y_val)]")
        return pair[0], pair[1], sample_weight_val
    if (X_val is None) != (y_val is None):
        raise ValueError("X_val and y_val go together: pass both or none")
    if X_val is None and sample_weight_val is not None:
        raise ValueError("sample_weight_val needs X_val and y_val, or eval_set")
    return None if X_val is None else (X_val, y_val, sample_weight_val)


def split(
    estimator: BaseMLP, n: int, desired: Array, random_state: np.random.RandomState
) -> tuple[Array, Array]:
    """The rows to learn from and those to hold out, drawn as scikit-learn draws them.

    Two classes keep their shares. Raises ValueError where too few rows are left to hold out.
    """
    stratify = desired.astype(bool) if is_classifier(estimator) and estimator.n_outputs_ == 1 else None
    with config_context(skip_parameter_validation=True):  # which `fit` has done
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
        if held_out.weights is not None:
            self._try_weights()

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

    def _try_weights(self) -> None:
        """Refuse scorers that take no sample_weight before training begins, rather than after an epoch."""
        scorers = self._others if self._score is None else {"scoring": self._score, **self._others}
        for name, scorer in scorers.items():
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # an untrained network may do badly in many ways
                    self._ask(scorer, _without_names(self._estimator))
            except TypeError as error:
                raise TypeError(
                    f"{name} must take the sample_weight that the held-out samples have: {error}"
                ) from error

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
    named = dict(metrics) if isinstance(metrics, Mapping) else {name: name for name in metrics}
    for name in named:
        if not isinstance(name, str):
            raise TypeError(
                "metrics must be names of scikit-learn's scorers, or a dict from names to scorers, "
                f"got {name!r}"
            )
        if name in _TAKEN:
            raise ValueError(f"metrics has the name {name!r}, which every epoch has already; take another")
    return named


def _without_names(estimator: BaseMLP) -> BaseMLP:
    """The same estimator, which takes arrays without feature names for what they are."""
    probe = object.__new__(type(estimator))
    probe.__dict__ |= estimator.__dict__
    probe.__dict__.pop("feature_names_in_", None)
    return probe
