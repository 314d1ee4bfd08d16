"""The check of an activation: that it acts on each element, stays finite, and has its derivative."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nablanet.activations import SOFTMAX, Activation, get_activation, softmax_prime
from nablanet.explain import notation
from nablanet.explain.checking.findings import Findings, FunctionCheck, best_difference
from nablanet.shapes import Array

_SPECIAL = (0.0, 1e-3, 0.5, 1.0, 3.0, 10.0, 30.0, 100.0)  # and their negatives
_LARGE = (500.0, 1e3, 1e6, 1e12)
_UNBOUNDED = 1e100  # what is beyond this at |z| = 500 may overflow further out


def check_activation(f: str | Activation) -> FunctionCheck:
    """Check that an activation acts on each element, stays finite, and has the derivative it claims.

    f: an `Activation`, or a name. Softmax, which couples the neurons of a sample, is checked sample by
    sample; its derivative is the diagonal of its Jacobian. Raises TypeError or ValueError for anything else.
    """
    activation = get_activation(f)
    found = Findings(f"activation {activation.name!r}")
    rng = np.random.default_rng(0)
    special = np.array([*_SPECIAL, *(-z for z in _SPECIAL[1:])])
    z = np.concatenate([special, rng.normal(scale=3, size=57)]).reshape(4, 18)
    parts = [(activation.function, "The function"), (activation.derivative, "The derivative")]
    usable = [found.returns(part, z, what=what, shape="of z") for part, what in parts]
    for (part, what), ok in zip(parts, usable, strict=True):
        if ok:
            found.right.append(f"{what} returns the shape of z, the same numbers again, and leaves z alone.")
            _acts_on_each(found, part, what, z, whole_columns=activation == SOFTMAX)
            _stays_finite(found, part, what)
    if all(usable):
        _slopes(found, activation, z)
    return found.result()


def _acts_on_each(
    found: Findings, part: Callable[[Array], Array], what: str, z: Array, whole_columns: bool
) -> None:
    """σ acts on each element: the same numbers one by one (for softmax, one column after the other)."""
    together = np.asarray(part(z.copy()))
    pieces = [z[:, [i]] for i in range(z.shape[1])] if whole_columns else [v.reshape(1, 1) for v in z.flat]
    alone = []
    for piece in pieces:
        value = found.call(part, piece, what=what)
        if value is None:
            return
        if value.shape != piece.shape:
            found.wrong.append(f"{what} must return the shape of z: {piece.shape} here, got {value.shape}.")
            return
        alone.append(value)
    apart = np.hstack(alone) if whole_columns else np.reshape(alone, z.shape)
    unit = "sample" if whole_columns else "element"
    found.note(
        np.allclose(apart, together, rtol=1e-9, atol=1e-12, equal_nan=True),
        f"{what} acts on each {unit} by itself.",
        f"{what} does not act on each {unit} by itself: it gives other numbers for one {unit} alone.",
    )


def _stays_finite(found: Findings, part: Callable[[Array], Array], what: str) -> None:
    """No NaN anywhere; infinite only where the function itself grows out of all bounds."""
    for sign, side in ((1, ""), (-1, "−")):
        z = sign * np.array([[*_SPECIAL, *_LARGE]])
        value = found.call(part, z, what=what)
        if value is None:
            return
        moderate = value[:, : len(_SPECIAL)]
        grows = bool(np.abs(value[0, len(_SPECIAL)]) > _UNBOUNDED)
        bad = np.isnan(value) | (np.isinf(value) & (not grows))
        bad[:, : len(_SPECIAL)] |= ~np.isfinite(moderate)
        where = "" if not bad.any() else f"{notation.number(float(z[bad][0]))}"
        got = "" if not bad.any() else f"{value[bad][0]}"
        found.note(
            not bad.any(),
            f"{what} has finite values for large {side}z"
            + (", up to where they are too large for a number." if grows else "."),
            f"{what} must be finite for every z, got {got} at z = {where}.",
        )


def _slopes(found: Findings, activation: Activation, z: Array) -> None:
    if activation == SOFTMAX:
        analytic = softmax_prime(z)
        n, m = z.shape
        turned = np.repeat(z, n, axis=1)  # column i n + j has neuron j of sample i moved
        pick = np.tile(np.eye(n), m)
        own = (pick * 1.0).argmax(axis=0)
        columns = np.arange(n * m)

        def along(t: Array) -> Array:
            moved = turned.copy()
            moved[own, columns] += t
            return np.asarray(activation.function(moved))[own, columns]

        flat = analytic.T.ravel()
        at = z.T.ravel()
        differences = best_difference(along, flat)
    else:
        at = np.unique(z)
        flat = np.asarray(activation.derivative(at.reshape(1, -1)))[0].astype(np.float64)
        differences = best_difference(
            lambda t: np.asarray(activation.function((at + t)[np.newaxis]))[0], flat
        )
    if found.compare(flat, differences, lambda i: f"z = {notation.number(at[i])}"):
        found.right.append(f"The derivative is that of the function at {found.n_points:,} points.")
        kinks = [notation.number(at[i]) for i in np.flatnonzero(differences.jump)]
        if kinks:
            found.right.append(
                f"There is a kink at z = {', '.join(kinks)}, where the derivative lies between the slopes on "
                "both sides."
            )
