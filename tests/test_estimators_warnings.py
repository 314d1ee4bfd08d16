"""Warnings of the estimators: where they point, and which filters catch them."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning

import nablanet


def test_filters_for_scikit_learn_catch_the_warnings() -> None:
    X, y = datasets.load_iris(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=ConvergenceWarning, module="sklearn")
        nablanet.MLPClassifier((3,), max_iter=2).fit(X, y)
        nablanet.MLPClassifier((3,), max_iter=2, solver="lbfgs").fit(X, y)
        nablanet.MLPRegressor(hidden_layer_sizes=(3,), max_iter=2).fit(X, y)


@pytest.mark.parametrize("settings", [{}, {"solver": "lbfgs"}, {"batch_size": 1000}])
def test_warnings_name_the_users_line(settings: dict[str, Any]) -> None:
    X, y = datasets.load_iris(return_X_y=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nablanet.MLPClassifier((3,), max_iter=2, **settings).fit(X, y)
    assert {w.filename for w in caught} == {__file__}
