"""How a network decides on one sample: what its inputs and its hidden neurons have to do with an output."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nablanet import backprop, samples, shapes
from nablanet.activations import SOFTMAX
from nablanet.explain import attribution, places
from nablanet.explain.document import Block, Explanation, Figure, Heading, Paragraph, Table
from nablanet.explain.notation import number, symbol
from nablanet.explain.pixels import raster
from nablanet.explain.strips import IMAGES
from nablanet.shapes import Array

if TYPE_CHECKING:
    from nablanet.network import Network

_MOST_STEPS = 1000  # finding n nodes of the rule takes n x n numbers; a smooth network needs few
_ROWS = 12  # inputs or neurons that a table shows


@dataclass(frozen=True, repr=False)
class Decision(Explanation):
    """What made output neuron j of layer L what it is for a sample.

    output: j, from 1; z, a: z^L_j and a^L_j, of which a_baseline is that for the baseline; outputs: a^L,
    shape (n_L, 1). x, baseline, gradient (∂a^L_j/∂x) and attributions (integrated gradients): shape
    (n_1, 1), for x as passed, before `input_scale`. contributions: for layer l from 1 to L-1, at
    `contributions[l - 1]`, a^l ∂z^L_j/∂a^l, shape (n_l, 1); in layer L-1 that is w^L_jk a^{L-1}_k, and those
    and the bias b^L_j add up to z^L_j. shape: (rows, columns) of image data, else None.
    """

    sizes: tuple[int, ...]
    output: int
    z: float
    a: float
    b: float
    a_baseline: float
    outputs: Array
    x: Array
    baseline: Array
    gradient: Array
    attributions: Array
    contributions: tuple[Array, ...]
    steps: int
    shape: tuple[int, int] | None
    softmax: bool

    @property
    def attributed(self) -> float:
        """The sum of the attributions, which should be a^L_j(x) - a^L_j(baseline) (completeness)."""
        return float(self.attributions.sum())

    @property
    def completeness_error(self) -> float:
        """By how much it misses that; more `steps` make it smaller."""
        return self.attributed - (self.a - self.a_baseline)

    def blocks(self) -> Sequence[Block]:
        """The output, the inputs behind it, the neurons that carried it."""
        depth = len(self.sizes)
        a = symbol("a", depth, self.output)
        told: list[Block] = [
            Heading(f"How {list(self.sizes)} decides on a sample"),
            Paragraph(
                f"Output neuron {self.output} has {a} = {number(self.a)}, and {number(self.a_baseline)} for "
                f"the baseline. The attributions (integrated gradients, {self.steps} steps) share the "
                f"difference out among the inputs: they add up to {number(self.attributed)}, where "
                f"{number(self.a - self.a_baseline)} is due (error {number(self.completeness_error, 2)})."
            ),
        ]
        told.extend(self._inputs(a) if self.shape is None else self._pictures(a, self.shape))
        told.extend(self._neurons())
        return told

    def _inputs(self, a: str) -> list[Block]:
        columns = ("input", "x", "baseline", f"∂{a}/∂x", "attribution")
        shown = _strongest(self.attributions)
        values = (self.x, self.baseline, self.gradient, self.attributions)
        rows = tuple((str(k + 1), *(number(v[k, 0]) for v in values)) for k in shown)
        return [Table(columns, rows, f"Inputs{_of(len(shown), len(self.x))}, largest |attribution| first")]

    def _pictures(self, a: str, shape: tuple[int, int]) -> list[Block]:
        strongest = f"the strongest {number(np.abs(self.attributions).max(), 3)}"
        captions = (
            (self.x, False, "The sample x"),
            (
                self.attributions,
                True,
                f"What each input adds to {a} (integrated gradients): orange raises it, blue lowers it; "
                f"{strongest}",
            ),
            (
                self.gradient,
                True,
                f"∂{a}/∂x, how {a} follows each input: orange up, blue down; "
                f"the strongest {number(np.abs(self.gradient).max(), 3)}",
            ),
        )
        return [
            Figure(raster(values.reshape(shape), caption, signed=signed), caption)
            for values, signed, caption in captions
        ]

    def _neurons(self) -> list[Block]:
        depth, j = len(self.sizes), self.output
        z = symbol("z", depth, j)
        last = self.contributions[-1]
        others = f"the {len(last)} neuron{'s' if len(last) > 1 else ''} of layer {depth - 1}"
        compared = "; softmax compares it with the z of the other outputs" if self.softmax else ""
        told: list[Block] = [
            Paragraph(
                f"{z} = {number(self.z)} is the bias {symbol('b', depth, j)} = {number(self.b)} and "
                f"{number(float(last.sum()))} from {others}{compared}."
            )
        ]
        for layer in range(depth - 1, 1, -1):
            values = self.contributions[layer - 1]
            shown = _strongest(values)
            exact = layer == depth - 1
            name = f"w·a to {z}" if exact else f"a · ∂{z}/∂a"
            rows = tuple((str(k + 1), number(values[k, 0])) for k in shown)
            caption = f"Neurons of layer {layer}{_of(len(shown), len(values))}, largest first"
            told.append(Table(("neuron", name), rows, caption if exact else f"{caption}; to first order"))
        return told


def decision(
    network: Network,
    x: npt.ArrayLike,
    *,
    output: int | None = None,
    baseline: npt.ArrayLike | None = None,
    steps: int = 64,
    shape: tuple[int, int] | None = None,
) -> Decision:
    """Why output neuron j is what it is for x: input gradients, integrated gradients, hidden neurons.

    x, baseline: (n_1,) or (n_1, 1); the baseline is 0 unless given. output: j from 1 to n_L, by default that
    with the largest a^L_j. steps: nodes of the Gauss-Legendre rule, at most 1000; kinks such as ReLU's need
    more than smooth networks do. shape: (rows, columns) of image data; 784 inputs are taken for (28, 28), 64
    for (8, 8). All by the reference in `backprop`, in the network's float type. Raises ValueError
    or TypeError for anything else.
    """
    network.check_parameters()
    column = samples.entering(network, shapes.column(x, network.sizes[0], "x", 1), "x")
    start = np.zeros_like(column)
    if baseline is not None:
        start = samples.entering(
            network, shapes.column(baseline, network.sizes[0], "baseline", 1), "baseline"
        )
    steps = shapes.count(steps, "steps")
    if steps > _MOST_STEPS:
        raise ValueError(f"steps must be at most {_MOST_STEPS}, got {steps}")
    form = IMAGES.get(network.sizes[0]) if shape is None else _image_shape(shape, network.sizes[0])
    if output is not None:
        output = places.check_neuron(network, network.num_layers, output, "output")

    both = network.scaled(np.hstack([column, start]))
    zs, activated = backprop.feed_forward(network.weights, network.biases, network.activations, both)
    a, a_baseline = activated[-1][:, 0], activated[-1][:, 1]
    j = int(a.argmax()) if output is None else output - 1
    own_zs, own = [z[:, :1] for z in zs], [part[:, :1] for part in activated]
    return Decision(
        sizes=tuple(network.sizes),
        output=j + 1,
        z=float(zs[-1][j, 0]),
        a=float(a[j]),
        b=float(network.biases[-1][j, 0]),
        a_baseline=float(a_baseline[j]),
        outputs=own[-1].copy(),
        x=column.copy(),
        baseline=start.copy(),
        gradient=attribution.output_gradient(network, column, j),
        attributions=attribution.integrated_gradients(network, column, start, j, steps),
        contributions=tuple(attribution.contributions(network, own_zs, own, j)),
        steps=steps,
        shape=form,
        softmax=network.activations[-1] == SOFTMAX,
    )


def _image_shape(shape: object, n: int) -> tuple[int, int]:
    if not isinstance(shape, (tuple, list)) or len(shape) != 2:
        raise TypeError(f"shape must be (rows, columns), got {shapes.describe(shape)}")
    rows, columns = (shapes.count(side, "each number of shape") for side in shape)
    if math.prod((rows, columns)) != n:
        raise ValueError(
            f"shape must hold the {n} neurons of layer 1, got {rows} x {columns} = {rows * columns}"
        )
    return rows, columns


def _strongest(values: Array) -> list[int]:
    return [int(k) for k in np.argsort(-np.abs(values[:, 0]), kind="stable")[:_ROWS]]


def _of(shown: int, there: int) -> str:
    return "" if shown == there else f" ({shown} of {there})"
