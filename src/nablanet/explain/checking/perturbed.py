"""A network's costs with one parameter changed, for many parameters at once.

To change w^l_jk by h changes z^l_j by h a^{l-1}_k and nothing else in layer l, so that a forward pass from
there on tells the cost. The passes of many parameters run side by side, as columns of one matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nablanet import backprop
from nablanet.activations import Activation
from nablanet.costs import Cost, is_fused
from nablanet.explain.checking import complex_step, kinks
from nablanet.shapes import Array, require_shape

_NOISE_POINTS = 8
_NOISE_LINES = 3


@dataclass(frozen=True)
class Model:
    """A network in float64 and the samples it is looked at with, as columns; x is what enters layer 1."""

    weights: Sequence[Array]
    biases: Sequence[Array]
    activations: Sequence[Activation]
    cost: Cost
    x: Array
    y: Array

    def forward(self, weights: Sequence[Array], biases: Sequence[Array]) -> tuple[list[Array], list[Array]]:
        """The zs and activations for these parameters."""
        return backprop.feed_forward(weights, biases, self.activations, self.x)

    def costs(self, z: Array, a: Array, y: Array) -> Array:
        """C_x for each column."""
        return backprop.sample_costs(z, a, y, self.activations[-1], self.cost)

    def noise(self, rng: np.random.Generator) -> float:
        """How far rounding moves the mean cost C.

        Parameters move along lines so short that C can only change linearly; what is left of its third
        differences is rounding (Moré & Wild, "Estimating computational noise", 2011). They and the
        outputs also move by the last bit, which shows what a rounded a^L near 1 hides.
        """
        parameters, eps = (*self.weights, *self.biases), float(np.finfo(float).eps)
        # a cost from z, ln sum exp(z) - z_y, loses the last bits of z and of 1 + small, however small it is
        z = self.forward(self.weights, self.biases)[0][-1]
        whole = max(1.0, float(np.abs(z).max())) if is_fused(self.cost, self.activations[-1]) else 0.0
        largest = eps * max(abs(self._cost(parameters)), 4 * whole)
        for _ in range(_NOISE_LINES):
            lines = [rng.uniform(-1, 1, p.shape) for p in parameters]
            values = [
                self._cost([p * (1 + t * 2.0**-40 * u) for p, u in zip(parameters, lines, strict=True)])
                for t in range(_NOISE_POINTS)
            ]
            # the third difference of independent errors has sqrt(20) times their deviation
            left = float(np.sqrt(np.square(np.diff(values, 3)).mean() / 20))
            rounded = [p * (1 + eps * u) for p, u in zip(parameters, lines, strict=True)]
            outputs = 1 + eps * rng.uniform(-1, 1, (len(self.y), 1))
            largest = max(largest, left, abs(self._cost(rounded, outputs) - values[0]))
        return largest

    def _cost(self, parameters: Sequence[Array], outputs: Array | float = 1.0) -> float:
        """The mean cost for these weights and biases, with a^L multiplied by `outputs`."""
        n = len(self.weights)
        zs, activated = self.forward(parameters[:n], parameters[n:])
        return float(self.costs(zs[-1], activated[-1] * outputs, self.y).mean())


class Perturbed:
    """Costs of a model with one weight or bias changed at a time."""

    def __init__(self, model: Model):
        self.model = model
        self.zs, self.activated = model.forward(model.weights, model.biases)
        self.base = model.costs(self.zs[-1], self.activated[-1], model.y)
        self.m = model.x.shape[1]
        forms = [
            complex_step.of_activation(activation, z)
            for activation, z in zip(model.activations, self.zs, strict=True)
        ]
        self._complex_cost = complex_step.of_cost(
            model.cost, model.activations[-1], self.activated[-1], model.y
        )
        self._forms = [form for form in forms if form is not None]
        self.is_holomorphic = len(self._forms) == len(forms) and self._complex_cost is not None

    def entering(self, layer: int) -> Array:
        """a^{l-1} and below it a row of ones, which is what a bias is multiplied with."""
        a = self.activated[layer - 2]
        return np.vstack([a, np.ones((1, self.m))])

    def mean_changes(
        self, layer: int, j: Array, entering: Array, steps: Array
    ) -> tuple[Array, list[Array], list[Array]]:
        """What adding steps[p] entering[p] to z^l_{j[p]} does to C, shape (P,), for each p.

        j: shape (P,), from 0; entering: (P, m). Also on which sides of kinks and of bends the neurons then
        lie, arrays (n, P, m).
        """
        model, i = self.model, layer - 2
        z = self._moved(i, j, entering * steps[:, np.newaxis])
        sharp: list[Array] = []
        soft: list[Array] = []
        n = len(j)

        def note(sides: tuple[Array | None, Array | None]) -> None:
            for side, told in zip(sides, (sharp, soft), strict=True):
                if side is not None:
                    told.append(side.reshape(-1, n, self.m))

        with np.errstate(all="ignore"):
            while True:
                activation = model.activations[i]
                note(kinks.sides_of_activation(activation, z))
                a = require_shape(activation.function(z), z.shape, f"activation {activation.name!r}")
                if i == len(model.weights) - 1:
                    break
                i += 1
                z = model.weights[i] @ a + model.biases[i]
            y = np.tile(model.y, n)
            note(kinks.sides_of_cost(model.cost, a, y))
            changes = model.costs(z, a, y).reshape(n, self.m) - self.base
        return changes.mean(axis=1), sharp, soft

    def complex_derivatives(self, layer: int, j: Array, entering: Array) -> Array:
        """dC/dt at t = 0 for z^l_{j[p]} + t entering[p], by the complex step; shape (P,)."""
        model, i = self.model, layer - 2
        cost: Callable[[Array, Array, Array], Array] | None = self._complex_cost
        if cost is None:
            return np.full(len(j), np.nan)
        z = self._moved(i, j, 1j * complex_step.STEP * entering)
        with np.errstate(all="ignore"):
            while True:
                a = self._forms[i](z)
                if i == len(model.weights) - 1:
                    break
                i += 1
                w = model.weights[i]
                z = w @ a.real + model.biases[i] + 1j * (w @ a.imag)
            costs = cost(z, a, np.tile(model.y, len(j)))
        return costs.imag.reshape(len(j), self.m).mean(axis=1) / complex_step.STEP

    def _moved(self, i: int, j: Array, by: Array) -> Array:
        """z^l with row j[p] moved by by[p], for each p side by side: (n_l, P m)."""
        n = len(j)
        z = np.repeat(self.zs[i][:, np.newaxis, :], n, axis=1).astype(by.dtype)
        z[j, np.arange(n), :] += by
        return z.reshape(len(z), n * self.m)
