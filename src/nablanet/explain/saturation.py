"""Why a network learns slowly: saturated and dead neurons, vanishing errors, small activations, updates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nablanet import samples, shapes
from nablanet.explain import findings, measures
from nablanet.explain.document import Block, Explanation, Heading, Paragraph, Table
from nablanet.explain.findings import Finding
from nablanet.explain.measures import Inputs, LayerMeasures
from nablanet.explain.notation import number
from nablanet.explain.slopes import FRACTION
from nablanet.optimizers import SGD
from nablanet.shapes import Array, Rows

if TYPE_CHECKING:
    from nablanet.network import Network
    from nablanet.training import Task

ROWS = 1000  # samples that are looked at: shares are then known to one or two hundredths


@dataclass(frozen=True, repr=False)
class Saturation(Explanation):
    """How the layers of a network stand to learn, over some samples.

    n_samples: looked at, evenly spread over the n_rows given. eta: as passed. inputs: of layer 1. layers:
    layer l, from 2 to L, is `layers[l - 2]`.
    """

    sizes: tuple[int, ...]
    n_samples: int
    n_rows: int
    eta: float | None
    inputs: Inputs
    layers: tuple[LayerMeasures, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What stands out, from the inputs to the outputs; nothing in a healthy network."""
        return findings.find(self.inputs, self.layers, self.eta)

    @property
    def delta_ratio(self) -> float | None:
        """δ^2 to δ^L, as root mean squares; None without Y, and where δ^L is 0."""
        first, last = self.layers[0].delta_rms, self.layers[-1].delta_rms
        return None if first is None or not last else first / last

    def blocks(self) -> Sequence[Block]:
        """The findings, then the numbers of each layer."""
        some = "" if self.n_samples == self.n_rows else f" of {self.n_rows}, evenly spread"
        told: list[Block] = [
            Heading(f"What slows learning down in {list(self.sizes)}"),
            Paragraph(f"Looked at {self.n_samples:,} sample{'s' if self.n_samples > 1 else ''}{some}."),
        ]
        found = self.findings
        told.extend(Paragraph(finding.text) for finding in found)
        if not found:
            told.append(Paragraph("Nothing stands out."))
        if self.layers[-1].delta_rms is None:
            told.append(
                Paragraph(
                    "Without Y there are no errors δ and no gradients, and saturated outputs may be right."
                )
            )
        told.append(_activity(self.layers))
        if self.layers[-1].delta_rms is not None:
            told.append(_learning(self.layers, self.eta))
        return told


def saturation(
    network: Network, X: npt.ArrayLike, Y: npt.ArrayLike | None = None, *, eta: float | None = None
) -> Saturation:
    """What slows learning down, judged by the equations BP1, BP2 and BP4 on samples as rows.

    X, Y: as in `Network.fit`; of more than `ROWS` rows, as many evenly spread ones are looked at. With Y
    also errors and gradients; with eta, a learning rate, the size of a step of gradient descent on the mean
    cost of these samples. The thresholds are in `explain.findings`, each with its reason. Raises
    ValueError or TypeError as `fit` does, and ValueError for an eta without Y.
    """
    if eta is not None:
        eta = shapes.positive(eta, "eta")
        if Y is None:
            raise ValueError("eta needs Y too: a step is eta times the gradient, which depends on Y")
    if Y is None:
        network.check_parameters()
        rows = shapes.rows(X, network.sizes[0])
        shapes.check_fits(rows, network.dtype, "X", network.input_scale)
        return _of_some(network, rows, None, eta)
    rows, desired, _ = samples.from_rows(network, X, Y)
    return _of_some(network, rows, desired, eta)


def watch(network: Network, task: Task, diagnose: object) -> Callable[[float | None], Saturation]:
    """What `fit(diagnose=True)` calls after each epoch with its eta: always on the same training rows.

    eta says the size of a step for plain gradient descent alone, so that it is left out for other optimizers;
    so are weights of samples and penalties on weights.
    Raises TypeError for a `diagnose` that is not True.
    """
    if diagnose is not True:
        raise TypeError(f"diagnose must be True or False, got {shapes.describe(diagnose)}")
    X, Y = _spread(network, task.X, task.Y)
    steps = type(task.optimizer) is SGD

    def look(eta: float | None) -> Saturation:
        used = eta if steps else None
        return Saturation(
            tuple(network.sizes), len(X), len(task.X), used, *measures.measure(network, X, Y, used)
        )

    return look


def _of_some(network: Network, X: Rows, Y: Array | None, eta: float | None) -> Saturation:
    some, desired = _spread(network, X, Y)
    measured = measures.measure(network, some, desired, eta)
    return Saturation(tuple(network.sizes), len(some), len(X), eta, *measured)


def _spread(network: Network, X: Rows, Y: Array | None) -> tuple[Array, Array | None]:
    """At most `ROWS` rows, from the first to the last, as copies in the network's float type."""
    places = np.linspace(0, len(X) - 1, min(len(X), ROWS)).round().astype(int)
    return shapes.take(X, places, network.dtype), None if Y is None else Y[places]


def _activity(layers: Sequence[LayerMeasures]) -> Table:
    rows = tuple(
        (
            str(layer.number),
            str(layer.n),
            layer.activation,
            _percent(layer.saturated),
            str(len(layer.always)),
            str(len(layer.dead)),
            number(layer.input_rms, 3),
            _percent(layer.small_inputs),
        )
        for layer in layers
    )
    columns = (
        "layer",
        "neurons",
        "σ",
        "saturated",
        "always",
        "dead",
        "rms a_in",
        f"|a_in| < {measures.SMALL:g}",
    )
    caption = (
        f"Saturated: |σ′(z)| below {_percent(FRACTION)} of its largest, as a share of the pairs of neuron "
        f"and sample.\nAlways: neurons that are so in {_percent(measures.NEARLY_ALL)} of the samples."
    )
    return Table(columns, rows, caption, text=("σ",))


def _learning(layers: Sequence[LayerMeasures], eta: float | None) -> Table:
    rows = tuple(
        (
            str(layer.number),
            *map(
                _number,
                (
                    layer.delta_rms,
                    layer.nabla_b_norm,
                    layer.nabla_w_norm,
                    layer.weight_norm,
                    layer.update_ratio,
                ),
            ),
        )
        for layer in layers
    )
    step = "‖∂C/∂w‖/‖w‖" if eta is None else f"{eta:g}·‖∂C/∂w‖/‖w‖"
    return Table(
        ("layer", "rms δ", "‖∂C/∂b‖", "‖∂C/∂w‖", "‖w‖", step), rows, "Errors and gradients of the mean cost"
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.3g} %"


def _number(value: float | None) -> str:
    return "–" if value is None else number(value, 3)
