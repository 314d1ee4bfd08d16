"""Compressed sparse rows as SciPy keeps them, told by their parts: SciPy itself is never imported.

Row i has the numbers data[indptr[i] : indptr[i + 1]] in the columns that `indices` has there, and
zeros elsewhere; numbers stored for one place add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_CHUNK = 1 << 18  # elements of indptr looked at together


@dataclass(frozen=True)
class CSR:
    """Rows whose structure has been checked. The arrays are the caller's own wherever they can be.

    data: any real numbers. indices, indptr: int32 or int64, contiguous. shape: (m, n).
    """

    data: Array
    indices: Array
    indptr: Array
    shape: tuple[int, int]

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the stored numbers."""
        return self.data.dtype

    def dense(self, rows: Array, dtype: npt.DTypeLike) -> Array:
        """The rows with these numbers as an array of `dtype`."""
        out = np.zeros((len(rows), self.shape[1]), dtype)
        for line, row in zip(out, rows, strict=True):
            stored = slice(self.indptr[row], self.indptr[row + 1])
            np.add.at(line, self.indices[stored], self.data[stored].astype(dtype))
        return out


def is_sparse(value: object) -> bool:
    """Whether value is a sparse matrix or array in the manner of SciPy, of any format."""
    return hasattr(value, "toarray") and hasattr(value, "format")


def from_scipy(value: Any, name: str) -> CSR:
    """A `scipy.sparse` csr_array or csr_matrix, without a copy.

    Raises TypeError for another format and for parts that are no arrays of numbers, ValueError where
    the parts do not fit together.
    """
    if value.format != "csr":
        raise TypeError(f"{name} is sparse in format {value.format!r}; pass {name}.tocsr()")
    shape = tuple(int(n) for n in value.shape)
    if len(shape) != 2:
        raise ValueError(f"{name} must have samples as rows, shape (m, n), got shape {shape}")
    m, n = shape
    data = np.asarray(value.data)
    indices, indptr = _integers(value.indices, f"{name}.indices"), _integers(value.indptr, f"{name}.indptr")
    if data.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, got dtype {data.dtype}")
    if data.ndim != 1 or len(data) != len(indices):
        raise ValueError(
            f"{name} is damaged: it has {data.shape} numbers in data and {indices.shape} in indices"
        )
    if len(indptr) != m + 1:
        raise ValueError(f"{name} is damaged: {m} rows need {m + 1} numbers in indptr, got {len(indptr)}")
    if indptr[0] != 0 or indptr[-1] > len(indices) or not _ascends(indptr):
        raise ValueError(
            f"{name} is damaged: indptr must go from 0 up to at most {len(indices)}, the numbers stored, "
            "and never down"
        )
    stored = int(indptr[-1])
    data, indices = data[:stored], indices[:stored]
    if stored and (indices.min() < 0 or indices.max() >= n):
        raise ValueError(
            f"{name} is damaged: indices must be columns from 0 to {n - 1}, "
            f"got {indices.min()} to {indices.max()}"
        )
    return CSR(data, indices, indptr, (m, n))


def _integers(value: Any, name: str) -> Array:
    array = np.asarray(value)
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise TypeError(
            f"{name} must be one row of integers, got shape {array.shape} and dtype {array.dtype}"
        )
    wanted = array.dtype if array.dtype in (np.int32, np.int64) and array.dtype.isnative else np.int64
    return np.require(array, wanted, ["C", "A"])


def _ascends(indptr: Array) -> bool:
    for begin in range(0, len(indptr), _CHUNK):
        part = indptr[begin : begin + _CHUNK + 1]
        if np.any(part[1:] < part[:-1]):
            return False
    return True
