"""Data and pairs of estimators, scikit-learn's and this package's, for tests that compare them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import neural_network

import nablanet as nn

M, N = 90, 6
CLASSIFIED = ("binary", "classes", "labels")
KINDS = (*CLASSIFIED, "target", "targets", "poisson")


@cache
def data(kind: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any]]:
    """X of shape (M, N) and a y of this kind, which a network can learn somewhat."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(M, N))
    signal = X @ rng.normal(size=(N, 3)) + 0.3 * rng.normal(size=(M, 3))
    y = {
        "binary": (signal[:, 0] > 0).astype(int),
        "classes": np.array(list("abc"))[signal.argmax(axis=1)],
        "labels": (signal > 0).astype(int),
        "target": signal[:, 0],
        "targets": signal,
        "poisson": np.exp(0.3 * signal[:, 0]),
    }
    return X, y[kind]


def pair(kind: str, **settings: Any) -> tuple[Any, Any]:
    """scikit-learn's estimator and this package's, with these settings."""
    name = "MLPClassifier" if kind in CLASSIFIED else "MLPRegressor"
    if kind == "poisson":
        settings["loss"] = "poisson"
    return getattr(neural_network, name)(**settings), getattr(nn, name)(**settings)


def both(kind: str, train: Callable[[Any], object], **settings: Any) -> tuple[Any, Any]:
    """A pair, each trained by the function."""
    theirs, ours = pair(kind, **settings)
    train(theirs)
    train(ours)
    return theirs, ours


def check_same_coefs(theirs: Any, ours: Any, atol: float = 1e-12) -> None:
    """The same shapes, dtypes and numbers, up to rounding."""
    assert len(theirs.coefs_) == len(ours.coefs_) == len(ours.intercepts_)
    for a, b in zip(theirs.coefs_ + theirs.intercepts_, ours.coefs_ + ours.intercepts_, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(b, a, rtol=0, atol=atol)


def check_same_progress(theirs: Any, ours: Any, rtol: float = 1e-9, atol: float = 1e-12) -> None:
    """The same attributes that tell how training went, up to rounding."""
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in ("loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"):
        expected: Any = getattr(theirs, name, None)
        found: Any = getattr(ours, name, None)
        assert (expected is None) == (found is None), name
        if expected is not None:
            np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol, err_msg=name)
