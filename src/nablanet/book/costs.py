"""The cost classes of the book's `network2`, and what a cost class of the user's own must have."""

from __future__ import annotations

from typing import Any, Protocol

from nablanet import cost_functions
from nablanet.activations import sigmoid_prime
from nablanet.shapes import Array, describe


class CostClass(Protocol):
    """What a cost must have: a class with two static functions, or an object with two methods."""

    def fn(self, a: Any, y: Any, /) -> Any:
        """C_x for the output activations a and the desired output y, both of shape (n_L, 1)."""

    def delta(self, z: Any, a: Any, y: Any, /) -> Any:
        """The error of the output layer delta^L = dC_x/dz^L (BP1), shape (n_L, 1)."""


class QuadraticCost:
    """C_x = 1/2 ||y - a||^2."""

    @staticmethod
    def fn(a: Array, y: Array) -> float:
        """C_x for one example."""
        return float(cost_functions.quadratic(a, y).sum())

    @staticmethod
    def delta(z: Array, a: Array, y: Array) -> Array:
        """BP1: (a - y) * sigma'(z)."""
        return (a - y) * sigmoid_prime(z)


class CrossEntropyCost:
    """C_x = -sum_j [y_j ln a_j + (1 - y_j) ln(1 - a_j)]."""

    @staticmethod
    def fn(a: Array, y: Array) -> float:
        """C_x for one example; 0 ln 0 is 0."""
        return float(cost_functions.cross_entropy(a, y).sum())

    @staticmethod
    def delta(z: Array, a: Array, y: Array) -> Array:
        """BP1: a - y, since sigma'(z) cancels; z is not used."""
        return a - y


def engine_cost(cost: Any) -> str | None:
    """The package's name for one of the two classes above, or None for a cost of the user's own."""
    kind = cost if isinstance(cost, type) else type(cost)
    if kind is QuadraticCost:
        return "quadratic"
    return "cross_entropy" if kind is CrossEntropyCost else None


def check_cost(cost: Any) -> Any:
    """The cost itself. Raises TypeError where it lacks `fn` or `delta`."""
    for part in ("fn", "delta"):
        if not callable(getattr(cost, part, None)):
            raise TypeError(f"cost must be a class with fn(a, y) and delta(z, a, y), got {describe(cost)}")
    return cost


def cost_name(cost: Any) -> str:
    """The name of the class, as it is written to files."""
    return str(getattr(cost, "__name__", type(cost).__name__))


def cost_named(name: object) -> type[Any]:
    """The book's class of that name. Raises ValueError for any other."""
    for cost in (QuadraticCost, CrossEntropyCost):
        if cost.__name__ == name:
            return cost
    raise ValueError(
        f"its cost {describe(name)} is neither QuadraticCost nor CrossEntropyCost; "
        "for a cost class of your own pass load(filename, cost=YourCost)"
    )
