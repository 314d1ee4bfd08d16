"""What the layers of a network are like over some samples: slopes, activations, errors, gradients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nablanet import backprop, derivatives, shapes
from nablanet.activations import SOFTMAX, Activation
from nablanet.costs import is_fused
from nablanet.explain.slopes import is_saturated, steepness
from nablanet.shapes import Array, Rows

if TYPE_CHECKING:
    from nablanet.network import Network

# A neuron that is saturated in so many of the samples learns from the few others only.
NEARLY_ALL = 0.95
# An activation below this gives its weights, by BP4, less than a hundredth of what an activation of 1 gives.
SMALL = 0.01
# An output so far from y is wrong: for desired outputs 0 and 1 it is nearer to the wrong one.
WRONG = 0.5
# An input of so small a scale, as a part of the largest, learns so many times slower (BP4).
SMALL_SCALE = 0.01
# A mean so many standard deviations away from 0 hides what differs between the samples.
OFF_CENTRE = 10.0


@dataclass(frozen=True)
class Inputs:
    """The inputs a^1 = input_scale X, over the samples.

    n: n_1. zeros: the share of values that are exactly 0. rms: the root mean square of all values;
    largest: the greatest |a^1|. small_scale: inputs (from 1) whose values other than 0 have a root mean
    square below `SMALL_SCALE` times the largest such; smallest_scale: the least of those ratios. off_centre:
    inputs whose mean lies more than `OFF_CENTRE` standard deviations from 0.
    """

    n: int
    zeros: float
    rms: float
    largest: float
    small_scale: tuple[int, ...]
    smallest_scale: float
    off_centre: tuple[int, ...]


@dataclass(frozen=True)
class LayerMeasures:
    """Layer l from 2 to L, over the samples.

    n: n_l. largest_slope: the largest |σ′| there is, None where it grows without end; one_sided: whether
    σ is flat on one side only, as ReLU. saturated: the share of pairs (neuron, sample) with |σ′(z)| below
    `slopes.FRACTION` of it; for softmax the share of samples in which one output has nearly everything.
    always: neurons (from 1) saturated in `NEARLY_ALL` of the samples; dead: those of a one-sided σ
    with σ′(z) = 0 for every sample (ReLU: z <= 0), which are not among `always`. small_inputs: the share
    of |a^{l-1}| below `SMALL`; input_rms: its root mean square. weight_norm: ‖w^l‖ (Frobenius).

    With Y, else None: delta_rms, the root mean square of δ^l over neurons and samples; nabla_b_norm,
    nabla_w_norm: of ∂C/∂b^l and ∂C/∂w^l for the mean cost C of the samples; update_ratio: ‖∂C/∂w^l‖/‖w^l‖,
    times eta where that is given. Only of layer L: wrong, the share of samples in which some output is
    more than `WRONG` from y; saturated_wrong: in which such an output is also saturated; fused: whether
    σ′ cancels in BP1.
    """

    number: int
    activation: str
    n: int
    largest_slope: float | None
    one_sided: bool
    saturated: float | None
    always: tuple[int, ...]
    dead: tuple[int, ...]
    small_inputs: float
    input_rms: float
    weight_norm: float
    delta_rms: float | None = None
    nabla_b_norm: float | None = None
    nabla_w_norm: float | None = None
    update_ratio: float | None = None
    wrong: float | None = None
    saturated_wrong: float | None = None
    fused: bool = False


def measure(
    network: Network, X: Rows, Y: Array | None, eta: float | None
) -> tuple[Inputs, tuple[LayerMeasures, ...]]:
    """Of rows X, and Y as rows or int32 labels, which the caller has checked; all at once, in NumPy.

    An overridden `cost_derivative` or `backprop` is what the gradients come from; δ is BP1 and BP2.
    """
    with np.errstate(all="ignore"):  # a network that diverges is looked at too
        x = network.scaled(shapes.take(X, np.arange(len(X)), network.dtype)).T
        zs, activated = backprop.feed_forward(network.weights, network.biases, network.activations, x)
        slopes = [backprop.slope(f, z) for f, z in zip(network.activations, zs, strict=True)]
        layers = [
            _forward(i + 2, f, network.weights[i], zs[i], activated[i], activated[i + 1], slopes[i])
            for i, f in enumerate(network.activations)
        ]
        if Y is not None:
            y = (shapes.one_hot(Y, network.sizes[-1]) if Y.ndim == 1 else Y).T.astype(network.dtype)
            layers = _backward(network, layers, zs, activated, slopes, y)
            found = derivatives.gradient(network, X, Y, 1)
            layers = [
                _with_gradient(layer, nabla_b, nabla_w, eta)
                for layer, nabla_b, nabla_w in zip(layers, found.nabla_b, found.nabla_w, strict=True)
            ]
        return _inputs(x), tuple(layers)


def _forward(
    number: int, activation: Activation, w: Array, z: Array, a_in: Array, a: Array, slopes: Array
) -> LayerMeasures:
    steep = steepness(activation, len(z))
    share, always, dead = None, np.zeros(0, int), np.zeros(0, int)
    if steep.largest is not None:
        flat = is_saturated(activation, z, a, slopes, steep.largest)
        share = float(flat.mean())
        if activation != SOFTMAX:
            is_dead = steep.one_sided & (slopes == 0).all(axis=1)
            always = np.flatnonzero((flat.mean(axis=1) >= NEARLY_ALL) & ~is_dead)
            dead = np.flatnonzero(is_dead)
    return LayerMeasures(
        number=number,
        activation=activation.name,
        n=len(z),
        largest_slope=steep.largest,
        one_sided=steep.one_sided,
        saturated=share,
        always=_numbers(always),
        dead=_numbers(dead),
        small_inputs=float((np.abs(a_in) < SMALL).mean()),
        input_rms=_rms(a_in),
        weight_norm=_norm(w),
    )


def _backward(
    network: Network,
    layers: list[LayerMeasures],
    zs: list[Array],
    activated: list[Array],
    slopes: list[Array],
    y: Array,
) -> list[LayerMeasures]:
    """The layers with what BP1 and BP2 give."""
    output, cost = network.activations[-1], network.cost
    derivative = network.cost_derivative if network.overrides("cost_derivative") else None
    delta = backprop.output_error(zs[-1], activated[-1], y, output, cost, derivative)
    last, wrong = layers[-1], np.abs(activated[-1] - y) > WRONG
    flat: Array | None = None
    if last.largest_slope is not None:
        flat = is_saturated(output, zs[-1], activated[-1], slopes[-1], last.largest_slope)
    told = [
        replace(
            last,
            delta_rms=_rms(delta),
            wrong=float(wrong.any(axis=0).mean()),
            saturated_wrong=None if flat is None else float((wrong & flat).any(axis=0).mean()),
            fused=derivative is None and is_fused(cost, output),
        )
    ]
    for i in range(len(layers) - 2, -1, -1):
        delta = backprop.backpropagate_error(network.weights[i + 1], delta, slopes[i])
        told.insert(0, replace(layers[i], delta_rms=_rms(delta)))
    return told


def _with_gradient(layer: LayerMeasures, nabla_b: Array, nabla_w: Array, eta: float | None) -> LayerMeasures:
    step = _norm(nabla_w) * (1.0 if eta is None else eta)
    return replace(
        layer,
        nabla_b_norm=_norm(nabla_b),
        nabla_w_norm=_norm(nabla_w),
        update_ratio=step / layer.weight_norm if layer.weight_norm > 0 else None,
    )


def _inputs(x: Array) -> Inputs:
    x = x.astype(np.float64)
    scales = np.sqrt(np.square(x).sum(axis=1) / np.maximum((x != 0).sum(axis=1), 1))
    ratios = scales[scales > 0] / scales.max() if scales.max() > 0 else np.ones(1)
    small = (scales > 0) & (scales < SMALL_SCALE * scales.max())
    deviations = x.std(axis=1)
    # an input that is the same in every sample tells nothing, wherever it lies
    varies = deviations > 1e-9 * np.abs(x).max(axis=1)
    return Inputs(
        n=len(x),
        zeros=float((x == 0).mean()),
        rms=_rms(x),
        largest=float(np.abs(x).max()),
        small_scale=_numbers(np.flatnonzero(small)),
        smallest_scale=float(ratios.min()),
        off_centre=_numbers(np.flatnonzero(varies & (np.abs(x.mean(axis=1)) > OFF_CENTRE * deviations))),
    )


def _numbers(places: Array) -> tuple[int, ...]:
    return tuple(int(place) + 1 for place in places)


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def _norm(values: Array) -> float:
    return float(np.sqrt(np.sum(np.square(values, dtype=np.float64))))
