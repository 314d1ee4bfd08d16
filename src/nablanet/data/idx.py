"""The IDX format of the MNIST files: a header with the dimensions, then the elements in C order.

The header is two zero bytes, a code for the element type, the number of dimensions, and each
dimension as a big-endian unsigned 32-bit integer.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
PathLike = str | os.PathLike[str]

_UNSIGNED_BYTE = 0x08
_OTHER_TYPES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_BEST = 1032  # deflate makes no file smaller than 1/1032 of its contents
_MAX_DIMENSIONS = 32
_CHUNK = 1 << 20


def read_idx(path: PathLike, *, max_bytes: int = 1 << 31) -> Bytes:
    """The elements of an IDX file of unsigned bytes, as a uint8 array of the file's own shape.

    path: the file, plain or compressed with gzip, which its first bytes tell and not its name.
    max_bytes: refuse more elements than that.

    Raises ValueError, naming the file, where it is not IDX, holds another type of element, is
    truncated, goes on after the last element, or is a corrupt gzip. No more memory is taken than
    the file has contents, whatever its header claims.
    """
    path = Path(path)
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        largest = os.fstat(file.fileno()).st_size * (_GZIP_BEST if packed else 1)
        if not packed:
            return _read(file, path, largest, max_bytes)
        with gzip.GzipFile(fileobj=file) as unpacked:
            try:
                return _read(unpacked, path, largest, max_bytes)  # type: ignore[arg-type]
            except (gzip.BadGzipFile, EOFError, zlib.error) as problem:
                raise ValueError(f"{path} is a corrupt gzip file: {problem}") from None


def header(shape: Sequence[int]) -> bytes:
    """The header of an IDX file of unsigned bytes with this shape."""
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, _UNSIGNED_BYTE, len(shape), *shape)


def _read(file: BinaryIO, path: Path, largest: int, max_bytes: int) -> Bytes:
    shape = _read_shape(file, path)
    wanted = math.prod(shape)
    if wanted == 0:
        raise ValueError(f"{path} holds no elements: its shape is {shape}")
    if wanted > max_bytes:
        raise ValueError(f"{path} claims {wanted} elements of shape {shape}; at most {max_bytes} are read")
    if wanted > largest:
        raise ValueError(
            f"{path} is truncated: its header claims {wanted} elements of shape {shape}, "
            "more than a file of this size can hold"
        )
    contents = _read_at_most(file, wanted)
    if len(contents) < wanted:
        raise ValueError(
            f"{path} is truncated: wanted {wanted} elements for shape {shape}, got {len(contents)}"
        )
    if file.read(1):
        raise ValueError(f"{path} goes on after its {wanted} elements of shape {shape}")
    return np.frombuffer(contents, np.uint8).reshape(shape)


def _read_shape(file: BinaryIO, path: Path) -> tuple[int, ...]:
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in (_UNSIGNED_BYTE, *_OTHER_TYPES):
        raise ValueError(
            f"{path} is not an IDX file: wanted it to start with 00 00, a type code and the number "
            f"of dimensions, got {start.hex(' ') or 'an empty file'}"
        )
    if start[2] != _UNSIGNED_BYTE:
        raise ValueError(
            f"{path} holds elements of type {_OTHER_TYPES[start[2]]} (code {start[2]:#04x}), "
            f"wanted unsigned bytes ({_UNSIGNED_BYTE:#04x})"
        )
    n_dimensions = start[3]
    if not 1 <= n_dimensions <= _MAX_DIMENSIONS:
        raise ValueError(
            f"{path} is not an IDX file that can be read: wanted 1 to {_MAX_DIMENSIONS} dimensions, "
            f"got {n_dimensions}"
        )
    dimensions = file.read(4 * n_dimensions)
    if len(dimensions) < 4 * n_dimensions:
        raise ValueError(
            f"{path} is truncated: wanted {4 * n_dimensions} bytes of dimensions, got {len(dimensions)}"
        )
    return struct.unpack(f">{n_dimensions}I", dimensions)


def _read_at_most(file: BinaryIO, wanted: int) -> bytearray:
    """Up to `wanted` bytes, taken in pieces so that memory follows what is there."""
    contents = bytearray()
    while len(contents) < wanted:
        piece = file.read(min(_CHUNK, wanted - len(contents)))
        if not piece:
            break
        contents += piece
    return contents
