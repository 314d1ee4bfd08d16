"""A pytest plugin: scikit-learn's own tests find this package's estimators in place of its own.

`pytest -p sklearn_plugin --pyargs sklearn.neural_network.tests.test_mlp`
"""

from __future__ import annotations

from types import ModuleType

import pytest
import sklearn.neural_network

import nablanet

# they read or write scikit-learn's private attributes
PRIVATE = {
    "test_gradient",
    "test_learning_rate_warmstart",
    "test_adaptive_learning_rate",
    "test_n_iter_no_change",
    "test_n_iter_no_change_inf",
}
_NAMES = ("MLPClassifier", "MLPRegressor")


def pytest_configure() -> None:
    for name in _NAMES:
        setattr(sklearn.neural_network, name, getattr(nablanet, name))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if item.name in PRIVATE]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out and _is_swapped(item)]


def _is_swapped(item: pytest.Item) -> bool:
    """Whether the module of a test has this package's classes under scikit-learn's names."""
    assert isinstance(item, pytest.Function)
    module: ModuleType = item.module
    return all(getattr(module, name) is getattr(nablanet, name) for name in _NAMES)
