"""`explain.derive`: SymPy's own derivatives against the implementation and central differences."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nablanet import Cost, Network, cross_entropy, explain, huber
from networks import HIDDEN
from test_explain_equations import assert_well_formed

sympy = pytest.importorskip("sympy")


def assert_holds(d: explain.Derivation) -> None:
    assert d.holds
    scale = np.abs(d.symbolic).max()
    np.testing.assert_allclose(d.symbolic, d.implemented, rtol=1e-9, atol=1e-12 * scale)
    n = sum((n_in + 1) * n_out for n_in, n_out in zip(d.sizes[:-1], d.sizes[1:], strict=True))
    assert len(d.parameters) == len(d.symbolic) == n
    checked = {step.name: step.checked for step in d.steps}
    assert checked["BP1"] == d.sizes[-1]
    assert checked["BP2"] == sum(d.sizes[1:-1])
    assert checked["BP3"] == sum(d.sizes[1:])
    assert checked["BP3"] + checked["BP4"] == n
    assert_well_formed(d)


def test_by_default() -> None:
    d = explain.derive()
    assert_holds(d)
    assert d.sizes == (1, 2, 1)
    steps = {step.name: step for step in d.steps}
    assert [formula.text for formula in steps["BP2"].formulas][1] == (
        "δ²₁ = w³₁₁ · (a³₁ − y₁) · σ′(z²₁) · σ′(z³₁)\n    = w³₁₁ · δ³₁ · σ′(z²₁)"
    )
    assert steps["δᴸ of the quadratic cost"].formulas[-1].text == "δᴸⱼ = (aᴸⱼ − yⱼ) · σ′(zᴸⱼ)"
    assert steps["δᴸ of cross-entropy with the sigmoid"].formulas[-1].text.endswith("= aᴸⱼ − yⱼ")
    assert d.parameters == ("b²₁", "b²₂", "b³₁", "w²₁₁", "w²₂₁", "w³₁₁", "w³₁₂")


def test_the_numbers_are_rates_of_the_cost() -> None:
    d = explain.derive([2, 2, 2], activation="tanh", cost="cross_entropy", seed=7)
    net = Network([2, 2, 2], activation="tanh", cost="cross_entropy", seed=7)
    h, found = 1e-6, []
    for parameter in net.biases + net.weights:
        for place in np.ndindex(parameter.shape):
            costs = []
            for sign in (1, -1):
                parameter[place] += sign * h
                costs.append(net.mean_cost(d.x[np.newaxis], d.y[np.newaxis]))
                parameter[place] -= sign * h
            found.append((costs[0] - costs[1]) / (2 * h))
    np.testing.assert_allclose(d.symbolic, found, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("activation", HIDDEN)
def test_every_activation(activation: str) -> None:
    assert_holds(explain.derive([2, 2, 1], activation=activation, seed=1))


@pytest.mark.parametrize("cost", ["quadratic", "cross_entropy", "poisson"])
@pytest.mark.parametrize("sizes", [[2, 1], [1, 2, 2], [1, 1, 2, 1]])
def test_every_cost(cost: str, sizes: list[int]) -> None:
    assert_holds(explain.derive(sizes, cost=cost, seed=2))


def test_softmax_and_label_smoothing() -> None:
    d = explain.derive([1, 2, 3], cost="cross_entropy")
    step = d.steps[-1]
    assert step.name == "δᴸ of cross-entropy with softmax"
    assert step.formulas[0].text.endswith("= a³₁ − y₁")
    assert step.checked == 3
    smoothed = explain.derive([2, 2], cost=cross_entropy(0.25))
    assert_holds(smoothed)
    assert smoothed.steps[-1].name != step.name
    assert_holds(explain.derive([2, 3], activation="softmax"))


@settings(max_examples=12, deadline=None)
@given(sizes=st.lists(st.integers(1, 3), min_size=2, max_size=4), seed=st.integers(0, 99))
def test_any_small_shape(sizes: list[int], seed: int) -> None:
    assert_holds(explain.derive(sizes, seed=seed))


def test_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"make 23,860 weights and biases.*the most is 40"):
        explain.derive([784, 30, 10])
    with pytest.raises(ValueError, match="without kinks, quadratic, cross_entropy or poisson, got 'huber'"):
        explain.derive(cost=huber())
    with pytest.raises(TypeError, match="one of the package's own"):
        explain.derive(cost=Cost("mine", lambda a, y: a.sum(axis=0), lambda a, y: 0 * a))
    with pytest.raises(TypeError, match="activation must be a name"):
        explain.derive(activation=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no activation 'tan'"):
        explain.derive(activation="tan")
    with pytest.raises(TypeError, match="sizes must be"):
        explain.derive(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="with seed 2 overflows"):
        explain.derive([4, 3, 2, 2, 1], activation="exp", seed=2)
    with pytest.raises(TypeError, match="seed must be an integer"):
        explain.derive(seed=None)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "sympy", None)
    with pytest.raises(ImportError, match=r"pip install nablanet\[explain\]"):
        explain.derive()
