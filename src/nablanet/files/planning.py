"""From networks, model files and estimators to a `Plan`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nablanet.data.encoding import NumberColumn, TableEncoder
from nablanet.data.target import Target
from nablanet.files import sklearn
from nablanet.files.description import check_names
from nablanet.files.model import Model
from nablanet.files.plan import Plan, Step, of_network
from nablanet.network import Network
from nablanet.shapes import describe


def plan_of(model: object) -> Plan:
    """What a model computes.

    model: a Network; a `files.Model`, with its preprocessing; a fitted MLPClassifier or MLPRegressor; or
    a pipeline of scikit-learn's scalers and one of these. Raises TypeError for another, and ValueError
    for one that has something which is not plain data, such as a Python function of the user's own.
    """
    if isinstance(model, Network):
        return of_network(model)
    if isinstance(model, Model):
        return of_model(model)
    if sklearn.is_pipeline(model) or sklearn.is_estimator(model):
        return sklearn.plan_of(model)
    raise TypeError(
        "wanted a nablanet.Network, a Model, a fitted MLPClassifier or MLPRegressor, or a scikit-learn "
        f"Pipeline that ends with one, got {describe(model)}"
    )


def of_model(model: Model) -> Plan:
    """The network of a model file between the scaling of its inputs and that of its target."""
    plan = of_network(model.network)
    if model.class_names is not None:
        check_names("the model", model.class_names, plan.sizes[-1])
        output = plan.activations[-1]
        plan = replace(
            plan,
            meaning="classes",
            classes=np.array(model.class_names),
            probabilities=output == "softmax" or (output == "sigmoid" and plan.sizes[-1] == 1),
        )
    elif model.task == "regression":
        plan = replace(plan, meaning="numbers")
    content = model.preprocessing
    if content is None:
        return plan
    if content.get("kind") == "image":
        return _with_pixels(plan, content)
    if content.get("kind") == "table":
        return _with_table(plan, content, model.target_name or "")
    raise ValueError(f"the preprocessing of the model is unknown: {describe(content)}")


def _with_pixels(plan: Plan, content: dict[str, Any]) -> Plan:
    """Pixels from 0 to `largest`, divided by that."""
    sides = {name: content.get(name) for name in ("height", "width", "largest")}
    numbers = [side for side in sides.values() if type(side) is int and side > 0]
    if len(numbers) != len(sides):
        raise ValueError(f"an image format needs height, width and largest, got {describe(content)}")
    height, width, largest = numbers
    _check_width(plan, height * width)
    return replace(plan, inputs=[Step("divide", np.array(float(largest))), *plan.inputs])


def _with_table(plan: Plan, content: dict[str, Any], target: str) -> Plan:
    """Numbers standardised, a missing one being the mean; a text is 1 at its category, else 0."""
    subtracted, divided, kept, names = [], [], [], []
    encoder = TableEncoder.from_dict(content)
    for column in encoder.columns:
        if isinstance(column, NumberColumn):
            subtracted.append(column.mean)
            divided.append(column.scale or 1.0)
            kept.append(float(column.scale > 0))
            names.append(column.name)
        else:
            subtracted += [0.0] * column.width
            divided += [1.0] * column.width
            kept += [1.0] * column.width
            names += [f"{column.name}={category}" for category in column.categories]
    _check_width(plan, len(names))
    inputs = [
        Step("subtract", np.array(subtracted)),
        Step("divide", np.array(divided)),
        *([] if all(kept) else [Step("multiply", np.array(kept))]),  # a constant column is 0
        Step("if_missing", np.array(0.0)),
    ]
    plan = replace(plan, inputs=[*inputs, *plan.inputs], scaling=np.dtype(np.float64), input_names=names)
    if plan.meaning == "classes":
        return plan
    y = Target.from_dict(target, content.get("target"))
    return replace(plan, outputs=[Step("multiply", np.array(y.scale)), Step("add", np.array(y.mean))])


def _check_width(plan: Plan, n: int) -> None:
    if n != plan.sizes[0]:
        raise ValueError(f"the model's preprocessing makes {n} inputs, its network has {plan.sizes[0]}")
