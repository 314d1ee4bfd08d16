"""The chapter's sum over paths: ∂C/∂w as a sum of products of rates, one for each way from w to C."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nablanet import samples, shapes
from nablanet.activations import SOFTMAX
from nablanet.cost_functions import smoothed
from nablanet.costs import is_fused, parameter_of
from nablanet.explain import notation, places
from nablanet.explain.document import Block, Explanation, Heading, Paragraph, Table
from nablanet.explain.double import in_double
from nablanet.explain.trace import Trace, of_columns
from nablanet.shapes import Array

if TYPE_CHECKING:
    from nablanet.network import Network

_SHOWN = 12  # paths
_WIDEST = 72  # columns of text for the rates; where they need more, only their product is shown


@dataclass(frozen=True, repr=False)
class Paths(Explanation):
    """Every path from a weight w^l_jk to the cost C_x, the largest |product| first. In float64.

    weight: (l, j, k). neurons: the neurons of each path, from 1, in layers l, l+1, ..., L, shape
    (n_paths, L - l + 1). With a softmax output a path enters the output layer at z^L_n and may leave it at
    any a^L_m, since all of them follow z^L_n; then there is one more column, with m.
    rates: the factors of each path, shape (n_paths, len(names)), and names, what they are, such as ∂a³/∂a².
    products: of the rates, shape (n_paths,). total: their sum. bp4: a^{l-1}_k δ^l_j, which is ∂C_x/∂w^l_jk.
    engine: what the compiled engine computes for it, in the network's own float type; None where the
    network does not run on it. combined: whether ∂C/∂a^L and ∂a^L/∂z^L stand as one rate, ∂C/∂z^L
    (with softmax: as the share of it that goes through a^L_m), as in BP1 for a cost and an output that
    combine to a - y. Apart, they are not finite where a^L has been rounded to 0 (or 1). softmax: whether the
    output is. desired_sum: the sum of y, for softmax with cross-entropy, where BP1 takes it to be 1.
    """

    weight: tuple[int, int, int]
    neurons: Array
    rates: Array
    names: tuple[str, ...]
    products: Array
    total: float
    bp4: float
    engine: float | None
    combined: bool
    softmax: bool
    desired_sum: float | None

    def __len__(self) -> int:
        """How many paths there are."""
        return len(self.products)

    def blocks(self) -> Sequence[Block]:
        """The sum beside BP4's value, what the rates are, and the largest paths."""
        layer, j, k = self.weight
        name = notation.symbol("w", layer, j, k)
        number, n = notation.number, len(self)
        beside = f"BP4 gives {notation.symbol('a', layer - 1, k)} {notation.symbol('δ', layer, j)} = "
        beside += number(self.bp4, 10)
        if self.engine is not None:
            beside += f", and the engine {number(self.engine, 10)}"
        told: list[Block] = [
            Heading(f"The paths from {name} to the cost"),
            Paragraph(
                f"{'One path leads' if n == 1 else f'{n:,} paths lead'} from {name} to C. "
                f"The sum of the products of rates is {notation.rate('C', name)} = {number(self.total, 10)}; "
                f"{beside}."
            ),
        ]
        told.extend(Paragraph(text) for text in self._remarks())
        told.append(self._table())
        if n > _SHOWN:
            rest = number(_sum(self.products[_SHOWN:]))
            told.append(Paragraph(f"The products of the other {n - _SHOWN:,} add up to {rest}."))
        return told

    def _remarks(self) -> list[str]:
        said = []
        if self.softmax:
            said.append(
                "Softmax couples the outputs: each activation a of the last layer follows each weighted "
                "input z of it. So a path goes through the z of one neuron, and from there to the a of any."
            )
        if self.combined:
            said.append(
                "∂C/∂a and ∂a/∂z of the last layer stand as one rate: for this cost and output they combine, "
                "and apart they are not finite where an output has been rounded to the end of its range."
            )
        if not np.isfinite(self.products).all():
            said.append("Some products are not finite, since a rate of theirs is not.")
        if self.desired_sum is not None and abs(self.desired_sum - 1) > 1e-12:
            said.append(
                f"The desired outputs add up to {notation.number(self.desired_sum, 10)} rather than 1, "
                "which BP1 takes them to do: so far the sum of the paths and BP4 differ."
            )
        return said

    def _table(self) -> Table:
        n = len(self)
        wide = sum(max(len(name), 10) + 2 for name in self.names) > _WIDEST
        columns = ("path", *(() if wide else self.names), "product")
        rows = tuple(
            (
                self._path(i),
                *(() if wide else (notation.number(rate, 4) for rate in self.rates[i])),
                notation.number(self.products[i]),
            )
            for i in range(min(n, _SHOWN))
        )
        caption = f"Neurons of layers {self.weight[0]} to {self._last}, and the rates between them"
        if self._last == self.weight[0]:
            caption = f"Neuron of layer {self._last}, and the rates"
        if n > _SHOWN:
            caption += f"; the {_SHOWN} largest of {n:,}"
        return Table(columns, rows, caption, text=("path",))

    @property
    def _last(self) -> int:
        return self.weight[0] + self.neurons.shape[1] - 1 - self.softmax

    def _path(self, i: int) -> str:
        names = [str(neuron) for neuron in self.neurons[i]]
        if self.softmax:
            names[-1] = f"a {names[-1]}"
            if len(names) > 2:
                names[-2] = f"z {names[-2]}"
        return f"j={' → '.join(names)}"


def paths(
    network: Network,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    weight: tuple[int, int, int],
    *,
    limit: int = 10_000,
) -> Paths:
    """Every path from w^l_jk through layers l..L to C_x, with its product of rates, for one example.

    ∂C/∂w^l_jk = Σ over paths j → q → … → m of (∂C/∂a^L_m) … (∂a^{l+1}_q/∂a^l_j)(∂a^l_j/∂w^l_jk), with
    ∂a^{l+1}_q/∂a^l_j = w^{l+1}_qj σ′(z^{l+1}_q) and ∂a^l_j/∂w^l_jk = a^{l-1}_k σ′(z^l_j). x, y: as in
    `Network.backprop`. weight: (l, j, k). limit: how many paths may be listed.

    Raises ValueError where there are more (n_{l+1} ⋯ n_L, and with softmax n_L times that), and ValueError or
    TypeError for a weight that is not there and for other wrong arguments.
    """
    layer, j, k = places.check_weight(network, weight)
    limit = shapes.count(limit, "limit", 1)
    x, y = samples.from_pair(network, x, y)
    softmax = network.activations[-1] == SOFTMAX
    n_paths = math.prod(network.sizes[layer:]) * (network.sizes[-1] if softmax else 1)
    if n_paths > limit:
        raise ValueError(
            f"there are {n_paths:,} paths from {notation.symbol('w', layer, j, k)} to the cost, more than "
            f"the limit of {limit:,}; pass limit={n_paths}, or take a weight nearer to the output"
        )
    engine = None
    if network.runs_on_engine():
        engine = float(network.gradient(x.T, y.T).nabla_w[layer - 2][j - 1, k - 1])
    double, x, y = in_double(network, x, y)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _paths(double, of_columns(double, x, y), (layer, j, k), engine)


def _paths(network: Network, traced: Trace, weight: tuple[int, int, int], engine: float | None) -> Paths:
    layer, j, k = weight
    last = traced.layers[-1]
    output = network.activations[-1]
    softmax = output == SOFTMAX
    combined = is_fused(network.cost, output) and not network.overrides("cost_derivative")
    through_z = softmax or combined  # whether the last layer is entered at z, not at a
    neurons = np.full((1, 1), j - 1)
    rates: list[Array] = []
    names: list[str] = []
    for number in range(layer, last.number + 1):
        here = traced[number]
        step = np.broadcast_to(traced[layer - 1].a[k - 1], (len(here.a), 1))
        of, to = "a", notation.symbol("w", *weight)
        if number > layer:
            neurons = _branch(neurons, len(here.a))
            step, to = here.w, _of_layer("a", number - 1)
        if number == last.number and through_z:
            of = "z"
        else:
            step = step * here.sigma_prime
        before = neurons[:, -2] if number > layer else np.zeros(1, int)
        rates = [np.repeat(rate, len(neurons) // len(rate)) for rate in rates]
        rates.append(step[neurons[:, -1], before])
        names.append(notation.rate(_of_layer(of, number), to))
    if softmax:
        neurons = _branch(neurons, len(last.a))
        rates = [np.repeat(rate, len(last.a)) for rate in rates]
    tail, tail_names = _to_cost(network, traced, combined)
    m = neurons[:, -1]
    for values, name in zip(tail, tail_names, strict=True):
        rates.append(values[m, neurons[:, -2]] if values.shape[1] > 1 else values[m, 0])
        names.append(name)
    table = np.stack(rates, axis=1) + 0.0  # no -0
    products = table.prod(axis=1) + 0.0
    order = np.argsort(-np.abs(products), kind="stable")
    bp4 = float(traced[layer].nabla_w[j - 1, k - 1])
    desired_sum = float(traced.y.sum()) if softmax and combined else None
    return Paths(
        weight,
        neurons[order] + 1,
        table[order],
        tuple(names),
        products[order],
        _sum(products),
        bp4,
        engine,
        combined,
        softmax,
        desired_sum,
    )


def _branch(neurons: Array, n: int) -> Array:
    """Each path goes on to each of n neurons."""
    return np.column_stack([np.repeat(neurons, n, axis=0), np.tile(np.arange(n), len(neurons))])


def _to_cost(network: Network, traced: Trace, combined: bool) -> tuple[list[Array], list[str]]:
    """The last rates: of shape (n_L, 1) by m, or for softmax (n_L, n_L) by m and n of ∂a_m/∂z_n."""
    last, y = traced.layers[-1], traced.y
    a_name, z_name = _of_layer("a", last.number), _of_layer("z", last.number)
    softmax = network.activations[-1] == SOFTMAX
    if combined and not softmax:
        return [last.delta], [notation.rate("C", z_name)]
    if combined:
        # ∂C/∂a_m ∂a_m/∂z_n = −(y_m/a_m) a_m ([m = n] − a_n), without the quotient
        desired = smoothed(y, parameter_of(network.cost), len(y))
        share = -desired * (np.eye(len(y)) - last.a.T)
        return [share], [f"{notation.rate('C', a_name)}·{notation.rate(a_name, z_name)}"]
    nabla_a = network.cost_derivative(last.a, y)
    nabla_a = shapes.require_shape(nabla_a, last.a.shape, "cost_derivative")
    cost_rate = notation.rate("C", a_name)
    if softmax:
        return [last.sigma_prime, nabla_a], [notation.rate(a_name, z_name), cost_rate]
    return [nabla_a], [cost_rate]


def _of_layer(letter: str, layer: int) -> str:
    return notation.symbol(letter, layer)


def _sum(products: Array) -> float:
    """Without rounding on the way."""
    if np.isfinite(products).all():
        return math.fsum(products)
    return float(products.sum())
