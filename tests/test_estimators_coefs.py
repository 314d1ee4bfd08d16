"""`coefs_` and `intercepts_` are the truth: what is written into them predicts and trains."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn import neural_network
from sklearn.base import clone

import nablanet as nn
from sklearn_pairs import both, check_same_coefs, check_same_progress, data

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, CLASSES = data("classes")
SETTINGS = {"hidden_layer_sizes": (7, 4), "max_iter": 3, "random_state": 1, "batch_size": 20}
Change = Callable[[Any], None]


def in_place(e: Any) -> None:
    e.coefs_[0][2] *= -3
    e.coefs_[1] += 0.5
    e.intercepts_[2][:] = [0.1, -0.2, 0.3]


def items(e: Any) -> None:
    e.coefs_[1] = e.coefs_[1] * 1.5
    e.intercepts_[0] = np.arange(7) / 10


def whole_lists(e: Any) -> None:
    e.coefs_ = [c + 0.1 for c in e.coefs_]
    e.intercepts_ = [b - 0.1 for b in e.intercepts_]


def fortran(e: Any) -> None:
    e.coefs_ = [np.asfortranarray(c * 2) for c in e.coefs_]


def c_order(e: Any) -> None:
    e.coefs_ = [np.ascontiguousarray(c * 2) for c in e.coefs_]


def slices(e: Any) -> None:
    e.coefs_ = [np.repeat(c, 2, axis=1)[:, ::2] * 2 for c in e.coefs_]
    e.intercepts_ = [np.repeat(b, 3)[::3] for b in e.intercepts_]


CHANGES: list[Change] = [in_place, items, whole_lists, fortran, c_order, slices]


def nothing(e: Any) -> Any:
    return e


def unpickled(e: Any) -> Any:
    return pickle.loads(pickle.dumps(e))


def through_joblib(e: Any) -> Any:
    file = io.BytesIO()
    joblib.dump(e, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize("again", [nothing, unpickled, copy.deepcopy, copy.copy, through_joblib])
@pytest.mark.parametrize("change", CHANGES)
def test_what_is_written_predicts_and_trains(change: Change, again: Callable[[Any], Any]) -> None:
    """Everything that the estimators answer, before and after they train on."""
    pair = both("classes", lambda e: e.fit(X, CLASSES), **SETTINGS)
    pair[1].predict(X)  # what may be kept of the old parameters must not be used
    for estimator in pair:
        change(estimator)
    check_same_answers(*pair)
    theirs, ours = (again(estimator) for estimator in pair)
    check_same_coefs(theirs, ours)
    check_same_answers(theirs, ours)
    change(ours)
    change(theirs)
    check_same_answers(theirs, ours)
    for estimator in theirs, ours:
        estimator.partial_fit(X, CLASSES)
    check_same_coefs(theirs, ours)
    check_same_answers(theirs, ours)


def check_same_answers(theirs: Any, ours: Any) -> None:
    for rows in (X, X[:1]):
        np.testing.assert_allclose(ours.predict_proba(rows), theirs.predict_proba(rows), rtol=0, atol=1e-12)
        np.testing.assert_array_equal(ours.predict(rows), theirs.predict(rows))
        proba = 1 / (1 + np.exp(-ours.decision_function(rows)))
        np.testing.assert_allclose(proba, theirs.predict_proba(rows), rtol=0, atol=1e-12)
        hidden = np.maximum(rows @ theirs.coefs_[0] + theirs.intercepts_[0], 0)
        np.testing.assert_allclose(ours.transform(rows, layer=0), hidden, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int64, np.longdouble])
def test_other_dtypes(dtype: type) -> None:
    """Numbers of any type are taken for what they are, also those written later."""
    _, ours = both("classes", lambda e: e.fit(X, CLASSES), **SETTINGS)
    theirs, _ = both("classes", lambda e: e.fit(X, CLASSES), **SETTINGS)
    for estimator in theirs, ours:
        estimator.coefs_ = [(10 * c).astype(dtype) for c in estimator.coefs_]
    for _ in range(2):
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=0, atol=1e-6)
        for estimator in theirs, ours:
            estimator.coefs_[0][1] = 2
    before = ours.predict_proba(X)
    ours.partial_fit(X, CLASSES)
    assert np.abs(ours.predict_proba(X) - before).max() > 1e-6


def test_lists_of_lists() -> None:
    _, ours = both("classes", lambda e: e.fit(X, CLASSES), **SETTINGS)
    expected = ours.predict_proba(X)
    ours.coefs_ = tuple(c.tolist() for c in ours.coefs_)
    ours.intercepts_ = [b.tolist() for b in ours.intercepts_]
    np.testing.assert_array_equal(ours.predict_proba(X), expected)
    ours.partial_fit(X, CLASSES)


def test_read_only_arrays() -> None:
    """They predict; training puts others in their place, as they must stay as they are."""
    theirs, ours = both("classes", lambda e: e.fit(X, CLASSES), **SETTINGS)
    for parameter in ours.coefs_ + ours.intercepts_:
        parameter.flags.writeable = False
    kept = list(ours.coefs_)
    before = [c.copy() for c in kept]
    check_same_answers(theirs, ours)
    for estimator in theirs, ours:
        estimator.partial_fit(X, CLASSES)
    check_same_answers(theirs, ours)
    for new, old, value in zip(ours.coefs_, kept, before, strict=True):
        assert new is not old
        np.testing.assert_array_equal(old, value)


def test_memory_mapped(tmp_path: Path) -> None:
    theirs, ours = both("classes", lambda e: e.fit(X, CLASSES), **SETTINGS)
    joblib.dump(ours, tmp_path / "estimator")
    mapped = joblib.load(tmp_path / "estimator", mmap_mode="r")
    check_same_answers(theirs, mapped)
    for estimator in theirs, mapped:
        estimator.partial_fit(X, CLASSES)
    check_same_answers(theirs, mapped)


def test_a_clone_begins_anew() -> None:
    _, ours = both("classes", lambda e: e.fit(X, CLASSES), **SETTINGS)
    first = [c.copy() for c in ours.coefs_]
    ours.coefs_[0][:] = 0
    again = clone(ours)
    assert not hasattr(again, "coefs_")
    again.fit(X, CLASSES)
    for a, b in zip(again.coefs_, first, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_copy_is_its_own() -> None:
    _, ours = both("classes", lambda e: e.fit(X, CLASSES), **SETTINGS)
    expected = ours.predict_proba(X)
    copied = copy.deepcopy(ours)
    copied.coefs_[0][:] = 0
    copied.partial_fit(X, CLASSES)
    np.testing.assert_array_equal(ours.predict_proba(X), expected)


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_warm_start_begins_with_what_is_written(solver: str) -> None:
    """As scikit-learn's does, also with another network's parameters put in."""
    start = neural_network.MLPClassifier(**SETTINGS | {"random_state": 9}).fit(X, CLASSES)

    def train(e: Any) -> None:
        e.set_params(solver="sgd", momentum=0, max_iter=1).fit(X, CLASSES)
        e.coefs_, e.intercepts_ = copy.deepcopy((start.coefs_, start.intercepts_))
        e.set_params(solver=solver, max_iter=5).fit(X, CLASSES)

    theirs, ours = both("classes", train, **SETTINGS | {"warm_start": True})
    check_same_coefs(theirs, ours, atol=1e-9)
    check_same_progress(theirs, ours)
    assert isinstance(ours, nn.MLPClassifier)


def test_arrays_of_other_shapes_are_refused() -> None:
    _, ours = both("classes", lambda e: e.fit(X, CLASSES), **SETTINGS)
    kept = ours.coefs_[1]
    ours.coefs_[1] = kept[:, :2]
    with pytest.raises(ValueError):
        ours.predict(X)
    ours.coefs_[1] = kept
    ours.intercepts_[0] = np.zeros(3)
    with pytest.raises(ValueError):
        ours.predict(X)
