"""The demon against the engine with a bias changed, which adds the same Δz, and values by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nablanet import Activation, Cost, Network, explain
from nablanet.explain.document import Figure
from networks import HIDDEN, PAIRS, problem


def line() -> Network:
    """z² = 3·2 + 1 = 7, a³ = 2·7 − 4 = 10, and C = (10 − 5)²/2 for x = 2 and y = 5."""
    net = Network([1, 1, 1], activation="identity", output="identity")
    net.weights[0][...], net.biases[0][...] = 3, 1
    net.weights[1][...], net.biases[1][...] = 2, -4
    return net


def test_by_hand() -> None:
    d = explain.demon(line(), [2], [5], 2, 1, [-1, 0.5])
    # C = (5 + 2 Δz)²/2, so its change is 10 Δz + 2 Δz²
    assert (d.z, d.delta, d.cost) == (7, 10, 12.5)
    np.testing.assert_allclose(d.change, [-8, 5.5])
    np.testing.assert_allclose(d.first_order, [-10, 5])
    np.testing.assert_allclose(d.relative_error, [0.2, 0.1])
    # the relative error is |Δz|/5
    np.testing.assert_allclose(d.within_1_percent, [-0.05, 0.05], rtol=0.03)
    np.testing.assert_allclose(d.within_10_percent, [-0.5, 0.5], rtol=0.03)
    assert (d.error_up > 0).all()
    np.testing.assert_allclose(d.curve[1], 10 * d.curve[0] + 2 * d.curve[0] ** 2, atol=1e-12)
    text = repr(d)
    assert "z²₁ = 7" in text
    assert "lowers the cost by making z smaller (Δz < 0)" in text
    assert "Δz = −1 lowers the cost the most, by 8" in text


def test_the_last_layer_by_hand() -> None:
    d = explain.demon(line(), [2], [15], 3, 1, 1)
    # C = (Δz − 5)²/2
    assert (d.z, d.delta) == (10, -5)
    np.testing.assert_allclose(d.change, [-4.5])
    assert "making z larger (Δz > 0)" in repr(d)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), pair=st.sampled_from(PAIRS), hidden=st.sampled_from(HIDDEN), seed=st.integers(0, 99))
def test_a_changed_bias_does_the_same(data: Any, pair: tuple[str, str], hidden: str, seed: int) -> None:
    sizes = data.draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
    p = problem(sizes, hidden, *pair, m=1, seed=seed)
    layer = data.draw(st.integers(2, len(sizes)))
    neuron = data.draw(st.integers(1, sizes[layer - 1]))
    dz = data.draw(st.sampled_from([-0.7, 0.01, 2.0]))
    d = explain.demon(p.network, p.X[0], p.Y[0], layer, neuron, dz)
    before = p.network.mean_cost(p.X, p.Y)
    assert d.cost == pytest.approx(before, rel=1e-9, abs=1e-12)
    assert d.delta == pytest.approx(
        p.network.gradient(p.X, p.Y).nabla_b[layer - 2][neuron - 1, 0], rel=1e-9, abs=1e-12
    )
    p.network.biases[layer - 2][neuron - 1] += dz
    assert d.change[0] == pytest.approx(p.network.mean_cost(p.X, p.Y) - before, rel=1e-8, abs=1e-11)


def test_first_order_ends_at_a_kink() -> None:
    net = Network([1, 1, 1], activation="relu", output="identity", cost="absolute_error")
    net.weights[0][...], net.biases[0][...] = 1, 0
    net.weights[1][...], net.biases[1][...] = 1, 0
    d = explain.demon(net, [2], [-1], 2, 1)
    # C = max(2 + Δz, 0) + 1: straight down to Δz = −2
    np.testing.assert_allclose(d.within_1_percent, [-2, 10], rtol=0.03)
    np.testing.assert_allclose(d.change, np.maximum(d.dz, -2), atol=1e-12)
    assert "Beyond, the cost bends away" in repr(d)


def test_a_straight_line_has_no_end() -> None:
    net = Network([1, 1], activation="identity", cost="absolute_error")
    net.weights[0][...], net.biases[0][...] = 1, 0
    assert "first order does not end" in repr(explain.demon(net, [20], [0], 2, 1)).replace("\n", " ")


def test_a_dead_neuron() -> None:
    net = Network([1, 1, 1], activation="relu", output="identity")
    net.weights[0][...], net.biases[0][...] = 1, -3
    net.weights[1][...], net.biases[1][...] = 1, 0
    d = explain.demon(net, [1], [2], 2, 1)
    assert d.delta == 0
    assert d.change[-1] == pytest.approx((8 - 2) ** 2 / 2 - 2)
    text = repr(d)
    assert "δ is 0" in text
    assert "nan" not in text


def test_a_saturated_neuron_whose_error_drowns() -> None:
    net = Network([1, 1, 1])
    net.weights[0][...], net.biases[0][...] = 0, 60
    net.weights[1][...], net.biases[1][...] = 1, 0
    text = repr(explain.demon(net, [1], [0], 2, 1))
    assert "too little to be seen beside the rounding of the cost" in text
    assert "%" not in text


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_the_user_brings(dtype: str) -> None:
    mine = Activation("mine", lambda z: z**3, lambda z: 3 * z**2)
    cost = Cost("fourth", lambda a, y: ((a - y) ** 4).sum(axis=0), lambda a, y: 4 * (a - y) ** 3)
    net = Network([2, 3, 2], activation=mine, output="identity", cost=cost, dtype=dtype, seed=1)
    d = explain.demon(net, [0.5, 1], [1, 0], 2, 3)
    # what is first order goes with Δz, the rest with Δz²
    np.testing.assert_allclose(d.relative_error[d.dz == 1e-4], 0, atol=2e-3)
    assert d.relative_error[d.dz == 1e-3] == pytest.approx(10 * d.relative_error[d.dz == 1e-4], rel=0.1)


def test_a_cost_derivative_that_is_not_that_of_the_cost() -> None:
    class Doubled(Network):
        def cost_derivative(self, output_activations, y):  # type: ignore[no-untyped-def]
            return 2 * (output_activations - y)

    d = explain.demon(Doubled([2, 2], seed=3), [4, 2], [1, 0], 2, 1)
    assert d.relative_error[d.dz == 1e-4] == pytest.approx(0.5, abs=1e-3)
    assert d.within_10_percent == (0, 0)
    assert "cost_derivative of its own, which is not that of its cost" in repr(d).replace("\n", " ")


def test_changes_that_overflow() -> None:
    net = Network([2, 2], cost="poisson", seed=0)
    d = explain.demon(net, [1, 1], [1, 0], 2, 1, [1.0, 1000.0])
    assert np.isfinite(d.change).tolist() == [True, False]
    assert all("nan" not in b.svg for b in d.blocks() if isinstance(b, Figure))


def test_a_cost_that_is_not_finite() -> None:
    net = Network([2, 2], cost="poisson", seed=0)
    net.biases[0][...] = 1000
    text = " ".join(repr(explain.demon(net, [1, 1], [1, 0], 2, 1)).split())
    assert "The cost is not finite" in text
    assert "nan" not in text


def test_scaled_inputs_and_the_network_stays() -> None:
    net = Network([2, 3, 2], seed=5, input_scale=0.5)
    before = [w.copy() for w in net.weights]
    d = explain.demon(net, [4, 2], 1, 2, 1)
    assert d.z == pytest.approx(net.trace([4, 2], 1)[2].z[0, 0], rel=1e-12)
    assert all(np.array_equal(a, b) for a, b in zip(net.weights, before, strict=True))
    assert net.input_scale == 0.5


def test_tells_itself() -> None:
    d = explain.demon(Network([784, 30, 10], cost="cross_entropy", seed=0), np.full(784, 0.1), 3, 2, 7)
    assert max(map(len, repr(d).splitlines())) <= 110
    assert d._repr_html_().count("<svg") == 2


@pytest.mark.parametrize(
    ("layer", "neuron", "dz", "error", "message"),
    [
        (1, 1, None, ValueError, "got 1, the input layer, which has no weighted input"),
        (0, 1, None, ValueError, "layer must be from 2 to 3, got 0"),
        (4, 1, None, ValueError, "layer must be from 2 to 3, got 4"),
        (True, 1, None, TypeError, "layer must be an integer"),
        (2, 4, None, ValueError, "neuron must be from 1 to 3 in layer 2, got 4"),
        (2, 1, 0, ValueError, "dz must not be 0"),
        (2, 1, [], ValueError, "dz must be a number or a list of numbers"),
        (2, 1, [[1]], ValueError, "dz must be a number or a list of numbers"),
        (2, 1, [np.nan], ValueError, "dz must be finite"),
        (2, 1, "big", TypeError, "dz must hold real numbers"),
    ],
)
def test_refusals(layer: Any, neuron: int, dz: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        explain.demon(Network([2, 3, 1], seed=0), [1, 2], [0], layer, neuron, dz)


def test_refuses_a_sample_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="x must have 2 numbers"):
        explain.demon(Network([2, 3, 1], seed=0), [1, 2, 3], [0], 2, 1)


@pytest.mark.parametrize("dz", [1e308, 1e-310, [1e-200, 1e200]])
def test_refuses_sizes_that_no_one_can_tell_apart(dz: float | list[float]) -> None:
    with pytest.raises(ValueError, match="dz must be from 1e-12 to 1e"):
        explain.demon(Network([2, 3, 1], seed=0), [1, 2], [1], 2, 1, dz=dz)
