"""Test scores on real data are scikit-learn's, within their spread over seeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import datasets, neural_network
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import nablanet as nn
from data_paths import housing_csv, mnist_dir
from nablanet.data.mnist import load_mnist
from nablanet.data.tables import read_table

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

Split = tuple[Any, Any, Any, Any]
SEEDS = 10


def _split(X: Any, y: Any) -> Split:
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), scaler.transform(X_test), y, y_test


def digits() -> Split:
    return _split(*datasets.load_digits(return_X_y=True))


def breast_cancer() -> Split:
    return _split(*datasets.load_breast_cancer(return_X_y=True))


def wine() -> Split:
    return _split(*datasets.load_wine(return_X_y=True))


def diabetes() -> Split:
    X, y = datasets.load_diabetes(return_X_y=True)
    return _split(X, (y - y.mean()) / y.std())


def housing() -> Split:
    """Some of the blocks, by their numbers."""
    table = read_table(housing_csv())
    assert table.columns[8] == "median_house_value"
    numbers = np.array([row[:9] for row in table.rows[::7] if all(row[:9])], float)
    return _split(numbers[:, :8], numbers[:, 8] / 1e5)


def mnist() -> Split:
    """A few of the images."""
    data = load_mnist(mnist_dir())
    X, X_test = data.train_images[:2000] / 255, data.test_images[:1000] / 255
    return X.reshape(-1, 784), X_test.reshape(-1, 784), data.train_labels[:2000], data.test_labels[:1000]


@pytest.mark.parametrize("load", [digits, breast_cancer, wine, diabetes, housing, mnist])
def test_scores_are_scikit_learns(load: Callable[[], Split]) -> None:
    X, X_test, y, y_test = load()
    name = "MLPRegressor" if y.dtype == float else "MLPClassifier"

    def scores(module: Any, first: int) -> Any:
        make = getattr(module, name)
        runs = [make(random_state=first + k, max_iter=15).fit(X, y) for k in range(SEEDS)]
        return np.array([run.score(X_test, y_test) for run in runs])

    theirs, ours, others = scores(neural_network, 0), scores(nn, 0), scores(nn, 100)
    # one random state is one run; rounding may decide about a sample or two
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=max(2 / len(y_test), 1e-4))
    # others are from the same distribution: 4 standard errors of the difference of two means
    spread = np.sqrt((theirs.var(ddof=1) + others.var(ddof=1)) / SEEDS)
    assert abs(others.mean() - theirs.mean()) <= 4 * spread + 2 / len(y_test)
