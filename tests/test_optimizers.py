"""Optimizers against their papers' formulas, a step at a time in plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import nablanet as nn
from nablanet.optimizers import Optimizer
from test_sample_weights import stay


def test_sgd_by_hand() -> None:
    w = np.array([1.0, -2.0])
    optimizer = nn.SGD(0.5)
    optimizer.step([w], [np.array([2.0, -4.0])], None, 0.5)
    assert w.tolist() == [0.0, 0.0]


def test_adam_follows_algorithm_1() -> None:
    alpha, beta1, beta2, epsilon = 0.1, 0.8, 0.9, 1e-3
    optimizer = nn.Adam(alpha, beta1, beta2, epsilon)
    w = np.array([0.7])
    state = optimizer.start([w])
    theta, m, v = 0.7, 0.0, 0.0
    for t in range(1, 20):
        g = math.sin(t) * 3
        optimizer.step([w], [np.array([g])], state, alpha)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        theta -= alpha * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + epsilon)
        assert w.item() == pytest.approx(theta, rel=1e-12)


def test_epsilon_hat_is_added_before_the_bias_is_corrected() -> None:
    alpha, beta1, beta2, epsilon = 0.1, 0.0, 0.9, 1e-1
    optimizer = nn.Adam(alpha, beta1, beta2, epsilon, epsilon_hat=True)
    w = np.array([0.7])
    state = optimizer.start([w])
    theta, m, v = 0.7, 0.0, 0.0
    for t in range(1, 20):
        g = math.sin(t) * 3
        optimizer.step([w], [np.array([g])], state, alpha)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        theta -= alpha * math.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (math.sqrt(v) + epsilon)
        assert w.item() == pytest.approx(theta, rel=1e-12)


GRADIENTS = [math.sin(t) * 3 for t in range(1, 20)]
RATES = [0.1 / t for t in range(1, 20)]


def steps_of(optimizer: Optimizer, start: float = 0.7) -> list[float]:
    """A single weight after each step along GRADIENTS at RATES."""
    w = np.array([start])
    state = optimizer.start([w])
    path = []
    for g, eta in zip(GRADIENTS, RATES, strict=True):
        optimizer.step([w], [np.array([g])], state, eta)
        path.append(w.item())
    return path


def test_momentum_by_its_equations() -> None:
    w, v, path = 0.7, 0.0, []
    for g, eta in zip(GRADIENTS, RATES, strict=True):
        v = 0.8 * v - eta * g
        w = w + v
        path.append(w)
    assert steps_of(nn.Momentum(1, 0.8)) == pytest.approx(path, rel=1e-12)


def test_nesterov_looks_ahead() -> None:
    """Nesterov's own form takes the gradient at theta + mu v, where our w stands."""
    theta, v, path = 0.7, 0.0, []
    for g, eta in zip(GRADIENTS, RATES, strict=True):
        v = 0.8 * v - eta * g  # g is the gradient at theta + mu v
        theta = theta + v
        path.append(theta + 0.8 * v)
    assert steps_of(nn.Nesterov(1, 0.8)) == pytest.approx(path, rel=1e-12)


def test_momentum_without_momentum_is_sgd() -> None:
    assert steps_of(nn.Momentum(1, 0)) == steps_of(nn.SGD(1)) == steps_of(nn.Nesterov(1, 0))


def test_rmsprop_by_its_equations() -> None:
    w, s, path = 0.7, 0.0, []
    for g, eta in zip(GRADIENTS, RATES, strict=True):
        s = 0.8 * s + 0.2 * g * g
        w = w - eta * g / (math.sqrt(s) + 1e-3)
        path.append(w)
    assert steps_of(nn.RMSprop(1, 0.8, 1e-3)) == pytest.approx(path, rel=1e-12)


def test_adamw_decays_weights_beside_the_step_and_no_biases() -> None:
    optimizer, plain = nn.AdamW(0.1, weight_decay=0.3), nn.Adam(0.1)
    parameters, others = [np.array([[2.0]]), np.array([[2.0]])], [np.array([[2.0]]), np.array([[2.0]])]
    g = [np.array([[0.5]])] * 2
    optimizer.step(parameters, g, optimizer.start(parameters), 0.1)
    plain.step(others, g, plain.start(others), 0.1)
    assert parameters[0].item() == pytest.approx(others[0].item() - 0.1 * 0.3 * 2, rel=1e-14)
    assert parameters[1].item() == others[1].item()


def test_adamw_without_decay_is_adam() -> None:
    assert steps_of(nn.AdamW(1, weight_decay=0)) == steps_of(nn.Adam(1))


@pytest.mark.parametrize(
    "optimizer",
    [nn.Momentum(1e-3), nn.Nesterov(1e-3), nn.RMSprop(1e-3), nn.AdamW(1e-3)],
    ids=lambda o: o.name,
)
def test_parameters_follow_float64_where_gradients_become_tiny(optimizer: Optimizer) -> None:
    """What is too small to matter is taken for zero; the parameters must not notice."""
    nets = [nn.Network([1, 1], activation=["identity"], dtype=d, seed=0) for d in ("float32", "float64")]
    for network in nets:
        network.weights[0][:], network.biases[0][:] = 0.5, 0.25
        X = np.zeros((1500, 1))
        X[0] = 1e-6
        stay(network)  # the only sample with an input comes first
        network.fit(X, np.full((1500, 1), 9.0), epochs=3, batch_size=1, optimizer=optimizer)
    assert nets[0].weights[0].item() == pytest.approx(nets[1].weights[0].item(), rel=5e-5)
    assert nets[0].biases[0].item() == pytest.approx(nets[1].biases[0].item(), rel=5e-5)


def test_adam_keeps_moving_where_gradients_become_tiny() -> None:
    """A moment too small to matter is taken for zero; the parameters must not notice."""
    net = nn.Network([1, 1], activation=["identity"], dtype="float32", seed=0)
    other = nn.Network([1, 1], activation=["identity"], dtype="float64", seed=0)
    for network in (net, other):
        network.weights[0][:], network.biases[0][:] = 0.5, 0.25
        X = np.zeros((400, 1))
        X[0] = 1e-6
        stay(network)  # the only sample with an input comes first
        network.fit(X, np.ones((400, 1)), epochs=3, batch_size=1, optimizer=nn.Adam(1e-3))
    assert net.weights[0].item() == pytest.approx(other.weights[0].item(), rel=1e-5)
    assert net.biases[0].item() == pytest.approx(other.biases[0].item(), rel=1e-5)


def test_a_users_own_optimizer_is_honoured() -> None:
    class Backwards(nn.SGD):
        def step(self, parameters, gradients, state, eta):  # type: ignore[no-untyped-def]
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter += eta * gradient

    net = nn.Network([2, 3, 1], seed=0)
    X, Y = [[0.0, 1.0], [1.0, 0.0]], [[0.0], [1.0]]
    before = net.mean_cost(X, Y)
    net.fit(X, Y, epochs=3, batch_size=2, optimizer=Backwards(0.1))
    assert net.mean_cost(X, Y) > before


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.SGD(0), ValueError, "eta must be finite and above 0, got 0.0"),
        (lambda: nn.SGD(float("nan")), ValueError, "eta must be finite"),
        (lambda: nn.SGD("fast"), TypeError, "eta must be a number"),  # type: ignore[arg-type]
        (lambda: nn.Adam(beta1=1.0), ValueError, "beta1 must be below 1"),
        (lambda: nn.Adam(epsilon=1e-50), ValueError, "epsilon must be at least 1e-16"),
        (lambda: nn.Adam(epsilon=-1), ValueError, "epsilon must be finite and above 0"),
        (lambda: nn.Momentum(0.1, mu=1.1), ValueError, "mu must be at most 1, got 1.1"),
        (lambda: nn.Nesterov(0.1, mu=-0.1), ValueError, "mu must be finite and 0 or more"),
        (lambda: nn.RMSprop(rho=1), ValueError, "rho must be below 1"),
        (lambda: nn.RMSprop(epsilon=1e-50), ValueError, "epsilon must be at least 1e-16"),
        (lambda: nn.AdamW(weight_decay=-1), ValueError, "weight_decay must be finite and 0 or more"),
    ],
)
def test_wrong_settings_are_refused(make: Callable[[], Optimizer], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, "'sgd' needs a learning rate"),
        ({"optimizer": "momentum"}, ValueError, "'momentum' needs a learning rate"),
        ({"optimizer": "nesterov"}, ValueError, "'nesterov' needs a learning rate"),
        ({"optimizer": "newton"}, ValueError, "no optimizer 'newton'; there are: sgd, adam"),
        ({"optimizer": nn.SGD(1.0), "eta": 1.0}, ValueError, "eta is given twice"),
        ({"optimizer": nn.SGD}, TypeError, "an object such as nablanet.SGD"),
    ],
)
def test_a_wrong_choice_is_refused(arguments: dict[str, object], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        nn.Network([1, 1]).fit([[0.0]], [[0.0]], epochs=1, batch_size=1, **arguments)  # type: ignore[arg-type]
