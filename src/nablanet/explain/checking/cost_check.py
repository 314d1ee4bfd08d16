"""The check of a cost: the chapter's two assumptions, and its derivative."""

from __future__ import annotations

import numpy as np

from nablanet import shapes
from nablanet.costs import Cost, get_cost, is_builtin
from nablanet.explain import notation
from nablanet.explain.checking.findings import Findings, FunctionCheck, best_difference
from nablanet.shapes import Array

_M = 12  # samples in a batch
_SUBSETS = 4
_MARGIN = 0.02  # how far a and y stay from 0 and 1, on which some costs are not defined


def check_cost(cost: str | Cost, n_out: int = 3, *, seed: int = 0) -> FunctionCheck:
    """Check that a cost has its derivative, and meets the chapter's two assumptions.

    Assumption 1: C is an average over samples of C_x. Assumption 2: C_x is a function of that sample's
    output activations. cost: a `Cost`, or a name. n_out: outputs of a sample. seed: for the random
    outputs a and desired outputs y, between 0 and 1 and, where the cost is defined there, any numbers.
    Raises TypeError or ValueError for anything else.
    """
    chosen = get_cost(cost)
    n = shapes.count(n_out, "n_out")
    rng = np.random.default_rng(shapes.count(seed, "seed", 0))
    found = Findings(f"cost {str(chosen)!r}")
    a = rng.uniform(_MARGIN, 1 - _MARGIN, (n, _M))
    y = rng.uniform(_MARGIN, 1 - _MARGIN, (n, _M))
    y[:, : _M // 3] = np.round(y[:, : _M // 3])  # labels
    fine = found.returns(chosen.function, a, y, what="The function", shape="(m,)")
    fine &= found.returns(chosen.derivative, a, y, what="The derivative", shape="(n_L, m)")
    if fine:
        found.right.append(
            "Function and derivative return their shapes, (m,) and (n_L, m), the same numbers again, and "
            "leave a and y alone."
        )
        _check_samples(found, chosen, a, y, rng)
        _check_finite(found, chosen, a, y)
        _check_derivative(found, chosen, a, y)
        _check_anywhere(found, chosen, n, rng)
    return found.result()


def _check_samples(found: Findings, cost: Cost, a: Array, y: Array, rng: np.random.Generator) -> None:
    """Assumptions 1 and 2, on subsets of the batch, on its order, and with other samples beside one."""
    subsets = [np.array([i]) for i in range(_M)] + [rng.permutation(_M)]
    subsets += [np.sort(rng.choice(_M, rng.integers(2, _M), replace=False)) for _ in range(_SUBSETS)]
    other_a, other_y = rng.permuted(a, axis=1), rng.permuted(y, axis=1)
    for function, what, name in (
        (cost.function, "The function", "C_x"),
        (cost.derivative, "The derivative", "∂C_x/∂a"),
    ):
        whole = np.asarray(function(a.copy(), y.copy()))
        same = True
        for subset in subsets:
            value = found.call(function, a[:, subset], y[:, subset], what=what)
            if value is None or value.shape != whole[..., subset].shape:
                shape = None if value is None else value.shape
                found.wrong.append(f"{what} fails for a batch of {len(subset)}: it returns shape {shape}.")
                return
            same &= _close(value, whole[..., subset])
        found.note(
            same,
            f"Assumption 1: {name} of a sample is the same in every batch that it is in, so that C is an "
            "average over samples.",
            f"Assumption 1 does not hold: {what.lower()} gives other values of {name} for a subset of the "
            f"batch than for the whole, so that C is no average (1/n) Σ C_x.",
        )
        depends = False
        for i in range(_M):
            mixed_a, mixed_y = other_a.copy(), other_y.copy()
            mixed_a[:, i], mixed_y[:, i] = a[:, i], y[:, i]
            value = found.call(function, mixed_a, mixed_y, what=what)
            depends |= value is None or not _close(value[..., i], whole[..., i])
        found.note(
            not depends,
            f"Assumption 2: {name} depends on that sample's own output activations alone.",
            f"Assumption 2 does not hold: {name} changes with the outputs of other samples in the batch.",
        )


def _check_finite(found: Findings, cost: Cost, a: Array, y: Array) -> None:
    for function, what in ((cost.function, "The function"), (cost.derivative, "The derivative")):
        value = np.asarray(function(a.copy(), y.copy()))
        bad = np.argwhere(~np.isfinite(value))
        column = int(bad[0][-1]) if len(bad) else 0
        got = value[tuple(bad[0])] if len(bad) else 0
        found.note(
            not len(bad),
            f"{what} is finite for a and y between 0 and 1.",
            f"{what} must be finite for a and y between 0 and 1, got {got} at {_told(a, y, column)}.",
        )


def _check_derivative(found: Findings, cost: Cost, a: Array, y: Array) -> None:
    """∂C_x/∂a_j against differences, for each output of each sample."""
    n, m = a.shape
    analytic = np.asarray(cost.derivative(a.copy(), y.copy()), dtype=np.float64).T.ravel()
    columns, desired = np.repeat(a, n, axis=1), np.repeat(y, n, axis=1)
    turn = np.tile(np.eye(n), m)
    before = found.n_points
    differences = best_difference(
        lambda t: np.asarray(cost.function(columns + turn * t, desired)), analytic, _reach(columns, turn)
    )
    if found.compare(
        analytic, differences, lambda i: f"{_told(columns, desired, i)}, for output {i % n + 1}"
    ):
        found.right.append(f"The derivative is that of the function at {found.n_points - before:,} points.")


def _reach(columns: Array, turn: Array) -> Array:
    """How far the output that moves is from 0 and 1: differences of a cost bend with that."""
    own = (columns * turn).sum(axis=0)
    return np.maximum(np.minimum(np.abs(own), np.abs(1 - own)), 2.0**-10)


def _check_anywhere(found: Findings, cost: Cost, n: int, rng: np.random.Generator) -> None:
    """The same for outputs of any size, of which a cost may refuse some: cross-entropy, poisson."""
    a, y = rng.normal(scale=3, size=(n, _M)), rng.normal(scale=3, size=(n, _M))
    a[:, 0] = y[:, 0]  # no error at all, where some costs have a kink
    if is_builtin(cost) and cost.name == "poisson":
        a, y = np.abs(a) + _MARGIN, np.abs(y)
    elif is_builtin(cost) and cost.name == "cross_entropy":
        return
    with np.errstate(all="ignore"):
        try:
            value = np.asarray(cost.function(a.copy(), y.copy()))
            slope = np.asarray(cost.derivative(a.copy(), y.copy()))
        except Exception:  # a cost may well refuse outputs that its networks do not have
            value, slope = np.full(_M, np.nan), np.full((n, _M), np.nan)
    whole = np.isfinite(value) & np.isfinite(slope).all(axis=0)
    if whole.all():
        _check_derivative(found, cost, a, y)
    else:
        first = int(np.flatnonzero(~whole)[0])
        found.right.append(
            f"Not every number will do for a and y: the cost is not finite at {_told(a, y, first)}. Its "
            "networks need an output activation between 0 and 1, and were checked there."
        )


def _close(one: Array, other: Array) -> bool:
    return bool(np.allclose(one, other, rtol=1e-9, atol=1e-12, equal_nan=True))


def _told(a: Array, y: Array, column: int) -> str:
    listed = [", ".join(notation.number(v) for v in values[:4, column]) for values in (a, y)]
    more = ", …" if len(a) > 4 else ""
    return f"a = ({listed[0]}{more}), y = ({listed[1]}{more})"
