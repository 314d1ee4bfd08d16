"""The sum over paths against BP4, and each path against a recursion that follows the chapter's words."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nablanet import Activation, Cost, Network, explain
from nablanet.shapes import Array
from networks import HIDDEN, PAIRS, problem

Way = tuple[list[int], float]  # the neurons of a path, and its product


def test_by_hand() -> None:
    """[1, 1, 2, 1] with identities: two paths, 3·1 and 4·2, times a¹ = 5 and ∂C/∂a⁴."""
    net = Network([1, 1, 2, 1], activation="identity", output="identity")
    net.weights[0][...], net.weights[1][...], net.weights[2][...] = 1, [[3], [4]], [[1, 2]]
    for b in net.biases:
        b[...] = 0
    p = explain.paths(net, [5], [50], (2, 1, 1))
    # a⁴ = 5·(3 + 8) = 55, so ∂C/∂a⁴ = 5
    assert p.neurons.tolist() == [[1, 2, 1], [1, 1, 1]]
    assert p.rates.tolist() == [[5, 4, 2, 5], [5, 3, 1, 5]]
    assert p.products.tolist() == [200, 75]
    assert (p.total, p.bp4, p.engine, len(p)) == (275, 275, 275, 2)
    assert p.names == ("∂a²/∂w²₁₁", "∂a³/∂a²", "∂a⁴/∂a³", "∂C/∂a⁴")
    text = repr(p)
    assert "2 paths lead from w²₁₁ to C" in text
    assert "j=1 → 2 → 1" in text


def follow(net: Network, x: Array, y: Array, weight: tuple[int, int, int]) -> Iterator[Way]:
    """Each path and its product, neuron by neuron, by the definitions; ∂C/∂a·∂a/∂z taken one with another."""
    layer, j, k = weight
    zs, a = [], [x.reshape(-1) * net.input_scale]
    for w, b, f in zip(net.weights, net.biases, net.activations, strict=True):
        zs.append(w @ a[-1] + b[:, 0])
        a.append(f.function(zs[-1]))
    last, y = len(net.sizes), y.reshape(-1)
    softmax = net.activations[-1].name == "softmax"

    def slope(here: int, q: int) -> float:
        return float(net.activations[here - 2].derivative(zs[here - 2])[q])

    def ends(q: int) -> Iterator[Way]:
        """From z^L_q to C, by the derivative of the cost to z through each a^L_m."""
        out = a[-1]
        rate = net.cost_derivative(out[:, None], y[:, None])[:, 0]
        if not softmax:
            yield [], rate[q] * slope(last, q)
            return
        for m in range(len(out)):
            yield [m + 1], rate[m] * out[m] * ((m == q) - out[q])

    def onward(here: int, q: int, product: float) -> Iterator[Way]:
        """From z^here_q."""
        if here == last:
            yield from (([q + 1, *way], product * rate) for way, rate in ends(q))
            return
        for r in range(net.sizes[here]):
            step = slope(here, q) * net.weights[here - 1][r, q]
            for way, rest in onward(here + 1, r, product * step):
                yield [q + 1, *way], rest

    yield from onward(layer, j - 1, float(a[layer - 2][k - 1]))


def check(net: Network, x: Array, y: Array, weight: tuple[int, int, int]) -> None:
    p = explain.paths(net, x, y, weight)
    wanted = {tuple(way): product for way, product in follow(net, x, y, weight)}
    found = dict(zip(map(tuple, p.neurons.tolist()), p.products.tolist(), strict=True))
    assert found.keys() == wanted.keys()
    scale = max(np.abs(p.products).max(), 1e-30)
    for way, product in wanted.items():
        assert found[way] == pytest.approx(product, rel=1e-7, abs=1e-9 * scale)
    bound = 1e-12 * max(np.abs(p.products).sum(), abs(p.bp4))
    if p.softmax and not p.combined:
        # BP1 subtracts what is nearly equal where an output is nearly 1: each ∂a/∂z is rounded as 1 is
        bound += 1e-15 * np.abs(np.delete(p.rates, -2, axis=1).prod(axis=1)).sum()
    assert abs(p.total - p.bp4) <= bound
    np.testing.assert_allclose(p.products, p.rates.prod(axis=1), rtol=1e-14)
    assert (np.diff(np.abs(p.products)) <= 0).all()
    layer, j, k = weight
    nabla_w = net.backprop(x, y)[1][layer - 2][j - 1, k - 1]
    assert abs(p.total - nabla_w) <= bound + 1e-12 * abs(nabla_w)
    if p.engine is not None:
        assert abs(p.total - p.engine) <= 100 * bound + 1e-10 * abs(nabla_w)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), pair=st.sampled_from(PAIRS), hidden=st.sampled_from(HIDDEN), seed=st.integers(0, 99))
def test_the_sum_is_bp4(data: Any, pair: tuple[str, str], hidden: str, seed: int) -> None:
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=2, max_size=5))
    p = problem(sizes, hidden, *pair, m=1, seed=seed)
    layer = data.draw(st.integers(2, len(sizes)))
    j = data.draw(st.integers(1, sizes[layer - 1]))
    k = data.draw(st.integers(1, sizes[layer - 2]))
    check(p.network, p.X[0], p.Y[0], (layer, j, k))


def test_the_books_network() -> None:
    net = Network([784, 30, 10], seed=3)
    x = np.random.default_rng(0).random(784)
    p = explain.paths(net, x, 4, (2, 30, 784))
    assert len(p) == 10
    assert abs(p.total - p.bp4) <= 1e-12 * abs(p.bp4)
    assert len(explain.paths(net, x, 4, (3, 10, 30))) == 1
    assert max(map(len, repr(p).splitlines())) <= 110


def test_many_paths_are_quick() -> None:
    net = Network([3, 4, 20, 25, 20], activation="tanh", cost="cross_entropy", output="sigmoid", seed=1)
    began = time.perf_counter()
    p = explain.paths(net, [0.1, -0.3, 0.7], 3, (2, 2, 1))
    text = repr(p)
    assert time.perf_counter() - began < 1
    assert len(p) == 10_000
    assert abs(p.total - p.bp4) <= 1e-12 * np.abs(p.products).sum()
    assert "the 12 largest of 10,000" in text
    assert "The products of the other 9,988 add up to" in text


def test_refuses_more_than_the_limit() -> None:
    net = Network([2, 10, 10, 5], seed=0)
    with pytest.raises(ValueError, match=r"there are 50 paths from w²₁₂ .* limit of 49; pass limit=50"):
        explain.paths(net, [1, 2], 0, (2, 1, 2), limit=49)
    assert len(explain.paths(net, [1, 2], 0, (2, 1, 2), limit=50)) == 50
    softmax = Network([2, 10, 5], cost="cross_entropy", seed=0)
    with pytest.raises(ValueError, match="there are 25 paths"):
        explain.paths(softmax, [1, 2], 0, (2, 1, 2), limit=24)
    huge = Network([2, 1000, 1000, 1000], seed=0)
    with pytest.raises(ValueError, match="there are 1,000,000 paths"):
        explain.paths(huge, [1, 2], 0, (2, 1, 2))


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_outputs_rounded_to_0_and_1(output: str) -> None:
    """There ∂C/∂a is infinite and ∂a/∂z is 0 or nearly, but the cost has the slope a − y in z."""
    net = Network([2, 3, 2], cost="cross_entropy", output=output, seed=2)
    net.biases[1][...] = [[800], [-800]]
    x, y = np.array([0.4, 0.9]), np.array([0.0, 1.0])
    p = explain.paths(net, x, y, (2, 1, 2))
    assert p.combined
    assert np.isfinite(p.products).all()
    # δ³ = (1, −1): the outputs are 1 and 0
    t = net.trace(x, y)
    w = net.weights[1][:, 0]
    wanted = 0.9 * t[2].sigma_prime[0, 0] * (w[0] - w[1])
    assert p.total == pytest.approx(wanted, rel=1e-12)
    assert p.bp4 == pytest.approx(wanted, rel=1e-12)
    assert "stand as one rate" in repr(p)


def test_desired_outputs_that_do_not_add_up() -> None:
    net = Network([2, 3], cost="cross_entropy", seed=0)
    p = explain.paths(net, [1, 2], [0.5, 0.5, 0.00005], (2, 1, 1))
    assert abs(p.total - p.bp4) > 1e-7
    # the cost itself sides with the paths
    h, costs = 1e-5, []
    for sign in (1, -1):
        net.weights[0][0, 0] += sign * h
        costs.append(net.mean_cost([[1, 2]], [[0.5, 0.5, 0.00005]]))
        net.weights[0][0, 0] -= sign * h
    assert p.total == pytest.approx((costs[0] - costs[1]) / (2 * h), rel=1e-8)
    assert "rather than 1" in repr(p).replace("\n", " ")


def test_infinite_rates_are_told() -> None:
    mine = Activation("step up", lambda z: np.minimum(np.maximum(z, 0), 1), lambda z: (z > 0) * 1.0)
    net = Network([1, 1], output=mine, cost="cross_entropy", seed=0)
    net.weights[0][...] = 5
    p = explain.paths(net, [1], [0], (2, 1, 1))
    assert not math.isfinite(p.total)
    assert "not finite" in repr(p)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_the_user_brings(dtype: str) -> None:
    class Doubled(Network):
        def cost_derivative(self, output_activations: Array, y: Array) -> Array:
            return 2 * (output_activations - y)

    mine = Activation("mine", lambda z: z**3, lambda z: 3 * z**2)
    cost = Cost("fourth", lambda a, y: ((a - y) ** 4).sum(axis=0), lambda a, y: 4 * (a - y) ** 3)
    own = Network([2, 3, 3, 2], activation=mine, cost=cost, dtype=dtype, seed=1, input_scale=0.5)
    doubled = Doubled([2, 3, 3, 2], dtype=dtype, seed=1)
    for net in (own, doubled):
        p = explain.paths(net, [0.5, 1], [1, 0], (2, 3, 1))
        assert p.engine is None
        assert abs(p.total - p.bp4) <= 1e-12 * np.abs(p.products).sum()
        wanted = net.backprop([0.5, 1], [1, 0])[1][0][2, 0]
        assert p.total == pytest.approx(wanted, rel=1e-9 if dtype == "float64" else 1e-3)


def test_tells_a_deep_network_within_the_width() -> None:
    net = Network([2, 2, 2, 2, 2, 2, 2], cost="cross_entropy", seed=1)
    p = explain.paths(net, [1, 2], 1, (2, 1, 1))
    text = repr(p)
    assert max(map(len, text.splitlines())) <= 110
    assert "→ z 1 → a 2" in text
    assert "<table" in p._repr_html_()


@pytest.mark.parametrize(
    ("weight", "error", "message"),
    [
        ((1, 1, 1), ValueError, "layer must be from 2 to"),
        ((4, 1, 1), ValueError, "layer must be from 2 to 3, got 4"),
        ((2, 4, 1), ValueError, "j must be from 1 to 3 in layer 2, got 4"),
        ((2, 1, 3), ValueError, "k must be from 1 to 2 in layer 1, got 3"),
        ((2, 1), TypeError, r"weight must be \(l, j, k\)"),
    ],
)
def test_refusals(weight: Any, error: type[Exception], message: str) -> None:
    net = Network([2, 3, 1], seed=0)
    with pytest.raises(error, match=message):
        explain.paths(net, [1, 2], [0], weight)
    with pytest.raises(ValueError, match="limit must be at least 1"):
        explain.paths(net, [1, 2], [0], (2, 1, 1), limit=0)
