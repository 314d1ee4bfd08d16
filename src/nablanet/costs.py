"""Cost functions C_x, each beside its derivative.

Columns are samples, as in the book's matrix form: `a` (the output activations a^L) and `y` (the
desired output) have shape (n_L, m); a cost has shape (m,), one C_x per sample, and its derivative
dC_x/da has shape (n_L, m). The cost of a batch is the mean of C_x over its samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from nablanet.activations import ACTIVATIONS, SOFTMAX, Activation, softmax
from nablanet.shapes import Array, describe


def quadratic(a: Array, y: Array) -> Array:
    """C_x = 1/2 ||y - a||^2."""
    return 0.5 * np.square(y - a).sum(axis=0)


def quadratic_derivative(a: Array, y: Array) -> Array:
    """dC_x/da = a - y: the analytic derivative, not a difference quotient."""
    return a - y


def cross_entropy(a: Array, y: Array) -> Array:
    """C_x = -sum_j [y_j ln a_j + (1 - y_j) ln(1 - a_j)], binary for each output; 0 ln 0 is 0."""
    return -(_times_log(y, a) + _times_log(1 - y, 1 - a)).sum(axis=0)


def cross_entropy_derivative(a: Array, y: Array) -> Array:
    """dC_x/da = (a - y) / (a (1 - a))."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(a == y, 0, (a - y) / (a * (1 - a)))


def log_likelihood(a: Array, y: Array) -> Array:
    """C_x = -sum_j y_j ln a_j, the multinomial cross-entropy of a softmax output."""
    return -_times_log(y, a).sum(axis=0)


def log_likelihood_derivative(a: Array, y: Array) -> Array:
    """dC_x/da = -y / a."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(y == 0, 0, -y / a)


@dataclass(frozen=True)
class Cost:
    """A cost C_x(a, y) and its derivative to the output activations, under a name.

    function: (a, y) -> C_x per sample, shape (m,); derivative: (a, y) -> dC_x/da, shape (n_L, m).
    A network with a cost that is not one of the package's own trains through the NumPy reference,
    which is many times slower than the engine.
    """

    name: str
    function: Callable[[Array, Array], Array]
    derivative: Callable[[Array, Array], Array]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"a Cost needs a name, got {describe(self.name)}")
        for part in (self.function, self.derivative):
            if not callable(part):
                raise TypeError(
                    f"Cost {self.name!r} needs a function and its derivative, both callable; "
                    f"got {describe(part)}"
                )


COSTS: Mapping[str, Cost] = MappingProxyType(
    {
        cost.name: cost
        for cost in (
            Cost("quadratic", quadratic, quadratic_derivative),
            Cost("cross_entropy", cross_entropy, cross_entropy_derivative),
        )
    }
)
CROSS_ENTROPY = COSTS["cross_entropy"]
_MULTINOMIAL = Cost("cross_entropy", log_likelihood, log_likelihood_derivative)


def get_cost(cost: str | Cost) -> Cost:
    """The `Cost` of that name, or the object itself. Raises ValueError or TypeError."""
    if isinstance(cost, Cost):
        return cost
    if not isinstance(cost, str):
        raise TypeError("a cost is a name or a nablanet.Cost, got " + describe(cost))
    if cost not in COSTS:
        raise ValueError(f"no cost {cost!r}; there are: {', '.join(COSTS)}")
    return COSTS[cost]


def is_builtin(cost: Cost) -> bool:
    """Whether the engine knows this very cost."""
    return COSTS.get(cost.name) == cost


def suitable_output(cost: Cost, hidden: Activation | None, n_outputs: int) -> Activation:
    """The output activation for a cost when the user names none.

    Cross-entropy: softmax, or sigmoid where there is one output. Any other cost: sigmoid in the
    chapter's network (sigmoid throughout), else identity, which can reach every target.
    """
    if cost == CROSS_ENTROPY:
        return SOFTMAX if n_outputs > 1 else ACTIVATIONS["sigmoid"]
    chapter = hidden is None or hidden == ACTIVATIONS["sigmoid"]
    return ACTIVATIONS["sigmoid" if chapter else "identity"]


def check_pair(cost: Cost, output: Activation) -> None:
    """Refuse the built-in outputs on which cross-entropy is not defined (a must lie in [0, 1])."""
    of_the_package = ACTIVATIONS.get(output.name) == output
    if cost == CROSS_ENTROPY and of_the_package and output.name not in ("sigmoid", "softmax"):
        raise ValueError(
            "cost 'cross_entropy' needs outputs between 0 and 1: output 'sigmoid' or 'softmax' "
            f"(or an Activation of your own), got {output.name!r}"
        )


def check_targets(cost: Cost, output: Activation, y: Array) -> None:
    """Refuse desired outputs (columns are samples) for which the built-in cost has no meaning."""
    if cost != CROSS_ENTROPY:
        return
    if y.min() < 0 or y.max() > 1:
        raise ValueError(
            "cost 'cross_entropy' needs desired outputs between 0 and 1, "
            f"got values from {y.min():g} to {y.max():g}"
        )
    if output == SOFTMAX:
        sums = y.sum(axis=0)
        if np.abs(sums - 1).max() > 1e-4:
            worst = sums[np.abs(sums - 1).argmax()]
            raise ValueError(
                "with output 'softmax' and cost 'cross_entropy' the desired outputs of each sample "
                f"must add up to 1, got {worst:g}; for independent yes/no outputs use output='sigmoid'"
            )


def for_output(cost: Cost, output: Activation) -> Cost:
    """The form of the cost that goes with an output: cross-entropy is multinomial with softmax."""
    return _MULTINOMIAL if cost == CROSS_ENTROPY and output == SOFTMAX else cost


def is_fused(cost: Cost, output: Activation) -> bool:
    """Whether cost and output activation combine to delta^L = a - y."""
    return cost == CROSS_ENTROPY and (output == SOFTMAX or output == ACTIVATIONS["sigmoid"])


def fused_cross_entropy(z: Array, y: Array, output: Activation) -> Array:
    """Cross-entropy straight from z^L, finite where a^L has been rounded to 0 or 1. Shape (m,)."""
    if output == SOFTMAX:
        largest = z.max(axis=0)
        log_sum = largest + np.log(np.exp(z - largest).sum(axis=0))
        return (y * (log_sum - z)).sum(axis=0)
    return (np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z)))).sum(axis=0)


def softmax_error(z: Array, nabla_a: Array) -> Array:
    """BP1 where the outputs are coupled: delta_j = a_j (g_j - sum_k g_k a_k) with g = dC/da."""
    a = softmax(z)
    return a * (nabla_a - (nabla_a * a).sum(axis=0))


def _times_log(factor: Array, a: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(factor == 0, 0, factor * np.log(a))
