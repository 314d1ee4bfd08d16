"""SymPy's expressions as formulas, in the package's own notation."""

from __future__ import annotations

from collections.abc import Mapping

import sympy
from sympy import Expr, Symbol

from nablanet.explain import mathml
from nablanet.explain.document import Formula
from nablanet.explain.expressions import Expression, brackets, chain, function, number, product, quotient, row

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
    return chain(left, [*_lines(right, symbols), *(("=", side) for side in sides)])


def _lines(right: Expr, symbols: Symbols) -> list[tuple[str, Expression]]:
    whole = written(right, symbols)
    if len(whole.text) <= _WIDE:
        return [("=", whole)]
    terms = _multiplied_out(right).as_ordered_terms()
    lines = []
    for i, term in enumerate(terms[:_TERMS]):
        lines += _product_lines("+" if i else "=", term, symbols)
    if len(terms) > _TERMS:
        more = f"… ({len(terms) - _TERMS} more)"
        lines.append(("+", Expression(more, f"<mtext>{more}</mtext>")))
    return lines


def _multiplied_out(expression: Expr) -> Expr:
    """A sum of products, differences such as a − y left as they are."""
    kept = {
        part: sympy.Dummy()
        for part in expression.atoms(sympy.Add)
        if not part.atoms(sympy.Function) and len(part.args) == 2
    }
    back = {dummy: part for part, dummy in kept.items()}
    return sympy.expand(expression.xreplace(kept)).xreplace(back)


def _product_lines(sign: str, term: Expr, symbols: Symbols) -> list[tuple[str, Expression]]:
    whole = _term(term, symbols)
    factors = [_factor(factor, symbols) for factor in _in_order(term)]
    if len(whole.text) <= _WIDE or sympy.fraction(term, exact=True)[1] != 1:
        return [(sign, whole)]
    lines, here = [], factors[:1]
    for factor in factors[1:]:
        if sum(len(f.text) + 3 for f in [*here, factor]) > _WIDE:
            lines.append(product(*here))
            here = []
        here.append(factor)
    first, *others = [*lines, product(*here)]
    return [(sign, first), *(("·", line) for line in others)]


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
        return product(*(_factor(factor, symbols) for factor in _in_order(expression)))
    if expression.is_Pow:
        base, power = brackets(written(expression.base, symbols)), written(expression.exp, symbols)
        text = f"{base.text}²" if expression.exp == 2 else f"{base.text}^{power.text}"
        return Expression(text, f"<msup>{mathml.row(base.mathml)}{mathml.row(power.mathml)}</msup>")
    name = expression.func.__name__
    return function(_LETTERS.get(name, name), written(expression.args[0], symbols))


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


def _in_order(expression: Expr) -> list[Expr]:
    """Factors as the book has them, weights first."""
    return sorted(expression.as_ordered_factors(), key=lambda factor: not _is(factor, "w"))


def _is(expression: Expr, letter: str) -> bool:
    return bool(expression.is_Symbol) and expression.name.startswith(letter)


def _term(expression: Expr, symbols: Symbols) -> Expression:
    term = written(expression, symbols)
    return brackets(term) if term.signed else term


def _factor(expression: Expr, symbols: Symbols) -> Expression:
    return brackets(written(expression, symbols)) if expression.is_Add else written(expression, symbols)
