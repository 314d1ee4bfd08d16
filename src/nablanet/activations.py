"""Activation functions, each beside its derivative.

Every function takes the weighted inputs z, an array of any shape, and acts on each element; the
derivative gives sigma'(z) from the same z. Softmax is the exception: it couples the neurons of one
sample, so it acts along the first axis (columns are samples) and is differentiated by `output_error`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from nablanet.shapes import Array, describe

LEAKY_RELU_SLOPE = 0.01
# Klambauer et al., "Self-Normalizing Neural Networks" (2017), eq. 14.
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


def sigmoid(z: Any) -> Array:
    """The logistic function 1 / (1 + exp(-z)), for every finite z without overflow or warning.

    z: array of any shape, or a number. Returns the same shape.
    """
    z = _floating(z)
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def sigmoid_prime(z: Any) -> Array:
    """Derivative of `sigmoid`: sigma(z) (1 - sigma(z)), without the cancellation in 1 - sigma(z)."""
    e = np.exp(-np.abs(_floating(z)))
    return e / np.square(1 + e)


def tanh(z: Array) -> Array:
    """(exp(z) - exp(-z)) / (exp(z) + exp(-z))."""
    return np.tanh(z)


def tanh_prime(z: Array) -> Array:
    """1 - tanh(z)^2, written as 4 e / (1 + e)^2 with e = exp(-2|z|), which does not cancel."""
    e = np.exp(-2 * np.abs(z))
    return 4 * e / np.square(1 + e)


def relu(z: Array) -> Array:
    """max(z, 0)."""
    return np.where(z > 0, z, 0)


def relu_prime(z: Array) -> Array:
    """1 where z > 0, else 0: at the kink z = 0 the derivative is taken to be 0."""
    return (z > 0).astype(z.dtype)


def leaky_relu(z: Array) -> Array:
    """Z where z > 0, else z / 100."""
    return np.where(z > 0, z, LEAKY_RELU_SLOPE * z)


def leaky_relu_prime(z: Array) -> Array:
    """1 where z > 0, else 1 / 100, also at the kink z = 0."""
    return np.where(z > 0, 1, LEAKY_RELU_SLOPE).astype(z.dtype)


def elu(z: Array) -> Array:
    """Z where z > 0, else exp(z) - 1 (Clevert et al. 2015, alpha = 1)."""
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


def elu_prime(z: Array) -> Array:
    """1 where z > 0, else exp(z)."""
    return np.exp(np.minimum(z, 0))


def selu(z: Array) -> Array:
    """Scaled ELU (Klambauer et al. 2017)."""
    return SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0)))


def selu_prime(z: Array) -> Array:
    """The scale where z > 0, else scale alpha exp(z)."""
    return SELU_SCALE * np.where(z > 0, 1, SELU_ALPHA * np.exp(np.minimum(z, 0)))


def gelu(z: Array) -> Array:
    """Z Phi(z), with Phi the standard normal distribution function (Hendrycks & Gimpel 2016)."""
    return z * _normal_cdf(z)


def gelu_prime(z: Array) -> Array:
    """Phi(z) + z phi(z), with phi the standard normal density."""
    near = np.clip(z, -40, 40)  # beyond, the density is 0
    density = np.exp(-0.5 * near * near) / math.sqrt(2 * math.pi)
    return _normal_cdf(z) + near * density


def silu(z: Array) -> Array:
    """Z sigma(z), also known as swish."""
    return z * sigmoid(z)


def silu_prime(z: Array) -> Array:
    """sigma(z) (1 + z sigma(-z))."""
    return sigmoid(z) * (1 + z * sigmoid(-z))


def mish(z: Array) -> Array:
    """Z tanh(softplus(z)) (Misra 2019)."""
    return z * np.tanh(softplus(z))


def mish_prime(z: Array) -> Array:
    """tanh(s) + z tanh'(s) sigma(z) with s = softplus(z), whose derivative is sigma(z)."""
    s = softplus(z)
    return np.tanh(s) + z * tanh_prime(s) * sigmoid(z)


def softplus(z: Array) -> Array:
    """ln(1 + exp(z))."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def softplus_prime(z: Array) -> Array:
    """sigma(z)."""
    return sigmoid(z)


def identity(z: Array) -> Array:
    """Z itself, as a new array."""
    return z.copy()


def identity_prime(z: Array) -> Array:
    """1."""
    return np.ones_like(z)


def exp(z: Array) -> Array:
    """The exponential function, an output above 0; infinite where it overflows."""
    with np.errstate(over="ignore"):
        return np.exp(z)


def exp_prime(z: Array) -> Array:
    """exp(z)."""
    return exp(z)


def softmax(z: Array) -> Array:
    """exp(z_j) / sum_k exp(z_k) along the first axis."""
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=0)


def softmax_prime(z: Array) -> Array:
    """The diagonal of the Jacobian, a_j (1 - a_j): how an output follows its own weighted input."""
    a = softmax(z)
    return a * (1 - a)


@dataclass(frozen=True)
class Activation:
    """An activation function and its derivative, under a name.

    function: z -> sigma(z); derivative: z -> sigma'(z). Both take and return arrays of one shape and
    act on each element. A network with an activation that is not one of the package's own trains
    through the NumPy reference, which is many times slower than the engine.
    """

    name: str
    function: Callable[[Array], Array]
    derivative: Callable[[Array], Array]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"an Activation needs a name, got {describe(self.name)}")
        for part in (self.function, self.derivative):
            if not callable(part):
                raise TypeError(
                    f"Activation {self.name!r} needs a function and its derivative, both callable; "
                    f"got {describe(part)}"
                )


ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        activation.name: activation
        for activation in (
            Activation("sigmoid", sigmoid, sigmoid_prime),
            Activation("tanh", tanh, tanh_prime),
            Activation("relu", relu, relu_prime),
            Activation("leaky_relu", leaky_relu, leaky_relu_prime),
            Activation("elu", elu, elu_prime),
            Activation("selu", selu, selu_prime),
            Activation("gelu", gelu, gelu_prime),
            Activation("silu", silu, silu_prime),
            Activation("mish", mish, mish_prime),
            Activation("softplus", softplus, softplus_prime),
            Activation("identity", identity, identity_prime),
            Activation("exp", exp, exp_prime),
            Activation("softmax", softmax, softmax_prime),
        )
    }
)
SOFTMAX = ACTIVATIONS["softmax"]


def get_activation(activation: str | Activation) -> Activation:
    """The `Activation` of that name, or the object itself. Raises ValueError or TypeError."""
    if isinstance(activation, Activation):
        return activation
    if not isinstance(activation, str):
        raise TypeError("an activation is a name or a nablanet.Activation, got " + describe(activation))
    if activation not in ACTIVATIONS:
        raise ValueError(f"no activation {activation!r}; there are: {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[activation]


def is_builtin(activation: Activation) -> bool:
    """Whether the engine knows this very activation."""
    return ACTIVATIONS.get(activation.name) == activation


def _floating(z: Any) -> Array:
    z = np.asarray(z)
    return z if z.dtype.kind == "f" else z.astype(np.float64)


def _normal_cdf(z: Array) -> Array:
    from scipy.special import ndtr  # NumPy has no erf; imported here because it is slow to load

    cdf: Array = ndtr(z)
    return cdf
