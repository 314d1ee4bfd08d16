"""The four equations with a network's own numbers in them, term by term, beside what was computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nablanet import samples
from nablanet.explain import equation_forms as forms
from nablanet.explain import notation, places
from nablanet.explain.document import Block, Explanation, Heading, Paragraph, Table
from nablanet.explain.equation_forms import Equation
from nablanet.explain.trace import Trace, of_columns

if TYPE_CHECKING:
    from nablanet.network import Network

_ROWS = 12  # terms of a sum that a table shows
_TITLES = {
    "BP1": "the error in the output layer",
    "BP2": "the error of a layer from the error of the next",
    "BP3": "the gradient of a bias",
    "BP4": "the gradient of a weight",
}


@dataclass(frozen=True, repr=False)
class Equations(Explanation):
    """BP1 to BP4 for one sample.

    bp1: of an output neuron; bp2: of a hidden neuron, or None where there is no hidden layer; bp3: of
    the chosen neuron (layer, neuron); bp4: of the chosen weight (l, j, k). All count from 1. source:
    what computed the `engine_value` of each.
    """

    sizes: tuple[int, ...]
    layer: int
    neuron: int
    weight: tuple[int, int, int]
    source: str
    bp1: Equation
    bp2: Equation | None
    bp3: Equation
    bp4: Equation

    def __iter__(self) -> Iterator[Equation]:
        """The equations that there are, in order."""
        return (e for e in (self.bp1, self.bp2, self.bp3, self.bp4) if e is not None)

    def blocks(self) -> Sequence[Block]:
        """Each equation in symbols and in numbers, with a table of its terms where they are many."""
        l, j, k = self.weight  # noqa: E741 - l is the book's layer index
        told: list[Block] = [
            Heading(f"The four equations in {list(self.sizes)}"),
            Paragraph(
                f"The numbers are those of neuron {self.neuron} of layer {self.layer}, and of the "
                f"weight {notation.symbol('w', l, j, k)}, to neuron {j} of layer {l} from "
                f"neuron {k} of layer {l - 1}."
            ),
        ]
        for name, equation in zip(_TITLES, (self.bp1, self.bp2, self.bp3, self.bp4), strict=True):
            told.append(Heading(f"{name}: {_TITLES[name]}"))
            if equation is None:
                told += [forms.BP2, Paragraph("There is no hidden layer that has such an error.")]
            else:
                told += self._told(equation)
        return told

    def _told(self, equation: Equation) -> list[Block]:
        told: list[Block] = [equation.symbols]
        if len(equation.terms) > forms.WRITTEN_OUT:
            told.append(_table(equation))
        told.append(equation.numbers)
        computed = (
            f"{self.source[0].upper()}{self.source[1:]} computed {notation.number(equation.engine_value)}; "
            f"the difference is {notation.number(equation.difference, 2)}."
        )
        told.append(Paragraph(f"{equation.note} {computed}".strip()))
        return told


def equations(
    network: Network,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    layer: int | None = None,
    neuron: int | None = None,
    weight: tuple[int, int, int] | None = None,
) -> Equations:
    """Put the numbers of one sample into BP1 to BP4, and compare with `Network.gradient`.

    x: (n_1,) or (n_1, 1); y: (n_L,) or (n_L, 1), or an integer label. layer, neuron: counted from 1; by
    default the neuron that `weight` leads to, else the one with the largest |δ| in the last hidden layer
    (in the output layer where there is no hidden one). BP1 needs an output neuron and BP2 a hidden one:
    where the chosen neuron is none, they show the one with the largest |δ| in layer L, or L-1. weight:
    (l, j, k); by default the one into the chosen neuron with the largest |∂C/∂w|.

    Raises ValueError or TypeError for a layer, neuron or weight that is not there, and as
    `Network.backprop` does for x and y.
    """
    t = of_columns(network, *samples.from_pair(network, x, y))
    return of_trace(network, t, layer=layer, neuron=neuron, weight=weight)


def of_trace(
    network: Network,
    t: Trace,
    *,
    layer: int | None = None,
    neuron: int | None = None,
    weight: tuple[int, int, int] | None = None,
) -> Equations:
    """`equations` for the sample of a trace of this network."""
    last = network.num_layers
    to = None if weight is None else places.check_weight(network, weight)
    if layer is not None:
        layer = places.check_layer(network, layer)
    else:
        layer = max(2, last - 1) if to is None else to[0]
    if neuron is not None:
        neuron = places.check_neuron(network, layer, neuron)
    elif to is not None and to[0] == layer:
        neuron = to[1]
    computed = network.gradient(t.x.T, t.y.T)
    if neuron is None:
        neuron = _strongest(t, layer)
    if to is None:
        to = layer, neuron, int(np.argmax(np.abs(t[layer].nabla_w[neuron - 1]))) + 1

    def delta(l: int, j: int) -> float:  # noqa: E741
        return float(computed.nabla_b[l - 2][j - 1, 0])

    output = neuron if layer == last else _strongest(t, last)
    bp2 = None
    if last > 2:
        at, j = (layer, neuron) if layer < last else (last - 1, _strongest(t, last - 1))
        bp2 = forms.bp2(t, at, j, delta(at, j))
    return Equations(
        sizes=tuple(network.sizes),
        layer=layer,
        neuron=neuron,
        weight=to,
        source=_source(network),
        bp1=forms.bp1(network, t, output, delta(last, output)),
        bp2=bp2,
        bp3=forms.bp3(t, layer, neuron, delta(layer, neuron)),
        bp4=forms.bp4(t, to, float(computed.nabla_w[to[0] - 2][to[1] - 1, to[2] - 1])),
    )


def _strongest(t: Trace, layer: int) -> int:
    return int(np.argmax(np.abs(t[layer].delta[:, 0]))) + 1


def _source(network: Network) -> str:
    if network.runs_on_engine():
        return "the compiled engine"
    if network.overrides("backprop"):
        return "this network's own backprop"
    return "the NumPy reference"


def _table(equation: Equation) -> Table:
    """The terms of a sum, what is left of them in a last row."""
    shown, others = equation.terms[:_ROWS], equation.terms[_ROWS:]
    rows = [
        (str(term.neuron), *(notation.number(f) for f in term.factors), notation.number(term.value))
        for term in shown
    ]
    if others:
        rest = sum(term.value for term in others)
        blank = [""] * len(equation.columns)
        rows.append((f"… and {len(others)} more: sum", *blank, notation.number(rest)))
    return Table(
        ("k", *equation.columns, "product"),
        tuple(rows),
        f"The terms of {equation.quantity}, the largest first",
    )
