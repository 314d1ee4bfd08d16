"""How a network's own arrays lie in memory: as the engine reads them, so that one row needs no copy."""

from __future__ import annotations

import numpy as np

from nablanet.shapes import Array

_LINE = 64  # bytes in a cache line


def in_columns(array: Array) -> Array:
    """A copy of w or b, shape (n_out, n_in), whose columns lie together, padded to whole cache lines."""
    n_out, n_in = array.shape
    step = _padded(n_out, array.dtype)
    room = np.zeros(n_in * step * array.itemsize + _LINE, np.uint8)
    skipped = -room.ctypes.data % _LINE
    lines = room[skipped : skipped + n_in * step * array.itemsize].view(array.dtype).reshape(n_in, step)
    lines[:, :n_out] = array.T
    return lines[:, :n_out].T


def lies_in_columns(array: Array) -> bool:
    """Whether `in_columns` has made this very array, and not a larger one of which it is a part."""
    n_out, n_in = array.shape
    step, room = _padded(n_out, array.dtype) * array.itemsize, array.base
    return (
        isinstance(room, np.ndarray)
        and room.dtype == np.uint8
        and room.nbytes == n_in * step + _LINE
        and array.strides[0] == array.itemsize
        and (n_in == 1 or array.strides[1] == step)
        and array.ctypes.data % _LINE == 0
    )


def _padded(n_out: int, dtype: np.dtype) -> int:
    lanes = _LINE // dtype.itemsize
    return -(-n_out // lanes) * lanes
