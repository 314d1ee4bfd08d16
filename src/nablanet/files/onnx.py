"""Models as ONNX, of the operators of opset 17 alone, for rows in a batch of any size."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nablanet.files.atomic import write_atomically
from nablanet.files.onnx_activations import apply
from nablanet.files.plan import Plan, Step
from nablanet.files.planning import plan_of
from nablanet.shapes import Array
from nablanet.version import __version__

if TYPE_CHECKING:
    from nablanet.files.onnx_graph import Graph

OPSET = 17
IR_VERSION = 8  # the oldest with that opset, which the most programs read
_MOST_BYTES = 2**31 - 2**20  # a protocol buffer ends at 2 GiB
_INTEGER = np.dtype(np.int64)
_OPERATORS = {
    "subtract": "Sub",
    "divide": "Div",
    "multiply": "Mul",
    "add": "Add",
    "at_least": "Max",
    "at_most": "Min",
}


def to_onnx(model: object, path: str | os.PathLike[str]) -> None:
    """Write a model as ONNX, with its scaling and its classes.

    model: a Network; a `files.Model`; a fitted MLPClassifier or MLPRegressor; or a scikit-learn Pipeline
    of scalers and one of these. Input: `X`, shape (m, n_1) for any m, in the dtype of the network, and
    float64 where a table is standardised. Outputs: of classes `label`, shape (m,), as integers or
    texts, and `probabilities`, shape (m, K), which are called `outputs` where they need not be such; of
    numbers `variable`, shape (m, n_L); of a network that says neither, `outputs`.

    Raises ModuleNotFoundError without the package onnx, ValueError or TypeError for what cannot be exported,
    and OSError.
    """
    try:
        import onnx

        from nablanet.files.onnx_graph import Graph as NewGraph
    except ModuleNotFoundError:
        raise ModuleNotFoundError('ONNX needs the package onnx: pip install "nablanet[onnx]"') from None
    plan = plan_of(model)
    if sum(array.nbytes for array in [*plan.weights, *plan.biases]) > _MOST_BYTES:
        raise ValueError(f"an ONNX file ends at 2 GiB, which the parameters for sizes {plan.sizes} exceed")
    graph = NewGraph()
    graph.takes("X", plan.input_dtype, plan.sizes[0])
    a = _layers(graph, plan, _steps(graph, plan.inputs, "X", plan.scaling))
    if plan.outputs:
        a = _steps(graph, plan.outputs, graph.cast(a, plan.scaling), plan.scaling)
    _meaning(graph, plan, a)
    made = graph.model(OPSET, IR_VERSION, __version__, plan.input_names)
    onnx.checker.check_model(made)
    write_atomically(Path(path), made.SerializeToString(deterministic=True))


def _steps(graph: Graph, steps: list[Step], x: str, dtype: np.dtype[Any]) -> str:
    for step in steps:
        values = graph.constant(step.values.astype(dtype))
        if step.operation == "if_missing":
            x = graph.add("Where", graph.add("IsNaN", x), values, x)
        else:
            x = graph.add(_OPERATORS[step.operation], x, values)
    return x


def _layers(graph: Graph, plan: Plan, a: str) -> str:
    if plan.input_dtype != plan.dtype:
        a = graph.cast(a, plan.dtype)
    for w, b, activation in zip(plan.weights, plan.biases, plan.activations, strict=True):
        z = graph.add("Gemm", a, graph.constant(w), graph.constant(b), transB=1)
        a = apply(graph, activation, z, plan.dtype)
    return a


def _meaning(graph: Graph, plan: Plan, a: str) -> None:
    """The outputs of the graph, from those of the network."""
    dtype = plan.output_dtype
    if plan.classes is None:
        graph.gives("variable" if plan.meaning == "numbers" else "outputs", a, dtype, plan.n_outputs)
        return
    if plan.meaning == "labels":
        above = graph.add("Greater", a, graph.constant(np.array(0.5, dtype)))
        graph.gives("label", graph.cast(above, _INTEGER), _INTEGER, plan.n_outputs)
    else:
        if plan.two_columns:
            other = graph.add("Sub", graph.constant(np.array(1, dtype)), a)
            a = graph.add("Concat", other, a, axis=1)
        classes = _as_onnx_has_it(plan.classes)
        chosen = graph.add("ArgMax", a, axis=1, keepdims=0)
        graph.gives("label", graph.add("Gather", graph.constant(classes), chosen), classes.dtype)
    graph.gives("probabilities" if plan.probabilities else "outputs", a, dtype, plan.n_outputs)


def _as_onnx_has_it(classes: Array) -> Array:
    return classes.astype(np.int64) if classes.dtype.kind in "iu" else classes
