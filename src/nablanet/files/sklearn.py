"""scikit-learn's fitted networks, and pipelines of its scalers, by their attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nablanet.files.building import build
from nablanet.files.plan import Plan, Step, of_network
from nablanet.network import Network
from nablanet.shapes import Array, describe

_NAMES = {"logistic": "sigmoid"}  # others have the same name here
_COSTS = {"softmax": "cross_entropy", "sigmoid": "cross_entropy", "exp": "poisson"}


def is_estimator(model: object) -> bool:
    """Whether it looks like an MLPClassifier or MLPRegressor, fitted or not."""
    return all(hasattr(model, name) for name in ("hidden_layer_sizes", "activation", "predict"))


def is_pipeline(model: object) -> bool:
    """Whether it looks like a scikit-learn Pipeline."""
    return isinstance(getattr(model, "steps", None), list) and hasattr(model, "named_steps")


def from_sklearn(mlp: Any) -> Network:
    """The network inside a fitted MLPClassifier or MLPRegressor, with copies of its parameters.

    Its outputs are those of `predict_proba` (of a binary classifier the second column) or of `predict`
    of a regressor, up to rounding. The cost is cross-entropy for classes, poisson for exp as output,
    else quadratic; the dtype that of `coefs_`. Raises TypeError for something else, and ValueError where
    it is not fitted.
    """
    if is_pipeline(mlp):
        raise TypeError(
            "a Network does not scale its inputs as the steps of a pipeline do: give the last step, "
            "pipeline[-1], and scale what you predict from with pipeline[:-1].transform"
        )
    if not is_estimator(mlp):
        raise TypeError(f"wanted a fitted MLPClassifier or MLPRegressor, got {describe(mlp)}")
    for name in ("coefs_", "intercepts_", "out_activation_"):
        if not hasattr(mlp, name):
            raise ValueError(f"this {type(mlp).__name__} is not fitted: it has no {name}")
    output = _name(mlp.out_activation_)
    return build(
        [np.asarray(w).T for w in mlp.coefs_],
        mlp.intercepts_,
        activation=_hidden(mlp.activation, len(mlp.coefs_) - 1),
        output=output,
        cost=_COSTS.get(output, "quadratic"),
    )


def plan_of(model: Any) -> Plan:
    """What an estimator, or a pipeline that ends with one, computes. Raises TypeError or ValueError."""
    if not is_pipeline(model):
        return _of_estimator(model)
    plan = _of_estimator(model.steps[-1][1])
    scaling = [step for _, scaler in model.steps[:-1] for step in _scaler_steps(scaler)]
    names = getattr(model, "feature_names_in_", None)
    return replace(plan, inputs=[*scaling, *plan.inputs], input_names=_texts(names))


def _of_estimator(mlp: Any) -> Plan:
    plan = replace(of_network(from_sklearn(mlp)), input_names=_texts(getattr(mlp, "feature_names_in_", None)))
    classes = getattr(mlp, "classes_", None)
    if classes is None:
        return replace(plan, meaning="numbers")
    several = plan.activations[-1] == "sigmoid" and plan.sizes[-1] > 1
    return replace(
        plan,
        meaning="labels" if several else "classes",
        classes=_class_labels(np.asarray(classes), plan.n_outputs if several else max(plan.sizes[-1], 2)),
        probabilities=True,
    )


def _class_labels(classes: Array, n: int) -> Array:
    if classes.dtype == object and all(isinstance(c, str) for c in classes):
        classes = classes.astype(str)
    if classes.shape != (n,) or classes.dtype.kind not in "biufU":
        raise ValueError(f"classes_ must be {n} numbers or texts to be exported, got {describe(classes)}")
    return classes


def _hidden(activation: Any, n: int) -> list[str]:
    if isinstance(activation, str):
        return [_name(activation)] * n
    if not isinstance(activation, Sequence) or len(activation) < n:
        raise ValueError(f"activation must be a name or a list of {n} names, got {describe(activation)}")
    return [_name(name) for name in activation[:n]]


def _name(activation: Any) -> str:
    if not isinstance(activation, str):
        raise ValueError(f"the name of an activation is wanted, got {describe(activation)}")
    return _NAMES.get(activation, activation)


def _scaler_steps(scaler: Any) -> list[Step]:
    """What a scaler of scikit-learn does to each number, in its order."""
    if scaler is None or (isinstance(scaler, str) and scaler == "passthrough"):
        return []
    kind = type(scaler).__name__
    if kind not in _SCALERS or not type(scaler).__module__.startswith("sklearn."):
        raise ValueError(f"of the steps of a pipeline, {', '.join(_SCALERS)} can be exported, got a {kind}")
    if not hasattr(scaler, "scale_"):
        raise ValueError(f"the {kind} of the pipeline is not fitted")
    return [Step(operation, np.asarray(value, float)) for operation, value in _SCALERS[kind](scaler)]


def _standard(s: Any) -> list[Any]:
    return [("subtract", s.mean_)] * s.with_mean + [("divide", s.scale_)] * s.with_std


def _robust(s: Any) -> list[Any]:
    return [("subtract", s.center_)] * s.with_centering + [("divide", s.scale_)] * s.with_scaling


def _min_max(s: Any) -> list[Any]:
    low, high = s.feature_range
    clipped = [("at_least", low), ("at_most", high)] if s.clip else []
    return [("multiply", s.scale_), ("add", s.min_), *clipped]


def _max_abs(s: Any) -> list[Any]:
    clipped = [("at_least", -1.0), ("at_most", 1.0)] if getattr(s, "clip", False) else []
    return [("divide", s.scale_), *clipped]


_SCALERS = {
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
    "RobustScaler": _robust,
}


def _texts(names: Any) -> list[str] | None:
    return None if names is None else [str(name) for name in names]
