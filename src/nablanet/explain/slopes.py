"""How steep an activation can be, and where it counts as saturated.

The largest |σ′| is looked up on a grid, so that the user's own activations are judged like the package's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nablanet import backprop
from nablanet.activations import SOFTMAX, Activation
from nablanet.shapes import Array

# Below this part of its largest slope a neuron counts as saturated: by BP1 and BP2 it learns twenty times
# slower than it could. For the sigmoid that is |z| > 4.4 (a < 0.013 or a > 0.987), for tanh |z| > 2.2.
FRACTION = 0.05
_REACH = 10.0  # the grid goes from -10 to 10; no activation of the package has its steepest place beyond
_POINTS = 401


@dataclass(frozen=True)
class Steepness:
    """largest: the largest |σ′(z)|; None where it has none, as for exp, whose slope grows without end.

    one_sided: whether only one side of it is flat, as of ReLU, so that neurons rest there by design.
    """

    largest: float | None
    one_sided: bool


def steepness(activation: Activation, n: int) -> Steepness:
    """Of an activation for a layer of n neurons; softmax is judged as a sigmoid of each output."""
    if activation == SOFTMAX:
        return Steepness(0.25, False)  # a (1 - a) is largest at 1/2
    z = np.broadcast_to(np.linspace(-_REACH, _REACH, _POINTS), (n, _POINTS)).copy()
    with np.errstate(all="ignore"):
        slopes = np.abs(backprop.slope(activation, z))
    slopes = slopes[np.isfinite(slopes).all(axis=1)]
    if not len(slopes) or slopes.max() == 0:
        return Steepness(None, False)
    row = slopes.max(axis=0)
    left, right = float(row[0]), float(row[-1])
    halfway = float(row[_POINTS // 4]), float(row[-1 - _POINTS // 4])
    if max(left, right) == row.max() and (left > 2 * halfway[0] or right > 2 * halfway[1]):
        return Steepness(None, False)
    largest = float(row.max())
    flat = (left < FRACTION * largest, right < FRACTION * largest)
    return Steepness(largest, flat[0] != flat[1])


def is_saturated(activation: Activation, z: Array, a: Array, slopes: Array, largest: float) -> Array:
    """Where neurons (rows) are saturated in samples (columns); for softmax one row, of all outputs together.

    A softmax is saturated where one output has nearly everything: a (1 - a) is small for the largest a.
    """
    if activation == SOFTMAX:
        top = a.max(axis=0, keepdims=True)
        return (top > 0.5) & (top * (1 - top) < FRACTION * largest)
    return np.abs(slopes) < FRACTION * largest
