"""SymPy's expressions as formulas, in the package's own notation."""

from __future__ import annotations

from collections.abc import Mapping

import sympy
from sympy import Expr, Symbol

from nablanet.explain import mathml
from nablanet.explain.document import Formula
from nablanet.explain.expressions import Expression, brackets, chain, number, product, quotient, row

_LETTERS = {
    "sigma": "σ",
    "sigma_prime": "σ′",
    "sigma_L": "σᴸ",
    "sigma_L_prime": "σᴸ′",
    "log": "ln",
    "softmax_exp": "exp",
}
_TERMS = 6  # of a long sum
_WIDE = 90  # columns of text

Symbols = Mapping[Symbol, Expression]


def equal(left: Expression, right: Expr, symbols: Symbols, *sides: Expression) -> Formula:
    """A left side = right = sides; a long sum has a line for each of its first terms."""
    whole = written(right, symbols)
    lines = [("=", whole)]
    if right.is_Add and len(left.text) + len(whole.text) > _WIDE:
        terms = right.as_ordered_terms()
        lines = [("=" if i == 0 else "+", _term(term, symbols)) for i, term in enumerate(terms[:_TERMS])]
        if len(terms) > _TERMS:
            more = f"… ({len(terms) - _TERMS} more)"
            lines.append(("+", Expression(more, f"<mtext>{more}</mtext>")))
    return chain(left, [*lines, *(("=", side) for side in sides)])


def written(expression: Expr, symbols: Symbols) -> Expression:
    """A number, symbol, sum, product, power or function of one argument."""
    if expression.is_Symbol:
        return symbols[expression]
    if expression.is_Integer or expression.is_Float:
        return number(float(expression))
    if expression.is_Add:
        return _sum(expression, symbols)
    if not expression.is_Function and expression.could_extract_minus_sign():
        inner = _factor(-expression, symbols)
        return Expression(f"−{inner.text}", mathml.row(mathml.operator("−"), inner.mathml), signed=True)
    above, below = sympy.fraction(expression, exact=True)
    if below != 1:
        return quotient(written(above, symbols), written(below, symbols))
    if expression.is_Mul:
        factors = sorted(expression.as_ordered_factors(), key=lambda f: not _is(f, "w"))
        return product(*(_factor(factor, symbols) for factor in factors))
    if expression.is_Pow:
        base, power = _factor(expression.base, symbols), written(expression.exp, symbols)
        text = f"{base.text}²" if expression.exp == 2 else f"{base.text}^{power.text}"
        return Expression(text, f"<msup>{mathml.row(base.mathml)}{mathml.row(power.mathml)}</msup>")
    letter = _LETTERS.get(expression.func.__name__, expression.func.__name__)
    argument = brackets(written(expression.args[0], symbols))
    return Expression(f"{letter}{argument.text}", mathml.row(mathml.identifier(letter), argument.mathml))


def _sum(expression: Expr, symbols: Symbols) -> Expression:
    """Terms with a plus first, as in a − y and 1 − a, and a bias last."""
    terms = expression.as_ordered_terms()
    terms.sort(key=lambda term: (bool(term.could_extract_minus_sign()), _is(term, "b")))
    first, *others = terms
    parts: list[Expression | str] = [written(first, symbols)]
    for term in others:
        if term.could_extract_minus_sign():
            parts += ["−", _factor(-term, symbols)]
        else:
            parts += ["+", written(term, symbols)]
    return row(*parts)


def _is(expression: Expr, letter: str) -> bool:
    return bool(expression.is_Symbol) and expression.name.startswith(letter)


def _term(expression: Expr, symbols: Symbols) -> Expression:
    term = written(expression, symbols)
    return brackets(term) if term.signed else term


def _factor(expression: Expr, symbols: Symbols) -> Expression:
    return brackets(written(expression, symbols)) if expression.is_Add else written(expression, symbols)
