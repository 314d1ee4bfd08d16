"""The chapter's demon: it changes one weighted input, and the cost follows as δ says, for small changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nablanet import samples, shapes
from nablanet.explain import notation, places
from nablanet.explain.chart import Line, chart
from nablanet.explain.document import Block, Explanation, Figure, Heading, Paragraph, Table
from nablanet.explain.double import costs_from, in_double
from nablanet.explain.trace import of_columns
from nablanet.shapes import Array

if TYPE_CHECKING:
    from nablanet.network import Network

_SIZES = (1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0)  # of Δz, in both directions
_LEAST, _MOST = 1e-12, 1e12  # sizes that a user may ask for
_PER_DECADE = 100  # sizes where first order is looked at to find where it ends
_COLUMNS = 128  # run forward together


@dataclass(frozen=True, repr=False)
class Demon(Explanation):
    """What a change Δz of the weighted input z^l_j does to the cost C_x. Computed in float64.

    layer, neuron: l and j. z: z^l_j before the demon comes; delta: δ^l_j = ∂C_x/∂z^l_j, by BP1 and BP2;
    cost: C_x. dz: the changes tried, shape (n,); change: C_x with each less C_x without, the network run
    forward with it; first_order: δ^l_j Δz; relative_error: |change - first_order| / |first_order|, nan
    where that is 0 / 0. rounding: changes of C_x up to this size may be rounding errors.

    within_1_percent, within_10_percent: (down, up), down <= 0 <= up: from down to up, first order is
    within 1 % (10 %) of itself, as far as rounding lets it be seen; 0 where it is not even at the smallest
    size looked at.
    sizes, error_up, error_down: the sizes looked at to find this, and the relative errors there for
    Δz = size and Δz = -size, shape (m,). curve: rows Δz, change and first order, as drawn, shape (3, p).
    """

    layer: int
    neuron: int
    z: float
    delta: float
    cost: float
    dz: Array
    change: Array
    first_order: Array
    relative_error: Array
    rounding: float
    within_1_percent: tuple[float, float]
    within_10_percent: tuple[float, float]
    sizes: Array
    error_up: Array
    error_down: Array
    curve: Array
    own_derivative: bool = False

    def blocks(self) -> Sequence[Block]:
        """What the demon can do, where first order holds, a table and two pictures."""
        name = notation.symbol("z", self.layer, self.neuron)
        told: list[Block] = [
            Heading(f"The demon at neuron {self.neuron} of layer {self.layer}"),
            Paragraph(
                f"The weighted input is {name} = {notation.number(self.z)}, its error "
                f"{notation.symbol('δ', self.layer, self.neuron)} = {notation.rate('C', name)} = "
                f"{notation.number(self.delta)}, and the cost C = {notation.number(self.cost)}. "
                f"{self._direction()}"
            ),
            Paragraph(self._holds()),
            self._table(name),
        ]
        if np.isfinite(self.curve[1]).any():
            told.extend(self._pictures(name))
        return told

    def _direction(self) -> str:
        if not np.isfinite(self.cost):
            return "The cost is not finite, so no change of it can be told."
        if self.delta == 0:
            said = "Since δ is 0, the demon can change nothing to first order."
        else:
            smaller = self.delta > 0
            said = (
                f"Since δ is {'positive' if smaller else 'negative'}, the demon lowers the cost by making z "
                f"{'smaller (Δz < 0)' if smaller else 'larger (Δz > 0)'}."
            )
        finite = np.where(np.isfinite(self.change), self.change, np.inf)
        best = int(np.argmin(finite))
        if finite[best] < -self.rounding:
            said += (
                f" Of what it tried, Δz = {notation.number(self.dz[best], 3)} lowers the cost the most, "
                f"by {notation.number(-finite[best], 3)}."
            )
        return said

    def _holds(self) -> str:
        if self.delta == 0 or not np.isfinite(self.cost):
            return "There is no first order to compare the real change with."
        if self.rounding >= abs(self.delta) * self.sizes[-1]:
            return (
                f"δ·Δz is at most {notation.number(abs(self.delta) * self.sizes[-1], 2)}, "
                "too little to be seen beside the rounding of the cost."
            )
        one, ten = self.within_1_percent, self.within_10_percent
        if ten == (0, 0):
            said = "The change of the cost is not δ·Δz within 10 %, however small Δz."
            if self.own_derivative:
                said += " This network has a cost_derivative of its own, which is not that of its cost."
            return said
        largest = self.sizes[-1]
        if one == (-largest, largest):
            return (
                f"δ·Δz is within 1 % of the real change everywhere {_range(one)}: first order does not end."
            )
        said = (
            f"First order, δ·Δz, is off by less than 1 % {_range(one)}, and by less than 10 % {_range(ten)}."
        )
        ends = [limit for limit in ten if abs(limit) < largest]
        return said + (" Beyond, the cost bends away from it." if ends else "")

    def _table(self, name: str) -> Table:
        rows = tuple(
            (
                notation.number(dz),
                "–" if np.isnan(change) else notation.number(change),
                notation.number(first),
                f"{notation.number(100 * error, 2)} %" if self._visible(first, error) else "–",
            )
            for dz, change, first, error in zip(
                self.dz, self.change, self.first_order, self.relative_error, strict=True
            )
        )
        columns = ("Δz", "real change of C", "first order δ·Δz", "error")
        return Table(columns, rows, f"The network run forward with {name} + Δz, and what δ foretells")

    def _visible(self, first: float, error: float) -> bool:
        return bool(abs(first) > self.rounding and np.isfinite(error))

    def _pictures(self, name: str) -> list[Block]:
        dz, change, first = self.curve
        shape = chart(
            [Line("real, the network run forward", dz, change), Line("first order, δ·Δz", dz, first)],
            x_label=f"Δz, added to {name}",
            y_label="change of the cost C",
            title=f"Change of the cost against the change of {name}",
        )
        pictures: list[Block] = [
            Figure(shape, "The change of the cost against Δz: the line δ·Δz touches the curve at 0.")
        ]
        seen = np.abs(self.delta) * self.sizes > self.rounding
        if seen.any() and self.delta != 0:
            errors = chart(
                [
                    Line("Δz > 0", self.sizes[seen], self.error_up[seen]),
                    Line("Δz < 0", self.sizes[seen], self.error_down[seen]),
                ],
                x_label="size of Δz",
                y_label="relative error of δ·Δz",
                title="Relative error of first order against the size of the change",
                log_x=True,
                log_y=True,
            )
            pictures.append(
                Figure(errors, "How far first order is off, against the size of Δz: 10⁻² is 1 %.")
            )
        return pictures


def demon(
    network: Network,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    layer: int,
    neuron: int,
    dz: npt.ArrayLike | None = None,
) -> Demon:
    """Add Δz to z^l_j, run the network forward from there, and compare the change of C_x with δ^l_j Δz.

    x, y: one example, as in `Network.backprop`. layer: l from 2 to L; neuron: j from 1 to n_l. dz: a number
    or a list of numbers, none of them 0; by default sizes from 0.0001 to 10 in both directions. All of
    it runs through the reference in `backprop`, in float64. Raises ValueError or TypeError for a layer
    or neuron that is not there (layer 1 has no weighted input), and for another dz, x or y.
    """
    layer = places.check_layer(network, layer)
    neuron = places.check_neuron(network, layer, neuron)
    tried = _check_changes(dz)
    x, y = samples.from_pair(network, x, y)
    return _demon(network, x, y, layer, neuron, tried, default=dz is None)


def _check_changes(dz: object) -> Array:
    if dz is None:
        return np.array([*(-size for size in reversed(_SIZES)), *_SIZES])
    changes = shapes.numeric(dz, "dz").astype(np.float64)
    if changes.ndim > 1 or changes.size == 0:
        raise ValueError(f"dz must be a number or a list of numbers, got shape {changes.shape}")
    changes = changes.reshape(-1)
    shapes.check_finite(changes, "dz")
    if not changes.all():
        raise ValueError("dz must not be 0: the demon would change nothing")
    if np.abs(changes).min() < _LEAST or np.abs(changes).max() > _MOST:
        raise ValueError(f"dz must be from {_LEAST:g} to {_MOST:g} in size, got {dz!r}")
    return changes


def _demon(
    network: Network, x: Array, y: Array, layer: int, neuron: int, dz: Array, *, default: bool
) -> Demon:
    double, x, y = in_double(network, x, y)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        traced = of_columns(double, x, y)
        z, delta = traced[layer].z, float(traced[layer].delta[neuron - 1, 0])

        def changes(added: Array) -> Array:
            costs = [traced.cost]
            for begin in range(0, len(added), _COLUMNS):
                some = added[begin : begin + _COLUMNS]
                changed = np.repeat(z, len(some), axis=1)
                changed[neuron - 1] += some
                costs.extend(costs_from(double, layer, changed, y))
            return np.array(costs[1:]) - costs[0]

        # what the rounding of z^L and of C itself may do to C
        weight = abs(traced.cost) + float(np.abs(traced.layers[-1].delta * traced.layers[-1].z).sum())
        rounding = 64 * np.finfo(np.float64).eps * weight
        least, most = min(_SIZES[0], np.abs(dz).min()), max(_SIZES[-1], np.abs(dz).max())
        sizes = np.geomspace(least, most, 1 + int(np.ceil(_PER_DECADE * np.log10(most / least))))
        up, down = changes(sizes), changes(-sizes)
        limits = [
            (-_ends(-down, delta, sizes, part, rounding), _ends(up, delta, sizes, part, rounding))
            for part in (0.01, 0.1)
        ]
        reach = float(np.abs(dz).max())
        if default and limits[1] != (0, 0):  # far enough to see the curve bend, no further
            reach = min(reach, 5 * max(map(abs, limits[1])))
        drawn = np.linspace(-reach, reach, 161)
        change = changes(dz)
        return Demon(
            layer,
            neuron,
            float(z[neuron - 1, 0]),
            delta,
            traced.cost,
            dz,
            change,
            delta * dz,
            _relative(change, delta * dz),
            rounding,
            limits[0],
            limits[1],
            sizes,
            _relative(up, delta * sizes),
            _relative(down, -delta * sizes),
            np.stack([drawn, changes(drawn), delta * drawn]),
            network.overrides("cost_derivative"),
        )


def _ends(change: Array, delta: float, sizes: Array, part: float, rounding: float) -> float:
    """The size up to which every change is δ·Δz but for this part of it; 0 where none is."""
    first = delta * sizes
    off = ~(np.abs(change - first) <= part * np.abs(first) + rounding)
    ends = int(np.argmax(off)) if off.any() else len(sizes)
    return float(sizes[ends - 1]) if ends else 0.0


def _relative(change: Array, first: Array) -> Array:
    return np.abs(change - first) / np.abs(first)


def _range(limits: tuple[float, float]) -> str:
    return f"from Δz = {notation.number(limits[0], 2)} to {notation.number(limits[1], 2)}"
