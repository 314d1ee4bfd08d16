"""What the estimators print, warn of and refuse, against scikit-learn."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

import nablanet as nn
from sklearn_pairs import data, pair

Train = Callable[[Any], object]
NUMBER = re.compile(r"-?\d+\.\d{8}")
BASE = {"hidden_layer_sizes": (5,), "max_iter": 6, "random_state": 0}
X, CLASSES = data("classes")
_, BINARY = data("binary")
_, TARGET = data("target")
STOPS: dict[str, Any] = {"max_iter": 300, "tol": 1e-2, "n_iter_no_change": 2}
ADAPTIVE = {"solver": "sgd", "learning_rate": "adaptive"}


def on(y: Any) -> Train:
    return lambda e: e.fit(X, y)


def in_pieces(y: Any) -> Train:
    def train(e: Any) -> None:
        more: dict[str, Any] = {} if isinstance(y[0], float) else {"classes": np.unique(y)}
        for _ in range(6):
            e.partial_fit(X, y, **more)

    return train


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("kind", "train", "settings"),
    [
        ("binary", on(BINARY), {}),
        ("binary", on(BINARY), {"verbose": 10}),
        ("classes", on(CLASSES), STOPS),
        ("classes", on(CLASSES), {"tol": 1e9, "n_iter_no_change": np.inf}),
        ("classes", on(CLASSES), STOPS | {"early_stopping": True}),
        ("target", on(TARGET), STOPS | {"early_stopping": True}),
        ("labels", on(data("labels")[1]), STOPS | {"early_stopping": True}),
        ("classes", on(CLASSES), STOPS | ADAPTIVE),
        ("classes", on(CLASSES), STOPS | ADAPTIVE | {"early_stopping": True}),
        ("target", on(TARGET), STOPS | ADAPTIVE | {"learning_rate_init": 1e-7}),
        ("classes", in_pieces(CLASSES), {"tol": 10.0, "n_iter_no_change": 2}),
        ("classes", in_pieces(CLASSES), ADAPTIVE | {"tol": 10.0, "n_iter_no_change": 2}),
        ("target", in_pieces(TARGET), {"tol": 10.0, "n_iter_no_change": 2}),
    ],
)
def test_verbose_prints_scikit_learns_lines(
    kind: str, train: Train, settings: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = []
    for estimator in pair(kind, **{"verbose": True} | BASE | settings):
        train(estimator)
        lines.append(capsys.readouterr().out.splitlines())
    assert len(lines[0]) > 1
    for theirs, ours in zip(*lines, strict=True):
        assert NUMBER.sub("", ours) == NUMBER.sub("", theirs)
        expected = [float(n) for n in NUMBER.findall(theirs)]
        assert [float(n) for n in NUMBER.findall(ours)] == pytest.approx(expected, rel=2e-5)


def interrupted(e: Any) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    if isinstance(e, (nn.MLPClassifier, nn.MLPRegressor)):
        e.set_params(callbacks=[stop])
    else:
        e._update_no_improvement_count = stop
    e.fit(X, BINARY)


@pytest.mark.parametrize(
    ("kind", "train", "settings"),
    [
        ("binary", on(BINARY), {}),
        ("target", on(TARGET), {}),
        ("binary", on(BINARY), {"batch_size": 1000}),
        ("binary", in_pieces(BINARY), {"batch_size": 1000}),
        ("binary", interrupted, {}),
        ("binary", on(BINARY), {"solver": "lbfgs", "max_iter": 3}),
        ("binary", on(BINARY), {"solver": "lbfgs", "max_iter": 50, "max_fun": 3}),
        ("binary", on(BINARY[:, None]), {}),
        ("target", on(TARGET[:, None]), {}),
        ("target", lambda e: e.partial_fit(X, TARGET[:, None]), {}),
    ],
)
def test_warnings_are_scikit_learns_and_name_the_users_line(
    kind: str, train: Train, settings: dict[str, Any]
) -> None:
    said = []
    for estimator in pair(kind, **BASE | settings):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            train(estimator)
        said.append([(w.category, str(w.message)) for w in found])
    assert said[0]
    assert said[1] == said[0]
    assert {w.filename for w in found} == {__file__}


def fitted(then: Train) -> Train:
    """What is done to a classifier that knows a, b and c."""
    return lambda e: then(e.set_params(max_iter=300, tol=1.0).fit(X, CLASSES))


WRONG: dict[str, tuple[Train, dict[str, Any]]] = {
    "fewer features": (fitted(lambda e: e.predict(X[:, :3])), {}),
    "fewer features, proba": (fitted(lambda e: e.predict_proba(X[:, :3])), {}),
    "one row, not two-dimensional": (fitted(lambda e: e.predict(X[0])), {}),
    "nan": (fitted(lambda e: e.predict(X * np.nan)), {}),
    "no rows": (fitted(lambda e: e.predict(X[:0])), {}),
    "complex": (fitted(lambda e: e.predict(X + 1j)), {}),
    "words": (fitted(lambda e: e.predict(X.astype(str))), {}),
    "not fitted": (lambda e: e.predict(X), {}),
    "not fitted, proba": (lambda e: e.predict_proba(X), {}),
    "other length": (lambda e: e.fit(X, CLASSES[:-1]), {}),
    "nan to fit": (lambda e: e.fit(X * np.nan, CLASSES), {}),
    "no y": (lambda e: e.fit(X, None), {}),
    "continuous y": (on(TARGET), {}),
    "several classes a row": (on(np.column_stack([CLASSES, CLASSES])), {}),
    "several numbers a row": (on(np.column_stack([TARGET, TARGET])), {}),
    "unseen class": (fitted(lambda e: e.partial_fit(X, np.array(list("abd"))[BINARY + 1])), {}),
    "unseen class at first": (lambda e: e.partial_fit(X, CLASSES, classes=["a", "b"]), {}),
    "other classes": (fitted(lambda e: e.partial_fit(X, CLASSES, classes=list("abd"))), {}),
    "no classes": (lambda e: e.partial_fit(X, CLASSES), {}),
    "partial_fit, fewer features": (fitted(lambda e: e.partial_fit(X[:, :3], CLASSES)), {}),
    "partial_fit, lbfgs": (lambda e: e.partial_fit(X, CLASSES), {"solver": "lbfgs"}),
    "warm start, other classes": (fitted(on(BINARY)), {"warm_start": True}),
    "warm start, fewer features": (fitted(lambda e: e.fit(X[:, :3], CLASSES)), {"warm_start": True}),
    "no neurons": (on(CLASSES), {"hidden_layer_sizes": (5, 0)}),
    "fewer than none": (on(CLASSES), {"hidden_layer_sizes": [-1]}),
    "half a neuron": (on(CLASSES), {"hidden_layer_sizes": (5.5,)}),
    "labels in a sparse column": (lambda e: e.fit(X, csr_matrix(BINARY[:, None])), {}),
    "weights, other length": (lambda e: e.fit(X, CLASSES, np.ones(5)), {}),
    "weights, two-dimensional": (lambda e: e.fit(X, CLASSES, np.ones((len(X), 2))), {}),
    "weights, nan": (lambda e: e.fit(X, CLASSES, np.full(len(X), np.nan)), {}),
    "weights, zero": (lambda e: e.fit(X, CLASSES, np.zeros(len(X))), {}),
    "weights, words": (lambda e: e.fit(X, CLASSES, ["a"] * len(X)), {}),
    "too few held out": (lambda e: e.fit(X[:10], BINARY[:10]), {"early_stopping": True}),
    "nothing held out": (on(CLASSES), {"early_stopping": True, "validation_fraction": 0.0}),
    "score, other length": (fitted(lambda e: e.score(X, CLASSES[:3])), {}),
}
# parameters that take more here tell so; their texts begin alike
PARAMETERS: dict[str, Any] = {
    "hidden_layer_sizes": 0,
    "alpha": -1,
    "batch_size": 20.0,
    "learning_rate_init": 0,
    "power_t": -1,
    "max_iter": 0,
    "shuffle": "true",
    "random_state": "a",
    "tol": -1,
    "verbose": "x",
    "warm_start": None,
    "momentum": 2,
    "nesterovs_momentum": 3,
    "early_stopping": "x",
    "validation_fraction": 1.0,
    "beta_1": 1.0,
    "beta_2": -1,
    "epsilon": 0,
    "n_iter_no_change": 2.0,
    "max_fun": 0,
}
MORE = {"activation": "step", "solver": "newton", "learning_rate": "falling"}


def refusals(kind: str, train: Train, settings: dict[str, Any]) -> tuple[list[list[str]], list[str]]:
    """What scikit-learn's estimator raises, and this package's: types and texts."""
    types, texts = [], []
    for estimator in pair(kind, **BASE | settings):
        with pytest.raises((ValueError, TypeError, AttributeError)) as caught:
            train(estimator)
        types.append([t.__name__ for t in caught.type.__mro__])
        texts.append(str(caught.value))
    assert types[0] == types[1]
    return types, texts


@pytest.mark.parametrize("what", WRONG)
def test_wrong_data_is_refused_in_scikit_learns_words(what: str) -> None:
    _, (theirs, ours) = refusals("classes", *WRONG[what])
    assert ours == theirs


@pytest.mark.parametrize("name", PARAMETERS)
def test_wrong_parameters_are_refused_in_scikit_learns_words(name: str) -> None:
    _, (theirs, ours) = refusals("classes", on(CLASSES), {name: PARAMETERS[name]})
    assert ours == theirs


@pytest.mark.parametrize("name", MORE)
def test_parameters_that_take_more_are_refused_alike(name: str) -> None:
    _, texts = refusals("classes", on(CLASSES), {name: MORE[name]})
    beginnings = [text.split("{")[0] for text in texts]
    assert beginnings[0] == beginnings[1]
    assert texts[1].endswith(f"Got {MORE[name]!r} instead.")


def test_partial_fit_with_early_stopping_asks_for_held_out_data() -> None:
    for kind, y in ("classes", CLASSES), ("target", TARGET):
        _, (theirs, ours) = refusals(kind, in_pieces(y), {"early_stopping": True})
        assert ours.startswith(theirs)
