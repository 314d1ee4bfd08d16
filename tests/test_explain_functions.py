"""`explain.check_cost` and `check_activation`: what is right passes, and what is wrong is named."""

from __future__ import annotations

import numpy as np
import pytest

import nablanet as nn
from nablanet import Activation, Cost, explain
from nablanet.shapes import Array
from networks import COSTS as WITH_PARAMETERS


@pytest.mark.parametrize("name", nn.ACTIVATIONS)
def test_the_package_s_activations_pass(name: str) -> None:
    check = explain.check_activation(name)
    assert check.passed, check
    assert check.n_points >= 60
    assert check.worst is not None
    assert check.worst.analytic == pytest.approx(check.worst.numerical, rel=1e-4, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_out", [1, 3, 6])
def test_the_package_s_costs_pass(n_out: int, seed: int) -> None:
    for cost in [*nn.COSTS.values(), *WITH_PARAMETERS.values()]:
        check = explain.check_cost(cost, n_out, seed=seed)
        assert check.passed, check
        assert check.n_points >= 12 * n_out


def test_kinks_are_named_and_a_slope_between_passes() -> None:
    for name in ("relu", "leaky_relu", "selu"):
        assert "There is a kink at z = 0," in repr(explain.check_activation(name)).replace("\n", " ")
    own = Activation("own", lambda z: np.maximum(z, 0), lambda z: (z >= 0) * 1.0)
    assert explain.check_activation(own).passed
    beyond = Activation("own", lambda z: np.maximum(z, 0), lambda z: np.where(z == 0, 2.0, z > 0))
    check = explain.check_activation(beyond)
    assert not check.passed
    assert "at z = 0" in check.findings[0]


@pytest.mark.parametrize("factor", [1 + 1e-4, 1 - 1e-4, -1])
def test_a_wrong_slope_is_found(factor: float) -> None:
    wrong = Activation("wrong", np.sin, lambda z: np.cos(z) * factor)
    check = explain.check_activation(wrong)
    assert not check.passed
    assert "The derivative is not that of the function" in check.findings[0]
    assert check.worst is not None
    assert check.worst.difference == pytest.approx(min(abs(1 - factor), 2), rel=0.01)


def test_a_wrong_slope_at_one_place_is_found() -> None:
    wrong = Activation("wrong", np.sin, lambda z: np.where(np.abs(z - 3) < 0.01, 5.0, np.cos(z)))
    check = explain.check_activation(wrong)
    assert "at 1 of" in check.findings[0]
    assert "z = 3" in check.findings[0]


def bad_activation(function: object, derivative: object = np.ones_like) -> tuple[str, ...]:
    check = explain.check_activation(Activation("bad", function, derivative))  # type: ignore[arg-type]
    assert not check.passed
    assert repr(check).startswith("Check of activation 'bad'")
    return check.findings


def naive(z: Array) -> Array:
    return np.exp(-z) / (1 + np.exp(-z)) ** 2


def changes_in_place(z: Array) -> Array:
    z *= 2
    return z


def test_activations_that_are_none() -> None:
    assert "must return shape of z" in bad_activation(lambda z: z.sum())[0]
    assert "raises TypeError: no" in bad_activation(raises)[0]
    assert "changes its arguments in place" in bad_activation(changes_in_place)[0]
    assert "must return real numbers, got dtype complex128" in bad_activation(lambda z: z * 1j)[0]
    assert "does not act on each element" in bad_activation(lambda z: z - z.mean())[0]
    # a naive derivative of the sigmoid is inf / inf far to the left
    found = bad_activation(lambda z: 1 / (1 + np.exp(-z)), naive)
    assert "The derivative must be finite for every z, got nan at z = −1000" in found[0]
    rng = np.random.default_rng(0)
    assert (
        "other numbers when it is called again" in bad_activation(lambda z: z + rng.normal(size=z.shape))[0]
    )


def raises(z: Array) -> Array:
    raise TypeError("no")


def test_a_wrong_derivative_of_a_cost_is_found() -> None:
    wrong = Cost("wrong", lambda a, y: ((a - y) ** 2).sum(axis=0), lambda a, y: 2 * (a - y) * 1.0001)
    check = explain.check_cost(wrong)
    assert not check.passed
    assert "The derivative is not that of the function at 36 of 36 points, at a = (" in check.findings[0]
    assert check.worst is not None
    assert check.worst.difference == pytest.approx(1e-4, rel=0.01)
    one = Cost("one", lambda a, y: ((a - y) ** 4).sum(axis=0), half_wrong)
    assert "for output 2: analytic" in explain.check_cost(one).findings[0]


def half_wrong(a: Array, y: Array) -> Array:
    slope: Array = 4 * (a - y) ** 3
    slope[1] *= 1.001
    return slope


def centred(a: Array, y: Array) -> Array:
    return a - y.mean(axis=1, keepdims=True)


def test_a_cost_that_mixes_samples_is_found() -> None:
    mixes = Cost("mixes", lambda a, y: (centred(a, y) ** 2).sum(axis=0), lambda a, y: 2 * centred(a, y))
    findings = explain.check_cost(mixes).findings
    assert any("Assumption 1 does not hold: the function" in finding for finding in findings)
    assert any("Assumption 2 does not hold: C_x changes" in finding for finding in findings)
    per_batch = Cost(
        "per batch",
        lambda a, y: ((a - y) ** 2).sum(axis=0) / a.shape[1],
        lambda a, y: 2 * (a - y) / a.shape[1],
    )
    assert "Assumption 1" in explain.check_cost(per_batch).findings[0]


def test_costs_that_are_none() -> None:
    mean = Cost("mean", lambda a, y: ((a - y) ** 2).mean(), lambda a, y: a - y)
    assert "must return shape (m,), C_x for each sample (assumption 1" in explain.check_cost(mean).findings[0]
    shape = Cost("shape", lambda a, y: ((a - y) ** 2).sum(axis=0), lambda a, y: (a - y).sum(axis=0))
    assert "must return shape (n_L, m): (3, 12) here, got (12,)" in explain.check_cost(shape).findings[0]


def test_a_cost_that_is_not_defined_everywhere() -> None:
    own = Cost(
        "own entropy",
        lambda a, y: -(y * np.log(a) + (1 - y) * np.log(1 - a)).sum(axis=0),
        lambda a, y: (a - y) / (a * (1 - a)),
    )
    check = explain.check_cost(own)
    assert check.passed, check
    assert "Not every number will do" in repr(check)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="no cost 'nothing'"):
        explain.check_cost("nothing")
    with pytest.raises(ValueError, match="n_out must be at least 1"):
        explain.check_cost("quadratic", 0)
    with pytest.raises(TypeError, match="an activation is a name"):
        explain.check_activation(np.tanh)  # type: ignore[arg-type]
