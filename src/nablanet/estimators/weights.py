"""How much each sample counts: `sample_weight` and `class_weight`, checked, as one number for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse
from sklearn.utils import check_array
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from nablanet.shapes import Array

ClassWeight = Mapping[Any, float] | Sequence[Mapping[int, float]] | str


def sample_weights(value: npt.ArrayLike, X: Any) -> Array:
    """One number for each row of X; a number stands for as many of it."""
    m = X.shape[0]
    if isinstance(value, Real):
        return np.full(m, value, np.float64)
    weights = check_array(
        value, accept_sparse=False, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if weights.ndim != 1:
        raise ValueError(
            f"Sample weights must be 1D array or scalar, got {weights.ndim}D array. Expected either a "
            f"scalar value or a 1D array of length {m}."
        )
    if weights.shape != (m,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(m,)}!")
    if not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


def class_weights(class_weight: ClassWeight, classes: Array, y: Any) -> Array:
    """The weight of the class of each sample, shape (m,); of several labels the product.

    y: m of the classes, or 0 and 1 of shape (m, n_labels). Raises ValueError.
    """
    weights = (
        _of_labels(class_weight, y)
        if y.ndim == 2 and y.shape[1] > 1
        else _of_classes(class_weight, classes, y)
    )
    if not (np.isfinite(weights).all() and weights.min() >= 0 and weights.any()):
        raise ValueError(
            f"class_weight must be finite numbers of 0 or more, above 0 for some sample; got {class_weight!r}"
        )
    return weights


def _of_classes(class_weight: ClassWeight, classes: Array, y: Array) -> Array:
    y = np.ravel(y)
    weights: Array = compute_class_weight(class_weight, classes=classes, y=y)
    return weights[np.searchsorted(classes, y)]


def _of_labels(class_weight: ClassWeight, y: Any) -> Array:
    labels = np.asarray(y.toarray() if issparse(y) else y, int)
    n_labels = labels.shape[1]
    if isinstance(class_weight, str):
        return compute_sample_weight(class_weight, labels)
    if not isinstance(class_weight, (list, tuple)) or len(class_weight) != n_labels:
        raise ValueError(
            "for several labels class_weight must be 'balanced' or a list with one dict for each of the "
            f"{n_labels} labels, got {class_weight!r}"
        )
    # not compute_sample_weight: it refuses a label that nobody, or everybody, has here
    of_each = [
        compute_class_weight(weights, classes=np.arange(2), y=labels[:, k])[labels[:, k]]
        for k, weights in enumerate(class_weight)
    ]
    return np.prod(of_each, axis=0)
