"""From what a user asks for to one activation per layer and a float type."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from nablanet import memory, shapes
from nablanet.activations import SOFTMAX, Activation, get_activation
from nablanet.costs import Cost, suitable_output


def float_type(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """float32 or float64. Raises TypeError or ValueError for another."""
    try:
        checked = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype must be 'float32' or 'float64', got {shapes.describe(dtype)}") from None
    if checked not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"dtype must be 'float32' or 'float64', got {str(checked)!r}")
    return checked


def check_input_scale(value: object, dtype: np.dtype[Any]) -> float:
    """A finite factor above 0, in `dtype` too. Raises TypeError or ValueError."""
    scale = shapes.positive(value, "input_scale")
    with np.errstate(over="ignore", under="ignore"):
        shapes.positive(dtype.type(scale), f"input_scale as {dtype}")
    return scale


def check_memory(sizes: list[int], dtype: np.dtype[Any]) -> None:
    """Refuse parameters that there is no memory for, before any are drawn: MemoryError."""
    counts = [(n_in + 1) * n_out for n_in, n_out in pairwise(sizes)]
    # those of a layer are drawn as float64 and then laid out
    needed = sum(counts) * dtype.itemsize + max(counts) * (16 - dtype.itemsize)
    memory.require(needed, f"sizes {sizes} make {sum(counts):,} parameters, which as {dtype}")


def layer_activations(
    activation: str | Activation | Sequence[str | Activation],
    output: str | Activation | None,
    cost: Cost,
    sizes: list[int],
) -> list[Activation]:
    """One activation for each of layers 2..L."""
    n_layers = len(sizes) - 1
    last = None if output is None else get_activation(output)
    if isinstance(activation, (str, Activation)):
        chosen = get_activation(activation)
        hidden = [chosen] * (n_layers - 1)
    elif not isinstance(activation, Iterable):
        raise TypeError(
            "activation must be a name, a nablanet.Activation (a function with its derivative), or a list "
            f"with one per layer, got {shapes.describe(activation)}"
        )
    else:
        hidden = [get_activation(a) for a in activation]
        wanted = n_layers if last is None else n_layers - 1
        if len(hidden) != wanted:
            which = f"2..{len(sizes)}" if last is None else f"2..{len(sizes) - 1} (output gives the last)"
            raise ValueError(
                f"activation must have one entry for each of layers {which}: "
                f"wanted {wanted} for sizes {sizes}, got {len(hidden)}"
            )
        if last is None:
            last = hidden.pop()
        chosen = hidden[-1] if hidden else last
    chain = [*hidden, last or suitable_output(cost, chosen, sizes[-1])]
    check_activations(chain, sizes)
    return chain


def check_activations(activations: object, sizes: list[int]) -> None:
    """Refuse what is not one Activation for each of layers 2..L, softmax only for the last."""
    wanted = f"activations must be a list of {len(sizes) - 1} of nablanet.Activation for sizes {sizes}"
    if not isinstance(activations, (list, tuple)):
        raise ValueError(f"{wanted}, got {shapes.describe(activations)}")
    if len(activations) != len(sizes) - 1:
        raise ValueError(f"{wanted}, got {len(activations)}")
    for activation in activations:
        if not isinstance(activation, Activation):
            raise TypeError(f"{wanted}, got {shapes.describe(activation)} in it")
    if SOFTMAX in activations[:-1]:
        raise ValueError("softmax is an output activation; hidden layers need one that acts on each neuron")
