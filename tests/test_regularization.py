"""Penalties, clipping, max-norm and averaging: by hand, against differences, and through `fit`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nablanet as nn
from nablanet.averaging import update_average
from nablanet.clipping import Clipping, global_norm
from nablanet.network import Network
from nablanet.regularization import Regularization, limit_norms
from nablanet.shapes import Array
from networks import Problem, problem, problems


def test_penalties_are_the_derivatives_of_their_terms() -> None:
    lmbda, alpha, l1, n, m = 0.3, 0.7, 0.2, 50, 8

    def term(w: float) -> float:
        return lmbda / (2 * n) * w**2 + alpha / (2 * m) * w**2 + l1 / n * abs(w)

    w = np.array([[1.5, -0.4, 2.0]])
    ours = Regularization(lmbda, alpha, l1).gradient(w, n, m)
    for value, derivative in zip(w.flat, ours.flat, strict=True):
        numerical = (term(value + 1e-6) - term(value - 1e-6)) / 2e-6
        assert derivative == pytest.approx(numerical, rel=1e-8)
    assert Regularization(l1=1).gradient(np.zeros((1, 1)), 1, 1).item() == 0


def one_step(p: Problem, **arguments: Any) -> list[Array]:
    """The change of weights, then of biases, by one step of SGD at eta 1 on the whole batch."""
    before = [x.copy() for x in p.network.weights + p.network.biases]
    p.network.fit(p.X, p.Y, epochs=1, batch_size=len(p.X), eta=1, progress=False, **arguments)
    after = p.network.weights + p.network.biases
    return [a - b for a, b in zip(after, before, strict=True)]


def small() -> Problem:
    return problem([5, 7, 3], "tanh", "cross_entropy", "softmax", m=6)


@pytest.mark.parametrize(("name", "share"), [("lmbda", 1 / 6), ("alpha", 1 / 6)])
def test_l2_in_both_forms_is_the_same_on_a_whole_batch(name: str, share: float) -> None:
    weights = small().network.weights
    plain, penalized = one_step(small()), one_step(small(), **{name: 0.5})
    for w, without, with_it in zip(weights, plain, penalized, strict=False):
        assert np.allclose(with_it, without - 0.5 * share * w, atol=1e-14)
    for without, with_it in zip(plain[2:], penalized[2:], strict=True):
        assert np.allclose(without, with_it, atol=1e-14)


def test_l1_moves_weights_towards_zero_and_leaves_zeros_and_biases() -> None:
    p, other = small(), small()
    p.network.weights[0][2, 3] = other.network.weights[0][2, 3] = 0
    weights = [w.copy() for w in p.network.weights]
    plain, penalized = one_step(p), one_step(other, l1=0.06)
    for w, without, with_it in zip(weights, plain, penalized, strict=False):
        assert np.allclose(with_it, without - 0.01 * np.sign(w), atol=1e-14)
    for without, with_it in zip(plain[2:], penalized[2:], strict=True):
        assert np.allclose(without, with_it, atol=1e-14)


def test_clipping_by_value_limits_each_component() -> None:
    plain, clipped = one_step(small()), one_step(small(), clip_value=0.02)
    assert max(np.abs(g).max() for g in plain) > 0.02
    for without, with_it in zip(plain, clipped, strict=True):
        assert np.allclose(with_it, np.clip(without, -0.02, 0.02), atol=1e-14)


@pytest.mark.parametrize("limit", [0.01, 1e6])
def test_clipping_by_norm_scales_the_whole_gradient(limit: float) -> None:
    plain, clipped = one_step(small()), one_step(small(), clip_norm=limit)
    norm = math.sqrt(sum(float((g**2).sum()) for g in plain))
    assert norm > 0.01
    for without, with_it in zip(plain, clipped, strict=True):
        assert np.allclose(with_it, without * min(1, limit / norm), atol=1e-14)


def test_clipping_takes_the_gradient_with_its_penalties() -> None:
    changes = one_step(small(), clip_norm=0.01, alpha=50.0, l1=3.0)
    assert math.sqrt(sum(float((g**2).sum()) for g in changes)) == pytest.approx(0.01, rel=1e-12)


def test_clipping_by_hand() -> None:
    gradients = [np.array([[3.0], [0.0]]), np.array([[-4.0]])]
    assert global_norm(gradients) == 5
    assert [g.ravel().tolist() for g in Clipping(norm=2.5).clip(gradients)] == [[1.5, 0.0], [-2.0]]
    assert [g.ravel().tolist() for g in Clipping(value=3.5).clip(gradients)] == [[3.0, 0.0], [-3.5]]
    assert [g.ravel().tolist() for g in Clipping(norm=5).clip(gradients)] == [[3.0, 0.0], [-4.0]]


@given(problems(), st.sampled_from(["float32", "float64"]), st.floats(1e-3, 10), st.booleans())
@settings(max_examples=60, deadline=None)
def test_max_norm_bounds_every_neuron(p: Problem, dtype: str, bound: float, readable: bool) -> None:
    class Readable(Network):
        def cost_derivative(self, output_activations: Array, y: Array) -> Array:
            return super().cost_derivative(output_activations, y)

    kind = Readable if readable else Network
    net = kind(
        p.network.sizes,
        activation=p.network.activations,
        cost=p.network.cost,
        init="scaled",
        dtype=dtype,
        seed=1,
    )
    net.fit(p.X, p.Y, epochs=2, batch_size=7, eta=0.05, max_norm=bound, progress=False)
    for w in net.weights:
        norms = np.sqrt(np.square(w, dtype=float).sum(axis=1))
        assert (norms <= bound * (1 + 8 * np.finfo(dtype).eps)).all()


def test_max_norm_by_hand() -> None:
    w = np.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])
    limit_norms(w, 2.5)
    assert w == pytest.approx(np.array([[1.5, 2.0], [0.3, 0.4], [0.0, 0.0]]), rel=1e-15)


def test_the_average_of_a_constant_gradient_by_hand() -> None:
    average, w = [np.array([1.0])], np.array([1.0])
    expected = 1.0
    for _ in range(5):
        w -= 0.1
        update_average(average, [w], 0.75)
        expected = 0.75 * expected + 0.25 * w.item()
    assert average[0].item() == pytest.approx(expected, rel=1e-14)


def averaged_by_hand(p: Problem, beta: float, epochs: int) -> list[Array]:
    """The averages after training with mini-batches of one step each epoch."""
    parameters = p.network.weights + p.network.biases
    averages = [x.copy() for x in parameters]
    for _ in range(epochs):
        p.network.fit(p.X, p.Y, epochs=1, batch_size=len(p.X), eta=0.5, progress=False)
        for average, parameter in zip(averages, parameters, strict=True):
            average += (1 - beta) * (parameter - average)
    return averages


def test_training_goes_on_from_the_raw_parameters() -> None:
    p, other = small(), small()
    seen: list[float] = []
    history = p.network.fit(
        p.X,
        p.Y,
        epochs=4,
        batch_size=6,
        eta=0.5,
        average=0.6,
        validation=(p.X, p.Y),
        callbacks=[lambda epoch: seen.append(p.network.mean_cost(p.X, p.Y))],
        progress=False,
    )
    for ours, theirs in zip(
        p.network.weights + p.network.biases, averaged_by_hand(other, 0.6, 4), strict=True
    ):
        assert np.allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    assert history.validation_cost == pytest.approx(seen)


def test_parameters_that_a_callback_sets_restart_the_average() -> None:
    p, other = small(), small()

    def change(epoch: nn.Epoch) -> None:
        if epoch.epoch == 1:
            p.network.weights[0][0, 0] += 1

    p.network.fit(p.X, p.Y, epochs=4, batch_size=6, eta=0.5, average=0.6, callbacks=[change], progress=False)
    for parameter, average in zip(
        other.network.weights + other.network.biases, averaged_by_hand(other, 0.6, 2), strict=True
    ):
        parameter[...] = average
    other.network.weights[0][0, 0] += 1
    for ours, theirs in zip(
        p.network.weights + p.network.biases, averaged_by_hand(other, 0.6, 2), strict=True
    ):
        assert np.allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"alpha": -1}, ValueError, "alpha must be finite and 0 or more, got -1.0"),
        ({"l1": float("nan")}, ValueError, "l1 must be finite"),
        ({"l1": "much"}, TypeError, "l1 must be a number"),
        ({"clip_value": 0}, ValueError, "clip_value must be finite and above 0, got 0.0"),
        ({"clip_norm": -2}, ValueError, "clip_norm must be finite and above 0"),
        ({"clip_norm": 1, "clip_value": 1}, ValueError, "clip_value and clip_norm exclude each other"),
        ({"max_norm": 0}, ValueError, "max_norm must be finite and above 0"),
        ({"average": 1}, ValueError, "average must be below 1, got 1.0"),
        ({"average": 0}, ValueError, "average must be finite and above 0"),
    ],
)
def test_wrong_settings_are_refused(arguments: dict[str, Any], error: type, message: str) -> None:
    p = small()
    before = p.network.weights[0].copy()
    with pytest.raises(error, match=message):
        p.network.fit(p.X, p.Y, epochs=1, batch_size=6, eta=1, **arguments)
    assert np.array_equal(p.network.weights[0], before)


def test_float32_decays_where_one_step_is_lost_in_rounding() -> None:
    """Gradient and decay are added up before they meet the weight, which either alone may not move."""
    weights = {}
    for dtype in ("float32", "float64"):
        net = nn.Network([1, 1], activation=["identity"], dtype=dtype, seed=0)
        net.weights[0][...], net.biases[0][...] = 1, 0
        X, Y = np.full((1000, 1), 1.0), np.full((1000, 1), 0.99)
        for _ in range(200):  # to where the cost and the penalty pull alike
            net.fit(X, Y, epochs=1, batch_size=1, eta=1e-3, alpha=2e-3, progress=False)
        weights[dtype] = net.weights[0].item() + net.biases[0].item()
    assert weights["float32"] - 0.99 == pytest.approx(weights["float64"] - 0.99, rel=0.05)
    assert abs(weights["float64"] - 0.99) > 1e-4


def test_norms_do_not_overflow() -> None:
    """Squares of float32 overflow beyond 1.8e19, the norms themselves far beyond."""
    single, double = (
        nn.Network([3, 2], activation=["identity"], cost="absolute_error", dtype=dtype, seed=0)
        for dtype in ("float32", "float64")
    )
    for net in (single, double):
        net.weights[0][...] = [[0.5, -0.25, 1], [1, 2, 3]]
        net.biases[0][...] = 0
        net.fit(
            [[1e20, -3e19, 2e19]], [[0.0, 1.0]], epochs=1, batch_size=1, eta=0.1, clip_norm=1, progress=False
        )
    assert np.allclose(single.weights[0], double.weights[0], rtol=1e-5)
    for net in (single, double):
        net.weights[0][...] = [[1e20, -2e20, 0], [1, 0.5, 0]]
        net.fit([[0, 0, 0]], [[0, 0]], epochs=1, batch_size=1, eta=1e-3, max_norm=2, progress=False)
    assert np.allclose(single.weights[0], double.weights[0], rtol=1e-5)
    assert np.linalg.norm(single.weights[0], axis=1) == pytest.approx([2, np.hypot(1, 0.5)], rel=1e-5)
