"""`explain.shapes` against the arrays that networks hold and return."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nablanet import Network, explain


@settings(max_examples=40)
@given(sizes=st.lists(st.integers(1, 7), min_size=2, max_size=5), m=st.integers(1, 4))
def test_are_those_of_the_arrays(sizes: list[int], m: int) -> None:
    net = Network(sizes, seed=0)
    shown = explain.shapes(net)
    X = np.zeros((m, sizes[0]))
    t = net.trace(X[0], np.zeros(sizes[-1]))
    for layer in range(1, len(sizes) + 1):
        a = shown.of("a", layer)
        assert a.one == t[layer].a.shape
        assert tuple(m if n == "m" else n for n in a.rows) == net.hidden(X, layer).shape
        if layer > 1:
            assert shown.of("w", layer).one == net.weights[layer - 2].shape
            assert shown.of("b", layer).one == net.biases[layer - 2].shape
            assert shown.of("z", layer).one == t[layer].z.shape
            assert shown.of("δ", layer).one == t[layer].delta.shape
    last = shown.of("a", len(sizes)).columns
    assert tuple(m if n == "m" else n for n in last) == net.feedforward(X.T).shape
    assert len(shown.arrays) == 1 + 5 * (len(sizes) - 1)


def test_says_where_sizes_come_from() -> None:
    shown = explain.shapes(Network([2, 3, 1]))
    assert shown.of("w", 3).one == (1, 3)
    assert shown.of("w", 3).why == "to 1 neuron of layer 3 from 3 neurons of layer 2"
    text = repr(shown)
    assert "w³" in text
    assert "x has 2 numbers, as a list, with shape (2,) or with shape (2, 1), which all mean the same" in (
        " ".join(text.split())
    )
    assert "input_scale 0.5" in repr(explain.shapes(Network([2, 1], input_scale=0.5)))
    assert "<table>" in shown._repr_html_()


def test_every_way_of_passing_that_it_names_works() -> None:
    net = Network([2, 3, 4], cost="cross_entropy", seed=0)
    text = " ".join(explain.shapes(net).passing)
    assert "an integer from 0 to 3" in text
    wanted = net.backprop(np.array([[1.0], [2.0]]), np.eye(4)[:, [2]])
    for x in ([1, 2], np.array([1, 2])):
        for y in (2, np.eye(4)[2], list(np.eye(4)[2])):
            for ours, theirs in zip(net.backprop(x, y), wanted, strict=True):
                for one, other in zip(ours, theirs, strict=True):
                    np.testing.assert_array_equal(one, other)


def test_refuses() -> None:
    shown = explain.shapes(Network([2, 1]))
    with pytest.raises(ValueError, match="layers 1 to 2"):
        shown.of("w", 1)
    broken = Network([2, 1])
    broken.weights[0] = np.zeros((2, 2))
    with pytest.raises(ValueError, match="weights"):
        explain.shapes(broken)
