"""Formulas as text and as MathML at once: each piece carries both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nablanet.explain import mathml, notation
from nablanet.explain.document import Formula

_SPACED = "=+−·"


@dataclass(frozen=True)
class Expression:
    """A piece of a formula. signed: it starts with a minus, and needs brackets after another sign."""

    text: str
    mathml: str
    signed: bool = False

    def formula(self) -> Formula:
        """The piece as a block."""
        return Formula(self.text, self.mathml)


def symbol(letter: str, layer: int | str, *indices: int | str) -> Expression:
    """A letter with the layer above and the neurons below, as in `notation.symbol`."""
    between = "," if any(len(str(index)) > 1 for index in indices) else ""
    below = between.join(map(str, indices))
    return Expression(notation.symbol(letter, layer, *indices), mathml.indexed(letter, str(layer), below))


def number(value: float) -> Expression:
    """A number as people read it."""
    text = notation.number(value)
    if "·10" not in text:
        return Expression(text, _signed(text), text.startswith("−"))
    mantissa = text.split("·")[0]
    exponent = f"{float(value):.4e}".split("e")[1]
    power = f"<msup>{mathml.number('10')}{_signed(str(int(exponent)).replace('-', '−'))}</msup>"
    return Expression(text, mathml.row(_signed(mantissa), mathml.operator("·"), power), text.startswith("−"))


def _signed(text: str) -> str:
    if text.startswith("−"):
        return mathml.row(mathml.operator("−"), mathml.number(text[1:]))
    return mathml.number(text)


def row(*parts: Expression | str) -> Expression:
    """Pieces in a row; strings are signs, or brackets."""
    text, elements = "", []
    for part in parts:
        if isinstance(part, Expression):
            text += part.text
            elements.append(part.mathml)
        else:
            text += f" {part} " if part in _SPACED else part
            elements.append(mathml.operator(part))
    return Expression(text, mathml.row(*elements))


def brackets(inside: Expression) -> Expression:
    """(inside)."""
    return row("(", inside, ")")


def product(*factors: Expression) -> Expression:
    """Factors with a dot between them, those with a sign in brackets."""
    parts: list[Expression | str] = []
    for factor in factors:
        parts += ["·", brackets(factor) if factor.signed else factor]
    return row(*parts[1:])


def minus(left: Expression, right: Expression) -> Expression:
    """The difference left − right."""
    return row(left, "−", brackets(right) if right.signed else right)


def total(*terms: Expression) -> Expression:
    """Terms with + between them."""
    parts: list[Expression | str] = []
    for term in terms:
        parts += ["+", term]
    return row(*parts[1:])


def rate(of: Expression, to: Expression) -> Expression:
    """∂of/∂to."""
    return Expression(notation.rate(of.text, to.text), mathml.rate(of.mathml, to.mathml))


def quotient(above: Expression, below: Expression) -> Expression:
    """above/below, in text with brackets where they are needed."""
    texts = [f"({part.text})" if _is_composed(part.text) else part.text for part in (above, below)]
    return Expression("/".join(texts), mathml.fraction(above.mathml, below.mathml))


def _is_composed(text: str) -> bool:
    """Whether there is a sign outside all brackets."""
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth == 0 and character in " −/":
            return True
    return False


def function(name: str, of: Expression) -> Expression:
    """A name and what it is applied to."""
    return Expression(f"{name}({of.text})", mathml.row(mathml.identifier(name), brackets(of).mathml))


def slope(z: Expression) -> Expression:
    """σ′(z)."""
    return function("σ′", z)


def sum_over(index: str, of: Expression) -> Expression:
    """The sum of a product over an index."""
    return Expression(
        f"Σ{notation.symbol('', '', index)} {of.text}", mathml.row(mathml.sum_over(index), of.mathml)
    )


COST = Expression("C", mathml.identifier("C"))


def equal(left: Expression, *right: Expression) -> Formula:
    """A left side = right = right, each right side on a line of its own."""
    return chain(left, [("=", side) for side in right])


def chain(left: Expression, right: Sequence[tuple[str, Expression]]) -> Formula:
    """A left side, and below each other what follows: a sign and an expression."""
    indent = " " * len(left.text)
    text = [f"{left.text if i == 0 else indent} {sign} {side.text}" for i, (sign, side) in enumerate(right)]
    elements = [mathml.operator(sign) + side.mathml for sign, side in right]
    return Formula(
        "\n".join(text),
        mathml.lines((left.mathml, elements[0]), *(("", element) for element in elements[1:])),
    )
