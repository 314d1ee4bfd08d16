"""The activations in operators of ONNX that onnxruntime has for float32 and float64.

It lacks Elu, Selu, Softplus and Erf for float64; and numbers such as SELU's are float32 where they are
attributes of an operator. So these are made of simpler operators.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from nablanet.activations import LEAKY_RELU_SLOPE, SELU_ALPHA, SELU_SCALE

if TYPE_CHECKING:
    from nablanet.files.onnx_graph import Graph

_OPERATORS = {"sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "exp": "Exp", "identity": "Identity"}
_FAR = 9.0  # Phi(-9) is 1e-19
_POINTS = 24  # 1e-15 from there on


def apply(graph: Graph, activation: str, z: str, dtype: np.dtype[Any]) -> str:
    """The activations of one layer for its weighted inputs z."""
    if activation in _OPERATORS:
        return graph.add(_OPERATORS[activation], z)
    if activation == "softmax":
        return graph.add("Softmax", z, axis=1)
    return _On(graph, z, dtype).of(activation)


class _On:
    """The composed ones, of one z."""

    def __init__(self, graph: Graph, z: str, dtype: np.dtype[Any]):
        self.add, self._graph, self._z, self._dtype = graph.add, graph, z, dtype

    def of(self, activation: str) -> str:
        add, z = self.add, self._z
        match activation:
            case "leaky_relu":
                return add("Where", self._positive(), z, add("Mul", z, self._number(LEAKY_RELU_SLOPE)))
            case "elu":
                return add("Where", self._positive(), z, self._expm1())
            case "selu":
                below = add("Mul", self._number(SELU_ALPHA), self._expm1())
                return add("Mul", self._number(SELU_SCALE), add("Where", self._positive(), z, below))
            case "gelu":
                return add("Mul", z, self._normal_cdf())
            case "silu":  # not z times Sigmoid, which onnxruntime does not let fall to 0 in float32
                return add("Div", z, add("Add", self._number(1), add("Exp", add("Neg", z))))
            case "mish":
                return add("Mul", z, add("Tanh", self._softplus()))
            case "softplus":
                return self._softplus()
        raise ValueError(f"there is no ONNX for activation {activation!r}")

    def _number(self, value: float) -> str:
        return self._graph.constant(np.array(value, self._dtype))

    def _positive(self) -> str:
        return self.add("Greater", self._z, self._number(0))

    def _expm1(self) -> str:
        """exp(z) - 1 for z <= 0, as 2t / (1 - t) with t = tanh(z/2), which does not cancel."""
        half = self.add("Mul", self.add("Min", self._z, self._number(0)), self._number(0.5))
        t = self.add("Tanh", half)
        return self.add("Div", self.add("Add", t, t), self.add("Sub", self._number(1), t))

    def _softplus(self) -> str:
        e = self.add("Exp", self.add("Neg", self.add("Abs", self._z)))
        log = self.add("Log", self.add("Add", self._number(1), e))
        return self.add("Add", self.add("Max", self._z, self._number(0)), log)

    def _normal_cdf(self) -> str:
        if self._dtype == np.float32:
            erf = self.add("Erf", self.add("Mul", self._z, self._number(math.sqrt(0.5))))
            return self.add("Mul", self._number(0.5), self.add("Add", self._number(1), erf))
        # 1/2 + z/sqrt(2 pi) times the integral of exp(-(z t)^2 / 2) for t from 0 to 1, by Gauss and Legendre
        add, number = self.add, self._number
        x, w = np.polynomial.legendre.leggauss(_POINTS)
        near = add("Max", add("Min", self._z, number(_FAR)), number(-_FAR))
        axis = self._graph.constant(np.array([2], np.int64))
        places = self._graph.constant(((x + 1) / 2).reshape(1, 1, -1))
        zt = add("Mul", add("Unsqueeze", near, axis), places)
        values = add("Exp", add("Mul", number(-0.5), add("Mul", zt, zt)))
        weights = self._graph.constant((w / 2 / math.sqrt(2 * math.pi)).reshape(-1, 1))
        integral = add("Squeeze", add("MatMul", values, weights), axis)
        return add("Add", number(0.5), add("Mul", near, integral))
