"""Networks and data for property tests: any architecture, activation and cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

import nablanet as nn
from nablanet.shapes import Array

# those that layers can be stacked with: the exp of an exp overflows
HIDDEN = [name for name in nn.ACTIVATIONS if name not in ("exp", "softmax")]
# costs with parameters, under names of their own for `problem`
COSTS = {
    "cross_entropy, smoothed": nn.cross_entropy(label_smoothing=0.2),
    "huber": nn.huber(delta=0.3),
    "quantile": nn.quantile(0.8),
}
# each cost with every kind of output that it is defined for
PAIRS = (
    [("quadratic", name) for name in nn.ACTIVATIONS]
    + [
        (cost, output)
        for cost in ("cross_entropy", "cross_entropy, smoothed")
        for output in ("sigmoid", "softmax")
    ]
    + [
        (cost, output)
        for cost in ("absolute_error", "huber", "quantile")
        for output in ("identity", "tanh", "exp", "softmax")
    ]
    + [("poisson", output) for output in ("exp", "softplus", "sigmoid", "softmax")]
)


@dataclass
class Problem:
    """A network and a mini-batch for it, samples as rows."""

    network: nn.Network
    X: Array
    Y: Array


def problem(
    sizes: list[int],
    hidden: str | list[str],
    cost: str,
    output: str,
    m: int,
    seed: int = 0,
    dtype: str = "float64",
    **network: Any,
) -> Problem:
    rng = np.random.default_rng(seed)
    net = nn.Network(
        sizes,
        activation=hidden,
        output=output,
        cost=COSTS.get(cost, cost),
        init="scaled",
        dtype=dtype,
        seed=seed,
        **network,
    )
    X = rng.standard_normal((m, sizes[0]))
    Y = rng.random((m, sizes[-1]))
    if output == "softmax":
        Y /= Y.sum(axis=1, keepdims=True)
    return Problem(net, X, Y)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Two to five layers of 1 to 40 neurons (so with whole and broken panels), 1 to 30 samples.

    A share of the inputs is zero: some, all, or none in a sample, some in all of them.
    """
    sizes = draw(st.lists(st.integers(1, 40), min_size=2, max_size=5))
    hidden = [draw(st.sampled_from(HIDDEN)) for _ in sizes[1:-1]]
    cost, output = draw(st.sampled_from(PAIRS))
    p = problem(sizes, hidden, cost, output, draw(st.integers(1, 30)), draw(st.integers(0, 2**32 - 1)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    p.X[rng.random(p.X.shape) < draw(st.sampled_from([0, 0.5, 1]))] = 0
    p.X[:, rng.random(sizes[0]) < draw(st.sampled_from([0, 0.1, 0.5, 1]))] = 0
    return p


def norm_difference(ours: Array, theirs: Array) -> float:
    """The largest difference, relative to the largest element."""
    scale = float(np.abs(theirs).max())
    difference = float(np.abs(np.asarray(ours) - theirs).max())
    return difference / scale if scale > 0 else difference


def assert_is_gradient(gradients: list[Array], p: Problem, tolerance: float = 1e-7) -> None:
    """Compare sums over the samples, biases then weights, with central differences.

    Relative to the largest derivative of all: the rounding of the cost is common to them.
    """
    numerical = numerical_gradient(p.network, p.X, p.Y)
    scale = max(float(np.abs(g).max()) for g in numerical)
    assert scale > 0
    for ours, theirs in zip(gradients, numerical, strict=True):
        assert np.abs(ours - theirs).max() < tolerance * scale


def numerical_gradient(net: nn.Network, X: Array, Y: Array, step: float = 1e-5) -> list[Array]:
    """Central differences of the summed cost to every bias and every weight, in that order."""
    gradients = []
    for parameter in net.biases + net.weights:
        gradient = np.empty_like(parameter)
        for place in np.ndindex(parameter.shape):
            kept = parameter[place]
            parameter[place] = kept + step
            above = net.mean_cost(X, Y)
            parameter[place] = kept - step
            below = net.mean_cost(X, Y)
            parameter[place] = kept
            gradient[place] = (above - below) / (2 * step) * len(X)
        gradients.append(gradient)
    return gradients
