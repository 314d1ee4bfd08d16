"""Each equation as SymPy finds it by differentiating the whole cost, beside what the equation says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import sympy
from sympy import Expr, Symbol

from nablanet.explain import symbolic
from nablanet.explain.derive import Step
from nablanet.explain.document import Formula
from nablanet.explain.equation_forms import BP1, BP2, BP3, BP4, SOFTMAX_BP1, WRITTEN_OUT
from nablanet.explain.expressions import (
    COST,
    Expression,
    brackets,
    chain,
    function,
    minus,
    product,
    quotient,
    rate,
    slope,
    sum_over,
    symbol,
    total,
)
from nablanet.explain.symbolic import Composition, are_equal
from nablanet.explain.symbolic_forms import equal, written

_Error = Callable[[int, int], Expr]  # δ^l_j for l from 2, j from 0


def steps(c: Composition) -> tuple[Step, ...]:
    """The network as a formula, BP1 to BP4, and δ^L of the two costs."""
    error = cache(c.error)
    derived = [
        _network(c),
        _bp1(c, error),
        _bp2(c, error),
        *_bp3_and_bp4(c, error),
        _quadratic(),
        _cross_entropy(),
    ]
    if c.softmax and c.cost_name == "cross_entropy" and not c.smoothing:
        derived.append(_softmax(c, error))
    return tuple(derived)


def _network(c: Composition) -> Step:
    formulas = []
    for l in range(2, c.last + 1):  # noqa: E741 - l is the book's layer index
        z, a = c.weighted_input(l, c.a[l - 1])[0], c.activated(l, c.z[l])[0]
        formulas.append(equal(c.written[c.z[l][0]], z, c.written))
        if c.softmax and l == c.last:
            formulas.append(chain(c.written[c.a[l][0]], [("=", _softmax_of(l))]))
        else:
            formulas.append(equal(c.written[c.a[l][0]], a, c.written))
    formulas.append(equal(COST, c.cost(c.a[c.last]), c.written))
    return Step(
        "The network as a formula", tuple(formulas), 0, True, "The first neuron of each layer, and the cost."
    )


def _softmax_of(layer: int) -> Expression:
    exp_1, exp_k = (function("exp", symbol("z", layer, j)) for j in (1, "k"))
    return quotient(exp_1, sum_over("k", exp_k))


def _bp1(c: Composition, error: _Error) -> Step:
    outputs, activated = c.a[c.last], c.activated(c.last, c.z[c.last])
    rates = [sympy.diff(c.cost(outputs), a) for a in outputs]
    equals = [
        are_equal(
            error(c.last, j),
            c.shortened(
                sum(g * sympy.diff(a, c.z[c.last][j]) for g, a in zip(rates, activated, strict=True)), c.last
            ),
        )
        for j in c.neurons(c.last)
    ]
    a, z = c.written[outputs[0]], c.written[c.z[c.last][0]]
    sides = [] if c.softmax else [product(rate(COST, a), rate(a, z))]
    formulas = (
        SOFTMAX_BP1 if c.softmax else BP1,
        equal(rate(COST, a), rates[0], c.written),
        equal(rate(a, z), c.shortened(sympy.diff(activated[0], c.z[c.last][0]), c.last), c.written),
        equal(_error_symbol(c.last), error(c.last, 0), c.written, *sides),
    )
    return _step("BP1", formulas, equals, "output neuron")


def _bp2(c: Composition, error: _Error) -> Step:
    if c.last == 2:
        return Step("BP2", (BP2,), 0, True, "There is no hidden layer that has such an error.")
    equals = []
    for l in range(c.last - 1, 1, -1):  # noqa: E741
        for j in c.neurons(l):
            slope_of_a = c.shortened(sympy.diff(c.activated(l, c.z[l])[j], c.z[l][j]), l)
            into = sum(c.w[l + 1][k][j] * error(l + 1, k) for k in c.neurons(l + 1))
            equals.append(are_equal(error(l, j), into * slope_of_a))
    l = c.last - 1  # noqa: E741
    if c.sizes[-1] > WRITTEN_OUT:
        shown = sum_over("k", product(symbol("w", l + 1, "k", 1), symbol("δ", l + 1, "k")))
    else:
        shown = total(
            *(product(c.written[c.w[l + 1][k][0]], _error_symbol(l + 1, k)) for k in c.neurons(l + 1))
        )
        shown = brackets(shown) if c.sizes[-1] > 1 else shown
    side = product(shown, slope(c.written[c.z[l][0]]))
    return _step("BP2", (BP2, equal(_error_symbol(l), error(l, 0), c.written, side)), equals, "hidden neuron")


def _bp3_and_bp4(c: Composition, error: _Error) -> tuple[Step, Step]:
    composed = c.cost_from(1)

    def to(parameter: Symbol) -> Expr:
        return c.shortened(sympy.diff(composed, parameter), 1)

    to_b = {(layer, j): to(c.b[layer][j]) for layer in c.b for j in c.neurons(layer)}
    to_w = {(*at, k): to(c.w[at[0]][at[1]][k]) for at in to_b for k in c.neurons(at[0] - 1)}
    b_equal = [are_equal(found, error(*at)) for at, found in to_b.items()]
    w_equal = [are_equal(found, c.a[at[0] - 1][at[2]] * error(*at[:2])) for at, found in to_w.items()]
    delta, a = _error_symbol(2), c.written[c.a[1][0]]
    b, w = (rate(COST, c.written[parameter]) for parameter in (c.b[2][0], c.w[2][0][0]))
    return (
        _step("BP3", (BP3, equal(b, to_b[2, 0], c.written, delta)), b_equal, "bias"),
        _step("BP4", (BP4, equal(w, to_w[2, 0, 0], c.written, product(a, delta))), w_equal, "weight"),
    )


# one output neuron, in the book's letters
_WRITTEN = {Symbol(letter, real=True): symbol(letter, "L", "j") for letter in "az"}
_WRITTEN[Symbol("y", real=True)] = symbol("y", "", "j")
_A, _Z, _Y = _WRITTEN
_DELTA = symbol("δ", "L", "j")


def _quadratic() -> Step:
    function, prime = symbolic.unknown("sigma")
    cost, composed = (symbolic.quadratic([a], [_Y]) for a in (_A, function(_Z)))
    error = sympy.diff(composed, _Z)
    formulas = (
        equal(COST, cost, _WRITTEN),
        equal(_DELTA, error.xreplace({function(_Z): _A}), _WRITTEN),
    )
    holds = are_equal(error, (function(_Z) - _Y) * prime(_Z))
    return Step(
        "δᴸ of the quadratic cost",
        formulas,
        1,
        holds,
        "For one output neuron and any σ, SymPy finds ∂C/∂z equal to this.",
    )


def _cross_entropy() -> Step:
    sigmoid = symbolic.ACTIVATIONS["sigmoid"](_Z)
    cost, composed = (symbolic.cross_entropy([a], [_Y]) for a in (_A, sigmoid))
    nabla_a = sympy.factor(sympy.diff(cost, _A))
    sigma_prime = sympy.diff(sigmoid, _Z)
    a, one_minus = written(_A, _WRITTEN), written(1 - _A, _WRITTEN)
    difference = minus(a, written(_Y, _WRITTEN))
    product_of_both = product(a, brackets(one_minus))
    formulas = (
        equal(COST, cost, _WRITTEN),
        equal(a, sigmoid, _WRITTEN),
        equal(rate(a, symbol("z", "L", "j")), sigma_prime, _WRITTEN, product_of_both),
        chain(rate(COST, a), [("=", quotient(difference, product_of_both))]),
        chain(_DELTA, [("=", product(rate(COST, a), rate(a, symbol("z", "L", "j")))), ("=", difference)]),
    )
    holds = (
        are_equal(nabla_a, (_A - _Y) / (_A * (1 - _A)))
        and are_equal(sigma_prime, sigmoid * (1 - sigmoid))
        and are_equal(sympy.diff(composed, _Z), sigmoid - _Y)
    )
    return Step(
        "δᴸ of cross-entropy with the sigmoid",
        formulas,
        1,
        holds,
        "For one output neuron: σ′ cancels. SymPy finds ∂C/∂z equal to this.",
    )


def _softmax(c: Composition, error: _Error) -> Step:
    """The sum of the y is 1."""
    last = {c.y[-1]: 1 - sum(c.y[:-1])}
    equals = [
        are_equal(error(c.last, j).xreplace(last), (c.a[c.last][j] - c.y[j]).xreplace(last))
        for j in c.neurons(c.last)
    ]
    difference = minus(c.written[c.a[c.last][0]], c.written[c.y[0]])
    formula = equal(_error_symbol(c.last), sympy.expand(error(c.last, 0)), c.written, difference)
    step = _step("δᴸ of cross-entropy with softmax", (formula,), equals, "output neuron")
    return replace(step, about=f"The desired outputs add up to 1. {step.about}")


def _error_symbol(layer: int, j: int = 0) -> Expression:
    return symbol("δ", layer, j + 1)


def _step(name: str, formulas: tuple[Formula, ...], equals: list[bool], what: str) -> Step:
    n, found = len(equals), sum(equals)
    each = f"the {what}" if n == 1 else f"each {what} of {n}"
    about = f"SymPy finds both sides equal for {each}."
    if found < n:
        about = f"SymPy finds both sides equal for {found} of {n}."
    return Step(name, formulas, n, found == n, about)
