"""Costs: what a network minimizes, by name or with parameters, and what each requires.

Columns are samples, as in the book's matrix form: `a` (the output activations a^L) and `y` (the
desired output) have shape (n_L, m). The cost of a batch is the mean of C_x over its samples. The
formulas are in `cost_functions`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from nablanet import cost_functions as functions
from nablanet.activations import ACTIVATIONS, SOFTMAX, Activation, softmax
from nablanet.shapes import Array, describe, positive


@dataclass(frozen=True)
class Cost:
    """A cost C_x(a, y) and its derivative to the output activations, under a name.

    function: (a, y) -> C_x per sample, shape (m,); derivative: (a, y) -> dC_x/da, shape (n_L, m).
    parameters: the numbers in it, as pairs (name, value), where there are any. A network with a cost
    that is not one of the package's own trains through the NumPy reference, which is many times slower
    than the engine.
    """

    name: str
    function: Callable[[Array, Array], Array]
    derivative: Callable[[Array, Array], Array]
    parameters: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"a Cost needs a name, got {describe(self.name)}")
        for part in (self.function, self.derivative):
            if not callable(part):
                raise TypeError(
                    f"Cost {self.name!r} needs a function and its derivative, both callable; "
                    f"got {describe(part)}"
                )

    def __str__(self) -> str:
        """The name, with the parameters as they are passed to make it."""
        given = ", ".join(f"{name}={value!r}" for name, value in self.parameters)
        return f"{self.name}({given})" if given else self.name

    def __repr__(self) -> str:
        given = "".join(f", {name}={value!r}" for name, value in self.parameters)
        return f"Cost({self.name!r}{given})"


@dataclass(frozen=True)
class _With:
    """A function (a, y, parameter) as one of (a, y), which compares and pickles by value."""

    function: Callable[[Array, Array, float], Array]
    parameter: float

    def __call__(self, a: Array, y: Array) -> Array:
        return self.function(a, y, self.parameter)


def huber(delta: float = 1.0) -> Cost:
    """The Huber cost: quadratic for errors |a - y| up to `delta` > 0, and linear beyond (Huber 1964).

    Raises ValueError or TypeError for a delta that is not finite and above 0.
    """
    return _with_parameter(
        "huber", functions.huber, functions.huber_derivative, "delta", positive(delta, "delta")
    )


def quantile(q: float = 0.5) -> Cost:
    """The quantile (pinball) cost, least where a share q of the desired outputs lies below a.

    0 < q < 1; q = 0.5 gives the median, as half the absolute error does (Koenker & Bassett 1978).
    Raises ValueError or TypeError for another q.
    """
    checked = positive(q, "q")
    if checked >= 1:
        raise ValueError(f"q must be between 0 and 1, got {checked!r}")
    return _with_parameter("quantile", functions.quantile, functions.quantile_derivative, "q", checked)


def cross_entropy(label_smoothing: float = 0.0) -> Cost:
    """Cross-entropy, whose desired outputs `label_smoothing` s, 0 <= s < 1, draws towards even chances.

    y becomes (1 - s) y + s/K for softmax with K outputs, (1 - s) y + s/2 for each sigmoid output
    (Szegedy et al. 2016, section 7). Raises ValueError or TypeError for another s.
    """
    checked = positive(label_smoothing, "label_smoothing", zero=True)
    if checked >= 1:
        raise ValueError(f"label_smoothing must be from 0 to below 1, got {checked!r}")
    if checked == 0:
        return CROSS_ENTROPY
    return _with_parameter(
        "cross_entropy",
        functions.cross_entropy,
        functions.cross_entropy_derivative,
        "label_smoothing",
        checked,
    )


def _with_parameter(
    name: str,
    function: Callable[[Array, Array, float], Array],
    derivative: Callable[[Array, Array, float], Array],
    parameter: str,
    value: float,
) -> Cost:
    return Cost(name, _With(function, value), _With(derivative, value), ((parameter, value),))


COSTS: Mapping[str, Cost] = MappingProxyType(
    {
        cost.name: cost
        for cost in (
            Cost("quadratic", functions.quadratic, functions.quadratic_derivative),
            Cost("cross_entropy", functions.cross_entropy, functions.cross_entropy_derivative),
            Cost("absolute_error", functions.absolute_error, functions.absolute_error_derivative),
            huber(),
            quantile(),
            Cost("poisson", functions.poisson, functions.poisson_derivative),
        )
    }
)
CROSS_ENTROPY = COSTS["cross_entropy"]
POISSON = COSTS["poisson"]
_MULTINOMIAL = Cost("cross_entropy", functions.log_likelihood, functions.log_likelihood_derivative)
# Those with a parameter: its name, and what makes one with another value.
_MAKERS: Mapping[str, tuple[str, Callable[[float], Cost]]] = {
    "huber": ("delta", huber),
    "quantile": ("q", quantile),
    "cross_entropy": ("label_smoothing", cross_entropy),
}
_POISSON_OUTPUTS = ("exp", "softplus", "sigmoid", "softmax")


def get_cost(cost: str | Cost) -> Cost:
    """The `Cost` of that name, or the object itself. Raises ValueError or TypeError."""
    if isinstance(cost, Cost):
        return cost
    if not isinstance(cost, str):
        raise TypeError("a cost is a name or a nablanet.Cost, got " + describe(cost))
    if cost not in COSTS:
        raise ValueError(f"no cost {cost!r}; there are: {', '.join(COSTS)}")
    return COSTS[cost]


def builtin_cost(name: str, parameters: Mapping[str, float]) -> Cost:
    """The package's own cost of that name with these parameters, the default for one not given.

    Raises ValueError or TypeError for a name or a parameter that is not there, or a wrong value.
    """
    default = get_cost(name)
    if not parameters:
        return default
    known, make = _MAKERS.get(name, (None, None))
    if known is None or make is None:
        raise ValueError(f"cost {name!r} has no parameters, got {', '.join(map(repr, parameters))}")
    if set(parameters) != {known}:
        raise ValueError(f"cost {name!r} has the parameter {known!r}, got {', '.join(map(repr, parameters))}")
    return make(parameters[known])


def is_builtin(cost: Cost) -> bool:
    """Whether the engine knows this very cost."""
    if COSTS.get(cost.name) == cost:
        return True
    try:
        return builtin_cost(cost.name, dict(cost.parameters)) == cost
    except (TypeError, ValueError):
        return False


def parameter_of(cost: Cost) -> float:
    """The one number that the engine needs to know of a built-in cost; 0 where there is none."""
    return cost.parameters[0][1] if cost.parameters else 0.0


def _is_cross_entropy(cost: Cost) -> bool:
    """Whether it is the package's cross-entropy, with or without label smoothing."""
    return cost.name == "cross_entropy" and is_builtin(cost)


def suitable_output(cost: Cost, hidden: Activation | None, n_outputs: int) -> Activation:
    """The output activation for a cost when the user names none.

    Cross-entropy: softmax, or sigmoid where there is one output. Poisson: exp. Any other cost: sigmoid
    in the chapter's network (sigmoid throughout), else identity, which can reach every target.
    """
    if _is_cross_entropy(cost):
        return SOFTMAX if n_outputs > 1 else ACTIVATIONS["sigmoid"]
    if cost == POISSON:
        return ACTIVATIONS["exp"]
    chapter = hidden is None or hidden == ACTIVATIONS["sigmoid"]
    return ACTIVATIONS["sigmoid" if chapter else "identity"]


def check_pair(cost: Cost, output: Activation) -> None:
    """Refuse the built-in outputs on which a cost is not defined.

    For cross-entropy, a must lie in [0, 1]; for poisson, above 0.
    """
    of_the_package = ACTIVATIONS.get(output.name) == output
    if cost == POISSON and of_the_package and output.name not in _POISSON_OUTPUTS:
        raise ValueError(
            "cost 'poisson' needs outputs above 0: output 'exp', 'softplus', 'sigmoid' or 'softmax' "
            f"(or an Activation of your own), got {output.name!r}"
        )
    if _is_cross_entropy(cost) and of_the_package and output.name not in ("sigmoid", "softmax"):
        raise ValueError(
            "cost 'cross_entropy' needs outputs between 0 and 1: output 'sigmoid' or 'softmax' "
            f"(or an Activation of your own), got {output.name!r}"
        )


def check_targets(cost: Cost, output: Activation, y: Array) -> None:
    """Refuse desired outputs (columns are samples) for which the built-in cost has no meaning."""
    if cost == POISSON and y.min() < 0:
        raise ValueError(f"cost 'poisson' needs desired outputs of 0 or more, got {y.min():g}")
    if not _is_cross_entropy(cost):
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
    if output != SOFTMAX or not _is_cross_entropy(cost):
        return cost
    if not cost.parameters:
        return _MULTINOMIAL
    ((parameter, smoothing),) = cost.parameters
    return _with_parameter(
        cost.name, functions.log_likelihood, functions.log_likelihood_derivative, parameter, smoothing
    )


def is_fused(cost: Cost, output: Activation) -> bool:
    """Whether cost and output activation combine to delta^L = a - y (with y as smoothed)."""
    if output == SOFTMAX or output == ACTIVATIONS["sigmoid"]:
        return _is_cross_entropy(cost)
    return cost == POISSON and output == ACTIVATIONS["exp"]


def fused_cost(z: Array, y: Array, cost: Cost, output: Activation) -> Array:
    """C_x of such a pair straight from z^L, finite where a^L has been rounded to 0 or 1. Shape (m,)."""
    if cost == POISSON:
        return functions.exp_poisson_of_z(z, y)
    if output == SOFTMAX:
        return functions.log_likelihood_of_z(z, y, parameter_of(cost))
    return functions.sigmoid_cross_entropy_of_z(z, y, parameter_of(cost))


def fused_error(a: Array, y: Array, cost: Cost, output: Activation) -> Array:
    """BP1 of such a pair: delta^L = a - y."""
    if cost == POISSON:
        return a - y
    return a - functions.smoothed(y, parameter_of(cost), len(y) if output == SOFTMAX else 2)


def softmax_error(z: Array, nabla_a: Array) -> Array:
    """BP1 where the outputs are coupled: delta_j = a_j (g_j - sum_k g_k a_k) with g = dC/da."""
    a = softmax(z)
    return a * (nabla_a - (nabla_a * a).sum(axis=0))
