"""The gradient check: is the analytic gradient that of the cost?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nablanet import derivatives, samples, shapes
from nablanet.activations import is_builtin
from nablanet.costs import is_builtin as is_builtin_cost
from nablanet.csr import is_sparse
from nablanet.explain import notation
from nablanet.explain.checking import numerical, parameter_places, rounding
from nablanet.explain.checking.perturbed import Model, Perturbed
from nablanet.explain.document import Block, Explanation, Heading, Paragraph, Table
from nablanet.shapes import Array, Rows

if TYPE_CHECKING:
    from nablanet.network import Network

_SHOWN = 8
_ROUNDINGS = 8  # how many last bits the numbers in a gradient may be off,
_FACTOR = 32  # and how many times further it may then be off than it was in a few tries
_TOLERANCE = {4: 1e-4, 8: 1e-6}  # by the bytes of a number
_UNDERFLOW = {4: 2.0**-100, 8: 2.0**-900}  # outputs below may count as this
_SMALLEST = {4: 1e-24, 8: 1e-100}  # beside the largest; below, numbers underflow on the way


@dataclass(frozen=True)
class Compared:
    """One derivative by name, such as ∂C/∂w³₂₁, by each method.

    layer, j, k: it is w^l_jk, or b^l_j where k is None. numerical: by central differences; complex_step:
    NaN where the functions do not take complex numbers. difference: the relative one, between the
    analytic value and the complex step where there is one, else the central difference.
    """

    name: str
    layer: int
    j: int
    k: int | None
    analytic: float
    numerical: float
    complex_step: float
    difference: float

    def __str__(self) -> str:
        numerical = self.numerical if np.isnan(self.complex_step) else self.complex_step
        return (
            f"{self.name}: analytic {notation.number(self.analytic, 9)}, "
            f"numerical {notation.number(numerical, 9)}, "
            f"relative difference {notation.number(self.difference, 2)}"
        )


@dataclass(frozen=True, repr=False)
class GradientCheck(Explanation):
    """The derivatives of C = (1/m) Σ C_x to P parameters, analytic (BP1–BP4) and numerical.

    places: the parameters, shape (P, 3), rows (l, j, k) of w^l_jk counting from 1, with k = 0 for b^l_j.
    The following have shape (P,). analytic: what the network computes. numerical: central differences
    in float64; error: their estimated error. complex_step: derivatives by the complex step, NaN where
    the functions do not take complex numbers. difference: the relative difference of `analytic` to
    complex_step, else to numerical. at_kink: not judged, since the cost has a kink there. wrong: those
    further away from a numerical value than its error, `tolerance` (relative) and rounding explain; excess:
    how many times as far away as these allow, 0 at a kink.

    cost: C. m: samples. n_parameters: all that the network has. worst: the judged one that is furthest
    away beside what is allowed, None where none was judged. notes: sentences on what to look at.
    """

    sizes: tuple[int, ...]
    dtype: str
    cost: float
    m: int
    n_parameters: int
    tolerance: float
    places: Array
    analytic: Array
    numerical: Array
    error: Array
    complex_step: Array
    difference: Array
    at_kink: Array
    wrong: Array
    excess: Array
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether no derivative that was judged is wrong."""
        return not self.wrong.any()

    @property
    def n_judged(self) -> int:
        """Parameters whose derivatives were judged: all that were checked but those at a kink."""
        return int((~self.at_kink).sum())

    @property
    def worst(self) -> Compared | None:
        """The judged derivative of the largest excess; None where all are at kinks."""
        order = self._order()
        return self.compared(order[0]) if len(order) else None

    def compared(self, index: int) -> Compared:
        """The derivative in row `index` of `places`, counting from 0."""
        layer, j, k = (int(number) for number in self.places[index])
        return Compared(
            parameter_places.name(self.places[index]),
            layer,
            j,
            k or None,
            *(float(v[index]) for v in (self.analytic, self.numerical, self.complex_step, self.difference)),
        )

    def blocks(self) -> Sequence[Block]:
        """The verdict, the worst by name, and those at kinks."""
        told: list[Block] = [Heading(f"Gradient check of {list(self.sizes)}"), Paragraph(self._verdict())]
        worst = self.worst
        if worst is not None:
            told.append(Paragraph(f"The worst is {worst}."))
        told.extend(Paragraph(note) for note in self.notes)
        order = self._order()[:_SHOWN]
        if len(order):
            told.append(_table([self.compared(i) for i in order], self.wrong[order]))
        if self.at_kink.any():
            told.append(Paragraph(self._kinks()))
        return told

    def _order(self) -> Array:
        judged = np.flatnonzero(~self.at_kink)
        return judged[np.argsort(-self.excess[judged], kind="stable")]

    def _verdict(self) -> str:
        n, wrong = self.n_judged, int(self.wrong.sum())
        whose = "one sample" if self.m == 1 else f"{self.m:,} samples"
        which = f"all {self.n_parameters:,} parameters"
        if len(self.places) < self.n_parameters:
            which = (
                f"{len(self.places):,} of {self.n_parameters:,} parameters, drawn at random and evenly from "
                "each layer's weights and biases"
            )
        if not n:
            verdict = "Not judged: each of these parameters is at a kink."
        elif wrong:
            verdict = f"Failed: {wrong:,} of {n:,} derivatives {'is' if wrong == 1 else 'are'} wrong."
        else:
            verdict = f"Passed: {'the derivative agrees' if n == 1 else f'all {n:,} derivatives agree'}."
        how = "central differences in float64"
        if not np.isnan(self.complex_step).all():
            how += " and the complex step"
        return (
            f"{verdict} The network's {self.dtype} gradient to {which}, for {whose} with the cost C = "
            f"{notation.number(self.cost)}, beside {how}."
        )

    def _kinks(self) -> str:
        places = self.places[self.at_kink]
        names = ", ".join(parameter_places.name(place) for place in places[:_SHOWN])
        more = len(places) - _SHOWN
        return (
            f"At a kink, and not judged: {len(places):,}. There z or a − y changes sign between the two "
            f"sides of the difference, or lies at 0, where the slope jumps and C has no derivative: {names}"
            f"{f' and {more:,} more' if more > 0 else ''}."
        )


def check_gradients(
    network: Network,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    sample: int | None = None,
    seed: int = 0,
) -> GradientCheck:
    """Compare the gradient that the network computes with numerical derivatives of its mean cost.

    x, y: one sample as in `Network.backprop`, or samples as rows as in `Network.fit`. sample: so many
    parameters, drawn evenly from each layer's weights and biases; by default all, or as many as are
    checked in seconds. seed: for that draw. An overridden `backprop` or `cost_derivative` is what is
    checked, against the network's cost. Raises ValueError or TypeError for anything else, and ValueError
    where the cost of these samples is not finite.
    """
    wanted = None if sample is None else shapes.count(sample, "sample")
    rng = np.random.default_rng(shapes.count(seed, "seed", 0))
    X, Y = _samples(network, x, y)
    model = _model(network, X, Y)
    with np.errstate(all="ignore"):
        perturbed = Perturbed(model)
    cost = float(perturbed.base.mean())
    if not cost <= float(np.finfo(network.dtype).max):
        raise ValueError(
            f"the cost must be finite as {network.dtype} to have derivatives, got {cost} for these samples"
        )
    n_parameters = sum(p.size for p in (*model.weights, *model.biases))
    if wanted is None:
        wanted = parameter_places.affordable(network.sizes, len(X))
    places = parameter_places.choose(network.sizes, wanted, rng)
    found = derivatives.gradient(network, X, Y, None)
    analytic = parameter_places.values(places, found.nabla_b, found.nabla_w).astype(np.float64)
    bytes_ = network.dtype.itemsize
    own_derivative = network.cost_derivative if network.overrides("cost_derivative") else None
    precision = _ROUNDINGS * float(np.finfo(network.dtype).eps)
    moves = rounding.moves_of_gradient(model, own_derivative, precision, _UNDERFLOW[bytes_], rng)
    size = np.abs(analytic)
    allowed = _FACTOR * parameter_places.values(places, *moves) + _TOLERANCE[bytes_] * size
    allowed += _SMALLEST[bytes_] * max(1.0, float(size.max()))
    allowed = np.where(np.isfinite(allowed), allowed, 0.0)
    by = numerical.derivatives(perturbed, places, analytic, allowed, rng)
    with np.errstate(all="ignore"):
        best = np.where(np.isnan(by.complex_step), by.central, by.complex_step)
        larger = np.maximum(np.abs(analytic), np.abs(best))
        relative = np.where(analytic == best, 0, np.abs(analytic - best) / larger)
        excess = np.fmax(
            np.abs(analytic - by.central) / (allowed + by.error),
            np.abs(analytic - by.complex_step) / allowed,
        )
    excess = np.where(np.isfinite(analytic), np.where(by.at_kink, 0, excess), np.inf)
    return GradientCheck(
        sizes=tuple(network.sizes),
        dtype=str(network.dtype),
        cost=cost,
        m=len(X),
        n_parameters=n_parameters,
        tolerance=_TOLERANCE[bytes_],
        places=places,
        analytic=analytic,
        numerical=by.central,
        error=by.error,
        complex_step=by.complex_step,
        difference=relative,
        at_kink=by.at_kink,
        wrong=excess > 1,
        excess=excess,
        notes=_notes(network, bool((excess > 1).any())),
    )


def _samples(network: Network, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Rows, Array]:
    """Rows, and their desired outputs as rows or labels."""
    n = network.sizes[0]
    shape = x.shape if is_sparse(x) else shapes.numeric(x, "x").shape  # type: ignore[union-attr]
    if len(shape) == 2 and shape != (n, 1):
        X, Y, _ = samples.from_rows(network, x, y)
        return X, Y
    column, desired = samples.from_pair(network, x, y)
    return column.T, desired.T


def _model(network: Network, X: Rows, Y: Array) -> Model:
    """The network in float64, with the samples as it rounds them."""
    rows = shapes.take(X, np.arange(len(X)), network.dtype)
    desired = shapes.one_hot(Y, network.sizes[-1]) if Y.ndim == 1 else Y
    return Model(
        [w.astype(np.float64) for w in network.weights],
        [b.astype(np.float64) for b in network.biases],
        list(network.activations),
        network.cost,
        network.scaled(rows).T.astype(np.float64),
        desired.T.astype(network.dtype).astype(np.float64),
    )


def _notes(network: Network, failed: bool) -> tuple[str, ...]:
    own = [name for name in ("backprop", "cost_derivative") if network.overrides(name)]
    notes = [
        f"{name} is the network's own version; it is held against the cost that the network has, "
        f"{network.cost}."
        for name in own
    ]
    if failed and not is_builtin_cost(network.cost):
        notes.append(f"explain.check_cost looks at the cost {network.cost} by itself.")
    names = dict.fromkeys(f.name for f in network.activations if not is_builtin(f))
    if failed and names:
        notes.append(f"explain.check_activation looks at an activation by itself: here {', '.join(names)}.")
    return tuple(notes)


def _table(compared: Sequence[Compared], wrong: Array) -> Table:
    rows = []
    for one, is_wrong in zip(compared, wrong, strict=True):
        numbers = [notation.number(v, 9) for v in (one.analytic, one.numerical)]
        numbers.append("" if np.isnan(one.complex_step) else notation.number(one.complex_step, 9))
        difference = notation.number(one.difference, 2)
        rows.append((one.name, *numbers, difference, "wrong" if is_wrong else "agrees"))
    columns = ("derivative", "analytic", "central difference", "complex step", "relative difference", "")
    return Table(columns, tuple(rows), "Furthest away beside what rounding allows", text=("derivative", ""))
