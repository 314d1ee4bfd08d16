"""Costs against their formulas in mpmath, their derivatives, and the chapter's two assumptions."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

import nablanet as nn
from nablanet import costs
from networks import problem


def test_quadratic_by_hand() -> None:
    a, y = np.array([[0.5, 1.0], [0.25, 0.0]]), np.array([[1.0, 1.0], [0.0, 2.0]])
    np.testing.assert_allclose(costs.quadratic(a, y), [0.5 * (0.25 + 0.0625), 2.0], rtol=1e-15)
    np.testing.assert_array_equal(costs.quadratic_derivative(a, y), a - y)


def test_cross_entropy_by_hand() -> None:
    a, y = np.array([[0.5], [0.25]]), np.array([[1.0], [0.0]])
    wanted = -np.log(0.5) - np.log(0.75)
    np.testing.assert_allclose(costs.cross_entropy(a, y), [wanted], rtol=1e-15)
    np.testing.assert_allclose(costs.log_likelihood(a, y), [-np.log(0.5)], rtol=1e-15)


def test_zero_times_log_of_zero_is_zero() -> None:
    ends = np.array([[0.0, 1.0]])
    assert costs.cross_entropy(ends, ends).tolist() == [0.0, 0.0]
    assert costs.cross_entropy_derivative(ends, ends).tolist() == [[0.0, 0.0]]
    assert costs.log_likelihood(ends, np.array([[0.0, 1.0]])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("function", "derivative"),
    [
        (costs.quadratic, costs.quadratic_derivative),
        (costs.cross_entropy, costs.cross_entropy_derivative),
        (costs.log_likelihood, costs.log_likelihood_derivative),
    ],
)
def test_derivatives_agree_with_central_differences(function: object, derivative: object) -> None:
    assert callable(function)
    assert callable(derivative)
    rng = np.random.default_rng(0)
    a, y = rng.uniform(0.05, 0.95, (4, 6)), rng.random((4, 6))
    step = 1e-6
    numerical = np.empty_like(a)
    for j in range(4):
        shift = np.zeros((4, 1))
        shift[j] = step
        numerical[j] = (function(a + shift, y) - function(a - shift, y)) / (2 * step)
    np.testing.assert_allclose(derivative(a, y), numerical, rtol=1e-7)


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_fused_cross_entropy_is_exact_where_activations_round_to_0_and_1(output: str) -> None:
    z = np.array([[40.0, -40.0, 800.0], [-40.0, 30.0, 3.0]])
    y = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    exact = []
    with mp.workdps(800):
        for column in range(3):
            zs = [mp.mpf(float(x)) for x in z[:, column]]
            if output == "softmax":
                total = sum(mp.exp(x) for x in zs)
                a = [mp.exp(x) / total for x in zs]
                cost = -sum(mp.log(v) for v, t in zip(a, y[:, column], strict=True) if t)
            else:
                a = [1 / (1 + mp.exp(-x)) for x in zs]
                cost = -sum(mp.log(v) if t else mp.log(1 - v) for v, t in zip(a, y[:, column], strict=True))
            exact.append(float(cost))
    fused = costs.fused_cross_entropy(z, y, nn.ACTIVATIONS[output])
    np.testing.assert_allclose(fused, exact, rtol=1e-14)
    net = nn.Network([2, 2], activation=[output], cost="cross_entropy")
    net.weights[0][:], net.biases[0][:] = np.eye(2), 0
    assert net.mean_cost(z.T, y.T) == pytest.approx(np.mean(exact), rel=1e-13)


def test_cost_of_a_batch_is_the_mean_over_its_samples() -> None:
    p = problem([3, 5, 4], "tanh", "cross_entropy", "softmax", m=7)
    single = [p.network.mean_cost(p.X[[i]], p.Y[[i]]) for i in range(7)]
    assert p.network.mean_cost(p.X, p.Y) == pytest.approx(np.mean(single), rel=1e-14)


def test_outputs_suit_the_cost() -> None:
    def output(**arguments: object) -> str:
        return nn.Network([4, 3, 2], **arguments).activations[-1].name  # type: ignore[arg-type]

    assert output() == "sigmoid"
    assert output(activation="relu") == "identity"
    assert output(cost="cross_entropy") == "softmax"
    assert nn.Network([4, 1], cost="cross_entropy").activations[-1].name == "sigmoid"
    assert output(cost="cross_entropy", output="sigmoid") == "sigmoid"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"cost": "hinge"}, ValueError, "no cost 'hinge'; there are: quadratic, cross_entropy"),
        ({"cost": 3}, TypeError, "a name or a nablanet.Cost"),
        ({"cost": "cross_entropy", "output": "relu"}, ValueError, "between 0 and 1"),
    ],
)
def test_wrong_costs_are_refused(arguments: dict[str, object], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        nn.Network([2, 2], **arguments)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="both callable"):
        nn.Cost("mine", costs.quadratic, None)  # type: ignore[arg-type]


def test_desired_outputs_without_meaning_are_refused() -> None:
    net = nn.Network([2, 2], cost="cross_entropy")
    for Y, message in ([[0.5, 0.6]], "add up to 1"), ([[1.5, -0.5]], "between 0 and 1"):
        with pytest.raises(ValueError, match=message):
            net.fit([[0.0, 1.0]], Y, epochs=1, batch_size=1, eta=0.1)
