"""The shapes of a network's arrays, with the sizes they come from, and how samples are passed to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nablanet.explain import notation
from nablanet.explain.document import Block, Explanation, Heading, Paragraph, Table

if TYPE_CHECKING:
    from nablanet.network import Network


@dataclass(frozen=True)
class ArrayShape:
    """One array of layer `layer`: its letter (w, b, z, a or δ), and its symbol, such as w³.

    one: its shape for one sample; columns: for m samples as columns, as in `feedforward`, and rows: for m
    samples as rows, as in `predict` and `hidden`, with "m" standing for their number. Weights and biases
    are the same for any number of samples. why: the sizes that the shape comes from.
    """

    letter: str
    layer: int
    symbol: str
    one: tuple[int, ...]
    columns: tuple[int | str, ...]
    rows: tuple[int | str, ...]
    why: str


@dataclass(frozen=True, repr=False)
class Shapes(Explanation):
    """The shapes of every w, b, z, a and δ of a network with these sizes, layer by layer.

    passing: sentences on how x and y may be passed.
    """

    sizes: tuple[int, ...]
    arrays: tuple[ArrayShape, ...]
    passing: tuple[str, ...]

    def of(self, letter: str, layer: int) -> ArrayShape:
        """The array with that letter in that layer, counting from 1. Raises ValueError if there is none."""
        for array in self.arrays:
            if (array.letter, array.layer) == (letter, layer):
                return array
        raise ValueError(
            f"there are a in layers 1 to {len(self.sizes)}, and w, b, z and δ in layers 2 to "
            f"{len(self.sizes)}; got {letter!r} in layer {layer!r}"
        )

    def blocks(self) -> Sequence[Block]:
        """A table for each layer, and how samples are passed."""
        last = len(self.sizes)
        told: list[Block] = [
            Heading(f"The shapes in {list(self.sizes)}"),
            Paragraph(
                "w has a row for each neuron that it leads to and a column for each that it comes from, so "
                f"that z = w a + b is a matrix product. {notation.symbol('w', 2)} and "
                f"{notation.symbol('b', 2)} are weights[0] and biases[0]: layer 1 has none. Gradients have "
                "the shapes of what they are taken to: ∂C/∂w that of w, ∂C/∂b that of b."
            ),
        ]
        for layer in range(1, last + 1):
            rows = [
                (array.symbol, *(_shape(s) for s in (array.one, array.columns, array.rows)), array.why)
                for array in self.arrays
                if array.layer == layer
            ]
            columns = ("array", "one sample", "m as columns", "m as rows", "sizes")
            told.append(Table(columns, tuple(rows), _title(layer, self.sizes), text=("array", "sizes")))
        told.append(Heading("How samples are passed"))
        told.extend(Paragraph(sentence) for sentence in self.passing)
        return told


def shapes(network: Network) -> Shapes:
    """The shapes in a network. Raises ValueError or TypeError where its weights or biases have others."""
    network.check_parameters()
    sizes = tuple(network.sizes)
    arrays: list[ArrayShape] = []
    for layer, n in enumerate(sizes, 1):
        its = f"the {_neurons(n)} of layer {layer}"
        per_neuron = {"a": f"the activations of {its}"}
        if layer == 1:
            per_neuron["a"] = f"x itself, the inputs: {its}"
            if network.input_scale != 1:
                per_neuron["a"] = f"x times input_scale {network.input_scale:g}: {its}"
        else:
            arrays.extend(_parameters(layer, n, sizes[layer - 2]))
            per_neuron = {
                "z": f"the weighted inputs of {its}",
                **per_neuron,
                "δ": f"the errors ∂C/∂z of {its}",
            }
        arrays.extend(
            ArrayShape(letter, layer, notation.symbol(letter, layer), (n, 1), (n, "m"), ("m", n), why)
            for letter, why in per_neuron.items()
        )
    return Shapes(sizes, tuple(arrays), _passing(sizes))


def _parameters(layer: int, n: int, n_before: int) -> list[ArrayShape]:
    w, b = (n, n_before), (n, 1)
    to = f"to {_neurons(n)} of layer {layer} from {_neurons(n_before)} of layer {layer - 1}"
    return [
        ArrayShape("w", layer, notation.symbol("w", layer), w, w, w, to),
        ArrayShape(
            "b",
            layer,
            notation.symbol("b", layer),
            b,
            b,
            b,
            f"one for each of {_neurons(n)} of layer {layer}",
        ),
    ]


def _passing(sizes: tuple[int, ...]) -> tuple[str, ...]:
    n_in, n_out = sizes[0], sizes[-1]
    label = f", or a label: an integer from 0 to {n_out - 1}" if n_out > 1 else ""
    labels = f", or m labels, shape (m,): integers from 0 to {n_out - 1}" if n_out > 1 else ", or (m,)"
    numbers_in = f"{n_in} number{'s' if n_in > 1 else ''}"
    numbers_out = f"{n_out} number{'s' if n_out > 1 else ''}"
    alone = "; since there is one, also a plain number" if n_in == 1 else ""
    return (
        f"One sample, in backprop(x, y), trace(x, y) and in pairs: x has {numbers_in}, as a list, with shape "
        f"({n_in},) or with shape ({n_in}, 1), which all mean the same{alone}. y has {numbers_out}: a list, "
        f"({n_out},) or ({n_out}, 1){label}.",
        "A mini_batch, training_data or test_data is a list of such pairs (x, y), one for each example; or a "
        f"tuple (X, Y) of whole arrays with samples as rows, shapes (m, {n_in}) and (m, {n_out}){labels}.",
        f"Rows: predict(X), fit(X, Y), gradient(X, Y) and hidden(X, layer) take samples as rows, X with "
        f"shape (m, {n_in}) and Y with shape (m, {n_out}){labels}. One sample is X.reshape(1, -1).",
        f"Columns: feedforward(a) takes one sample as above, or samples as columns, ({n_in}, m), as the "
        f"book's matrix form has them, and returns ({n_out}, 1) or ({n_out}, m).",
        "Anything else is refused, with the layer, the expected size and the shape that came.",
    )


def _title(layer: int, sizes: tuple[int, ...]) -> str:
    which = {1: ", the input layer", len(sizes): ", the output layer"}.get(layer, "")
    return f"Layer {layer}{which}: {_neurons(sizes[layer - 1])}"


def _neurons(n: int) -> str:
    return f"{n} neuron{'' if n == 1 else 's'}"


def _shape(shape: tuple[int | str, ...]) -> str:
    return f"({', '.join(str(n) for n in shape)})"
