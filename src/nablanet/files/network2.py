"""The JSON files in which the book's `network2` keeps a network, both ways."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from nablanet import shapes
from nablanet.activations import ACTIVATIONS
from nablanet.costs import COSTS
from nablanet.files.atomic import write_atomically
from nablanet.files.building import build
from nablanet.files.plan import scaled_weights
from nablanet.network import Network
from nablanet.shapes import Array

_KEYS = ("sizes", "weights", "biases", "cost")
_CLASSES = {"quadratic": "QuadraticCost", "cross_entropy": "CrossEntropyCost"}  # of the book's program


def to_book_json(network: Network, path: str | os.PathLike[str]) -> None:
    """Write a network to a file that the book's `network2.load` reads.

    The book's networks are sigmoid throughout, with the quadratic cost or cross-entropy. `input_scale` is
    multiplied into the first weights. Raises ValueError for any other network, and OSError.
    """
    weights = scaled_weights(network)
    others = sorted({a.name for a in network.activations if a != ACTIVATIONS["sigmoid"]})
    if others:
        raise ValueError(
            f"the book's program knows sigmoid neurons only, this network has {', '.join(others)}"
        )
    name = network.cost.name
    if name not in _CLASSES or network.cost != COSTS[name]:
        raise ValueError(
            f"the book's program knows the quadratic cost and cross-entropy, this network has {network.cost}"
        )
    write(path, network.sizes, weights, network.biases, _CLASSES[name])


def from_book_json(path: str | os.PathLike[str]) -> Network:
    """The network that the book's `network2` has saved, or `to_book_json`; float64.

    Raises ValueError, naming the file, where it holds no such network or one with a cost class of the
    user's own, and OSError.
    """
    _, weights, biases, named = read(path)
    for cost, name in _CLASSES.items():
        if named == name:
            return build(weights, biases, activation="sigmoid", output="sigmoid", cost=cost)
    problem = ValueError(f"its cost {shapes.describe(named)} is neither {' nor '.join(_CLASSES.values())}")
    raise not_a_network(path, problem)


def write(
    filename: str | os.PathLike[str], sizes: list[int], weights: list[Array], biases: list[Array], cost: str
) -> None:
    """Write a network as plain JSON, which the book's program reads as well."""
    parts = (sizes, [w.tolist() for w in weights], [b.tolist() for b in biases], cost)
    text = json.dumps(dict(zip(_KEYS, parts, strict=True)))
    write_atomically(Path(filename), text.encode())


def read(filename: str | os.PathLike[str]) -> tuple[list[int], list[Array], list[Array], Any]:
    """(sizes, weights, biases, name of the cost), with parameters that fit the sizes.

    Raises ValueError, naming the file, where it holds anything else.
    """
    with open(filename, "rb") as file:
        text = file.read()
    try:
        data = json.loads(text)
        if not isinstance(data, dict):
            raise ValueError(f"wanted a JSON object with {', '.join(_KEYS)}, got {shapes.describe(data)}")
        missing = [key for key in _KEYS if key not in data]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
        sizes = shapes.check_sizes(data["sizes"])
        weights = _parameters(data["weights"], list(zip(sizes[1:], sizes[:-1], strict=True)), "weights")
        biases = _parameters(data["biases"], [(n, 1) for n in sizes[1:]], "biases")
    except (ValueError, TypeError, OverflowError, RecursionError) as problem:
        raise not_a_network(filename, problem) from None
    return sizes, weights, biases, data["cost"]


def not_a_network(filename: str | os.PathLike[str], problem: Exception) -> ValueError:
    """The error for a file that holds no network."""
    return ValueError(f"{os.fspath(filename)} holds no network of network2: {problem}")


def _parameters(value: object, wanted: list[tuple[int, int]], name: str) -> list[Array]:
    if not isinstance(value, list) or len(value) != len(wanted):
        raise ValueError(f"{name} must be a list of {len(wanted)} matrices, got {shapes.describe(value)}")
    arrays = []
    for i, (part, shape) in enumerate(zip(value, wanted, strict=True)):
        array = shapes.numeric(part, f"{name}[{i}]")
        if array.shape != shape:
            raise ValueError(f"{name}[{i}] must have shape {shape}, got {array.shape}")
        arrays.append(shapes.cast(array, np.float64, f"{name}[{i}]"))
    return arrays
