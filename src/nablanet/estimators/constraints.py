"""What each parameter of the estimators may be, in the form that scikit-learn checks.

The only module that uses names which scikit-learn does not call public: its `check_param_validation`
demands them (`_parameter_constraints`, made of these objects), and its error texts come from them.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.utils._param_validation import Interval, Options, StrOptions

from nablanet.activations import ACTIVATIONS

HIDDEN_ACTIVATIONS = {"logistic"} | set(ACTIVATIONS) - {"softmax"}
STOCHASTIC_SOLVERS = {"sgd", "adam", "adamw", "rmsprop", "nesterov"}
SCHEDULES = {"cosine", "one_cycle", "plateau"}

_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
_POSITIVE = Interval(Real, 0, None, closed="neither")
_SHARE = Interval(Real, 0, 1, closed="left")
_WITHIN_ONE = Interval(Real, 0, 1, closed="neither")
_COUNT = Interval(Integral, 1, None, closed="left")

CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", _COUNT],
    "activation": [StrOptions(HIDDEN_ACTIVATIONS), "array-like"],
    "solver": [StrOptions({"lbfgs"} | STOCHASTIC_SOLVERS)],
    "alpha": [_NOT_NEGATIVE],
    "batch_size": [StrOptions({"auto"}), _COUNT],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"} | SCHEDULES)],
    "learning_rate_init": [_POSITIVE],
    "power_t": [_NOT_NEGATIVE],
    "max_iter": [_COUNT],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [_NOT_NEGATIVE],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [_SHARE],
    "beta_1": [_SHARE],
    "beta_2": [_SHARE],
    "epsilon": [_POSITIVE],
    "n_iter_no_change": [_COUNT, Options(Real, {np.inf})],
    "max_fun": [_COUNT],
    "dropout": [_SHARE, "array-like"],
    "weight_decay": [_NOT_NEGATIVE],
    "rho": [_WITHIN_ONE],
    "scoring": [str, callable, None],
    "metrics": [dict, list, tuple, None],
    "callbacks": [list, tuple, callable, None],
    "dtype": [StrOptions({"float32", "float64"}), Options(type, {np.float32, np.float64}), None],
    "n_threads": [_COUNT, None],
    "progress": ["boolean"],
}

CLASSIFIER_CONSTRAINTS = CONSTRAINTS | {
    "class_weight": [dict, list, StrOptions({"balanced"}), None],
    "label_smoothing": [_SHARE],
}

REGRESSOR_CONSTRAINTS = CONSTRAINTS | {
    "loss": [StrOptions({"squared_error", "poisson", "absolute_error", "huber", "quantile"})],
    "quantile": [_WITHIN_ONE],
    "huber_delta": [_POSITIVE],
}


def check_parameters(estimator: Any) -> None:
    """Raise InvalidParameterError, a ValueError and TypeError, for a parameter that is not as above."""
    if not get_config()["skip_parameter_validation"]:
        estimator._validate_params()
