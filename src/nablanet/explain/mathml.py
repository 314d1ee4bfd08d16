"""MathML in small pieces: each function returns an element as text, ready to go into a `math` element."""

from __future__ import annotations

import re
from html import escape


def identifier(name: str) -> str:
    """A symbol, such as z or δ."""
    return f"<mi>{escape(name)}</mi>"


def number(text: str) -> str:
    """A number that is written already."""
    return f"<mn>{escape(text)}</mn>"


def operator(sign: str) -> str:
    """+, =, ⊙ and the like."""
    return f"<mo>{escape(sign)}</mo>"


def row(*parts: str) -> str:
    """Parts in a row that belong together."""
    return f"<mrow>{''.join(parts)}</mrow>"


def indexed(letter: str, layer: str, below: str = "") -> str:
    """A letter with the layer above it and the neuron below, or one of the two."""
    if not layer:
        return f"<msub>{identifier(letter)}{_index(below)}</msub>"
    if not below:
        return f"<msup>{identifier(letter)}{_index(layer)}</msup>"
    return f"<msubsup>{identifier(letter)}{_index(below)}{_index(layer)}</msubsup>"


def fraction(above: str, below: str) -> str:
    """A quotient."""
    return f"<mfrac>{row(above)}{row(below)}</mfrac>"


def rate(of: str, to: str) -> str:
    """∂of/∂to, of two elements."""
    return fraction(operator("∂") + of, operator("∂") + to)


def sum_over(index: str) -> str:
    """The sign of a sum, with its index below."""
    return f"<munder><mo>∑</mo>{_index(index)}</munder>"


def lines(*rows: tuple[str, str]) -> str:
    """Lines of a formula as (left side, right side), the right sides below each other."""
    cells = "".join(
        f'<mtr><mtd style="text-align:right">{row(left)}</mtd>'
        f'<mtd style="text-align:left">{row(right)}</mtd></mtr>'
        for left, right in rows
    )
    return f'<mtable displaystyle="true">{cells}</mtable>'


def _index(text: str) -> str:
    """An index such as l+1 or 2,11, its letters, numbers and signs told apart."""
    parts = [
        number(part) if part.isdigit() else identifier(part) if part.isalpha() else operator(part)
        for part in re.findall(r"\d+|\D", text)
    ]
    return parts[0] if len(parts) == 1 else row(*parts)
