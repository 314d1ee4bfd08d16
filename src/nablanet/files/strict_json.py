"""JSON from a file of unknown origin: what Python's parser would let through, or fall over, is refused."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from nablanet.shapes import describe

MOST_LEVELS = 64
_LONGEST_INTEGER = 308  # digits, so that each can be made a float64
# up to the next bracket outside a string, or to the end; possessive, so that no text makes it go back
_UP_TO_BRACKET = re.compile(r'(?:[^][{}"]++|"(?:[^"\\]++|\\.)*+"?+)*+([][{}]|\Z)', re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_object(text: str) -> dict[str, Any]:
    """The JSON object in a text.

    Raises ValueError for a text that is none, for objects that name something twice, numbers beyond
    float64's, escapes that are no character, and more than 64 levels.
    """
    _check_levels(text)
    content = json.loads(
        text,
        object_pairs_hook=_unique,
        parse_int=_integer,
        parse_float=_finite,
        parse_constant=_refuse_constant,
    )
    if not isinstance(content, dict):
        raise ValueError(f"an object is wanted, got {describe(content)}")
    if _SURROGATE.search(text):
        json.dumps(content, ensure_ascii=False).encode()  # UnicodeEncodeError, if one stands alone
    return content


def _check_levels(text: str) -> None:
    """Refuse what might exhaust the stack, however high the program has set its recursion limit."""
    level = 0
    for bracket in _UP_TO_BRACKET.finditer(text):
        level += {"[": 1, "{": 1, "]": -1, "}": -1, "": 0}[bracket[1]]
        if level > MOST_LEVELS:
            raise ValueError(f"it has more than {MOST_LEVELS} levels")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return content


def _integer(digits: str) -> float:
    if digits == "-0":
        return -0.0  # no integer can hold it
    if len(digits) > _LONGEST_INTEGER:
        raise ValueError(f"it has an integer of {len(digits)} digits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{describe(digits)} is too large a number")
    return number


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")
