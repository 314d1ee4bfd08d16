"""How far rounding moves an analytic gradient: what a comparison with numerical ones must allow for."""

from __future__ import annotations

import numpy as np

from nablanet import backprop
from nablanet.activations import ACTIVATIONS, SOFTMAX
from nablanet.backprop import CostDerivative
from nablanet.costs import for_output, is_fused, softmax_error
from nablanet.explain.checking.perturbed import Model
from nablanet.shapes import Array

_TRIES = 3


def moves_of_gradient(
    model: Model,
    cost_derivative: CostDerivative | None,
    precision: float,
    underflow: float,
    rng: np.random.Generator,
) -> tuple[list[Array], list[Array]]:
    """How far the gradient of C moves when the numbers in it are rounded to that precision.

    Parameters, activations, slopes, ∇_a C and desired outputs each move by a random share of it, up or
    down, and a^L by `underflow`. Returns lists with the shapes of biases and weights: the largest moves
    of some tries.
    """
    with np.errstate(all="ignore"):
        still = _gradient(model, cost_derivative, 0, 0, rng)
        moves = [np.zeros_like(g) for g in still]
        for _ in range(_TRIES):
            moved = _gradient(model, cost_derivative, precision, underflow, rng)
            for most, one, other in zip(moves, moved, still, strict=True):
                np.maximum(most, np.abs(one - other), out=most)
    return moves[: len(model.biases)], moves[len(model.biases) :]


def _gradient(
    model: Model,
    cost_derivative: CostDerivative | None,
    share: float,
    underflow: float,
    rng: np.random.Generator,
) -> list[Array]:
    """BP1-BP4 with each number moved by up to that share of it: biases, then weights."""

    def moved(array: Array) -> Array:
        return array * (1 + share * rng.uniform(-1, 1, array.shape)) if share else array

    weights, biases = [moved(w) for w in model.weights], [moved(b) for b in model.biases]
    zs, activated = model.forward(weights, biases)
    output, y = model.activations[-1], moved(model.y)
    z, a = zs[-1], moved(activated[-1]) + underflow
    if cost_derivative is None and is_fused(model.cost, output):
        delta = backprop.output_error(z, a, y, output, model.cost)
    else:
        # the slope of the identity is 1, which leaves ∇_a C
        cost, plain = for_output(model.cost, output), ACTIVATIONS["identity"]
        nabla_a = moved(backprop.output_error(z, a, y, plain, cost, cost_derivative))
        if output == SOFTMAX:
            # g_j less its mean: where one output is nearly 1, little is left of the difference
            delta = softmax_error(z, nabla_a)
            delta = delta + activated[-1] * (moved(nabla_a) - nabla_a)
        else:
            delta = nabla_a * moved(backprop.slope(output, z))
    nabla_b, nabla_w = [backprop.bias_gradient(delta)], [backprop.weight_gradient(activated[-2], delta)]
    for i in range(len(weights) - 2, -1, -1):
        slope = moved(backprop.slope(model.activations[i], zs[i]))
        delta = backprop.backpropagate_error(weights[i + 1], delta, slope)
        nabla_b.insert(0, backprop.bias_gradient(delta))
        nabla_w.insert(0, backprop.weight_gradient(activated[i], delta))
    return [g / model.x.shape[1] for g in (*nabla_b, *nabla_w)]
