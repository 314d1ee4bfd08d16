"""scikit-learn's checks of estimators: those of `parametrize_with_checks`, and those beyond."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from nablanet import MLPClassifier, MLPRegressor

DEFAULTS = [MLPClassifier(), MLPRegressor()]
# checks that pass for every setting that leaves scikit-learn's meaning as it is
SETTINGS = [
    MLPClassifier(solver="lbfgs", hidden_layer_sizes=5, max_iter=50),
    MLPClassifier(solver="nesterov", activation=["tanh"], n_threads=1),
    MLPRegressor(solver="rmsprop", learning_rate="one_cycle", loss="huber"),
    MLPClassifier(label_smoothing=0.1, solver="adamw", learning_rate="cosine"),
]
BEYOND = [
    "check_param_validation",
    "check_dataframe_column_names_consistency",
    "check_all_zero_sample_weights_error",
    "check_n_features_in_after_fitting",
    "check_get_feature_names_out_error",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_global_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_set_output_transform_polars",
    "check_inplace_ensure_writeable",
]
ARRAY_API = """
from sklearn.utils.estimator_checks import check_estimator
from nablanet import MLPClassifier, MLPRegressor
for estimator in MLPClassifier(), MLPRegressor():
    done = check_estimator(estimator, on_skip=None)
    assert any(check["check_name"] == "check_array_api_input" for check in done)
    assert all(check["status"] == "passed" for check in done)
"""


@parametrize_with_checks(DEFAULTS)  # type: ignore[untyped-decorator]
def test_checks_of_the_defaults(estimator: Any, check: Callable[[Any], None]) -> None:
    _run(check, estimator)


@pytest.mark.parametrize("estimator", SETTINGS, ids=str)
def test_checks_of_other_settings(estimator: Any) -> None:
    failed = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for result in estimator_checks.check_estimator(estimator, on_skip=None, on_fail=None):
            if result["status"] == "failed":
                failed[result["check_name"]] = result["exception"]
    assert not failed


@pytest.mark.parametrize("name", BEYOND)
@pytest.mark.parametrize(
    "estimator",
    [*DEFAULTS, MLPClassifier(early_stopping=True), MLPRegressor(early_stopping=True)],
    ids=str,
)
def test_checks_beyond(name: str, estimator: Any) -> None:
    if name.startswith("check_n_features") and estimator.early_stopping:
        pytest.skip("partial_fit with early stopping wants held-out data")
    check = getattr(estimator_checks, name)
    _run(lambda e: check(type(e).__name__, e.set_params(max_iter=5)), estimator)


def test_scipys_array_api() -> None:
    """A check that scikit-learn leaves out without this variable, which SciPy reads when it is imported."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ARRAY_API],
        env=os.environ | {"SCIPY_ARRAY_API": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _run(check: Callable[[Any], None], estimator: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", FutureWarning)
        warnings.filterwarnings("ignore", "X (has|does not have valid) feature names", UserWarning)
        check(estimator)


def test_tags_follow_the_parameters() -> None:
    assert MLPRegressor(loss="poisson").__sklearn_tags__().target_tags.positive_only
    assert not MLPRegressor().__sklearn_tags__().target_tags.positive_only
    assert MLPClassifier().__sklearn_tags__().transformer_tags.preserves_dtype == ["float64", "float32"]
    assert MLPClassifier(dtype="float32").__sklearn_tags__().transformer_tags.preserves_dtype == []
