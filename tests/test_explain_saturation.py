"""`explain.saturation` finds what is wrong on purpose, by the right equation, and nothing else."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import sparse
from sklearn.datasets import load_digits

import nablanet as nn
from nablanet import Network, explain
from nablanet.explain import Finding, Saturation
from nablanet.explain.saturation import ROWS
from nablanet.explain.slopes import steepness
from nablanet.shapes import Array
from networks import Problem, problem, problems

RNG = np.random.default_rng(0)


def kinds(found: Saturation) -> list[tuple[int, str, str]]:
    return [(f.layer, f.kind, f.equation) for f in found.findings]


def the(found: Saturation, kind: str) -> Finding:
    (one,) = [f for f in found.findings if f.kind == kind]
    assert one.equation in one.text
    assert "try" in one.text
    assert one.text.endswith(".")
    return one


@pytest.mark.parametrize(
    ("name", "largest", "one_sided"),
    [
        ("sigmoid", 0.25, False),
        ("tanh", 1, False),
        ("relu", 1, True),
        ("leaky_relu", 1, True),
        ("elu", 1, True),
        ("softplus", 1, True),
        ("identity", 1, False),
        ("exp", None, False),
        ("softmax", 0.25, False),
    ],
)
def test_steepness_of_the_activations(name: str, largest: float | None, one_sided: bool) -> None:
    found = steepness(nn.ACTIVATIONS[name], 1)
    assert found.one_sided == one_sided
    if largest is None:
        assert found.largest is None
    else:
        assert found.largest == pytest.approx(largest, rel=1e-4)


def test_shares_by_hand() -> None:
    net = Network([1, 2, 1], seed=0)
    net.weights[0][...], net.biases[0][...] = [[1], [0]], [[0], [9]]
    found = explain.saturation(net, [[-5], [-4], [4], [5]]).layers[0]
    # σ′(z) < 0.05/4 where |z| > 4.357: half the samples of neuron 1, and all of neuron 2 (z = 9)
    assert found.saturated == 0.75
    assert found.always == (2,)
    assert found.dead == ()
    assert found.input_rms == pytest.approx(np.sqrt((25 + 16 + 16 + 25) / 4))
    assert found.weight_norm == 1


def test_saturated_hidden_layer() -> None:
    net = Network([3, 4, 2], init="scaled", output="identity", seed=0)
    X = RNG.normal(size=(60, 3))
    assert kinds(explain.saturation(net, X)) == []
    net.weights[0] *= 100
    found = explain.saturation(net, X)
    assert kinds(found) == [(2, "saturated", "BP2")]
    assert "σ′(z²)" in the(found, "saturated").text
    assert "init='scaled'" in the(found, "saturated").text


def test_dead_relu() -> None:
    net = Network([3, 4, 2], activation="relu", init="he", seed=0)
    X = RNG.normal(size=(60, 3))
    net.biases[0][1] = -100
    found = explain.saturation(net, X)
    assert found.layers[0].dead == (2,)
    assert kinds(found) == [(2, "dead", "BP2")]
    assert the(found, "dead").value == 0.25
    assert "1 of 4 neurons (2) is dead in layer 2 (relu)" in the(found, "dead").text


def test_an_activation_of_ones_own_is_judged_by_its_slope() -> None:
    twice = nn.Activation("twice", lambda z: 2 * np.tanh(z), lambda z: 2 / np.cosh(z) ** 2)
    net = Network([2, 3, 1], activation=twice, output="identity", seed=0)
    X = RNG.normal(size=(20, 2))
    assert explain.saturation(net, X).layers[0].largest_slope == pytest.approx(2)
    net.biases[0][...] = 50
    assert kinds(explain.saturation(net, X)) == [(2, "saturated", "BP2")]


def wrong_outputs(cost: str, output: str) -> Saturation:
    net = Network([2, 2], cost=cost, output=output, init="xavier", seed=0)
    net.biases[0][...] = [[8], [-8]]
    X = RNG.normal(size=(30, 2))
    return explain.saturation(net, X, np.tile([0.0, 1.0], (30, 1)))


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_saturated_outputs_are_slow_with_the_quadratic_cost_alone(output: str) -> None:
    found = wrong_outputs("quadratic", output)
    assert kinds(found) == [(2, "saturated outputs", "BP1")]
    assert the(found, "saturated outputs").value == 1
    assert "cost='cross_entropy'" in the(found, "saturated outputs").text
    assert kinds(wrong_outputs("cross_entropy", output)) == []


def test_saturated_outputs_that_are_right_are_no_fault() -> None:
    net = Network([2, 2], init="xavier", seed=0)
    net.biases[0][...] = [[8], [-8]]
    found = explain.saturation(net, RNG.normal(size=(30, 2)), np.tile([1.0, 0.0], (30, 1)))
    assert found.layers[0].saturated == 1
    assert found.layers[0].saturated_wrong == 0
    assert kinds(found) == []


def test_an_even_softmax_of_many_classes_is_not_saturated() -> None:
    net = Network([2, 500], cost="cross_entropy", init="xavier", seed=0)
    assert explain.saturation(net, RNG.normal(size=(30, 2))).layers[0].saturated == 0


def test_vanishing_and_exploding() -> None:
    X, Y = RNG.normal(size=(40, 5)), RNG.normal(size=(40, 2))
    net = Network([5, 5, 5, 5, 2], activation="tanh", output="identity", init="xavier", seed=0)
    assert kinds(explain.saturation(net, X, Y)) == []
    for w in net.weights[1:]:
        w *= 0.1
    found = explain.saturation(net, X, Y)
    assert (2, "vanishing", "BP2") in kinds(found)
    assert "δ⁵" in the(found, "vanishing").text

    linear = Network([5, 5, 5, 5, 2], activation="identity", init="xavier", seed=0)
    for w in linear.weights[1:]:
        w *= 10
    assert (2, "exploding", "BP2") in kinds(explain.saturation(linear, X, Y))


@pytest.mark.parametrize(
    ("X", "kind"),
    [
        (RNG.normal(size=(50, 4)) * 1e-3, "small inputs"),
        (RNG.normal(size=(50, 4)) * [1, 1, 1, 1e-3], "small inputs"),
        (RNG.normal(size=(50, 4)) * 100, "large inputs"),
        (RNG.normal(size=(50, 4)) * 0.1 + [5, 0, 0, 0], "off-centre inputs"),
        (np.eye(50, 4) + 0.0, "sparse inputs"),
    ],
)
def test_inputs(X: Array, kind: str) -> None:
    net = Network([4, 3, 2], activation="relu", init="he", seed=3)
    found = explain.saturation(net, X)
    assert (1, kind, "BP4") in kinds(found)
    assert {f.kind for f in found.findings if f.layer == 1 and f.kind != "dead"} == {kind}


def test_the_scale_of_the_network_counts() -> None:
    X = RNG.integers(0, 256, size=(50, 4)).astype(np.uint8)
    told = [
        kinds(explain.saturation(Network([4, 3, 2], init="xavier", seed=0, input_scale=scale), X))
        for scale in (1, 1 / 255)
    ]
    assert (1, "large inputs", "BP4") in told[0]
    assert told[1] == []


def test_small_activations() -> None:
    net = Network([4, 3, 2], activation="tanh", init="xavier", seed=0)
    net.weights[0] *= 1e-3
    assert (2, "small activations", "BP4") in kinds(explain.saturation(net, RNG.normal(size=(50, 4))))


def test_updates() -> None:
    X = RNG.normal(size=(40, 5))
    Y = X @ RNG.normal(size=(5, 2)) + 3
    net = Network([5, 8, 2], activation="tanh", output="identity", init="xavier", seed=0)
    gradient = net.gradient(X, Y)
    found = explain.saturation(net, X, Y, eta=0.01)
    assert kinds(found) == []
    for layer, nabla_b, nabla_w, w in zip(
        found.layers, gradient.nabla_b, gradient.nabla_w, net.weights, strict=True
    ):
        assert layer.nabla_b_norm == pytest.approx(np.linalg.norm(nabla_b))
        assert layer.nabla_w_norm == pytest.approx(np.linalg.norm(nabla_w))
        assert layer.update_ratio == pytest.approx(0.01 * np.linalg.norm(nabla_w) / np.linalg.norm(w))
    assert explain.saturation(net, X, Y).layers[1].update_ratio == pytest.approx(
        np.linalg.norm(gradient.nabla_w[1]) / np.linalg.norm(net.weights[1])
    )
    assert {f.kind for f in explain.saturation(net, X, Y, eta=100).findings} == {"large updates"}
    assert the(explain.saturation(net, X, Y, eta=1e-9), "small updates").equation == "BP4"


def test_small_updates_at_a_minimum_are_right() -> None:
    X = RNG.normal(size=(200, 2))
    Y = X.sum(axis=1, keepdims=True) + RNG.normal(size=(200, 1))  # noise that no network can learn
    net = Network([2, 1], activation="identity")
    solution = np.linalg.lstsq(np.hstack([X, np.ones((200, 1))]), Y, rcond=None)[0]
    net.weights[0][...], net.biases[0][...] = solution[:2].T, solution[2]
    assert kinds(explain.saturation(net, X, Y, eta=1e-3)) == []


@settings(max_examples=40, deadline=None)
@given(p=problems())
def test_errors_agree_with_traces_for_any_network(p: Problem) -> None:
    found = explain.saturation(p.network, p.X, p.Y)
    traces = [p.network.trace(x, y) for x, y in zip(p.X, p.Y, strict=True)]
    for layer in found.layers:
        l = layer.number  # noqa: E741
        deltas = np.hstack([t[l].delta for t in traces])
        assert layer.delta_rms == pytest.approx(np.sqrt(np.mean(deltas**2)), rel=1e-9, abs=1e-300)
        a_in = np.hstack([t[l - 1].a for t in traces])
        assert layer.small_inputs == pytest.approx(np.mean(np.abs(a_in) < 0.01), abs=1e-12)
        if layer.activation == "relu":
            z = np.hstack([t[l].z for t in traces])
            assert set(layer.dead) == set(np.flatnonzero((z <= 0).all(axis=1)) + 1)
    assert max(map(len, repr(found).splitlines())) <= 140
    assert found._repr_html_().startswith("<div")


def test_what_is_overridden_is_what_runs() -> None:
    class Doubled(Network):
        def cost_derivative(self, output_activations, y):  # type: ignore[no-untyped-def]
            return 2 * (output_activations - y)

    class Tripled(Network):
        def backprop(self, x, y):  # type: ignore[no-untyped-def]
            nabla_b, nabla_w = super().backprop(x, y)
            return [3 * nb for nb in nabla_b], [3 * nw for nw in nabla_w]

    X, Y = RNG.normal(size=(9, 2)), RNG.random((9, 2))
    plain, doubled, tripled = (
        explain.saturation(kind([2, 3, 2], seed=3), X, Y).layers[0] for kind in (Network, Doubled, Tripled)
    )
    assert doubled.delta_rms == pytest.approx(2 * (plain.delta_rms or 0))
    assert doubled.nabla_w_norm == pytest.approx(2 * (plain.nabla_w_norm or 0))
    assert tripled.nabla_w_norm == pytest.approx(3 * (plain.nabla_w_norm or 0))


def test_many_rows_sparse_rows_and_labels() -> None:
    net = Network([3, 4, 2], cost="cross_entropy", dtype="float32", seed=0)
    X, labels = np.zeros((2 * ROWS + 1, 3)), np.zeros(2 * ROWS + 1, int)
    X[-1] = 1
    found = explain.saturation(net, X, labels)
    assert (found.n_samples, found.n_rows) == (ROWS, 2 * ROWS + 1)
    assert found.inputs.zeros == pytest.approx(1 - 1 / ROWS)  # the first rows and the last are among them
    X = RNG.normal(size=(20, 3))
    assert explain.saturation(net, sparse.csr_array(X)) == explain.saturation(net, X)


def test_a_network_on_its_way_to_infinity_is_looked_at_without_warnings() -> None:
    net = Network([2, 3, 3, 1], activation="relu", output="identity", dtype="float32", seed=0)
    for w in net.weights:
        w[...] = 1e30
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = explain.saturation(net, [[1, 1], [2, 3]], [[0], [1]], eta=1)
        assert "Errors and gradients" in repr(found)
    assert found.findings[0].kind == "not finite"
    assert "small updates" not in {f.kind for f in found.findings}


def test_digits_learn_well() -> None:
    X, labels = load_digits(return_X_y=True)
    net = Network([64, 30, 10], cost="cross_entropy", init="scaled", input_scale=1 / 16, seed=0)
    history = net.fit(X, labels, epochs=5, batch_size=10, eta=0.5, diagnose=True)
    assert [d.findings for d in history.diagnoses if d is not None] == [()] * 5
    assert "Nothing stands out." in repr(history.diagnoses[-1])


def test_refuses() -> None:
    net = Network([2, 1], seed=0)
    with pytest.raises(ValueError, match="eta needs Y"):
        explain.saturation(net, [[1, 2]], eta=0.1)
    with pytest.raises(ValueError, match="eta must be finite and above 0"):
        explain.saturation(net, [[1, 2]], [1], eta=-1)
    with pytest.raises(ValueError, match=r"wanted shape \(m, 2\), got \(1, 3\)"):
        explain.saturation(net, [[1, 2, 3]])
    with pytest.raises(TypeError, match="diagnose must be True or False, got 1"):
        net.fit([[1, 2]], [1], epochs=1, batch_size=1, eta=1, diagnose=1)  # type: ignore[arg-type]


def make() -> Problem:
    return problem([3, 5, 2], "tanh", "quadratic", "identity", m=23)


def fit(p: Problem, epochs: int, **arguments: Any) -> nn.History:
    given: dict[str, Any] = {"batch_size": 5, "eta": 0.05} | arguments
    return p.network.fit(p.X, p.Y, epochs=epochs, **given)


@pytest.mark.parametrize(
    "arguments", [{}, {"dropout": 0.5}, {"average": 0.9}, {"optimizer": "adam", "eta": None}]
)
def test_diagnosing_changes_no_bit(arguments: dict[str, Any]) -> None:
    p, q = make(), make()
    plain, watched = fit(p, 4, **arguments), fit(q, 4, diagnose=True, **arguments)
    for ours, theirs in ((p.network.weights, q.network.weights), (p.network.biases, q.network.biases)):
        assert [a.tobytes() for a in ours] == [a.tobytes() for a in theirs]
    assert p.network._rng.bit_generator.state == q.network._rng.bit_generator.state
    assert plain.cost == watched.cost
    assert plain.diagnoses == [None] * 4
    assert len(watched.diagnoses) == 4
    last = explain.saturation(q.network, q.X, q.Y, eta=None if "optimizer" in arguments else 0.05)
    assert watched.diagnoses[-1] == last


def test_each_epoch_tells_its_own_eta_where_it_is_the_step() -> None:
    history = fit(make(), 3, schedule=lambda step, n_steps: 1 - step / n_steps, diagnose=True)
    assert [d and d.eta for d in history.diagnoses] == history.eta
    adam = fit(make(), 2, eta=None, optimizer="adam", diagnose=True)
    assert [d and d.eta for d in adam.diagnoses] == [None, None]
    newton = fit(make(), 2, eta=None, batch_size=None, optimizer="lbfgs", diagnose=True)
    assert [d and d.n_samples for d in newton.diagnoses] == [23, 23]


def test_a_resumed_run_carries_its_diagnoses_on() -> None:
    p, q = make(), make()
    whole = fit(p, 5, diagnose=True)
    first = pickle.loads(pickle.dumps(fit(q, 2, diagnose=True)))
    assert fit(q, 5, resume=first, diagnose=True).diagnoses == whole.diagnoses

    q = make()
    silent = fit(q, 2)
    later = fit(q, 5, resume=silent, diagnose=True)
    assert later.diagnoses == [None, None, *whole.diagnoses[2:]]
    older = make()
    state = fit(older, 2).state
    assert state is not None
    before = copy.copy(state)
    vars(before).pop("diagnoses")  # as an earlier release pickled it
    assert fit(older, 5, resume=before, diagnose=True).diagnoses == later.diagnoses
