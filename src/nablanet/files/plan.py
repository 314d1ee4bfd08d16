"""What a trained model computes, as plain data: what the exchange formats are written from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from nablanet.activations import is_builtin
from nablanet.network import Network
from nablanet.shapes import Array

Operation = Literal["subtract", "divide", "multiply", "add", "at_least", "at_most", "if_missing"]

_DOUBLE = np.dtype(np.float64)


@dataclass(frozen=True)
class Step:
    """What is done to each number of a row: x_i becomes x_i - v_i, and so on.

    values: v, shape (n,), or () for one number for all. at_least: max(x_i, v_i). at_most: min(x_i, v_i).
    if_missing: v_i where x_i is NaN.
    """

    operation: Operation
    values: Array


@dataclass(frozen=True)
class Plan:
    """Rows x through `inputs`, then the layers, then `outputs`.

    weights: (n_out, n_in) and biases: (n_out,), for layers 2..L, of the dtype in which the layers
    compute; activations: names, likewise. inputs, outputs: steps, which compute in `scaling`.

    meaning: "outputs" (nothing known of them); "numbers" (a regression); "classes" (the highest output
    tells the class; a single output p stands for the two 1 - p and p); "labels" (any number of classes
    at once, those above 1/2). classes: K integers, texts, or others that NumPy has. probabilities:
    whether outputs are such. input_names: of the numbers of a row.
    """

    weights: list[Array]
    biases: list[Array]
    activations: list[str]
    inputs: list[Step] = field(default_factory=list)
    outputs: list[Step] = field(default_factory=list)
    scaling: np.dtype[Any] = _DOUBLE
    meaning: Literal["outputs", "numbers", "classes", "labels"] = "outputs"
    classes: Array | None = None
    probabilities: bool = False
    input_names: list[str] | None = None

    @property
    def sizes(self) -> list[int]:
        """Neurons per layer, input layer first."""
        return [self.weights[0].shape[1], *(len(b) for b in self.biases)]

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64, in which the layers compute."""
        return self.weights[0].dtype

    @property
    def input_dtype(self) -> np.dtype[Any]:
        """In which rows come."""
        return self.scaling if self.inputs else self.dtype

    @property
    def output_dtype(self) -> np.dtype[Any]:
        """In which the outputs leave."""
        return self.scaling if self.outputs else self.dtype

    @property
    def two_columns(self) -> bool:
        """Whether one output p stands for the two 1 - p and p."""
        return self.meaning == "classes" and self.sizes[-1] == 1

    @property
    def n_outputs(self) -> int:
        """Numbers that a row gives."""
        return 2 if self.two_columns else self.sizes[-1]


def check_plain(network: Network) -> None:
    """Refuse a network whose outputs need Python functions of the user's own: ValueError."""
    network.check_parameters()
    own = [f"activation {a.name!r}" for a in network.activations if not is_builtin(a)]
    if network.overrides("feedforward"):
        own.append("method 'feedforward'")
    if own:
        raise ValueError(
            f"a network with Python functions of your own cannot be exported: it has its own {', '.join(own)}"
        )


def of_network(network: Network) -> Plan:
    """The layers, after the multiplication with `input_scale` where it is not 1."""
    check_plain(network)
    scale = [] if network.input_scale == 1 else [Step("multiply", np.array(network.input_scale))]
    return Plan(
        [np.ascontiguousarray(w) for w in network.weights],
        [b.reshape(-1).copy() for b in network.biases],
        [a.name for a in network.activations],
        scale,
        scaling=network.dtype,
    )


def scaled_weights(network: Network) -> list[Array]:
    """Copies of the weights, with `input_scale` multiplied into the first, for formats that have none."""
    check_plain(network)
    with np.errstate(over="ignore"):
        first = network.scaled(network.weights[0])
    if not np.isfinite(first).all():
        raise ValueError(
            f"the weights of layer 2 times input_scale {network.input_scale:g} overflow {network.dtype}"
        )
    return [np.array(w, order="C") for w in [first, *network.weights[1:]]]
