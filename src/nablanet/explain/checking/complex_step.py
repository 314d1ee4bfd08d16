"""Functions of a network in the complex plane, for derivatives by the complex step.

For a function that is holomorphic and real on the real line, f'(x) = Im f(x + ih) / h up to O(h^2), without
any subtraction (Squire & Trapp 1998): with h = 2^-200 it is exact to rounding. A function with a kink is
taken on the side on which the real part lies.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nablanet import costs
from nablanet.activations import LEAKY_RELU_SLOPE, SELU_ALPHA, SELU_SCALE, Activation, is_builtin
from nablanet.cost_functions import smoothed
from nablanet.costs import Cost
from nablanet.explain.checking.differences import STEPS, difference
from nablanet.shapes import Array

STEP = 2.0**-200
_COLUMNS = 16  # samples on which a function of the user's own is tried
_AGREES = 1e-5  # relative to the largest of its derivatives

Function = Callable[[Array], Array]
CostOfOutput = Callable[[Array, Array, Array], Array]


def of_activation(activation: Activation, z: Array) -> Function | None:
    """The activation for complex weighted inputs; None where it does not take them.

    A function of the user's own is tried at the columns of z: it must give complex numbers, and the
    derivatives that central differences give.
    """
    if is_builtin(activation):
        return _ACTIVATIONS.get(activation.name, activation.function)
    function = activation.function
    real = z[:, :_COLUMNS]
    return function if _is_holomorphic(function, real) else None


def of_cost(cost: Cost, output: Activation, a: Array, y: Array) -> CostOfOutput | None:
    """(z^L, a^L, y) -> C_x of complex z^L and a^L, shape (m,); None where the cost does not take them.

    A cost of the user's own is tried at the columns of a and y, as in `of_activation`.
    """
    if costs.is_fused(cost, output):
        if output.name == "sigmoid":
            smoothing = costs.parameter_of(cost)
            return lambda z, a, y: _sigmoid_cross_entropy(z, y, smoothing)
        return lambda z, a, y: costs.fused_cost(z, y, cost, output)
    if costs.is_builtin(cost):
        parameter = costs.parameter_of(cost)
        if cost.name in _COSTS:
            form = _COSTS[cost.name]
            return lambda z, a, y: form(a - y, parameter).sum(axis=0)
        own = costs.for_output(cost, output).function
        return lambda z, a, y: own(a, y)
    # one column for each output of each sample
    n = len(a)
    columns = np.repeat(a[:, :_COLUMNS], n, axis=1)
    desired = np.repeat(y[:, :_COLUMNS], n, axis=1)
    turn = np.tile(np.eye(n), columns.shape[1] // n)
    if not _is_holomorphic(lambda t: cost.function(columns + turn * t, desired), np.zeros(columns.shape[1])):
        return None
    return lambda z, a, y: cost.function(a, y)


def _is_holomorphic(function: Function, at: Array) -> bool:
    """Whether a function that acts on each element does so for complex numbers, at these points."""
    with np.errstate(all="ignore"):
        try:
            value = np.asarray(function(at + 1j * STEP))
        except Exception:  # whatever it raises, it does not take complex numbers
            return False
        if value.dtype.kind != "c" or value.shape != at.shape:
            return False
        steps = np.full(at.shape, STEPS[0])
        real = np.asarray(function(at))
        found = difference(lambda t: np.asarray(function(at + t)), real, steps, 1e-16 * np.abs(real))
        slopes = value.imag / STEP
        margin = found.error + _AGREES * np.abs(slopes).max()
        return bool((np.abs(slopes - found.value) <= margin).all() and np.allclose(value.real, real))


def _size(z: Array) -> Array:
    """|z| of real z, continued."""
    return np.where(z.real < 0, -z, z)


def _log1p(z: Array) -> Array:
    # NumPy's loses the real part of small z; exact for imaginary parts as small as STEP
    return np.log1p(z.real) + 1j * np.arctan2(z.imag, 1 + z.real)


def _expm1(z: Array) -> Array:
    return np.expm1(z.real) + 1j * np.exp(z.real) * np.sin(z.imag)


def _sigmoid(z: Array) -> Array:
    e = np.exp(-_size(z))
    return np.where(z.real >= 0, 1, e) / (1 + e)


def _softplus(z: Array) -> Array:
    return np.where(z.real >= 0, z, 0) + _log1p(np.exp(-_size(z)))


def _elu(z: Array, alpha: float = 1.0) -> Array:
    positive = z.real > 0
    return np.where(positive, z, alpha * _expm1(np.where(positive, 0, z)))


def _sigmoid_cross_entropy(z: Array, y: Array, smoothing: float) -> Array:
    return (_softplus(z) - smoothed(y, smoothing, 2) * z).sum(axis=0)


def _huber(r: Array, delta: float) -> Array:
    size = _size(r)
    return np.where(size.real <= delta, 0.5 * size * size, delta * (size - 0.5 * delta))


# those that use |z| or comparisons, in a form that is holomorphic on each side
_ACTIVATIONS: dict[str, Function] = {
    "sigmoid": _sigmoid,
    "relu": lambda z: np.where(z.real > 0, z, 0),
    "leaky_relu": lambda z: np.where(z.real > 0, z, LEAKY_RELU_SLOPE * z),
    "elu": _elu,
    "selu": lambda z: SELU_SCALE * _elu(z, SELU_ALPHA),
    "silu": lambda z: z * _sigmoid(z),
    "mish": lambda z: z * np.tanh(_softplus(z)),
    "softplus": _softplus,
}
# of the residual a - y and the cost's parameter
_COSTS: dict[str, Callable[[Array, float], Array]] = {
    "absolute_error": lambda r, _: _size(r),
    "huber": _huber,
    "quantile": lambda r, q: np.where(r.real > 0, (1 - q) * r, -q * r),
}
