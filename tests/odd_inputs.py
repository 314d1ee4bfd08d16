"""Inputs of every odd kind: those that must be refused, and those that mean the same as plain ones.

For anything that learns from rows X with labels, with rows of desired outputs, or with sample weights.
`X`, `LABELS`, `DESIRED` and `WEIGHTS` are sound; each case replaces one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse

from nablanet.shapes import Array

M, N, CLASSES = 12, 5, 3
_rng = np.random.default_rng(0)
# multiples of 1/64, which every float type holds exactly
X: Array = _rng.integers(-128, 128, (M, N)) / 64
LABELS: Array = np.arange(M) % CLASSES
DESIRED: Array = _rng.integers(0, 64, (M, CLASSES)) / 64
WEIGHTS: Array = _rng.integers(1, 64, M) / 64


@dataclass(frozen=True)
class Wrong:
    """A value that must be refused. error, message: the kind of error, and a pattern of what it says."""

    name: str
    value: Any
    error: type[Exception]
    message: str

    def __str__(self) -> str:
        return self.name


def _with(array: Array, value: object, dtype: Any = np.float64) -> Array:
    """The array with `value` in its eighth row."""
    changed = array.astype(dtype)
    changed[(7, *[1] * (array.ndim - 1))] = value
    return changed


def _not_numbers(array: Array, name: str) -> list[Wrong]:
    """What is no array of finite real numbers, in the shape of a sound one; name: the argument's."""
    finite = "must be finite"
    real = rf"{name}\b.* must hold real numbers, got dtype"
    numbers = rf"{name}\b.* must hold numbers, got"
    return [
        Wrong("NaN", _with(array, np.nan), ValueError, f"{finite}, got nan"),
        Wrong("inf", _with(array, np.inf), ValueError, f"{finite}, got inf"),
        Wrong("-inf", _with(array, -np.inf), ValueError, f"{finite}, got -inf"),
        Wrong("NaN of float16", _with(array, np.nan, np.float16), ValueError, f"{finite}, got nan"),
        Wrong("inf of float32", _with(array, np.inf, np.float32), ValueError, f"{finite}, got inf"),
        Wrong("big-endian NaN", _with(array, np.nan, ">f8"), ValueError, f"{finite}, got nan"),
        Wrong("NaN among objects", _with(array, np.nan, object), ValueError, f"{finite}, got nan"),
        Wrong("10^400", _with(array, 10**400, object), ValueError, "must be finite as float64, got 10000"),
        Wrong("None among objects", _with(array, None, object), TypeError, f"{numbers} None"),
        Wrong("text among objects", _with(array, "tea", object), TypeError, f"{numbers} 'tea'"),
        Wrong("a dict among objects", _with(array, {}, object), TypeError, f"{numbers} {{}}"),
        Wrong("a complex object", _with(array, 1j, object), TypeError, f"{numbers} 1j"),
        Wrong("complex", array + 1j, TypeError, f"{real} complex128"),
        Wrong("strings", array.astype(str), TypeError, f"{real} <U"),
        Wrong("bytes", array.astype("S"), TypeError, rf"{real} \|S"),
        Wrong("dates", np.zeros(array.shape, "M8[s]"), TypeError, f"{real} datetime64"),
        Wrong("durations", np.zeros(array.shape, "m8[s]"), TypeError, f"{real} timedelta64"),
        Wrong("raw bytes", np.zeros(array.shape, "V8"), TypeError, rf"{real} \|V8"),
        Wrong("masked", np.ma.masked_array(array, array == array.flat[-1]), TypeError, "masked values"),
    ]


WRONG_X = [
    *_not_numbers(X, "[Xx]"),
    Wrong("one row", X[0], ValueError, r"samples as rows.*X.reshape\(1, -1\)"),
    Wrong("three axes", X[:, :, np.newaxis, np.newaxis], ValueError, r"5 numbers|X.reshape\(len\(X\), -1\)"),
    Wrong("too wide", np.ones((M, N + 1)), ValueError, r"5 numbers.*got \((12, )?6,?\)"),
    Wrong("too narrow", X[:, 1:], ValueError, r"5 numbers.*got \((12, )?4,?\)"),
    Wrong("transposed", X.T, ValueError, "pass its transpose"),
    Wrong("no rows", X[:0], ValueError, r"X.* is empty: got shape \(0, 5\)"),
    Wrong("no features", X[:, :0], ValueError, r"5 numbers.*got \((12, )?0,?\)"),
    Wrong("a number", np.array(3.0), ValueError, r"5 numbers.*got \(\)"),
    Wrong("records", np.zeros(M, [("x", float, N)]), TypeError, "must hold real numbers, got dtype"),
    Wrong("another sparse format", scipy.sparse.csc_array(X), TypeError, "sparse"),
]
# too large for float32 only
OVERFLOWING_X = [
    Wrong("10^39", _with(X, 1e39), ValueError, "as float32 must be finite, got inf"),
    Wrong("-10^308", _with(X, -1e308), ValueError, "as float32 must be finite, got -inf"),
]
WRONG_LABELS = [
    Wrong(
        "more rows", np.arange(M + 1) % CLASSES, ValueError, r"each of the 12 rows of X, got shape \(13,\)"
    ),
    Wrong("fewer rows", LABELS[1:], ValueError, r"each of the 12 rows of X, got shape \(11,\)"),
    Wrong("no rows", LABELS[:0], ValueError, r"each of the 12 rows of X, got shape \(0,\)"),
    Wrong("a number", np.array(1), ValueError, r"each of the 12 rows of X, got shape \(\)"),
    Wrong("whole floats", LABELS.astype(float), ValueError, "labels? .*(float64|this is 0.0)"),
    Wrong("continuous", X[:, 0], ValueError, "labels? .*(float64|this is)"),
    Wrong("continuous column", X[:, :1], ValueError, r"integer labels from 0 to 2|3 numbers.*got \(1,\)"),
    Wrong("NaN", _with(LABELS, np.nan), ValueError, "labels? .*(float64|this is)"),
    Wrong("text", np.array(list("abc" * 4)), TypeError, "dtype <U1; number the classes from 0"),
    Wrong("text objects", np.array(list("abc" * 4), object), TypeError, "got 'a'|dtype <U1; number the"),
    Wrong("None objects", np.array([None] * M, object), TypeError, "must hold numbers, got None"),
    Wrong("complex", LABELS + 1j, TypeError, "must hold real numbers, got dtype complex128"),
    Wrong("beyond the last class", LABELS + 1, ValueError, "label 3, but the output layer has 3 neurons"),
    Wrong("below 0", LABELS - 1, ValueError, "label -1, but the output layer has 3 neurons"),
    Wrong("2^62", LABELS + 2**62, ValueError, "label 46116860184273879.., but the output layer"),
    Wrong("2^63", LABELS.astype(np.uint64) + np.uint64(2**63), ValueError, "label 92233720368547758.., but"),
]
WRONG_DESIRED = [
    *_not_numbers(DESIRED, "[Yy]"),
    Wrong("too wide", np.ones((M, CLASSES + 1)), ValueError, r"3 numbers.*got \((12, )?4,?\)"),
    Wrong("too narrow", DESIRED[:, 1:], ValueError, r"3 numbers.*got \((12, )?2,?\)"),
    Wrong("three axes", DESIRED[:, :, np.newaxis, np.newaxis], ValueError, "3 numbers"),
]
OVERFLOWING_DESIRED = [Wrong("10^39", _with(DESIRED, 1e39), ValueError, "as float32 must be finite, got inf")]
WRONG_WEIGHTS = [
    *_not_numbers(WEIGHTS, "sample_weight"),
    Wrong("below 0", -WEIGHTS, ValueError, "must hold numbers of 0 or more, got -"),
    Wrong("all 0", 0 * WEIGHTS, ValueError, "must have a number above 0, got 12 times 0"),
    Wrong("more", np.ones(M + 1), ValueError, r"wanted shape \(12,\), got \(13,\)"),
    Wrong("a column", WEIGHTS[:, np.newaxis], ValueError, r"wanted shape \(12,\), got \(12, 1\)"),
    Wrong("a number", 2.0, ValueError, r"wanted shape \(12,\), got \(\)"),
    Wrong("too large", np.full(M, np.longdouble("1e4000")), ValueError, "as float64 must be finite"),
]


def _negative_strides(array: Array) -> Array:
    back = tuple(slice(None, None, -1) for _ in array.shape)
    return np.ascontiguousarray(array[back])[back]


def _read_only(array: Array) -> Array:
    array = array.copy()
    array.flags.writeable = False
    return array


def _misaligned(array: Array) -> Array:
    """The array at an odd address."""
    room = np.empty(array.nbytes + 1, np.uint8)[1:]
    there = room.view(array.dtype).reshape(array.shape)
    there[...] = array
    return there


# what holds the very same numbers
FORMS: dict[str, Callable[[Array], Any]] = {
    "a list": lambda array: array.tolist(),
    "Fortran order": lambda array: np.array(array, order="F"),
    "negative strides": _negative_strides,
    "every second": lambda array: np.repeat(array, 2, axis=0)[::2],
    "read-only": _read_only,
    "misaligned": _misaligned,
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "objects": lambda array: array.astype(object),
    "a subclass": lambda array: array.view(_Tagged),
    "masked nowhere": np.ma.masked_array,
}
# floats only
FLOAT_FORMS: dict[str, Callable[[Array], Any]] = {
    "float16": lambda array: array.astype(np.float16),
    "float32": lambda array: array.astype(np.float32),
    "big-endian float16": lambda array: array.astype(">f2"),
    "longdouble": lambda array: array.astype(np.longdouble),
}
LABEL_FORMS: dict[str, Callable[[Array], Any]] = {
    dtype: lambda labels, dtype=dtype: labels.astype(dtype)  # type: ignore[misc]
    for dtype in ("int8", "uint8", ">i4", "int64", "uint64")
}


class _Tagged(np.ndarray):
    """An array of a class of the user's own."""
