"""Odd inputs of every kind: the estimators refuse what scikit-learn's refuse, and nothing has changed."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.neural_network as peers

import nablanet
from odd_inputs import (
    DESIRED,
    FLOAT_FORMS,
    FORMS,
    LABEL_FORMS,
    LABELS,
    WEIGHTS,
    WRONG_DESIRED,
    WRONG_LABELS,
    WRONG_WEIGHTS,
    WRONG_X,
    Wrong,
    X,
)

# warnings are scikit-learn's about the data; errors are what counts here
pytestmark = pytest.mark.filterwarnings("ignore")

# what scikit-learn takes without a word, and this package does not: weights that would climb the loss
STRICTER = {"below 0"}
# what a refusal may be; an integer beyond all floats overflows within NumPy, in both
REFUSED = (ValueError, TypeError, OverflowError)


def outcome(module: Any, name: str, *arguments: Any) -> tuple[Any, Exception | None]:
    """A fitted estimator on which these arguments were tried, and the error."""
    estimator = getattr(module, name)(hidden_layer_sizes=(4,), max_iter=2, random_state=0)
    estimator.fit(X, LABELS if name == "MLPClassifier" else DESIRED)
    before = pickle.dumps([estimator.coefs_, estimator.intercepts_, estimator.n_features_in_])
    try:
        estimator.fit(*arguments)
    except Exception as error:
        after = pickle.dumps([estimator.coefs_, estimator.intercepts_, estimator.n_features_in_])
        if module is nablanet:
            assert after == before
        return estimator, error
    return estimator, None


def compare(name: str, case: Wrong, *arguments: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, theirs = outcome(peers, name, *arguments)
        ours, error = outcome(nablanet, name, *arguments)
    if error is None:
        assert theirs is None
        assert all(np.isfinite(c).all() for c in ours.coefs_)
    else:
        assert isinstance(error, REFUSED)
        assert str(error)
        assert theirs is not None or case.name in STRICTER


@pytest.mark.parametrize("case", WRONG_X, ids=str)
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_rows(name: str, case: Wrong) -> None:
    compare(name, case, case.value, LABELS if name == "MLPClassifier" else DESIRED)


@pytest.mark.parametrize("case", WRONG_LABELS, ids=str)
def test_labels(case: Wrong) -> None:
    compare("MLPClassifier", case, X, case.value)


@pytest.mark.parametrize("case", WRONG_DESIRED, ids=str)
def test_targets(case: Wrong) -> None:
    compare("MLPRegressor", case, X, case.value)


@pytest.mark.parametrize("case", WRONG_WEIGHTS, ids=str)
def test_sample_weights(case: Wrong) -> None:
    compare("MLPClassifier", case, X, LABELS, case.value)


@pytest.mark.parametrize("case", WRONG_X, ids=str)
def test_rows_to_predict(case: Wrong) -> None:
    ours = nablanet.MLPClassifier((4,), max_iter=2, random_state=0).fit(X, LABELS)
    theirs = peers.MLPClassifier((4,), max_iter=2, random_state=0).fit(X, LABELS)
    answers = []
    for estimator in (ours, theirs):
        try:
            answers.append(estimator.predict_proba(case.value))
        except REFUSED as error:
            answers.append(error)
    if isinstance(answers[0], Exception):
        assert isinstance(answers[1], REFUSED)
        if type(answers[1]) is ValueError:
            assert str(answers[0]) == str(answers[1])
    else:
        np.testing.assert_allclose(answers[0], answers[1])


def test_the_sound_data_of_all_cases_is_taken() -> None:
    nablanet.MLPClassifier((4,), max_iter=2, random_state=0).fit(X, LABELS, WEIGHTS)


@pytest.mark.parametrize("form", [*FORMS, *FLOAT_FORMS])
def test_every_form_of_the_same_rows_gives_the_same_bits(form: str) -> None:
    same = (FORMS | FLOAT_FORMS)[form](X)
    fitted = [
        nablanet.MLPClassifier((4,), max_iter=3, random_state=0, dtype="float64").fit(rows, LABELS)
        for rows in (X, same)
    ]
    assert fitted[0].coefs_[0].tobytes() == fitted[1].coefs_[0].tobytes()
    assert fitted[0].predict_proba(X).tobytes() == fitted[0].predict_proba(same).tobytes()


@pytest.mark.parametrize("form", LABEL_FORMS)
def test_every_form_of_the_same_labels_gives_the_same_bits(form: str) -> None:
    fitted = [
        nablanet.MLPClassifier((4,), max_iter=3, random_state=0).fit(X, y)
        for y in (LABELS, LABEL_FORMS[form](LABELS))
    ]
    assert fitted[0].coefs_[0].tobytes() == fitted[1].coefs_[0].tobytes()
