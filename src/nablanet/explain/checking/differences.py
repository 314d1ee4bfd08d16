"""Central differences with an estimate of their error, and what they see of a kink."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nablanet.shapes import Array

# The first fits functions that bend over lengths of about 1. The others are for places near a kink, and
# for functions that bend faster; there, rounding weighs more.
STEPS = (2.0**-8, 2.0**-14, 2.0**-20)
_SAFETY = 10


@dataclass(frozen=True)
class Difference:
    """Derivatives df/dt at t = 0 from five values each, all arrays of one shape.

    value: Richardson's extrapolation (4 D(h/2) - D(h)) / 3 of the central differences
    D(h) = (f(h) - f(-h)) / 2h. bending: how much D still changes with h, which bounds the error by the
    bending of f. rounding: the error by the rounding of f. jump: the slope to the right of 0 less that
    to the left, where f has a kink at 0; 0 where it looks smooth. across: that difference of slopes over
    half a step, kink or not, which bounds the error where only the second derivative jumps.
    """

    value: Array
    bending: Array
    rounding: Array
    jump: Array
    across: Array

    @property
    def error(self) -> Array:
        """The estimated error of `value`, rather too large than too small."""
        return self.bending + self.rounding


def difference(f: Callable[[Array], Array], at_zero: Array, steps: Array, noise: Array | float) -> Difference:
    """The derivatives at t = 0 of functions t -> f(t), all evaluated together.

    f takes the arrays ±`steps` and ±`steps`/2. at_zero: f(0). noise: the rounding error of f.
    """
    wide, narrow = steps, steps / 2
    above, below, near_above, near_below = f(wide), f(-wide), f(narrow), f(-narrow)
    with np.errstate(all="ignore"):
        outer = (above - below) / (2 * wide)
        inner = (near_above - near_below) / (2 * narrow)
        value = (4 * inner - outer) / 3
        rounding = _SAFETY * noise / steps
        wide_jump = ((above - at_zero) - (at_zero - below)) / wide
        jump = ((near_above - at_zero) - (at_zero - near_below)) / narrow
        # where f is smooth, half the step leaves half of it
        kink = (np.abs(jump) > 0.6 * np.abs(wide_jump)) & (np.abs(jump) > 8 * rounding)
    bending = np.abs(inner - outer) / 3
    return Difference(value, bending, rounding, np.where(kink, jump, 0.0), jump)
