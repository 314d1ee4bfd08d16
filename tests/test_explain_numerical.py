"""Numerical and analytic derivatives against values by hand, the complex step, and counted passes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nablanet import Activation, Cost, Network, explain
from nablanet.explain import differences
from nablanet.explain.numerical import DerivativeComparison
from nablanet.shapes import Array
from networks import HIDDEN, PAIRS, problem


def flat(d: DerivativeComparison) -> str:
    return " ".join(repr(d).split())


def test_by_hand() -> None:
    net = Network([1, 1], activation="identity", output="identity")
    net.weights[0][...], net.biases[0][...] = 3, 0
    d = explain.compare_derivatives(net, [2], [5])
    # a = 6, C = (a − 5)²/2 = (2w − 5)²/2, so ∂C/∂a = 1 and ∂C/∂w = 2
    assert (d.a.item(), d.analytic.item(), d.weight, d.weight_analytic) == (6, 1, (2, 1, 1), 2)
    assert d.numerical.item() == pytest.approx(1, rel=1e-10)
    # (C(w + h) − C(w)) / h = 2 + 2h, and a parabola has no error in the middle
    np.testing.assert_allclose(d.forward_error[:5], 2 * d.steps[:5], rtol=1e-4)
    assert d.central_error[0] < 1e-13
    text = flat(d)
    assert "? No." in text
    assert "output_activations − y is no change of the cost" in text
    assert "∂C/∂w²₁₁ = 2 by BP4" in text


def complex_step(net: Network, x: Array, y: Array, weight: tuple[int, int, int]) -> float:
    """Im C(w + ih) / h, which has no difference to round (Squire & Trapp 1998)."""
    layer, j, k = weight
    a = np.asarray(x, complex).reshape(-1, 1)
    for l, (w, b) in enumerate(zip(net.weights, net.biases, strict=True), 2):  # noqa: E741
        changed = w.astype(complex)
        if l == layer:
            changed[j - 1, k - 1] += 1e-30j
        a = 1 / (1 + np.exp(-(changed @ a + b)))
    cost = ((a - np.reshape(y, (-1, 1))) ** 2).sum() / 2
    return float(cost.imag / 1e-30)


@pytest.mark.parametrize("weight", [(2, 4, 1), (3, 2, 3), None])
def test_errors_are_those_against_the_complex_step(weight: tuple[int, int, int] | None) -> None:
    net = Network([3, 4, 2], seed=4)
    x, y = np.array([0.3, -0.8, 0.5]), np.array([1.0, 0.0])
    d = explain.compare_derivatives(net, x, y, weight=weight)
    truth = complex_step(net, x, y, d.weight)
    assert d.weight_analytic == pytest.approx(truth, rel=1e-13)
    np.testing.assert_allclose(d.forward_error, np.abs(d.forward - truth), atol=1e-15)
    np.testing.assert_allclose(d.central_error, np.abs(d.central - truth), atol=1e-15)
    for errors, low in ((d.forward_error, 1e-8), (d.central_error, 1e-10)):
        # a V: high at both ends
        assert errors.min() < low
        assert errors[0] > 10 * errors.min()
        assert errors[-1] > 10 * errors.min()


def test_the_weight_is_by_default_that_with_the_largest_derivative() -> None:
    net = Network([3, 4, 2], seed=4)
    d = explain.compare_derivatives(net, [1, 2, 3], [1, 0])
    nabla_w = net.backprop([1, 2, 3], [1, 0])[1]
    assert abs(d.weight_analytic) == pytest.approx(max(np.abs(g).max() for g in nabla_w), rel=1e-13)
    layer, j, k = d.weight
    assert d.weight_analytic == pytest.approx(nabla_w[layer - 2][j - 1, k - 1], rel=1e-13)


@settings(max_examples=40, deadline=None)
@given(pair=st.sampled_from(PAIRS), hidden=st.sampled_from(HIDDEN), seed=st.integers(0, 99))
def test_any_cost_and_output(pair: tuple[str, str], hidden: str, seed: int) -> None:
    p = problem([3, 4, 2], hidden, *pair, m=1, seed=seed)
    p.X += 0.01
    d = explain.compare_derivatives(p.network, p.X[0], p.Y[0])
    kink = np.abs(d.a - d.y) < 2 * d.output_steps
    usable = np.isfinite(d.numerical) & ~kink & (np.abs(d.analytic) < 1e3)
    np.testing.assert_allclose(d.numerical[usable], d.analytic[usable], rtol=1e-4, atol=1e-7)
    scale = max(1, abs(d.weight_analytic), abs(d.cost))
    assert np.nanmin(d.central_error) < 1e-6 * scale
    assert "nan" not in repr(d)


def counted(sizes: list[int]) -> tuple[int, int]:
    """Products of two numbers in a forward and in a backward pass, written as loops."""
    forward = backward = 0
    for layer in range(1, len(sizes)):
        for _ in range(sizes[layer]):
            forward += sum(1 for _ in range(sizes[layer - 1]))  # w a
            backward += sum(1 for _ in range(sizes[layer - 1]))  # BP4
    for layer in range(1, len(sizes) - 1):
        for _ in range(sizes[layer]):
            backward += sum(1 for _ in range(sizes[layer + 1]))  # BP2
    return forward, backward


@pytest.mark.parametrize("sizes", [[4, 2], [2, 3, 1], [5, 4, 3, 2]])
def test_the_price_is_counted(sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differences, "_SECONDS", np.inf)
    passes = []

    def counting(z: Array) -> Array:
        passes.append(1)
        return np.tanh(z)

    activation = Activation("counts", counting, lambda z: 1 - np.tanh(z) ** 2)
    net = Network(sizes, output=activation, seed=0)
    d = explain.compare_derivatives(net, np.ones(sizes[0]), np.zeros(sizes[-1]))
    assert (d.forward_multiply_adds, d.backward_multiply_adds) == counted(sizes)
    assert d.parameters == sum(a.size for a in (*net.weights, *net.biases))
    assert d.passes_run == d.parameters + 1
    assert not d.extrapolated
    # beside the P + 1 passes: the trace, 12 steps up and down, and backpropagation
    assert len(passes) == d.passes_run + 1 + 24 + 9
    assert f"All {d.passes_run} forward passes" in flat(d)
    assert 0 < d.forward_seconds <= d.difference_seconds


def test_a_large_network_is_extrapolated() -> None:
    net = Network([784, 30, 10], cost="cross_entropy", seed=0)
    x = np.random.default_rng(0).random(784)
    d = explain.compare_derivatives(net, x, 3)
    assert d.parameters == 23860
    assert d.extrapolated
    assert d.difference_seconds == pytest.approx(23861 * d.forward_seconds)
    assert (
        f"{d.passes_run:,} of the 23,861 forward passes were run, and the time of all extrapolated" in flat(d)
    )
    assert max(map(len, repr(d).splitlines())) <= 110
    assert "<svg" in d._repr_html_()
    assert "output_activations − y is δ of the last layer" in flat(d)


def test_the_network_stays() -> None:
    net = Network([3, 4, 2], seed=4)
    before = [a.copy() for a in (*net.weights, *net.biases)]
    explain.compare_derivatives(net, [1, 2, 3], [1, 0])
    assert all(np.array_equal(a, b) for a, b in zip((*net.weights, *net.biases), before, strict=True))


def test_an_output_rounded_to_1() -> None:
    net = Network([1, 2], cost="cross_entropy", output="sigmoid", seed=0)
    net.biases[0][...] = [[800], [0]]
    d = explain.compare_derivatives(net, [1], [0, 1])
    # C has the term −ln(1 − a), which is infinite at a = 1; as a function of z it is not
    assert np.isinf(d.analytic[0])
    assert d.analytic[1] == pytest.approx(-1 / d.a[1])
    assert np.isnan(d.numerical).all()
    assert "For 2 of the outputs there is no numerical derivative" in flat(d)
    assert d.weight_analytic == pytest.approx(1)
    assert "nan" not in repr(d)


def test_steps_stay_where_the_cost_has_a_value() -> None:
    net = Network([1, 1], cost="cross_entropy", seed=0)
    net.weights[0][...], net.biases[0][...] = 0, np.log(1e-7)
    d = explain.compare_derivatives(net, [1], [1])
    # a is about 10⁻⁷, where C = −ln a has the slope −1/a
    assert d.output_steps[0] == 1e-8
    assert d.numerical[0] == pytest.approx(-1e7, rel=1e-2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_the_user_brings(dtype: str) -> None:
    cost = Cost("fourth", lambda a, y: ((a - y) ** 4).sum(axis=0), lambda a, y: 4 * (a - y) ** 3)
    net = Network([2, 3, 2], output="identity", cost=cost, dtype=dtype, seed=1, input_scale=0.5)
    d = explain.compare_derivatives(net, [0.5, 1], [1, 0])
    np.testing.assert_allclose(d.numerical, d.analytic, rtol=1e-7)
    assert d.central_error.min() < 1e-8
    assert "the cost here is fourth, with a derivative of its own" in flat(d)


def test_a_cost_derivative_that_is_not_that_of_the_cost() -> None:
    class Divided(Network):
        def cost_derivative(self, output_activations: Array, y: Array) -> Array:
            return (output_activations - y) / 0.1

    d = explain.compare_derivatives(Divided([2, 2], seed=3), [4, 2], [1, 0])
    np.testing.assert_allclose(d.numerical, 0.1 * d.analytic, rtol=1e-6)
    assert "has a cost_derivative of its own" in flat(d)


@pytest.mark.parametrize(
    ("weight", "error", "message"),
    [
        ((1, 1, 1), ValueError, "layer must be from 2 to"),
        ((2, 4, 1), ValueError, "j must be from 1 to 3 in layer 2"),
        ("w", TypeError, r"weight must be \(l, j, k\)"),
    ],
)
def test_refusals(weight: Any, error: type[Exception], message: str) -> None:
    net = Network([2, 3, 1], seed=0)
    with pytest.raises(error, match=message):
        explain.compare_derivatives(net, [1, 2], [0], weight=weight)
    with pytest.raises(ValueError, match="x must have 2 numbers"):
        explain.compare_derivatives(net, [1], [0])
