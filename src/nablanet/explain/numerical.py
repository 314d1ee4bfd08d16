"""Numerical or analytic: the two derivatives, their errors over step sizes, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nablanet import samples, shapes
from nablanet.costs import COSTS, is_fused, parameter_of
from nablanet.explain import differences, notation, places
from nablanet.explain.chart import Line, chart
from nablanet.explain.document import Block, Explanation, Figure, Heading, Paragraph, Table
from nablanet.explain.double import in_double
from nablanet.explain.trace import Trace, of_columns
from nablanet.shapes import Array

if TYPE_CHECKING:
    from nablanet.network import Network

_ROWS = 12  # outputs that the table shows


@dataclass(frozen=True, repr=False)
class DerivativeComparison(Explanation):
    """The analytic and the numerical derivatives of C_x for one example, in float64.

    cost_name: the cost's; own_derivative: whether the network overrides `cost_derivative`; quadratic:
    whether it is the chapter's cost with its own derivative; fused: whether cost and output combine to
    δ^L = a - y.

    a, y: output activations and desired outputs, shape (n_L,). analytic: ∂C_x/∂a, by the network's
    cost_derivative; numerical: (C_x(a + h) - C_x(a - h)) / 2h for each output with h from output_steps; nan
    where the cost has no value beside a. All (n_L,). cost: C_x; cost_up, cost_down: C_x(a ± h), as those.

    weight: (l, j, k), and weight_analytic: ∂C_x/∂w^l_jk by BP4. steps: h = 10^-1 .. 10^-12; forward:
    (C(w + h) - C(w)) / h, central: (C(w + h) - C(w - h)) / 2h; forward_error and central_error: how far they
    are from weight_analytic, in absolute terms. All (12,).

    parameters: P, all weights and biases. forward_multiply_adds: Σ_l n_l n_{l-1} of one forward pass;
    backward_multiply_adds: those of BP2 and BP4. Elementwise work is not counted.
    backprop_seconds: a forward and a backward pass, which give all P derivatives; forward_seconds: one
    forward pass with one parameter changed. Both are medians, through the NumPy reference. passes_run:
    how many of the P + 1 forward passes, which forward differences need, were run and timed;
    difference_seconds: what all of them took, or would take at forward_seconds each (`extrapolated`).
    """

    cost_name: str
    own_derivative: bool
    quadratic: bool
    fused: bool
    a: Array
    y: Array
    analytic: Array
    numerical: Array
    output_steps: Array
    cost: float
    cost_up: Array
    cost_down: Array
    weight: tuple[int, int, int]
    weight_analytic: float
    steps: Array
    forward: Array
    central: Array
    forward_error: Array
    central_error: Array
    parameters: int
    forward_multiply_adds: int
    backward_multiply_adds: int
    backprop_seconds: float
    forward_seconds: float
    passes_run: int
    difference_seconds: float

    @property
    def extrapolated(self) -> bool:
        """Whether not all P + 1 forward passes were run."""
        return self.passes_run < self.parameters + 1

    def blocks(self) -> Sequence[Block]:
        """The answer, the derivative to each output, that to one weight over steps, and the price."""
        return [
            Heading("Numerical or analytic derivatives"),
            Paragraph(self._answer()),
            *self._example(),
            self._outputs(),
            *self._without(),
            *self._over_steps(),
            *self._price(),
        ]

    def _answer(self) -> str:
        said = (
            "Should output_activations − y be divided by the change of the activation? No. A numerical "
            "derivative divides a change of the cost by a change of the activation. "
        )
        if self.own_derivative:
            return said + (
                "output_activations − y is the analytic derivative ∂C/∂a of C = ½‖y − a‖². This network has "
                "a cost_derivative of its own, which stands beside the numerical derivative of its cost, "
                f"{self.cost_name}."
            )
        if self.quadratic:
            return said + (
                "output_activations − y is no change of the cost: it is the analytic derivative ∂C/∂a of "
                "C = ½‖y − a‖², from differentiating it with pen and paper, and needs no step."
            )
        said += (
            "output_activations − y is the analytic derivative ∂C/∂a of C = ½‖y − a‖², and of that cost "
            f"alone; the cost here is {self.cost_name}, with a derivative of its own."
        )
        if self.fused:
            said += " For this cost and output, output_activations − y is δ of the last layer: ∂C/∂z, by BP1."
        return said

    def _example(self) -> list[Block]:
        """The quotient with its numbers, for the output whose derivative is largest."""
        usable = np.isfinite(self.numerical)
        if not usable.any():
            return []
        j = int(np.argmax(np.where(usable, np.abs(self.numerical), -1)))
        number, h = notation.number, notation.symbol("10", round(np.log10(self.output_steps[j])))
        text = (
            f"Numerically, for output {j + 1} and the step h = {h}: (C(a + h) − C(a − h)) / 2h = "
            f"({number(self.cost_up[j], 12)} − {number(self.cost_down[j], 12)}) / (2·{h}) = "
            f"{number(self.numerical[j], 8)}. "
            f"Analytically: {number(self.analytic[j], 8)}."
        )
        return [Paragraph(text)]

    def _outputs(self) -> Table:
        n = len(self.a)
        shown = np.arange(n)
        caption = "The derivative of the cost to each output"
        if n > _ROWS:
            strength = np.nan_to_num(np.abs(self.analytic), nan=np.inf)
            shown = np.sort(np.argsort(-strength, kind="stable")[:_ROWS])
            caption += f"; the {_ROWS} of {n} with the largest |∂C/∂a|"
        rows = tuple(
            (
                str(j + 1),
                notation.number(self.a[j]),
                notation.number(self.y[j]),
                notation.number(self.a[j] - self.y[j]),
                notation.number(self.analytic[j], 8),
                _finite(self.numerical[j], 8),
                _finite(abs(self.numerical[j] - self.analytic[j]), 2),
            )
            for j in shown
        )
        return Table(
            ("output", "a", "y", "a − y", "∂C/∂a analytic", "numerical", "difference"), rows, caption
        )

    def _without(self) -> list[Block]:
        missing = int(np.isnan(self.numerical).sum())
        if not missing:
            return []
        return [
            Paragraph(
                f"For {missing} of the outputs there is no numerical derivative: as a function of a, the "
                "cost is not finite there."
            )
        ]

    def _over_steps(self) -> list[Block]:
        name = notation.symbol("w", *self.weight)
        number = notation.number
        rows = tuple(
            (
                notation.symbol("10", -decade),
                _finite(self.forward[i], 10),
                _finite(self.forward_error[i], 2),
                _finite(self.central[i], 10),
                _finite(self.central_error[i], 2),
            )
            for i, decade in enumerate(differences.DECADES)
        )
        table = Table(
            ("step h", "forward difference", "error", "central difference", "error"),
            rows,
            f"{notation.rate('C', name)} = {number(self.weight_analytic, 10)} by BP4, and numerically",
        )
        picture = chart(
            [
                Line("forward difference", self.steps, self.forward_error),
                Line("central difference", self.steps, self.central_error),
            ],
            x_label="step h",
            y_label=f"error of the numerical {notation.rate('C', name)}",
            title="Errors of the numerical derivative over step sizes",
            log_x=True,
            log_y=True,
        )
        best = [
            f"the {which} difference is best at h = {notation.symbol('10', -differences.DECADES[int(i)])}"
            f" (off by {number(errors[int(i)], 2)})"
            for which, errors in (("forward", self.forward_error), ("central", self.central_error))
            if np.isfinite(errors).any() and (i := np.nanargmin(errors)) is not None
        ]
        told: list[Block] = [table]
        if best:
            told.append(
                Paragraph(
                    f"Of these steps, {' and '.join(best)}. Larger steps suffer from the bend of the cost, "
                    "an error that goes with h (forward) or h² (central); smaller ones from the rounding of "
                    "the cost, which is divided by h. The analytic derivative has no step to choose."
                )
            )
            told.append(
                Figure(picture, "Error over step size, a V: the bend of the cost right, rounding left.")
            )
        return told

    def _price(self) -> list[Block]:
        passes, both = self.parameters + 1, self.forward_multiply_adds + self.backward_multiply_adds
        central = 2 * self.parameters
        rows = (
            ("backpropagation", "1", "1", f"{both:,}", _duration(self.backprop_seconds)),
            (
                "forward differences",
                f"{passes:,}",
                "0",
                f"{passes * self.forward_multiply_adds:,}",
                _duration(self.difference_seconds),
            ),
            (
                "central differences",
                f"{central:,}",
                "0",
                f"{central * self.forward_multiply_adds:,}",
                _duration(central * self.forward_seconds),
            ),
        )
        table = Table(
            ("way", "forward passes", "backward passes", "multiply-adds", "time"),
            rows,
            f"All {self.parameters:,} derivatives of this network for one example",
            text=("way",),
        )
        run = (
            f"{self.passes_run:,} of the {passes:,} forward passes were run, and the time of all extrapolated"
        )
        if not self.extrapolated:
            run = f"All {passes:,} forward passes of the forward differences were run"
        work = passes * self.forward_multiply_adds / both
        text = (
            f"Forward differences take {_times(work)} the multiply-adds of backpropagation, and "
            f"{_times(self.difference_seconds / self.backprop_seconds)} its time here, both in NumPy. {run}; "
            "the time of the central differences is reckoned from one pass."
        )
        return [table, Paragraph(text)]


def compare_derivatives(
    network: Network,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    weight: tuple[int, int, int] | None = None,
) -> DerivativeComparison:
    """Numerical and analytic derivatives of C_x, for each output activation and for one weight.

    x, y: one example, as in `Network.backprop`. weight: (l, j, k); by default that with the largest
    |∂C_x/∂w|. Takes a few hundredths of a second for the timing. Raises ValueError or TypeError for a
    weight that is not there, and for another x or y.
    """
    chosen = None if weight is None else places.check_weight(network, weight)
    x, y = samples.from_pair(network, x, y)
    double, x, y = in_double(network, x, y)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        traced = of_columns(double, x, y)
        chosen = chosen or _strongest(traced)
        a = traced.layers[-1].a
        analytic = shapes.require_shape(double.cost_derivative(a, y), a.shape, "cost_derivative")[:, 0]
        output_steps, up, down = differences.of_outputs(double, a, y)
        forward, central = differences.of_weight(double, x, y, chosen, traced.cost)
        layer, j, k = chosen
        weight_analytic = float(traced[layer].nabla_w[j - 1, k - 1])
        backprop_seconds, durations = differences.timed(double, x, y)
    products = sum(w.size for w in network.weights)
    passes = products + sum(b.size for b in network.biases) + 1
    forward_seconds = float(np.median(durations))
    own_derivative = network.overrides("cost_derivative")
    fused = is_fused(network.cost, network.activations[-1]) and not parameter_of(network.cost)
    return DerivativeComparison(
        cost_name=str(network.cost),
        own_derivative=own_derivative,
        quadratic=not own_derivative and network.cost == COSTS["quadratic"],
        fused=not own_derivative and fused,
        a=a[:, 0],
        y=y[:, 0],
        analytic=analytic,
        numerical=(up - down) / (2 * output_steps),
        output_steps=output_steps,
        cost=traced.cost,
        cost_up=up,
        cost_down=down,
        weight=chosen,
        weight_analytic=weight_analytic,
        steps=np.array([10.0**-decade for decade in differences.DECADES]),
        forward=forward,
        central=central,
        forward_error=np.abs(forward - weight_analytic),
        central_error=np.abs(central - weight_analytic),
        parameters=passes - 1,
        forward_multiply_adds=products,
        backward_multiply_adds=2 * products - network.weights[0].size,
        backprop_seconds=backprop_seconds,
        forward_seconds=forward_seconds,
        passes_run=len(durations),
        difference_seconds=sum(durations) if len(durations) == passes else passes * forward_seconds,
    )


def _strongest(traced: Trace) -> tuple[int, int, int]:
    """The weight with the largest |∂C/∂w|."""
    gradients = [np.nan_to_num(np.abs(layer.nabla_w), nan=0) for layer in traced.layers[1:]]
    layer = int(np.argmax([g.max() for g in gradients]))
    j, k = np.unravel_index(int(np.argmax(gradients[layer])), gradients[layer].shape)
    return layer + 2, int(j) + 1, int(k) + 1


def _finite(value: float, digits: int) -> str:
    return notation.number(value, digits) if np.isfinite(value) else "–"


def _times(factor: float) -> str:
    return f"{factor:,.0f} times" if factor >= 100 else f"{notation.number(factor, 2)} times"


def _duration(seconds: float) -> str:
    unit, size = next((u, s) for u, s in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)) if seconds >= s or s == 1e-6)
    return f"{notation.number(seconds / size, 3)} {unit}"
