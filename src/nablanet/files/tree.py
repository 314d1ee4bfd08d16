"""Nested Python data with arrays in them, as JSON beside named tensors: for what a trainer remembers.

None, bool, int, str and finite floats are themselves. All else is an object with one entry, whose name says
what it is: {"list": [...]}, {"tuple": [...]}, {"dict": [[name, value], ...]}, {"float": "nan"}, and for an
array or a number of NumPy's {"array": [tensor, dtype, shape]} or {"scalar": ...}. Nothing else can be
written or comes back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nablanet.files.container import DTYPES, ModelFileError
from nablanet.shapes import Array, describe

# those that the container does not have are kept as bytes
_NAMES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_ALL = (*_NAMES, "float16", "float32", "float64")
_NOT_FINITE = ("nan", "inf", "-inf")
_MOST_LEVELS = 10


def plant(value: object, name: str, tensors: dict[str, Array], level: int = 0) -> Any:
    """The JSON of a value; its arrays go to `tensors`, under names that begin with `name`.

    Raises TypeError for what is no plain data, and ValueError for more levels than a file may have.
    """
    if level > _MOST_LEVELS:
        raise ValueError(f"{name} has more than {_MOST_LEVELS} levels")
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, (np.ndarray, np.generic)) and (dtype := value.dtype.name) in _ALL:
        array = np.asarray(value, dtype, order="C")  # in this machine's byte order
        tensors[name] = array if dtype in DTYPES else _bytes(array)
        return {"array" if isinstance(value, np.ndarray) else "scalar": [name, dtype, list(array.shape)]}
    if type(value) in (list, tuple):
        items = [plant(item, f"{name}.{i}", tensors, level + 1) for i, item in enumerate(value)]  # type: ignore[arg-type, var-annotated]
        return {type(value).__name__: items}
    if type(value) is dict and all(type(key) is str for key in value):
        entries = enumerate(value.items())
        return {"dict": [[key, plant(v, f"{name}.{i}", tensors, level + 1)] for i, (key, v) in entries]}
    raise TypeError(f"{name} is {describe(value)}")


def tensors_of(node: Any) -> Iterator[tuple[str, tuple[str, tuple[int, ...]]]]:
    """The tensors that a JSON of `plant` speaks of, each with its dtype and shape in the file.

    Raises ModelFileError for another JSON.
    """
    if node is None or type(node) in (bool, int, str, float):
        return
    kind, content = _entry(node)
    if kind in ("array", "scalar"):
        name, dtype, shape = _array(content)
        if kind == "scalar" and shape:
            raise ModelFileError(f"its description has a number of shape {describe(shape)}")
        yield name, (dtype, shape) if dtype in DTYPES else ("uint8", (_size(dtype, shape),))
    elif kind == "dict":
        for _, value in _pairs(content):
            yield from tensors_of(value)
    elif kind != "float":
        for value in _list(content):
            yield from tensors_of(value)


def grow(node: Any, tensors: Mapping[str, Array]) -> Any:
    """The value of a JSON that `tensors_of` has accepted."""
    if not isinstance(node, dict):
        return node
    kind, content = _entry(node)
    if kind == "float":
        return float(content)
    if kind in ("array", "scalar"):
        name, dtype, shape = _array(content)
        array = tensors[name] if dtype in DTYPES else _from_bytes(tensors[name], dtype, shape)
        return array if kind == "array" else array[()]
    if kind == "dict":
        return {key: grow(value, tensors) for key, value in _pairs(content)}
    items = [grow(value, tensors) for value in content]
    return items if kind == "list" else tuple(items)


def _entry(node: Any) -> tuple[str, Any]:
    if isinstance(node, dict) and len(node) == 1:
        kind, content = next(iter(node.items()))
        if kind in ("list", "tuple", "dict", "array", "scalar"):
            return kind, content
        if kind == "float" and content in _NOT_FINITE:
            return kind, content
    raise ModelFileError(f"its description has unknown data: {describe(node)}")


def _list(content: Any) -> list[Any]:
    if not isinstance(content, list):
        raise ModelFileError(f"its description should have a list, got {describe(content)}")
    return content


def _pairs(content: Any) -> list[tuple[str, Any]]:
    pairs = _list(content)
    names = [pair[0] for pair in pairs if isinstance(pair, list) and len(pair) == 2]
    if len(names) < len(pairs) or not all(isinstance(name, str) for name in names):
        raise ModelFileError(f"its description should have names and values, got {describe(content)}")
    if len(set(names)) < len(names):
        raise ModelFileError("its description has a name twice")
    return [(name, value) for name, value in pairs]


def _array(content: Any) -> tuple[str, str, tuple[int, ...]]:
    if isinstance(content, list) and len(content) == 3:
        name, dtype, shape = content
        lengths = isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)
        if isinstance(name, str) and dtype in _ALL and lengths:
            return name, dtype, tuple(shape)
    raise ModelFileError(f"its description should have an array, got {describe(content)}")


def _size(dtype: str, shape: tuple[int, ...]) -> int:
    return math.prod(shape) * np.dtype(dtype).itemsize


def _bytes(array: Array) -> Array:
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8)


def _from_bytes(raw: Array, dtype: str, shape: tuple[int, ...]) -> Array:
    flat = raw != 0 if dtype == "bool" else raw.view(np.dtype(dtype).newbyteorder("<")).astype(dtype)
    try:
        return flat.reshape(shape)
    except ValueError as error:  # more dimensions than there are
        raise ModelFileError(f"no array has the shape {describe(shape)}: {error}") from None
