"""Weights and biases as a user may have left them: checked, and as arrays that the engine can write to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from nablanet import shapes
from nablanet.shapes import Array


def check_weights(weights: Any, sizes: list[int], dtype: np.dtype[Any]) -> list[Array]:
    """One array (n_out, n_in) for each of layers 2..L; see `_checked`."""
    return _checked("weights", weights, [(n_out, n_in) for n_in, n_out in pairwise(sizes)], sizes, dtype)


def check_biases(biases: Any, sizes: list[int], dtype: np.dtype[Any]) -> list[Array]:
    """One array (n, 1) for each of layers 2..L; see `_checked`."""
    return _checked("biases", biases, [(n, 1) for n in sizes[1:]], sizes, dtype)


def _checked(
    name: str, arrays: Any, wanted: list[tuple[int, int]], sizes: list[int], dtype: np.dtype[Any]
) -> list[Array]:
    """Finite writable arrays of `dtype` in these shapes, in the caller's own list if it is one.

    An array that is so already stays the very same. Raises ValueError or TypeError.
    """
    if not isinstance(arrays, Sequence) and not isinstance(arrays, np.ndarray):
        raise TypeError(f"{name} must be a list of {len(wanted)} arrays, got {shapes.describe(arrays)}")
    if len(arrays) != len(wanted):
        raise ValueError(f"{name} must have {len(wanted)} arrays for sizes {sizes}, got {len(arrays)}")
    checked = []
    for i, (value, shape) in enumerate(zip(arrays, wanted, strict=True)):
        array = shapes.numeric(value, f"{name}[{i}]")
        if array.shape != shape:
            raise ValueError(
                f"{name}[{i}] belongs to layer {i + 2} and must have shape {shape}, got {array.shape}"
            )
        array = shapes.cast(array, dtype, f"{name}[{i}]")
        checked.append(array if array.flags.writeable else array.copy())
    if isinstance(arrays, list):
        arrays[:] = checked  # the list may be shared
        return arrays
    return checked
