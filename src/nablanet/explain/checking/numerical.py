"""Numerical derivatives of the cost to chosen parameters, judged by their own estimated errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nablanet.explain.checking.differences import STEPS, difference
from nablanet.explain.checking.perturbed import Perturbed
from nablanet.shapes import Array

_CLOSE = 1e-4  # relative
_AT_ONCE = 1 << 17  # numbers in a matrix of perturbed layers


@dataclass
class Numerical:
    """Per parameter, shape (P,): central differences, their estimated errors, complex steps (NaN where
    the functions do not take complex numbers), and whether the parameter lies at a kink.
    """

    central: Array
    error: Array
    complex_step: Array
    at_kink: Array


def derivatives(
    perturbed: Perturbed, places: Array, analytic: Array, margin: Array, rng: np.random.Generator
) -> Numerical:
    """dC/dw^l_jk, or dC/db^l_j, for places (l, j, k), where k is 0 for a bias; shape (P, 3), sorted by l.

    analytic, margin: a difference that lies within the margin of the analytic value needs no other step.
    """
    noise = perturbed.model.noise(rng)
    n = len(places)
    found = Numerical(np.full(n, np.nan), np.full(n, np.inf), np.full(n, np.nan), np.zeros(n, dtype=bool))
    for layer in np.unique(places[:, 0]):
        entering = perturbed.entering(layer)
        widest = max(len(z) for z in perturbed.zs[layer - 2 :])
        chunk = max(1, _AT_ONCE // (widest * perturbed.m))
        here = np.flatnonzero(places[:, 0] == layer)
        for begin in range(0, len(here), chunk):
            part = here[begin : begin + chunk]
            j, inputs = (
                places[part, 1] - 1,
                entering[places[part, 2] - 1],
            )  # k = 0 takes the last row, of ones
            if perturbed.is_holomorphic:
                found.complex_step[part] = perturbed.complex_derivatives(layer, j, inputs)
            _central(perturbed, layer, part, j, inputs, found, analytic, margin, noise)
    return found


def _central(
    perturbed: Perturbed,
    layer: int,
    part: Array,
    j: Array,
    inputs: Array,
    found: Numerical,
    analytic: Array,
    margin: Array,
    noise: float,
) -> None:
    """Central differences of the parameters numbered `part`, with smaller steps where one does not do."""
    reach = np.abs(inputs).max(axis=1)  # a step of 1 moves z^l_j by as much
    reach = np.where(reach > 1e-100, reach, 1.0)
    open_ = np.arange(len(part))
    for step in STEPS:
        sharp: list[list[Array]] = []
        soft: list[list[Array]] = []

        def changes(
            steps: Array,
            at: Array = open_,
            sharp: list[list[Array]] = sharp,
            soft: list[list[Array]] = soft,
        ) -> Array:
            change, kinked, bent = perturbed.mean_changes(layer, j[at], inputs[at], steps)
            sharp.append(kinked)
            soft.append(bent)
            return change

        one = difference(changes, np.zeros(len(open_)), step / reach[open_], noise)
        crosses = _crosses(sharp, len(open_))
        numbers = part[open_]
        error = one.error + np.where(_crosses(soft, len(open_)), np.abs(one.across), 0)
        error = np.where(np.isfinite(one.value) & np.isfinite(error), error, np.inf)
        apart = np.abs(one.value - analytic[numbers])
        wrong = ~(apart <= error + margin[numbers])
        # a kink of the user's own functions shows where it would explain the difference
        apart_by_far = ~(apart <= error + _CLOSE * np.abs(analytic[numbers]))
        kink = crosses | (apart_by_far & (np.abs(one.jump) > 0.3 * apart))
        better = ~kink & ~(error >= found.error[numbers])
        found.central[numbers[better]] = one.value[better]
        found.error[numbers[better]] = error[better]
        unsure = one.bending > np.maximum(one.rounding, 1e-7 * np.abs(one.value))
        open_ = open_[kink | wrong | unsure]
        if not len(open_):
            break
    found.at_kink[part] = np.isinf(found.error[part])


def _crosses(sides: list[list[Array]], n: int) -> Array:
    """For each parameter, whether any neuron lies on two sides in the evaluations."""
    crossed = np.zeros(n, dtype=bool)
    first, *others = sides
    for other in others:
        for one, two in zip(first, other, strict=True):
            crossed |= (one != two).any(axis=(0, 2))
    return crossed
