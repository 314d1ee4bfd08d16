"""Where the package's own functions have no derivative, or one that bends."""

from __future__ import annotations

import numpy as np

from nablanet.activations import Activation, is_builtin
from nablanet.costs import Cost, parameter_of
from nablanet.costs import is_builtin as is_builtin_cost
from nablanet.shapes import Array

_KINKED = ("relu", "leaky_relu", "selu")  # at z = 0
_BENT = ("elu",)  # the second derivative jumps there


def sides_of_activation(activation: Activation, z: Array) -> tuple[Array | None, Array | None]:
    """On which side of the kink each z lies, and of the bend; None where there is none."""
    if not is_builtin(activation):
        return None, None
    side = z > 0
    return side if activation.name in _KINKED else None, side if activation.name in _BENT else None


def sides_of_cost(cost: Cost, a: Array, y: Array) -> tuple[Array | None, Array | None]:
    """The same for the residuals a - y; Huber's cost bends at ±delta."""
    if not is_builtin_cost(cost):
        return None, None
    if cost.name in ("absolute_error", "quantile"):
        return np.sign(a - y), None
    return None, np.abs(a - y) > parameter_of(cost) if cost.name == "huber" else None
