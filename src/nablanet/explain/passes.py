"""The forward and the backward pass of a trace, told apart: what each step computes, then its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nablanet.activations import SOFTMAX
from nablanet.explain import drawing, mathml, notation
from nablanet.explain.document import Block, Formula, Paragraph, Table
from nablanet.shapes import Array

if TYPE_CHECKING:
    from nablanet.explain.trace import Layer, Trace


OWN_BACKPROP = "This network has a backprop of its own; these are the gradients of BP1 to BP4."


def forward(trace: Trace) -> Sequence[Block]:
    """From the input to the cost: z and a of each layer, with the desired output beside the last."""
    last = trace.layers[-1]
    z, a = mathml.indexed("z", "l"), mathml.indexed("a", "l")
    before = mathml.indexed("a", "l−1")
    w, b = mathml.indexed("w", "l"), mathml.indexed("b", "l")
    scaled = not np.array_equal(trace.x, trace.layers[0].a)
    told: list[Block] = [
        Paragraph(
            f"The input layer passes on the sample, a¹ = {'input_scale · x' if scaled else 'x'}. Each layer "
            "after it computes its weighted inputs z from the activations before it, and from them its own "
            "activations a."
        ),
        Formula(
            "z^l = w^l a^(l−1) + b^l,  a^l = σ(z^l)",
            mathml.row(z, mathml.operator("="), w, before, mathml.operator("+"), b)
            + mathml.operator(",")
            + "<mspace width='1em'/>"
            + mathml.row(a, mathml.operator("="), mathml.identifier("σ"))
            + mathml.row(mathml.operator("("), z, mathml.operator(")")),
        ),
    ]
    for layer in trace.layers:
        columns = {"a": layer.a} if layer.number == 1 else {"z": layer.z, "b": layer.b, "a": layer.a}
        if layer is last:
            columns["desired y"] = trace.y
        told.append(neurons(layer, columns))
    told.append(
        Paragraph(f"The cost of this sample is C = {notation.number(trace.cost)} ({trace.cost_name}).")
    )
    return told


def backward(trace: Trace) -> Sequence[Block]:
    """From the output back: σ′(z), the error δ and the gradients of each layer, the last layer first."""
    told: list[Block] = [
        Paragraph(
            "The error δ = ∂C/∂z of the output layer comes from the cost (BP1), that of every layer before "
            "it from the layer after it (BP2), so the last layer comes first here. δ is the gradient of the "
            "bias (BP3), and times the activation that a weight starts from it is the gradient of the weight "
            "(BP4)."
        )
    ]
    if trace.own_backprop:
        told.append(Paragraph(OWN_BACKPROP))
    told.extend(neurons(layer, slopes_and_errors(layer)) for layer in reversed(trace.layers[1:]))
    return told


def slopes_and_errors(layer: Layer) -> dict[str, Array]:
    """The columns of a layer after the first, each (n_l, 1); of softmax's slope the diagonal."""
    softmaxed = layer.activation == SOFTMAX.name
    slopes = np.diag(layer.sigma_prime)[:, np.newaxis] if softmaxed else layer.sigma_prime
    return {
        "∂a/∂z" if softmaxed else "σ′(z)": slopes,
        "δ = ∂C/∂b": layer.delta,
        "largest |∂C/∂w|": np.abs(layer.nabla_w).max(axis=1, keepdims=True),
    }


def neurons(layer: Layer, columns: dict[str, Array]) -> Table:
    """The neurons in order, or those with the largest |δ| (in layer 1: |a|) where there are many."""
    n = len(layer.a)
    shown = drawing.strongest(layer)
    caption = f"Layer {layer.number}: {n} {'neuron' if n == 1 else 'neurons'}"
    if layer.activation:
        caption += f", {layer.activation}"
    if len(shown) < n:
        besides = f"neuron {layer.also} and others" if layer.also else f"the {len(shown)}"
        caption += f"; {besides} with the largest {'|a|' if layer.number == 1 else '|δ|'}"
    rows = tuple((str(j + 1), *(notation.number(values[j, 0]) for values in columns.values())) for j in shown)
    return Table(("neuron", *columns), rows, caption)
