"""One sample's way through a network, forward and back: every z, a, σ′(z), δ and gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nablanet import backprop, samples, shapes
from nablanet.activations import SOFTMAX, softmax
from nablanet.explain import drawing, notation, passes
from nablanet.explain.document import Block, Explanation, Figure, Heading, Paragraph, Table, to_html
from nablanet.shapes import Array

if TYPE_CHECKING:
    from nablanet.network import Network


def _nothing() -> Array:
    return np.empty((0, 1))


@dataclass(frozen=True)
class Layer:
    """Layer l of a trace, l counting from 1; a copy, so that it stays what it was.

    a: a^l, shape (n_l, 1). z, delta (δ^l = ∂C_x/∂z^l) and nabla_b (∂C_x/∂b^l): the same shape; w
    (n_l, n_{l-1}), b (n_l, 1), nabla_w (∂C_x/∂w^l) as w; sigma_prime: σ′(z^l), shape (n_l, 1), but for
    softmax the matrix ∂a_i/∂z_j, shape (n_l, n_l); activation: its name. The input layer has none of
    these but a: there they are empty. also: a neuron, from 1, that the picture and the tables of a large
    layer show in any case; 0 for none.
    """

    number: int
    a: Array
    activation: str = ""
    w: Array = field(default_factory=_nothing)
    b: Array = field(default_factory=_nothing)
    z: Array = field(default_factory=_nothing)
    sigma_prime: Array = field(default_factory=_nothing)
    delta: Array = field(default_factory=_nothing)
    nabla_b: Array = field(default_factory=_nothing)
    nabla_w: Array = field(default_factory=_nothing)
    also: int = 0


@dataclass(frozen=True, repr=False)
class Trace(Explanation):
    """What backpropagation computed for one sample.

    cost: C_x, by the network's own cost, whose name is cost_name. x: (n_1, 1), before `input_scale`;
    y: (n_L, 1). layers: layer l is `layers[l - 1]`, or `trace[l]`. equations: BP1 to BP4 with this
    sample's numbers, which a notebook shows behind the tables. own_backprop: whether the network overrides
    `backprop`, which may then compute other gradients than these.
    """

    sizes: tuple[int, ...]
    cost_name: str
    cost: float
    x: Array
    y: Array
    layers: tuple[Layer, ...]
    own_backprop: bool = False
    equations: tuple[Block, ...] = ()

    def __getitem__(self, layer: int) -> Layer:
        """Layer l, counting from 1. Raises IndexError for a layer that is not there."""
        number = shapes.count(layer, "layer", -len(self.layers))
        if not 1 <= number <= len(self.layers):
            raise IndexError(f"there are layers 1 to {len(self.layers)}, got {number}")
        return self.layers[number - 1]

    def blocks(self) -> Sequence[Block]:
        """The network drawn, and a table for each layer: its strongest neurons where there are many."""
        last = self.layers[-1]
        told: list[Block] = [
            Figure(drawing.draw(self), drawing.CAPTION),
            Heading(f"A sample through {list(self.sizes)}"),
            Paragraph(
                f"The cost is C = {notation.number(self.cost)} ({self.cost_name}). The output is "
                f"{_listed(last.a)} where {_listed(self.y)} is desired."
            ),
        ]
        if self.own_backprop:
            told.append(Paragraph(passes.OWN_BACKPROP))
        told.extend(_table(layer) for layer in self.layers)
        return told

    def _repr_html_(self) -> str:
        return to_html([*self.blocks(), *self.equations])


def showing(trace: Trace, layer: int, neuron: int) -> Trace:
    """The same trace, whose picture and tables show this neuron in any case."""
    layers = list(trace.layers)
    layers[layer - 1] = replace(layers[layer - 1], also=neuron)
    return replace(trace, layers=tuple(layers))


def of_sample(network: Network, x: npt.ArrayLike, y: npt.ArrayLike) -> Trace:
    """`of_columns` for x and y in any of the forms that `Network.backprop` takes; raises as it does."""
    return of_columns(network, *samples.from_pair(network, x, y))


def of_columns(network: Network, x: Array, y: Array) -> Trace:
    """Feed x forward and its error back, by the reference in `backprop`, in the network's float type.

    x: (n_1, 1) and y: (n_L, 1), which the caller has checked. An overridden `cost_derivative` is what runs.
    """
    weights, biases, activations = network.weights, network.biases, network.activations
    zs, activated = backprop.feed_forward(weights, biases, activations, network.scaled(x))
    derivative = network.cost_derivative if network.overrides("cost_derivative") else None
    slopes = [
        _softmax_slope(z) if activation == SOFTMAX else backprop.slope(activation, z)
        for activation, z in zip(activations, zs, strict=True)
    ]
    deltas = [
        backprop.output_error(zs[-1], activated[-1], y, activations[-1], network.cost, derivative),
    ]
    for w, slope in zip(reversed(weights[1:]), reversed(slopes[:-1]), strict=True):
        deltas.insert(0, backprop.backpropagate_error(w, deltas[0], slope))
    layers = [Layer(1, activated[0].copy())]
    for i, delta in enumerate(deltas):
        layers.append(
            Layer(
                number=i + 2,
                a=activated[i + 1],
                activation=activations[i].name,
                w=weights[i].copy(),
                b=biases[i].copy(),
                z=zs[i],
                sigma_prime=slopes[i],
                delta=delta,
                nabla_b=backprop.bias_gradient(delta),
                nabla_w=backprop.weight_gradient(activated[i], delta),
            )
        )
    cost = backprop.sample_costs(zs[-1], activated[-1], y, activations[-1], network.cost)
    return Trace(
        tuple(network.sizes),
        str(network.cost),
        float(cost[0]),
        x,
        y,
        tuple(layers),
        own_backprop=network.overrides("backprop"),
    )


def _softmax_slope(z: Array) -> Array:
    a = softmax(z)
    return np.diagflat(a) - a @ a.T


def _listed(values: Array) -> str:
    shown = [notation.number(v, 3) for v in values[: drawing.WHOLE, 0]]
    more = len(values) - len(shown)
    return f"({', '.join(shown)}{f', and {more} more' if more > 0 else ''})"


def _table(layer: Layer) -> Table:
    columns = {"a": layer.a}
    if layer.number > 1:
        columns = {"z": layer.z, "a": layer.a, **passes.slopes_and_errors(layer)}
    return passes.neurons(layer, columns)
