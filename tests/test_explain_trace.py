"""`Network.trace` against the chapter's own calls, the engine, finite differences and values by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nablanet
from nablanet import COSTS, Cost, Network, explain
from nablanet.activations import ACTIVATIONS
from nablanet.explain import notation
from nablanet.explain.document import Block, Explanation, Formula, Heading, Paragraph, Table, to_html, to_text


def test_by_hand() -> None:
    net = Network([1, 1, 1], activation="identity", output="identity")
    net.weights[0][...], net.biases[0][...] = 3, 1
    net.weights[1][...], net.biases[1][...] = 2, -4
    t = net.trace([2], [5])
    # z = 3*2 + 1 = 7, then 2*7 - 4 = 10; C = (10 - 5)^2 / 2
    assert t.cost == 12.5
    assert (t[2].z.item(), t[3].z.item()) == (7, 10)
    assert (t[3].delta.item(), t[2].delta.item()) == (5, 10)
    assert (t[3].nabla_w.item(), t[2].nabla_w.item()) == (35, 20)
    assert (t[1].a.item(), t[1].z.size) == (2, 0)


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    activation=st.sampled_from(sorted(set(ACTIVATIONS) - {"softmax", "exp"})),  # exp of exp overflows
    seed=st.integers(0, 1000),
)
def test_agrees_with_backprop_and_the_engine(sizes: list[int], activation: str, seed: int) -> None:
    net = Network(sizes, activation=activation, output="identity", init="scaled", seed=seed)
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=sizes[0]), rng.normal(size=sizes[-1])
    t = net.trace(x, y)
    nabla_b, nabla_w = net.backprop(x, y)
    found = net.gradient(x[np.newaxis], y[np.newaxis])
    assert len(t.layers) == len(sizes)
    for l in range(2, len(sizes) + 1):  # noqa: E741 - the book's layer index
        np.testing.assert_array_equal(t[l].nabla_b, nabla_b[l - 2])
        np.testing.assert_array_equal(t[l].nabla_w, nabla_w[l - 2])
        np.testing.assert_allclose(t[l].nabla_w, found.nabla_w[l - 2], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(t[l].a, net.hidden(x[np.newaxis], l).T, rtol=1e-10, atol=1e-12)
    assert t.cost == pytest.approx(net.mean_cost(x[np.newaxis], y[np.newaxis]), rel=1e-10)


@pytest.mark.parametrize("cost", sorted(COSTS))
def test_delta_is_the_rate_of_the_cost(cost: str) -> None:
    """δ^l_j = ∂C/∂z^l_j, which is ∂C/∂b^l_j, by central differences."""
    net = Network([3, 4, 2], cost=cost, seed=4)
    x, y = [0.3, -0.8, 0.5], [1.0, 0.0]
    t = net.trace(x, y)
    h = 1e-6
    for l, b in enumerate(net.biases, 2):  # noqa: E741
        for j in range(len(b)):
            costs = []
            for sign in (1, -1):
                b[j] += sign * h
                costs.append(net.mean_cost([x], [y]))
                b[j] -= sign * h
            delta = t[l].delta
            assert delta[j, 0] == pytest.approx((costs[0] - costs[1]) / (2 * h), rel=1e-6, abs=1e-9)


def test_softmax_has_a_matrix_for_a_slope() -> None:
    net = Network([2, 3], cost="cross_entropy", seed=1)
    t = net.trace([1, 2], 0)
    a = t[2].a[:, 0]
    wanted = [[a[i] * ((i == j) - a[j]) for j in range(3)] for i in range(3)]
    np.testing.assert_allclose(t[2].sigma_prime, wanted, rtol=1e-14)


def test_uses_an_overridden_cost_derivative_and_the_input_scale() -> None:
    class Doubled(Network):
        def cost_derivative(self, output_activations, y):  # type: ignore[no-untyped-def]
            return 2 * (output_activations - y)

    plain, doubled = Network([2, 2], seed=3, input_scale=0.5), Doubled([2, 2], seed=3, input_scale=0.5)
    one, two = plain.trace([4, 2], [1, 0]), doubled.trace([4, 2], [1, 0])
    np.testing.assert_allclose(two[2].delta, 2 * one[2].delta)
    np.testing.assert_array_equal(one[1].a, [[2], [1]])
    np.testing.assert_array_equal(one.x, [[4], [2]])


def test_own_cost_in_float32() -> None:
    cost = Cost("mine", lambda a, y: ((a - y) ** 4).sum(axis=0), lambda a, y: 4 * (a - y) ** 3)
    t = Network([2, 3, 1], cost=cost, dtype="float32", seed=0).trace([1, 2], [0])
    assert all(layer.a.dtype == np.float32 for layer in t.layers)
    assert t.cost_name == "mine"


def test_is_a_copy() -> None:
    net = Network([2, 1], seed=0)
    t = net.trace([1, 1], [1])
    before = t[2].w.copy()
    net.weights[0] += 1
    np.testing.assert_array_equal(t[2].w, before)


def test_refuses_layers_that_are_not_there() -> None:
    t = Network([2, 1], seed=0).trace([1, 1], [1])
    with pytest.raises(IndexError, match="layers 1 to 2, got 3"):
        t[3]
    with pytest.raises(IndexError, match="layers 1 to 2, got 0"):
        t[0]
    with pytest.raises(ValueError, match="x"):
        Network([2, 1]).trace([1, 1, 1], [1])


def test_tells_itself() -> None:
    net = Network([20, 30, 3], cost="cross_entropy", seed=0)
    text = repr(net.trace(np.arange(20) / 20, 1))
    assert "Layer 2: 30 neurons, sigmoid; the 12 with the largest |δ|" in text
    assert max(map(len, text.splitlines())) <= 110
    html = net.trace(np.arange(20) / 20, 1)._repr_html_()
    assert html.count("<svg") == 1
    assert html.count("<math") >= 8  # each equation in symbols and in numbers
    assert "softmax" in net.trace(np.arange(20) / 20, 1)._repr_html_()


def test_notation() -> None:
    assert notation.rate("C", notation.symbol("w", 3, 2, 1)) == "∂C/∂w³₂₁"
    assert notation.symbol("w", 12, 2, 11) == "w¹²₂,₁₁"
    assert notation.number(-0.00001234567) == "−1.2346·10⁻⁵"
    assert notation.number(1234.5) == "1234.5"
    assert notation.number(0.0) == notation.number(-0.0) == "0"


def test_blocks_become_text_and_html() -> None:
    blocks: list[Block] = [
        Heading("A <b>"),
        Paragraph("word " * 40),
        Formula("a = b", "<mi>a</mi>"),
        Table(("n", "what"), (("1", "<one>"), ("20", "two")), "Caption", text=("what",)),
    ]
    text = to_text(blocks)
    assert " n  what\n 1  <one>\n20  two" in text
    assert max(map(len, text.splitlines())) <= 110
    html = to_html(blocks)
    assert "&lt;one&gt;" in html
    assert "<one>" not in html
    assert "A &lt;b&gt;" in html
    with pytest.raises(ValueError, match="2 columns got a row of 1"):
        Table(("a", "b"), (("1",),))
    with pytest.raises(NotImplementedError):
        Explanation().blocks()


def test_explain_names() -> None:
    assert all(hasattr(explain, name) for name in explain.__all__)
    assert isinstance(nablanet.Network([1, 1]).trace([0], [0]), explain.Trace)


def test_tells_of_an_own_backprop() -> None:
    class Doubled(Network):
        def backprop(self, x, y):  # type: ignore[no-untyped-def]
            nabla_b, nabla_w = super().backprop(x, y)
            return [2 * b for b in nabla_b], [2 * w for w in nabla_w]

    net = Doubled([2, 3, 1], seed=0)
    assert "a backprop of its own" in repr(net.trace([1, 2], [1]))
    assert "a backprop of its own" in explain.page(net, [1, 2], [1])
    assert "a backprop of its own" not in repr(Network([2, 3, 1], seed=0).trace([1, 2], [1]))


def test_shows_the_neuron_that_is_asked_for() -> None:
    net = Network([5, 40, 3], seed=0)
    x, y = [1, 0, 1, 0, 1], 2
    weakest = int(np.argmin(np.abs(net.trace(x, y)[2].delta[:, 0]))) + 1
    html = explain.page(net, x, y, layer=2, neuron=weakest)
    assert f"neuron {weakest} and others with the largest |δ|" in html
    assert f">{weakest}<" in html
