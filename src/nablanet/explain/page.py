"""One sample's way through a network as a page to hand out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nablanet.explain import drawing, notation, passes
from nablanet.explain.decision import decision
from nablanet.explain.demon import demon
from nablanet.explain.document import Block, Explanation, Figure, Heading, Paragraph
from nablanet.explain.equations import equations
from nablanet.explain.paths import paths
from nablanet.explain.places import check_layer, check_neuron
from nablanet.explain.saturation import saturation
from nablanet.explain.standalone import Section, standalone
from nablanet.explain.trace import Trace, of_sample, showing

if TYPE_CHECKING:
    from nablanet.network import Network

PATHS = 100_000  # to list at most


def page(
    network: Network,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    layer: int | None = None,
    neuron: int | None = None,
    title: str | None = None,
    X: npt.ArrayLike | None = None,
    Y: npt.ArrayLike | None = None,
) -> str:
    """A self-contained HTML page about one sample: no scripts, nothing from the network.

    It has the drawn network, the forward and the backward pass, the four equations with numbers, the
    demon, the sum over paths, what saturates, and how the network decides. x, y: as in
    `Network.backprop`. layer, neuron: the neuron that the equations, the demon and the paths are about,
    layer from 2; by default the one with the largest |δ|, in that layer, or in the last hidden layer (the
    output layer where there is none). title: by default the network's sizes. X, Y: samples as rows, as in
    `Network.fit`, for saturation; by default this sample. What cannot be told of a network, such as more
    paths than can be listed, the page says in words. Raises ValueError or TypeError as `trace` does, and
    for a layer or neuron that is not there.
    """
    traced = of_sample(network, x, y)
    layer, neuron = chosen(network, traced, layer, neuron)
    traced = showing(traced, layer, neuron)
    weight = strongest_weight(traced, layer, neuron)
    if X is None and Y is not None:
        raise ValueError("Y is the desired output of the rows X, and there is no X")
    rows, desired = (traced.x.T, traced.y.T) if X is None else (X, Y)
    slowness = saturation(network, rows, desired)
    name = f"neuron {neuron} of layer {layer}"
    sections = [
        Section("network", "The network", [Figure(drawing.draw(traced), drawing.CAPTION)]),
        Section("forward", "The forward pass", passes.forward(traced)),
        Section("backward", "The backward pass", passes.backward(traced)),
        _section(
            "equations",
            "The four equations with numbers",
            lambda: equations(network, x, y, layer=layer, neuron=neuron),
        ),
        _section("demon", f"The demon at {name}", lambda: demon(network, x, y, layer, neuron)),
        _section(
            "paths",
            f"The sum over paths from {notation.symbol('w', *weight)}",
            lambda: paths(network, x, y, weight, limit=PATHS),
        ),
        _section("saturation", "Why it learns slowly", lambda: slowness),
        _section("decision", "How the network decides", lambda: decision(network, x)),
    ]
    return standalone(
        f"Backpropagation of one sample through {network.sizes}" if title is None else title,
        [
            f"What backpropagation does with one sample in {network!r}. "
            f"The cost is C = {notation.number(traced.cost)} ({traced.cost_name}).",
            f"The equations, the demon and the paths are about {name}, whose error is "
            f"{notation.symbol('δ', layer, neuron)} = "
            f"{notation.number(traced[layer].delta[neuron - 1, 0])}.",
        ],
        sections,
    )


def chosen(network: Network, traced: Trace, layer: int | None, neuron: int | None) -> tuple[int, int]:
    """The neuron that is asked for, or the one with the largest |δ|. Raises ValueError or TypeError."""
    if layer is None:
        if neuron is not None:
            raise ValueError(f"neuron {neuron!r} of which layer? give layer, from 2 to {network.num_layers}")
        layer = max(2, network.num_layers - 1)
    layer = check_layer(network, layer)
    if neuron is None:
        neuron = int(np.argmax(np.abs(traced[layer].delta[:, 0]))) + 1
    return layer, check_neuron(network, layer, neuron)


def strongest_weight(traced: Trace, layer: int, neuron: int) -> tuple[int, int, int]:
    """(l, j, k) of the weight to that neuron with the largest |∂C/∂w|."""
    return layer, neuron, int(np.argmax(np.abs(traced[layer].nabla_w[neuron - 1]))) + 1


def told(make: Callable[[], Explanation]) -> tuple[Explanation | None, Sequence[Block]]:
    """An explanation and its blocks; none, and in words why, where it is refused for this network."""
    try:
        explanation = make()
    except ValueError as error:
        return None, [Paragraph(f"Not shown: {str(error).rstrip('.')}.")]
    return explanation, explanation.blocks()


def _section(name: str, title: str, make: Callable[[], Explanation]) -> Section:
    """With the explanation's own heading as the title, where it begins with one."""
    _, blocks = told(make)
    match blocks[0]:
        case Heading(text):
            return Section(name, text, blocks[1:])
    return Section(name, title, blocks)
