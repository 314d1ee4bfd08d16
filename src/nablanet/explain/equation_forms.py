"""BP1 to BP4, each in symbols and with the numbers of one neuron or weight."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nablanet.activations import SOFTMAX
from nablanet.costs import COSTS, POISSON, for_output, fused_error, is_fused, parameter_of
from nablanet.explain import notation
from nablanet.explain.document import Formula
from nablanet.explain.expressions import (
    COST,
    Expression,
    brackets,
    equal,
    minus,
    number,
    product,
    quotient,
    rate,
    slope,
    sum_over,
    symbol,
    total,
)
from nablanet.shapes import Array

if TYPE_CHECKING:
    from nablanet.explain.trace import Trace
    from nablanet.network import Network

WRITTEN_OUT = 3  # terms that a formula still shows; beyond, a table has them


@dataclass(frozen=True)
class Term:
    """A summand, the product of its factors. neuron: the one it comes from, counted from 1."""

    neuron: int
    factors: tuple[float, ...]

    @property
    def value(self) -> float:
        """The product of the factors."""
        return math.prod(self.factors)


@dataclass(frozen=True)
class Equation:
    """One of the four equations with the numbers of one neuron or weight.

    name: BP1 to BP4; quantity: its left side, such as δ²₁. terms: the summands, the largest first where
    the sum runs over a layer; factor: what the sum is multiplied with, σ′(z) in BP2 and 1 in the others.
    engine_value: the left side as `Network.gradient` has it (δ is ∂C/∂b, by BP3). symbols, numbers: the
    formulas; columns: the symbols of a term's factors; note: what the numbers are, in a sentence.
    """

    name: str
    quantity: str
    terms: tuple[Term, ...]
    factor: float
    engine_value: float
    symbols: Formula
    numbers: Formula
    columns: tuple[str, ...] = ()
    note: str = ""

    @property
    def value(self) -> float:
        """The right side: factor times the sum of the terms."""
        return self.factor * sum(term.value for term in self.terms)

    @property
    def difference(self) -> float:
        """The value less engine_value."""
        return self.value - self.engine_value


# the symbols of the book, for any neuron
_A, _Y, _Z = symbol("a", "L", "j"), symbol("y", "", "j"), symbol("z", "L", "j")
_SLOPED = product(rate(COST, _A), slope(_Z))
_SUMMED = sum_over("k", product(rate(COST, symbol("a", "L", "k")), rate(symbol("a", "L", "k"), _Z)))
BP1 = equal(symbol("δ", "L", "j"), _SLOPED)
SOFTMAX_BP1 = equal(symbol("δ", "L", "j"), _SUMMED)
BP2 = equal(
    symbol("δ", "l", "j"),
    product(
        sum_over("k", product(symbol("w", "l+1", "k", "j"), symbol("δ", "l+1", "k"))),
        slope(symbol("z", "l", "j")),
    ),
)
BP3 = equal(rate(COST, symbol("b", "l", "j")), symbol("δ", "l", "j"))
BP4 = equal(rate(COST, symbol("w", "l", "j", "k")), product(symbol("a", "l−1", "k"), symbol("δ", "l", "j")))


def bp1(network: Network, t: Trace, j: int, engine_value: float) -> Equation:
    """δ^L_j in the form that goes with output and cost.

    A sum over the outputs for softmax; a - y for the pairs that combine to it, whose two factors may be
    infinite and 0.
    """
    output, cost, last = network.activations[-1], network.cost, t.layers[-1]
    overridden = network.overrides("cost_derivative")
    if is_fused(cost, output) and not overridden:
        return _fused_bp1(network, t, j, engine_value)
    derivative = network.cost_derivative if overridden else for_output(cost, output).derivative
    nabla_a = np.asarray(derivative(last.a, t.y))[:, 0]
    source = "this network's own cost_derivative" if overridden else f"the derivative of the cost {cost}"
    note = f"∂C/∂a comes from {source}."
    delta, a, z = (symbol(letter, last.number, j) for letter in "δaz")
    if output == SOFTMAX:
        return _sum(
            "BP1",
            delta,
            (nabla_a, last.sigma_prime[:, j - 1]),
            lambda k: (rate(COST, symbol("a", last.number, k)), rate(symbol("a", last.number, k), z)),
            None,
            engine_value,
            SOFTMAX_BP1,
            f"{note} Every output of softmax depends on every z, so that σ′ is a matrix and BP1 a sum.",
        )
    g, s = float(nabla_a[j - 1]), float(last.sigma_prime[j - 1, 0])
    general, filled = [_SLOPED], [product(rate(COST, a), slope(z))]
    if cost == COSTS["quadratic"] and not overridden:
        general.append(product(brackets(minus(_A, _Y)), slope(_Z)))
        distance = minus(number(last.a[j - 1, 0]), number(t.y[j - 1, 0]))
        filled.append(product(brackets(distance), number(s)))
    return Equation(
        "BP1",
        delta.text,
        (Term(j, (g, s)),),
        1.0,
        engine_value,
        equal(symbol("δ", "L", "j"), *general),
        equal(delta, *filled, product(number(g), number(s)), number(g * s)),
        note=f"{note} {_sigma_is(t, last.number)}",
    )


def _fused_bp1(network: Network, t: Trace, j: int, engine_value: float) -> Equation:
    output, cost, last = network.activations[-1], network.cost, t.layers[-1]
    a = float(last.a[j - 1, 0])
    y = -float(fused_error(np.zeros_like(last.a), t.y, cost, output)[j - 1, 0])
    if output == SOFTMAX:
        forms = [_SUMMED]
    elif cost == POISSON:
        forms = [_SLOPED, product(brackets(minus(number(1), quotient(_Y, _A))), _A)]
    else:
        sigma_prime = product(_A, brackets(minus(number(1), _A)))
        forms = [_SLOPED, product(quotient(minus(_A, _Y), sigma_prime), sigma_prime)]
    note = f"With the output {output.name} and the cost {cost} the rates of BP1 combine to a − y."
    if output == SOFTMAX:
        note += " (Every output depends on every z, so that σ′ is a matrix and BP1 a sum.)"
    if parameter_of(cost):
        note += f" Here y is what label smoothing makes of {notation.number(t.y[j - 1, 0])}."
    delta = symbol("δ", last.number, j)
    difference = minus(symbol("a", last.number, j), symbol("y", "", j))
    return Equation(
        "BP1",
        delta.text,
        (Term(j, (a,)), Term(j, (-y,))),
        1.0,
        engine_value,
        equal(symbol("δ", "L", "j"), *forms, minus(_A, _Y)),
        equal(delta, difference, minus(number(a), number(y)), number(a - y)),
        note=note,
    )


def bp2(t: Trace, layer: int, j: int, engine_value: float) -> Equation:
    """δ^l_j of a hidden layer, from every δ^{l+1}_k."""
    here, following = t[layer], t[layer + 1]
    return _sum(
        "BP2",
        symbol("δ", layer, j),
        (following.w[:, j - 1], following.delta[:, 0]),
        lambda k: (symbol("w", layer + 1, k, j), symbol("δ", layer + 1, k)),
        (slope(symbol("z", layer, j)), float(here.sigma_prime[j - 1, 0])),
        engine_value,
        BP2,
        _sigma_is(t, layer),
    )


def bp3(t: Trace, layer: int, j: int, engine_value: float) -> Equation:
    """∂C/∂b^l_j."""
    delta = float(t[layer].delta[j - 1, 0])
    left = rate(COST, symbol("b", layer, j))
    filled = equal(left, symbol("δ", layer, j), number(delta))
    return Equation("BP3", left.text, (Term(j, (delta,)),), 1.0, engine_value, BP3, filled)


def bp4(t: Trace, weight: tuple[int, int, int], engine_value: float) -> Equation:
    """∂C/∂w^l_jk."""
    layer, j, k = weight
    a, delta = float(t[layer - 1].a[k - 1, 0]), float(t[layer].delta[j - 1, 0])
    left = rate(COST, symbol("w", layer, j, k))
    filled = equal(
        left,
        product(symbol("a", layer - 1, k), symbol("δ", layer, j)),
        product(number(a), number(delta)),
        number(a * delta),
    )
    return Equation("BP4", left.text, (Term(k, (a, delta)),), 1.0, engine_value, BP4, filled)


def _sum(
    name: str,
    quantity: Expression,
    factors: tuple[Array, Array],
    symbols_of: Callable[[int | str], tuple[Expression, Expression]],
    multiplier: tuple[Expression, float] | None,
    engine_value: float,
    symbols: Formula,
    note: str,
) -> Equation:
    """An equation whose right side is a sum over k of two factors; symbols_of: theirs for a given k."""
    with np.errstate(all="ignore"):
        order = np.argsort(-np.abs(factors[0] * factors[1]), kind="stable")
    terms = tuple(Term(int(k) + 1, (float(factors[0][k]), float(factors[1][k]))) for k in order)
    if len(terms) <= WRITTEN_OUT:
        general = total(*(product(*symbols_of(term.neuron)) for term in terms))
        filled = total(*(product(*map(number, term.factors)) for term in terms))
        if multiplier is not None and len(terms) > 1:
            general, filled = brackets(general), brackets(filled)
    else:
        general = sum_over("k", product(*symbols_of("k")))
        filled = number(sum(term.value for term in terms))
    factor = 1.0
    if multiplier is not None:
        symbol_of_factor, factor = multiplier
        general, filled = product(general, symbol_of_factor), product(filled, number(factor))
    columns = tuple(factor.text for factor in symbols_of("k"))
    value = number(factor * sum(term.value for term in terms))
    sides = [general, filled, value] if filled != value else [general, filled]
    return Equation(
        name, quantity.text, terms, factor, engine_value, symbols, equal(quantity, *sides), columns, note
    )


def _sigma_is(t: Trace, layer: int) -> str:
    return f"In layer {layer}, σ is {t[layer].activation}."
