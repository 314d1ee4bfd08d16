"""MathML in small pieces: each function returns an element as text, ready to go into a `math` element."""

from __future__ import annotations

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
    """A letter with the layer above it and the neuron below."""
    if not below:
        return f"<msup>{identifier(letter)}{_index(layer)}</msup>"
    return f"<msubsup>{identifier(letter)}{_index(below)}{_index(layer)}</msubsup>"


def fraction(above: str, below: str) -> str:
    """A quotient."""
    return f"<mfrac>{row(above)}{row(below)}</mfrac>"


def rate(of: str, to: str) -> str:
    """∂of/∂to, of two elements."""
    return fraction(operator("∂") + of, operator("∂") + to)


def _index(text: str) -> str:
    return f"<mn>{escape(text)}</mn>" if text.isdigit() else f"<mtext>{escape(text)}</mtext>"
