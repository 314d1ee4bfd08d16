"""The functions behind the package's costs, each C_x beside its derivative.

Columns are samples, as in the book's matrix form: `a` (the output activations a^L) and `y` (the
desired output) have shape (n_L, m); a cost has shape (m,), one C_x per sample, and its derivative
dC_x/da has shape (n_L, m). A parameter of the cost, a number, comes third. Functions named `..._of_z`
compute the cost straight from z^L, without the rounding of a^L.
"""

from __future__ import annotations

import numpy as np

from nablanet.shapes import Array


def quadratic(a: Array, y: Array) -> Array:
    """C_x = 1/2 ||y - a||^2."""
    return 0.5 * np.square(y - a).sum(axis=0)


def quadratic_derivative(a: Array, y: Array) -> Array:
    """dC_x/da = a - y: the analytic derivative, not a difference quotient."""
    return a - y


def cross_entropy(a: Array, y: Array, smoothing: float = 0) -> Array:
    """C_x = -sum_j [y_j ln a_j + (1 - y_j) ln(1 - a_j)], binary for each output; 0 ln 0 is 0."""
    y = smoothed(y, smoothing, 2)
    return -(_times_log(y, a) + _times_log(1 - y, 1 - a)).sum(axis=0)


def cross_entropy_derivative(a: Array, y: Array, smoothing: float = 0) -> Array:
    """dC_x/da = (a - y) / (a (1 - a))."""
    y = smoothed(y, smoothing, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(a == y, 0, (a - y) / (a * (1 - a)))


def sigmoid_cross_entropy_of_z(z: Array, y: Array, smoothing: float = 0) -> Array:
    """`cross_entropy` of a = sigma(z): sum_j [max(z_j, 0) - y_j z_j + ln(1 + exp(-|z_j|))]."""
    y = smoothed(y, smoothing, 2)
    return (np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z)))).sum(axis=0)


def log_likelihood(a: Array, y: Array, smoothing: float = 0) -> Array:
    """C_x = -sum_j y_j ln a_j, the multinomial cross-entropy of a softmax output."""
    return -_times_log(smoothed(y, smoothing, len(y)), a).sum(axis=0)


def log_likelihood_derivative(a: Array, y: Array, smoothing: float = 0) -> Array:
    """dC_x/da = -y / a."""
    y = smoothed(y, smoothing, len(y))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(y == 0, 0, -y / a)


def log_likelihood_of_z(z: Array, y: Array, smoothing: float = 0) -> Array:
    """`log_likelihood` of a = softmax(z): sum_j y_j (ln sum_k exp(z_k) - z_j)."""
    largest = z.max(axis=0)
    log_sum = largest + np.log(np.exp(z - largest).sum(axis=0))
    return (smoothed(y, smoothing, len(y)) * (log_sum - z)).sum(axis=0)


def smoothed(y: Array, smoothing: float, classes: int) -> Array:
    """Label smoothing, (1 - s) y + s / K for K classes (Szegedy et al. 2016, section 7)."""
    return (1 - smoothing) * y + smoothing / classes if smoothing else y


def absolute_error(a: Array, y: Array) -> Array:
    """C_x = sum_j |a_j - y_j|."""
    return np.abs(a - y).sum(axis=0)


def absolute_error_derivative(a: Array, y: Array) -> Array:
    """dC_x/da = sign(a - y), 0 at the kink a = y."""
    return np.sign(a - y)


def huber(a: Array, y: Array, delta: float) -> Array:
    """C_x = sum_j of r^2 / 2 where |r| <= delta, else delta (|r| - delta/2); r = a - y (Huber 1964)."""
    size = np.abs(a - y)
    return np.where(size <= delta, 0.5 * np.square(size), delta * (size - 0.5 * delta)).sum(axis=0)


def huber_derivative(a: Array, y: Array, delta: float) -> Array:
    """dC_x/da = a - y, held between -delta and delta."""
    return np.clip(a - y, -delta, delta)


def quantile(a: Array, y: Array, q: float) -> Array:
    """C_x = sum_j of q (y - a) where y >= a, else (1 - q)(a - y) (Koenker & Bassett 1978)."""
    r = a - y
    return np.where(r > 0, (1 - q) * r, -q * r).sum(axis=0)


def quantile_derivative(a: Array, y: Array, q: float) -> Array:
    """dC_x/da = -q where a < y, 1 - q where a > y, 0 at the kink a = y."""
    r = a - y
    return np.where(r > 0, 1 - q, -q).astype(r.dtype) * (r != 0)


def poisson(a: Array, y: Array) -> Array:
    """C_x = sum_j [a_j - y_j + y_j ln(y_j / a_j)], half the Poisson deviance; 0 ln 0 is 0."""
    return (a - y + _times_log(y, y / _not_zero(a))).sum(axis=0)


def poisson_derivative(a: Array, y: Array) -> Array:
    """dC_x/da = 1 - y / a."""
    return (a - y) / _not_zero(a)


def exp_poisson_of_z(z: Array, y: Array) -> Array:
    """`poisson` of a = exp(z): sum_j [exp(z_j) - y_j + y_j ln y_j - y_j z_j]."""
    with np.errstate(over="ignore"):
        return (np.exp(z) - y + _times_log(y, y) - y * z).sum(axis=0)


def _not_zero(a: Array) -> Array:
    """An output that underflowed is taken for a tiny one, here and in the engine."""
    tiny = 2.0**-100 if a.dtype == np.float32 else 2.0**-900
    return np.maximum(a, tiny)


def _times_log(factor: Array, a: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(factor == 0, 0, factor * np.log(a))
