"""The container of model files and checkpoints: named tensors, a text that describes them, a checksum.

It is a safetensors file (https://github.com/huggingface/safetensors#format): the length of a header, the
header in JSON, the tensors' bytes. The library of that name writes it and can read it too, but is more
lenient than a file from a stranger deserves: it accepts a name that occurs twice, and it maps the file
into memory, so that another program that shortens the file kills the process. So it is read here.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from nablanet.files.atomic import write_atomically
from nablanet.files.strict_json import parse_object
from nablanet.shapes import Array, describe

# by kind, which is the key of the description, what messages call such a file
KINDS = {"nablanet": "model file", "nablanet.checkpoint": "checkpoint"}
DTYPES = {"float32": "F32", "float64": "F64", "int64": "I64", "uint64": "U64", "uint8": "U8"}
_ABOUT, _CHECKSUM = "__metadata__", "sha256"
_LONGEST_HEADER = 100_000_000  # bytes, as in safetensors
_LONGEST_MESSAGE = 500  # characters
_MOST_DIMENSIONS = 64  # as in NumPy

Wanted = Mapping[str, tuple[str, tuple[int, ...]]]


class ModelFileError(ValueError):
    """A file that is no model, or a damaged one; the message names the file and what is wrong."""


class _DamagedError(Exception):
    """The header belongs to the file, but not everything that it announces is there."""


@dataclass(frozen=True)
class _Stored:
    """What the header says of a tensor; start, end: its place in the bytes behind the header."""

    dtype: str
    shape: list[int]
    start: int
    end: int


def write(path: Path, kind: str, description: str, tensors: Mapping[str, Array]) -> None:
    """Write a file of one of `KINDS`; the old file stays whole until the new one is. Raises OSError."""
    from safetensors.numpy import save

    whole = {name: np.array(tensor, order="C", copy=None) for name, tensor in tensors.items()}
    metadata = {kind: description, _CHECKSUM: _checksum(description, whole.values())}
    write_atomically(path, save(whole, metadata))


def read(path: Path, kind: str, expected: Callable[[str], Wanted]) -> tuple[str, dict[str, Array]]:
    """The description and the tensors of a file, once every byte of it is accounted for.

    kind: one of `KINDS`. expected: told the description, gives by name the dtype, one of `DTYPES`, and
    the shape that each tensor must have, in the order in which `write` got them; raises ModelFileError for
    a wrong description. The tensors come in that order, writable, with the bits of those written; they
    may hold NaN.

    Nothing is allocated for a tensor before the file is known to have its bytes. Raises ModelFileError for
    anything but a whole file of this kind, and OSError.
    """
    noun = KINDS[kind]
    if path.exists() and not path.is_file():
        raise ModelFileError(f"{path} is not a {noun}: it is no regular file")
    with path.open("rb") as file:
        header = _read_header(file)
        if header is None:
            raise ModelFileError(f"{path} is not a nablanet {noun}, or not a whole one")
        try:
            return _read(file, header, kind, expected)
        except _DamagedError:
            raise ModelFileError(f"{path} is a damaged or truncated nablanet {noun}") from None
        except ModelFileError as error:
            raise ModelFileError(f"{path} is not a {noun} that can be used: {shortened(error)}") from None


def shortened(error: Exception) -> str:
    """What an error says; its beginning, where the file has made that long."""
    words = str(error)
    return words if len(words) <= _LONGEST_MESSAGE else words[:_LONGEST_MESSAGE] + "..."


def is_kind(path: Path, kind: str) -> bool:
    """Whether a file says that `write` wrote it as this kind; looks at its header only."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        header = _read_header(file)
    about = header.get(_ABOUT) if header is not None else None
    return isinstance(about, dict) and kind in about


def _read(
    file: IO[bytes], header: dict[str, Any], kind: str, expected: Callable[[str], Wanted]
) -> tuple[str, dict[str, Array]]:
    description, checksum = _metadata(header.pop(_ABOUT, None), kind)
    stored = {name: _entry(value) for name, value in header.items()}
    _check_places(stored.values(), _size(file) - file.tell())
    wanted = expected(description)
    _compare(stored, wanted)
    found = {}
    for name in sorted(stored, key=lambda name: stored[name].start):
        found[name] = _read_tensor(file, *wanted[name])
    tensors = {name: found[name] for name in wanted}
    if _checksum(description, tensors.values()) != checksum:
        raise ModelFileError("its content is damaged: the checksum does not match")
    return description, tensors


def _size(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size


def _read_header(file: IO[bytes]) -> dict[str, Any] | None:
    """The JSON object that a safetensors file starts with; None where there is no such."""
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(_LONGEST_HEADER, _size(file) - 8):
        return None
    try:
        return parse_object(file.read(length).decode())
    except ValueError:
        return None


def _metadata(about: object, kind: str) -> tuple[str, str]:
    """The description and the checksum."""
    if not isinstance(about, dict) or not about.keys() & KINDS.keys():
        raise ModelFileError("it is a safetensors file, but nablanet did not write it (no description)")
    if kind not in about:
        other = next(noun for name, noun in KINDS.items() if name in about)
        raise ModelFileError(f"it is a nablanet {other}")
    if about.keys() != {kind, _CHECKSUM} or not all(isinstance(text, str) for text in about.values()):
        raise ModelFileError(
            f"its metadata should be the texts {kind} and {_CHECKSUM}, got {describe(about)}"
        )
    return about[kind], about[_CHECKSUM]


def _entry(content: object) -> _Stored:
    if not isinstance(content, dict) or content.keys() != {"dtype", "shape", "data_offsets"}:
        raise _DamagedError
    dtype, shape, places = content["dtype"], content["shape"], content["data_offsets"]
    if not isinstance(dtype, str) or not is_shape(shape) or not is_shape(places) or len(places) != 2:
        raise _DamagedError
    return _Stored(dtype, shape, *places)


def is_shape(value: object) -> bool:
    """Whether a value from JSON may be an array's shape; its size may still be beyond all memory."""
    if not isinstance(value, list) or len(value) > _MOST_DIMENSIONS:
        return False
    return all(type(number) is int and 0 <= number < 2**63 for number in value)


def _check_places(stored: Iterable[_Stored], size: int) -> None:
    """The tensors fill the bytes behind the header, one after the other, and each has its place's size."""
    end = 0
    for tensor in sorted(stored, key=lambda tensor: (tensor.start, tensor.end)):
        if tensor.start != end or tensor.end < tensor.start:
            raise _DamagedError
        end = tensor.end
    if end != size:
        raise _DamagedError


def _compare(stored: Mapping[str, _Stored], wanted: Wanted) -> None:
    if stored.keys() != wanted.keys():
        lacks, extra = sorted(wanted.keys() - stored.keys()), sorted(stored.keys() - wanted.keys())
        raise ModelFileError(
            "its tensors do not follow from its description: "
            f"missing {describe(lacks)}, unknown {describe(extra)}"
        )
    for name, (dtype, shape) in wanted.items():
        came = stored[name]
        if (came.dtype, came.shape) != (DTYPES[dtype], list(shape)):
            raise ModelFileError(
                f"its tensor {name} should be {DTYPES[dtype]} of shape {list(shape)}, "
                f"got {came.dtype} of shape {came.shape}"
            )
        if came.end - came.start != math.prod(shape) * np.dtype(dtype).itemsize:
            raise _DamagedError


def _read_tensor(file: IO[bytes], dtype: str, shape: tuple[int, ...]) -> Array:
    try:
        tensor = np.empty(shape, np.dtype(dtype).newbyteorder("<"))
    except (ValueError, OverflowError) as error:  # nothing, times more than NumPy counts
        raise ModelFileError(f"no array has the shape {list(shape)}: {error}") from None
    if file.readinto(tensor.reshape(-1).view(np.uint8)) != tensor.nbytes:  # type: ignore[attr-defined]
        raise _DamagedError
    return tensor.astype(dtype, copy=False)


def _checksum(description: str, tensors: Iterable[Array]) -> str:
    """SHA-256 over the description and the little-endian bytes of the tensors in their order."""
    digest = hashlib.sha256(description.encode())
    for tensor in tensors:
        little = np.ascontiguousarray(tensor, dtype=tensor.dtype.newbyteorder("<"))
        digest.update(little.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
