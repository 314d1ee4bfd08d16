"""An ONNX graph as it grows, node by node."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from nablanet.shapes import Array

BATCH = "batch"


class Graph:
    """Nodes, constants, inputs and outputs; each value has a name, by which nodes take it."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def takes(self, name: str, dtype: np.dtype[Any], n: int) -> None:
        """An input of shape (batch, n)."""
        self._inputs.append(helper.make_tensor_value_info(name, _element(dtype), [BATCH, n]))

    def gives(self, name: str, value: str, dtype: np.dtype[Any], n: int | None = None) -> None:
        """An output of that name, shape (batch, n), or (batch,) without n."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        shape = [BATCH, n][: 1 if n is None else 2]
        self._outputs.append(helper.make_tensor_value_info(name, _element(dtype), shape))

    def constant(self, values: Array) -> str:
        """An array as a value."""
        name = f"constant_{len(self._constants)}"
        if values.dtype.kind == "U":
            texts = [text.encode() for text in values.tolist()]
            tensor = helper.make_tensor(name, TensorProto.STRING, values.shape, texts)
        else:
            tensor = numpy_helper.from_array(np.ascontiguousarray(values).reshape(values.shape), name)
        self._constants.append(tensor)
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """A node; its output."""
        output = f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def cast(self, value: str, dtype: np.dtype[Any]) -> str:
        """The value in another dtype."""
        return self.add("Cast", value, to=_element(dtype))

    def model(self, opset: int, ir_version: int, version: str, input_names: list[str] | None) -> Any:
        """The whole as an onnx.ModelProto. input_names: kept as JSON under `input_names` in its metadata."""
        graph = helper.make_graph(self._nodes, "nablanet", self._inputs, self._outputs, self._constants)
        made = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", opset)],
            ir_version=ir_version,
            producer_name="nablanet",
            producer_version=version,
        )
        if input_names is not None:
            text = json.dumps(input_names, ensure_ascii=False)
            helper.set_model_props(made, {"input_names": text})
        return made


def _element(dtype: np.dtype[Any]) -> int:
    if dtype.kind == "U":
        return TensorProto.STRING
    element: int = onnx.helper.np_dtype_to_tensor_dtype(dtype)
    return element
