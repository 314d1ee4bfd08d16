"""Sample and class weights: an integer weight is a sample repeated, the weight 0 a sample left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nablanet as nn
from nablanet import engine, reference
from nablanet.optimizers import Optimizer
from nablanet.regularization import Regularization
from nablanet.shapes import Array
from nablanet.training import Task
from networks import PAIRS, norm_difference, problem, problems
from test_engine import hashes_on, parameter_hash


def assert_same_networks(ours: nn.Network, theirs: nn.Network, tolerance: float = 1e-10) -> None:
    for mine, other in zip(ours.weights + ours.biases, theirs.weights + theirs.biases, strict=True):
        assert norm_difference(mine, other) < tolerance


class Unshuffled(np.random.Generator):
    """Leaves the samples in their order."""

    def permutation(self, x: Any, axis: int = 0) -> Any:
        return np.arange(x)


def stay(net: nn.Network) -> nn.Network:
    """Draws mini-batches in the order of the samples."""
    net._rng = Unshuffled(np.random.PCG64(0))
    return net


class InPython(nn.Network):
    """Trains through the reference."""

    def runs_on_engine(self) -> bool:
        return False


@given(
    st.sampled_from(PAIRS),
    st.lists(st.integers(0, 4), min_size=1, max_size=12).filter(any),
    st.integers(1, 20),
)
@settings(max_examples=100)
def test_an_integer_weight_is_a_sample_repeated(
    pair: tuple[str, str], repeats: list[int], n_out: int
) -> None:
    m = len(repeats)
    one, other = (problem([3, 5, n_out], "tanh", *pair, m=m) for _ in range(2))
    X, Y = np.repeat(other.X, repeats, axis=0), np.repeat(other.Y, repeats, axis=0)
    keywords: dict[str, Any] = {"epochs": 3, "eta": 0.01}
    weighted = one.network.fit(one.X, one.Y, batch_size=m, sample_weight=repeats, **keywords)
    repeated = other.network.fit(X, Y, batch_size=len(X), **keywords)
    assert_same_networks(one.network, other.network)
    assert weighted.cost == pytest.approx(repeated.cost, rel=1e-10, abs=1e-13)
    assert one.network.mean_cost(one.X, one.Y, repeats) == pytest.approx(
        one.network.mean_cost(X, Y), rel=1e-10, abs=1e-13
    )


@pytest.mark.parametrize("kind", [nn.Network, InPython])
@pytest.mark.parametrize("optimizer", [nn.SGD(0.1), nn.Adam(0.01)], ids=["sgd", "adam"])
def test_the_weight_0_leaves_a_sample_out_whatever_it_is(
    kind: type[nn.Network], optimizer: Optimizer
) -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((12, 4)), rng.standard_normal((12, 2))
    weights = rng.random(12)
    ours, theirs = (kind([4, 6, 2], activation="tanh", output="identity", seed=1) for _ in range(2))
    keywords: dict[str, Any] = {"epochs": 5, "optimizer": optimizer}
    # their squares are infinite; lmbda / n is the same for both
    X_more, Y_more = np.vstack([X, X[:3]]), np.vstack([Y, np.full((3, 2), 1e200)])
    ours.fit(X_more, Y_more, batch_size=15, sample_weight=[*weights, 0, 0, 0], lmbda=1.5, **keywords)
    theirs.fit(X, Y, batch_size=12, sample_weight=weights, lmbda=1.2, **keywords)
    assert_same_networks(ours, theirs)
    with np.errstate(over="ignore"):
        cost = ours.mean_cost(X_more, Y_more, [*weights, 0, 0, 0])
    assert cost == pytest.approx(ours.mean_cost(X, Y, weights))


@pytest.mark.parametrize("optimizer", [nn.SGD(0.1), nn.Adam(0.01)], ids=["sgd", "adam"])
@pytest.mark.parametrize(("lmbda", "alpha"), [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5)])
def test_a_mini_batch_without_weight_has_gradient_zero(
    optimizer: Optimizer, lmbda: float, alpha: float
) -> None:
    p = problem([3, 4, 2], "tanh", "quadratic", "identity", m=6)
    ours, theirs = stay(p.network), stay(InPython([3, 4, 2]))
    theirs.activations = ours.activations
    theirs.weights, theirs.biases = [w.copy() for w in ours.weights], [b.copy() for b in ours.biases]
    before = [w.copy() for w in ours.weights]
    for net in (ours, theirs):
        weights = [0, 0, 1, 2, 0, 0]
        keywords: dict[str, Any] = {"lmbda": lmbda, "alpha": alpha, "sample_weight": weights}
        net.fit(p.X, p.Y, epochs=1, batch_size=2, optimizer=optimizer, **keywords)
    assert_same_networks(ours, theirs)
    if lmbda == alpha == 0 and isinstance(optimizer, nn.SGD):
        alone = stay(problem([3, 4, 2], "tanh", "quadratic", "identity", m=6).network)
        alone.fit(p.X[2:4], p.Y[2:4], epochs=1, batch_size=2, optimizer=optimizer, sample_weight=[1, 2])
        assert_same_networks(ours, alone)
    assert not np.array_equal(before[0], ours.weights[0])


@pytest.mark.parametrize("kind", [nn.Network, InPython])
@pytest.mark.parametrize("weight", [1.0, 3.0, 1e-5])
def test_equal_weights_change_nothing_beside_penalties(kind: type[nn.Network], weight: float) -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((23, 4)), rng.standard_normal((23, 2))
    ours, theirs = (kind([4, 6, 2], activation="tanh", seed=1) for _ in range(2))
    keywords: dict[str, Any] = {
        "epochs": 3,
        "batch_size": 5,
        "eta": 0.1,
        "lmbda": 0.7,
        "alpha": 0.8,
        "l1": 0.9,
    }
    ours.fit(X, Y, sample_weight=np.full(23, weight), **keywords)
    theirs.fit(X, Y, **keywords)
    assert_same_networks(ours, theirs)


@given(problems(), st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_weighted_gradients_are_those_of_single_samples(p: Any, seed: int) -> None:
    """One step with eta 1 moves the parameters by sum w_x dC_x / sum w_x."""
    rng = np.random.default_rng(seed)
    weights = rng.random(len(p.X)) * 10.0 ** rng.integers(-3, 3)
    old = [v.copy() for v in p.network.biases + p.network.weights]
    single = [p.network.backprop(x, y) for x, y in zip(p.X, p.Y, strict=True)]
    costs = [p.network.mean_cost(p.X[[i]], p.Y[[i]]) for i in range(len(p.X))]
    history = p.network.fit(p.X, p.Y, epochs=1, batch_size=len(p.X), eta=1, sample_weight=weights)
    assert history.cost[0] == pytest.approx(np.average(costs, weights=weights), rel=1e-10, abs=1e-13)
    for i, (before, after) in enumerate(zip(old, p.network.biases + p.network.weights, strict=True)):
        wanted = sum(w * [*b, *nw][i] for w, (b, nw) in zip(weights, single, strict=True)) / weights.sum()
        scale = max(float(np.abs(before).max()), float(np.abs(wanted).max()))
        assert np.abs(before - after - wanted).max() < 1e-11 * scale


@pytest.mark.parametrize(("cost", "output"), PAIRS)
@pytest.mark.parametrize("optimizer", [nn.SGD(0.01), nn.Adam(0.01)], ids=["sgd", "adam"])
def test_weighted_training_agrees_with_the_reference(cost: str, output: str, optimizer: Optimizer) -> None:
    weights = np.random.default_rng(1).random(23)
    weights[::5] = 0
    one, other = (problem([37, 19, 4], "tanh", cost, output, m=23) for _ in range(2))
    decay = Regularization(0.3)
    compiled = engine.Trainer(one.network, Task(one.X, one.Y, 5, optimizer, decay, 3, weights=weights))
    readable = reference.Trainer(other.network, Task(other.X, other.Y, 5, optimizer, decay, weights=weights))
    etas = np.full(5, optimizer.eta)
    for epoch in range(3):
        order = np.random.default_rng(epoch).permutation(23)
        wanted = readable.run(order, etas, lambda n: None)
        assert compiled.run(order, etas, lambda n: None) == pytest.approx(wanted, rel=1e-9)
    assert_same_networks(one.network, other.network, 1e-9)


class Chapter(nn.Network):
    """Overrides what the chapter's readers do."""

    def backprop(self, x: Any, y: Any) -> tuple[list[Array], list[Array]]:
        return super().backprop(x, y)

    def feedforward(self, a: Any) -> Array:
        return super().feedforward(a)


def test_overridden_methods_are_weighted_too() -> None:
    p = problem([3, 4, 2], "tanh", "quadratic", "identity", m=6)
    own = Chapter([3, 4, 2], activation="tanh", output="identity", init="scaled", seed=0)
    weights = [0.0, 1, 2, 0.5, 3, 1]
    for net in (own, p.network):
        stay(net).fit(p.X, p.Y, epochs=2, batch_size=4, eta=0.1, sample_weight=weights)
    assert_same_networks(own, p.network)
    assert own.mean_cost(p.X, p.Y, weights) == pytest.approx(p.network.mean_cost(p.X, p.Y, weights))


def test_only_ratios_of_weights_count() -> None:
    """Also far outside the range of float32, and by the bits for powers of two."""
    hashes = set()
    weights = np.random.default_rng(0).random(20)
    for power in (0, -700, 700):
        p = problem([4, 7, 3], "tanh", "cross_entropy", "softmax", m=20, dtype="float32")
        p.network.fit(p.X, p.Y, epochs=2, batch_size=6, eta=0.5, sample_weight=np.ldexp(weights, power))
        hashes.add(parameter_hash(p.network))
    assert len(hashes) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tiny_weights_beside_great_ones_do_no_harm(dtype: str) -> None:
    p = problem([4, 7, 3], "tanh", "cross_entropy", "softmax", m=20, dtype=dtype)
    weights = np.full(20, 1e-300)
    weights[0] = 1
    history = p.network.fit(p.X, p.Y, epochs=2, batch_size=3, eta=0.5, sample_weight=weights)
    assert np.isfinite(history.cost).all()


def test_class_weights_are_sample_weights() -> None:
    rng = np.random.default_rng(0)
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 2, 2, 2])  # of four classes, the last without a sample
    X, given_weights = rng.standard_normal((10, 3)), rng.random(10)

    def trained(Y: Any, n_out: int = 4, **weights: Any) -> str:
        net = nn.Network([3, 5, n_out], cost="cross_entropy", seed=1)
        net.fit(X, Y, epochs=2, batch_size=4, eta=0.5, **weights)
        return parameter_hash(net)

    # sklearn.utils.class_weight.compute_class_weight("balanced"): n / (K n_k)
    balanced = (10 / (3 * np.array([5, 2, 3])))[labels]
    one_hot = np.eye(4)[labels]
    by_hand = trained(labels, sample_weight=balanced)
    assert trained(labels, class_weight="balanced") == by_hand
    assert trained(one_hot, class_weight="balanced") == by_hand
    by_hand = trained(labels, sample_weight=given_weights * np.array([1, 0.5, 4])[labels])
    assert trained(labels, sample_weight=given_weights, class_weight={2: 4, 1: 0.5}) == by_hand
    assert trained(one_hot, sample_weight=given_weights, class_weight={2: 4, 1: 0.5}) == by_hand
    binary = np.array([0.0, 1, 1, 1, 0, 1, 1, 1, 1, 1])
    by_hand = trained(binary, 1, sample_weight=np.where(binary == 1, 10 / 16, 10 / 4))
    assert trained(binary, 1, class_weight="balanced") == by_hand
    by_hand = trained(binary, 1, sample_weight=np.where(binary == 1, 1, 3))
    assert trained(binary, 1, class_weight={0: 3}) == by_hand


def test_balanced_is_what_scikit_learn_calls_so() -> None:
    from sklearn.utils.class_weight import compute_sample_weight

    labels = np.random.default_rng(0).integers(0, 3, 50) * 2
    p = problem([3, 5], "tanh", "cross_entropy", "softmax", m=50)
    other = problem([3, 5], "tanh", "cross_entropy", "softmax", m=50)
    p.network.fit(p.X, labels, epochs=2, batch_size=7, eta=0.5, class_weight="balanced")
    weights = compute_sample_weight("balanced", labels)
    other.network.fit(p.X, labels, epochs=2, batch_size=7, eta=0.5, sample_weight=weights)
    assert parameter_hash(p.network) == parameter_hash(other.network)


def test_validation_can_be_weighted() -> None:
    p = problem([3, 5, 2], "tanh", "cross_entropy", "softmax", m=20)
    labels, weights = np.arange(10) % 2, np.arange(10)
    fit: dict[str, Any] = {"epochs": 1, "batch_size": 5, "eta": 0.1, "sample_weight": np.arange(1, 11)}
    history = p.network.fit(p.X[:10], labels, validation=(p.X[10:], labels, weights), **fit)
    assert history.validation_cost == [p.network.mean_cost(p.X[10:], labels, weights)]
    history = p.network.fit(p.X[:10], labels, validation=(p.X[10:], labels), **fit)
    assert history.validation_cost == [p.network.mean_cost(p.X[10:], labels)]


def train(n_threads: int, dtype: str, cost: str, output: str) -> str:
    p = problem([200, 90, 10], "tanh", cost, output, m=300, dtype=dtype)
    weights = np.random.default_rng(0).random(300).round(1)
    fit: dict[str, Any] = {"epochs": 2, "batch_size": 128, "optimizer": nn.Adam(0.01)}
    history = p.network.fit(p.X, p.Y, n_threads=n_threads, sample_weight=weights, **fit)
    cost_after = p.network.mean_cost(p.X, p.Y, weights)
    return f"{parameter_hash(p.network)} {history.cost} {cost_after}"


SOME = [("cross_entropy, smoothed", "softmax"), ("poisson", "exp"), ("huber", "identity")]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("cost", "output"), SOME)
def test_same_bits_on_any_number_of_threads(dtype: str, cost: str, output: str) -> None:
    assert len({train(n, dtype, cost, output) for n in (1, 2, 3, 4, 8)}) == 1


SCRIPT = """
import json, sys
from test_sample_weights import SOME, train
import nablanet as nn
hashes = {f"{dtype} {pair}": train(1, dtype, *pair) for dtype in ("float32", "float64") for pair in SOME}
json.dump({"isa": nn.build_info()["isa"], **hashes}, sys.stdout)
"""


def test_same_bits_on_every_instruction_set() -> None:
    runs = [hashes_on(isa, SCRIPT) for isa in nn.build_info()["supported_isas"]]
    assert [run.pop("isa") for run in runs] == nn.build_info()["supported_isas"]
    for run in runs[1:]:
        assert run == runs[0]


LABELS = [0, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sample_weight": [1, 2]}, ValueError, r"each of the 3 rows: wanted shape \(3,\), got \(2,\)"),
        ({"sample_weight": [[1], [2], [3]]}, ValueError, r"got \(3, 1\)"),
        ({"sample_weight": [1, -2, 3]}, ValueError, r"0 or more, got -2 at \[1\]"),
        ({"sample_weight": [1, np.nan, 3]}, ValueError, r"sample_weight must be finite, got nan at \[1\]"),
        ({"sample_weight": [0, 0, 0]}, ValueError, "a number above 0, got 3 times 0"),
        ({"sample_weight": ["a", "b", "c"]}, TypeError, "sample_weight must hold real numbers"),
        ({"class_weight": {0: 0, 1: 0}}, ValueError, "no sample with a weight above 0"),
        ({"class_weight": {0: 0}, "sample_weight": [1, 0, 0]}, ValueError, "no sample with a weight"),
        ({"class_weight": {2: 1}}, ValueError, "has the label 2, but labels go from 0 to 1 .* 2 neurons"),
        ({"class_weight": {-1: 1}}, ValueError, "a label of class_weight must be at least 0"),
        ({"class_weight": {"a": 1}}, TypeError, "a label of class_weight must be an integer"),
        ({"class_weight": {0: -1}}, ValueError, "the weight of class 0 must be finite and 0 or more"),
        ({"class_weight": {0: np.inf}}, ValueError, "the weight of class 0 must be finite"),
        ({"class_weight": "even"}, ValueError, "a dict or 'balanced', got 'even'"),
        ({"class_weight": [1, 2]}, TypeError, "a dict or 'balanced', got .* \\(list\\)"),
        ({"Y": [[0.5, 0.5]] * 3, "class_weight": "balanced"}, ValueError, "needs classes in Y"),
        ({"validation": ([[1.0, 2]],)}, TypeError, r"a triple \(X, Y, sample_weight\)"),
        (
            {"validation": ([[1.0, 2]], [0], [-1])},
            ValueError,
            "the sample_weight of validation must hold numbers of 0 or more",
        ),
    ],
)
def test_wrong_weights_are_refused(arguments: dict[str, Any], error: type, message: str) -> None:
    net = nn.Network([2, 2], cost="cross_entropy", seed=0)
    before = parameter_hash(net)
    Y = arguments.pop("Y", LABELS)
    with pytest.raises(error, match=message):
        net.fit(np.ones((3, 2)), Y, epochs=1, batch_size=2, eta=0.1, **arguments)
    assert parameter_hash(net) == before
