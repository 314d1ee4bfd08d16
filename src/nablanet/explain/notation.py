"""The chapter's symbols in plain text, such as w²₁₃, and numbers as people read them.

Layers and neurons count from 1, as in the book.
"""

from __future__ import annotations

_SUPERSCRIPTS = str.maketrans("0123456789-−+lL", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻⁺ˡᴸ")
_SUBSCRIPTS = str.maketrans("0123456789-jk", "₀₁₂₃₄₅₆₇₈₉₋ⱼₖ")


def symbol(letter: str, layer: int | str, *indices: int | str) -> str:
    """A letter with the layer above and the neurons below, such as w³₂₁ for ("w", 3, 2, 1).

    Layers may be "L", "l", "l+1" or "l−1", neurons "j" or "k". Numbers of two digits are kept apart by a
    comma: w³₂,₁₁.
    """
    between = "," if any(len(str(index)) > 1 for index in indices) else ""
    below = between.join(str(index).translate(_SUBSCRIPTS) for index in indices)
    return f"{letter}{str(layer).translate(_SUPERSCRIPTS)}{below}"


def rate(of: str, to: str) -> str:
    """A partial derivative, such as ∂C/∂b²₁ for "C" and "b²₁"."""
    return f"∂{of}/∂{to}"


def number(value: float, digits: int = 5) -> str:
    """A number to so many significant digits, with a minus sign as in print."""
    text = f"{float(value) + 0.0:.{digits}g}"  # no -0
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = f"{mantissa}·10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    return text.replace("-", "−")
