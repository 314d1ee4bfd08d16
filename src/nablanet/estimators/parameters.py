"""From the estimators' parameters to what `nablanet` calls them: activations, costs, optimizers."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from nablanet import costs
from nablanet.activations import ACTIVATIONS, Activation
from nablanet.costs import Cost
from nablanet.dropout import dropout_rates
from nablanet.estimators.constraints import HIDDEN_ACTIVATIONS
from nablanet.optimizers import Adam, AdamW, Momentum, Nesterov, Optimizer, RMSprop

if TYPE_CHECKING:
    from nablanet.estimators.base import BaseMLP

# parameters that a loss has
OF_THE_LOSS = ("label_smoothing", "huber_delta", "quantile")
# scikit-learn's names where they are not the package's
_ACTIVATIONS: Mapping[str, str] = MappingProxyType({"logistic": "sigmoid"})
_LEAST_EPSILON = 1e-16  # that the engine takes; below, it would be lost in float32


def get_activation(name: str) -> Activation:
    """The activation that scikit-learn or the package calls so."""
    return ACTIVATIONS[_ACTIVATIONS.get(name, name)]


def hidden_layer_sizes(value: Any) -> list[int]:
    """The neurons of each hidden layer. Raises ValueError for one not above 0, TypeError for a fraction."""
    sizes = list(value) if isinstance(value, Iterable) else [value]
    if np.any(np.array(sizes) <= 0):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [operator.index(n) for n in sizes]


def hidden_activations(value: str | Iterable[str], n_layers: int) -> list[str]:
    """The name of the activation of each hidden layer. Raises ValueError."""
    if isinstance(value, str):
        return [value] * n_layers
    names = list(value)
    if len(names) != n_layers:
        raise ValueError(
            f"activation must be a name, or a list with one for each of the {n_layers} hidden layers, "
            f"got {len(names)}"
        )
    for name in names:
        if not isinstance(name, str) or name not in HIDDEN_ACTIVATIONS:
            raise ValueError(
                f"activation has {name!r} for a hidden layer; there are: "
                f"{', '.join(sorted(HIDDEN_ACTIVATIONS))}"
            )
    return names


def get_cost(estimator: BaseMLP) -> Cost:
    """The cost that the estimator minimizes: its `loss`, with the parameters that this has."""
    loss = estimator.loss
    if loss == "log_loss":
        return costs.cross_entropy(estimator.label_smoothing)
    if loss == "huber":
        return costs.huber(estimator.huber_delta)
    if loss == "quantile":
        return costs.quantile(estimator.quantile)
    return costs.get_cost("quadratic" if loss == "squared_error" else loss)


def cost_of_outputs(estimator: BaseMLP) -> Cost:
    """The cost where it goes with the outputs that were learned, else one that does.

    After another `loss` was set, as by set_params, the network predicts as before.
    """
    cost, output = get_cost(estimator), get_activation(estimator.out_activation_)
    try:
        costs.check_pair(cost, output)
    except ValueError:
        return costs.get_cost("quadratic")
    return cost


def get_optimizer(estimator: BaseMLP) -> Optimizer:
    """The optimizer of a stochastic `solver`."""
    eta = float(estimator.learning_rate_init)
    betas: dict[str, Any] = {
        "beta1": float(estimator.beta_1),
        "beta2": float(estimator.beta_2),
        "epsilon": max(float(estimator.epsilon), _LEAST_EPSILON),
        "epsilon_hat": True,
    }
    if estimator.solver == "adam":
        return Adam(eta, **betas)
    if estimator.solver == "adamw":
        return AdamW(eta, weight_decay=float(estimator.weight_decay), **betas)
    if estimator.solver == "rmsprop":
        return RMSprop(eta, float(estimator.rho), max(float(estimator.epsilon), _LEAST_EPSILON))
    nesterov = estimator.nesterovs_momentum or estimator.solver == "nesterov"
    return (Nesterov if nesterov else Momentum)(eta, float(estimator.momentum))


def dropout(estimator: BaseMLP, sizes: list[int]) -> tuple[float, ...]:
    """The share of neurons that each step leaves out, for each of layers 1..L-1.

    A list has one for each hidden layer, or one for the inputs before them. Raises ValueError or TypeError.
    """
    rates, hidden = estimator.dropout, len(sizes) - 2
    if not isinstance(rates, Iterable):
        return dropout_rates(rates, sizes)
    chosen = list(rates)
    if len(chosen) not in (hidden, hidden + 1):
        raise ValueError(
            f"dropout must be a number, or a list with one for each of the {hidden} hidden layers (and "
            f"one before them for the inputs, if you like), got {len(chosen)}"
        )
    return dropout_rates([0.0] * (hidden + 1 - len(chosen)) + chosen, sizes)
