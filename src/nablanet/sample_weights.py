"""How much each sample counts: `sample_weight` and `class_weight` become one number for each sample.

A mini-batch then learns from sum_x w_x C_x / sum_x w_x, so that an integer weight is a sample repeated,
and the weight 0 one left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

from nablanet import shapes
from nablanet.shapes import Array
from nablanet.training import classes, holds_classes

_LEAST = 2.0**-80  # a mini-batch of such weights alone would overflow when it divides by their sum

ClassWeight = Mapping[int, float] | Literal["balanced"]


def weights_of(
    sample_weight: npt.ArrayLike | None,
    class_weight: ClassWeight | None,
    Y: Array,
    n_outputs: int,
    name: str = "sample_weight",
) -> Array | None:
    """The product of both for each row of Y, shape (m,), or None where neither is given.

    Only their ratios count, so the result is scaled by a power of two to at most 1: weights of any
    size then keep their precision in float32. One below 2^-80 of the greatest counts as 0. Raises
    ValueError or TypeError.
    """
    if sample_weight is None and class_weight is None:
        return None
    weights = np.ones(len(Y)) if sample_weight is None else _sample_weights(sample_weight, len(Y), name)
    if class_weight is not None:
        weights = _scaled(weights) * _scaled(_class_weights(class_weight, Y, n_outputs))
        if not weights.any():
            raise ValueError("class_weight leaves no sample with a weight above 0")
    weights = _scaled(weights)
    return np.where(weights < _LEAST, 0, weights)


def mean_cost(costs: Array, weights: Array | None) -> float:
    """sum_x w_x C_x / sum_x w_x over costs that are multiplied by their weights already."""
    return float(costs.mean() if weights is None else costs.sum() / weights.sum())


def _sample_weights(value: npt.ArrayLike, m: int, name: str) -> Array:
    array = shapes.numeric(value, name)
    if array.shape != (m,):
        raise ValueError(
            f"{name} must have one number for each of the {m} rows: wanted shape ({m},), got {array.shape}"
        )
    weights = shapes.cast(array, np.float64, name)
    if weights.min() < 0:
        place = int(weights.argmin())
        raise ValueError(f"{name} must hold numbers of 0 or more, got {weights[place]:g} at [{place}]")
    if not weights.any():
        raise ValueError(f"{name} must have a number above 0, got {m} times 0")
    return weights


def _class_weights(class_weight: ClassWeight, Y: Array, n_outputs: int) -> Array:
    """The weight of each row's class."""
    if not holds_classes(Y):
        raise ValueError(
            "class_weight needs classes in Y: integer labels, one-hot rows, or one column of zeros and ones"
        )
    labels = Y if Y.ndim == 1 else classes(Y).astype(np.int64)
    n_classes = max(2, n_outputs)
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(f"class_weight must be a dict or 'balanced', got {class_weight!r}")
        counts = np.bincount(labels, minlength=n_classes)
        present = np.count_nonzero(counts)
        weights: Array = (len(labels) / (present * np.maximum(counts, 1)))[labels]
        return weights
    if not isinstance(class_weight, Mapping):
        raise TypeError(f"class_weight must be a dict or 'balanced', got {shapes.describe(class_weight)}")
    by_class = np.ones(n_classes)
    for label, weight in class_weight.items():
        number = shapes.count(label, "a label of class_weight", 0)
        if number >= n_classes:
            raise ValueError(
                f"class_weight has the label {number}, but labels go from 0 to {n_classes - 1} for an output "
                f"layer of {n_outputs} neuron{'s' if n_outputs > 1 else ''}"
            )
        by_class[number] = shapes.positive(weight, f"the weight of class {number}", zero=True)
    return by_class[labels]


def _scaled(weights: Array) -> Array:
    greatest = weights.max()
    return np.ldexp(weights, -np.frexp(greatest)[1]) if greatest > 0 else weights
