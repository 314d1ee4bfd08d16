"""A few rows straight through the network's own arrays: the same bits, and the same care, as many rows."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nablanet as nn
from networks import Problem, problem, problems


@given(problems(), st.sampled_from(["float32", "float64"]))
@settings(max_examples=150)
def test_a_row_alone_has_the_bits_of_many(p: Problem, dtype: str) -> None:
    net = nn.Network(
        p.network.sizes,
        activation=p.network.activations,  # one for each of layers 2..L
        cost=p.network.cost,
        init="scaled",
        dtype=dtype,
        seed=1,
    )
    X = p.X.astype(dtype)
    many = net.predict(np.vstack([X, X, X, X, X]))  # never so few as to go straight through
    for _ in range(2):  # the first call finds out whether the next can go straight through
        for i in range(len(X)):
            assert np.array_equal(net.predict(X[i : i + 1])[0], many[i])


def small() -> nn.Network:
    return problem([5, 7, 3], "tanh", "quadratic", "identity", m=1).network


X = np.array([[0.5, -1.0, 0.0, 2.0, 0.25]])


def straight(net: nn.Network) -> np.ndarray[Any, Any] | None:
    """What goes straight through; None where this call would go the usual way."""
    return None if net._single is None else net._single.outputs(net, X)


def usual(net: nn.Network) -> np.ndarray[Any, Any]:
    return usual_of(net, X)


def usual_of(net: nn.Network, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return net.predict(np.repeat(x, 9, axis=0))[:1]


def test_what_is_changed_in_place_is_what_predicts() -> None:
    net = small()
    net.predict(X)
    before = straight(net)
    assert before is not None
    net.weights[0] *= 0.5
    net.biases[1][0] += 1
    after = straight(net)
    assert after is not None
    assert not np.array_equal(before, after)
    assert np.array_equal(after, usual(net))


def replace_weights(net: nn.Network) -> None:
    net.weights[1] = net.weights[1] * 2


def replace_list(net: nn.Network) -> None:
    net.weights = [2 * w for w in net.weights]


def other_activation(net: nn.Network) -> None:
    net.activations[0] = nn.ACTIVATIONS["relu"]


def scale(net: nn.Network) -> None:
    net.input_scale = 0.5


def own_feedforward(net: nn.Network) -> None:
    net.feedforward = lambda a: np.ones((3, 1))  # type: ignore[method-assign]


@pytest.mark.parametrize(
    "change",
    [replace_weights, replace_list, other_activation, scale, own_feedforward],
    ids=lambda f: f.__name__,
)
def test_a_changed_network_goes_the_usual_way(change: Callable[[nn.Network], None]) -> None:
    net = small()
    old = net.predict(X)
    assert straight(net) is not None
    change(net)
    for _ in range(2):
        assert np.array_equal(net.predict(X), usual(net))
    assert not np.array_equal(net.predict(X), old)


@pytest.mark.parametrize("first", [1, 9])
def test_a_part_of_a_larger_network_goes_the_usual_way(first: int) -> None:
    """Its lines are not where those of a network of its own would be."""
    large = nn.Network([5, 16, 2], dtype="float32", seed=0)
    net = nn.Network([5, 16 - first, 2], dtype="float32", seed=0)
    net.weights[0], net.biases[0] = large.weights[0][first:], large.biases[0][first:]
    x = X.astype("float32")
    for _ in range(2):
        assert np.array_equal(net.predict(x), net.predict(np.repeat(x, 9, axis=0))[:1])
    assert net._single is None


def test_a_bias_of_minus_zero_predicts_alike() -> None:
    net = nn.Network([5, 3], activation=["identity"], seed=0)
    net.biases[0][...] = -0.0
    outputs = [net.predict(0 * X) for _ in range(2)]
    assert outputs[0].tobytes() == outputs[1].tobytes() == usual_of(net, 0 * X).tobytes()


def test_what_is_not_finite_is_refused() -> None:
    net = small()
    net.predict(X)
    with pytest.raises(ValueError, match="X must be finite"):
        net.predict(np.where(X == 0.5, np.inf, X))
    net.weights[1][2, 1] = np.nan
    with pytest.raises(ValueError, match=r"weights\[1\]"):
        net.predict(X)


def test_wrong_rows_are_refused() -> None:
    net = small()
    net.predict(X)
    for wrong in (X[:, :4], X[0], np.empty((0, 5)), X.astype(complex)):
        with pytest.raises((ValueError, TypeError)):
            net.predict(wrong)


@pytest.mark.parametrize(
    "form",
    [
        lambda x: x.tolist(),
        lambda x: x.astype("float32").astype(">f8"),
        np.asfortranarray,
        lambda x: x[:, ::-1][:, ::-1],
    ],
    ids=["list", "big-endian", "fortran", "reversed"],
)
def test_any_form_of_a_row_predicts(form: Callable[[Any], Any]) -> None:
    net = small()
    net.predict(X)
    assert np.array_equal(net.predict(form(X)), usual(net))


@pytest.mark.parametrize("rows", [1, 4])
def test_a_number_is_no_row(rows: int) -> None:
    net = problem([rows, 3], [], "quadratic", "identity", m=1).network
    net.predict(np.zeros((1, rows)))
    with pytest.raises(ValueError, match=r"X must"):
        net.predict(np.array(1.0))


class AllOfIt(nn.Network):
    """Pickled in the usual way of Python."""

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()


def test_a_subclass_with_a_state_of_its_own_is_copied() -> None:
    net = AllOfIt([5, 4, 3], seed=0)
    expected = net.predict(X)
    assert straight(net) is not None
    for other in (copy.deepcopy(net), copy.copy(net), pickle.loads(pickle.dumps(net))):
        assert np.array_equal(other.predict(X), expected)
        assert straight(other) is not None
    other.weights[0][...] = 0
    assert np.array_equal(net.predict(X), expected)


def test_copies_predict_on_their_own() -> None:
    net = small()
    expected = net.predict(X)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        other.predict(X)
        assert straight(other) is not None
        other.weights[0][...] = 0
        assert np.array_equal(net.predict(X), expected)
        assert not np.array_equal(other.predict(X), expected)
    shared = copy.copy(net)
    assert all(a is b for a, b in zip(shared.weights, net.weights, strict=True))
    assert np.array_equal(shared.predict(X), expected)
