"""Feed forward and backpropagation in NumPy, written to be read: the reference for the engine.

Columns are samples: a^l, z^l and delta^l have shape (n_l, m). Lists run over layers 2..L, so
`weights[0]` is w^2 with shape (n_2, n_1). Equation numbers are those of chapter 2 of Nielsen's
"Neural Networks and Deep Learning".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nablanet.activations import SOFTMAX, Activation
from nablanet.costs import (
    Cost,
    for_output,
    fused_cost,
    fused_error,
    is_fused,
    softmax_error,
)
from nablanet.shapes import Array, require_shape

CostDerivative = Callable[[Array, Array], Array]


def feed_forward(
    weights: Sequence[Array],
    biases: Sequence[Array],
    activations: Sequence[Activation],
    x: Array,
    masks: Sequence[Array] | None = None,
) -> tuple[list[Array], list[Array]]:
    """z^l = w^l a^{l-1} + b^l and a^l = sigma(z^l), starting from a^1 = x.

    masks: what dropout multiplies a^1 .. a^{L-1} by. Returns ([z^2 .. z^L], [a^1 .. a^L]).
    """
    zs: list[Array] = []
    activated = [x]
    for l, (w, b, activation) in enumerate(zip(weights, biases, activations, strict=True)):  # noqa: E741
        if masks is not None:
            activated[l] = activated[l] * masks[l]
        z = w @ activated[l] + b
        zs.append(z)
        activated.append(require_shape(activation.function(z), z.shape, f"activation {activation.name!r}"))
    return zs, activated


def output_error(
    z: Array,
    a: Array,
    y: Array,
    output: Activation,
    cost: Cost,
    cost_derivative: CostDerivative | None = None,
) -> Array:
    """BP1: delta^L = nabla_a C * sigma'(z^L).

    For cross-entropy with sigmoid or softmax, and poisson with exp, the two factors combine to a^L - y.
    A `cost_derivative` given by the user replaces nabla_a C and is called for one sample at a time, with
    columns.
    """
    if cost_derivative is None and is_fused(cost, output):
        return fused_error(a, y, cost, output)
    if cost_derivative is None:
        nabla_a = for_output(cost, output).derivative(a, y)
        nabla_a = require_shape(nabla_a, a.shape, f"the derivative of cost {cost.name!r}")
    else:
        one = (len(a), 1)
        columns = [cost_derivative(a[:, [i]], y[:, [i]]) for i in range(a.shape[1])]
        nabla_a = np.hstack([require_shape(column, one, "cost_derivative") for column in columns])
    if output == SOFTMAX:
        return softmax_error(z, nabla_a)
    return nabla_a * slope(output, z)


def slope(activation: Activation, z: Array) -> Array:
    """sigma'(z)."""
    return require_shape(activation.derivative(z), z.shape, f"the derivative of {activation.name!r}")


def backpropagate_error(w_next: Array, delta_next: Array, sigma_prime: Array) -> Array:
    """BP2: delta^l = ((w^{l+1})^T delta^{l+1}) * sigma'(z^l)."""
    return (w_next.T @ delta_next) * sigma_prime


def bias_gradient(delta: Array) -> Array:
    """BP3: dC/db = delta, here summed over the samples. Shape (n_l, 1)."""
    return delta.sum(axis=1, keepdims=True)


def weight_gradient(a_in: Array, delta: Array) -> Array:
    """BP4: dC/dw = delta a_in^T, which sums over the samples. Shape (n_l, n_{l-1})."""
    return delta @ a_in.T


def backpropagate(
    weights: Sequence[Array],
    biases: Sequence[Array],
    activations: Sequence[Activation],
    cost: Cost,
    x: Array,
    y: Array,
    cost_derivative: CostDerivative | None = None,
    sample_weight: Array | None = None,
    masks: Sequence[Array] | None = None,
) -> tuple[list[Array], list[Array], Array]:
    """(nabla_b, nabla_w, costs): gradients summed over the columns of x, and C_x for each of them.

    sample_weight: shape (m,), by which each sample's C_x, and so its delta^L, is multiplied. masks:
    dropout's, for a^1 .. a^{L-1}; a^l = sigma(z^l) * mask has the slope sigma'(z^l) * mask.
    """
    zs, activated = feed_forward(weights, biases, activations, x, masks)
    delta = output_error(zs[-1], activated[-1], y, activations[-1], cost, cost_derivative)
    delta = weighted(delta, sample_weight)
    nabla_b = [bias_gradient(delta)]
    nabla_w = [weight_gradient(activated[-2], delta)]
    for l in range(len(weights) - 2, -1, -1):  # noqa: E741 - l is the book's layer index
        sigma_prime = slope(activations[l], zs[l])
        if masks is not None:
            sigma_prime = sigma_prime * masks[l + 1]
        delta = backpropagate_error(weights[l + 1], delta, sigma_prime)
        nabla_b.insert(0, bias_gradient(delta))
        nabla_w.insert(0, weight_gradient(activated[l], delta))
    costs = sample_costs(zs[-1], activated[-1], y, activations[-1], cost)
    return nabla_b, nabla_w, weighted(costs, sample_weight)


def weighted(values: Array, sample_weight: Array | None) -> Array:
    """Costs (m,) or errors (n_L, m) times the weight of each sample; the weight 0 leaves nothing."""
    if sample_weight is None:
        return values
    weight = sample_weight.astype(values.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(weight == 0, 0, values * weight)


def sample_costs(z: Array, a: Array, y: Array, output: Activation, cost: Cost) -> Array:
    """C_x for each column, shape (m,)."""
    if is_fused(cost, output):
        return fused_cost(z, y, cost, output)
    costs = for_output(cost, output).function(a, y)
    return require_shape(costs, (a.shape[1],), f"cost {cost.name!r}")


def input_error(w_first: Array, delta_first: Array) -> Array:
    """dC_x/dx = (w^2)^T delta^2: BP2 once more, without a slope, since a^1 = x. Shape (n_1, m)."""
    return w_first.T @ delta_first


def input_gradient(
    weights: Sequence[Array],
    biases: Sequence[Array],
    activations: Sequence[Activation],
    cost: Cost,
    x: Array,
    y: Array,
    cost_derivative: CostDerivative | None = None,
) -> Array:
    """dC_x/dx for each column of x, shape (n_1, m)."""
    zs, activated = feed_forward(weights, biases, activations, x)
    delta = output_error(zs[-1], activated[-1], y, activations[-1], cost, cost_derivative)
    for l in range(len(weights) - 2, -1, -1):  # noqa: E741
        delta = backpropagate_error(weights[l + 1], delta, slope(activations[l], zs[l]))
    return input_error(weights[0], delta)


# C_x = sum_j y_j a_j, whose nabla_a C is y itself
_LINEAR = Cost("linear", lambda a, y: (y * a).sum(axis=0), lambda a, y: y)


def jacobian(
    weights: Sequence[Array], biases: Sequence[Array], activations: Sequence[Activation], x: Array
) -> Array:
    """da^L_j/dx_k for each column of x, shape (m, n_L, n_1).

    Row j is the gradient to the inputs of the linear cost C_x = a^L_j.
    """
    rows = []
    for one_hot in np.eye(len(weights[-1]), dtype=x.dtype):
        y = np.repeat(one_hot[:, np.newaxis], x.shape[1], axis=1)
        rows.append(input_gradient(weights, biases, activations, _LINEAR, x, y).T)
    return np.stack(rows, axis=1)
