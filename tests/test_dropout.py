"""Dropout: its generator, its masks, the engine against the reference, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nablanet as nn
from nablanet import engine, reference
from nablanet.dropout import Dropout, dropout_rates, philox
from nablanet.shapes import Array
from nablanet.training import Task
from networks import assert_is_gradient, norm_difference, problem, problems
from test_engine import parameter_hash

SEED = 0x0123456789ABCDEF


@pytest.mark.parametrize(
    ("counter", "key", "wanted"),
    [  # Random123's known answers
        ([0, 0, 0, 0], 0, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([0xFFFFFFFF] * 4, (1 << 64) - 1, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            0x299F31D0_A4093822,
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_gives_the_published_answers(counter: list[int], key: int, wanted: list[int]) -> None:
    assert philox(np.array(counter, np.uint64).reshape(4, 1), key)[:, 0].tolist() == wanted


def engine_mask(rate: float, n: int, step: int, m: int, dtype: str, seed: int = SEED) -> Array:
    """The mask of layer 1 of an engine's step, (n, m), as its gradient shows it.

    One hidden layer of identity neurons with b = 1 sees inputs of 0, so that a^2 is its mask; each
    sample's desired output is one neuron of its own, so that dC/dw^3 tells the samples apart.
    """
    net = nn.Network([1, n, m], activation="identity", output="identity", dtype=dtype, seed=0)
    for w, b, start in zip(net.weights, net.biases, (1, 0), strict=True):
        w[...], b[...] = 0, start
    task = Task(np.zeros((m, 1)), np.eye(m), m, nn.SGD(1.0), dropout=Dropout((0.0, rate), seed))
    trainer = engine.Trainer(net, task)
    trainer.restore({**trainer.state(), "steps": step})
    trainer.run(np.arange(m), np.array([float(m)]), lambda samples: None)
    return net.weights[1].T


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("step", [0, 7, 0xFFFFFFFF, 0x1234_89ABCDEF])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (37, 21), (16, 8), (70, 3)])
def test_the_engine_draws_the_masks_of_the_reference(dtype: str, step: int, n: int, m: int) -> None:
    for rate in (0.0, 0.2, 0.5, 0.999):
        ours = engine_mask(rate, n, step, m, dtype)
        np.testing.assert_array_equal(ours, Dropout((0.0, rate), SEED).mask(1, n, step, m, dtype))


@pytest.mark.parametrize("optimizer", [nn.SGD(0.5), nn.Adam(0.01)], ids=["sgd", "adam"])
@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("rates", [(0.0, 0.5, 0.25), (0.3, 0.0, 0.5), (0.2, 0.5, 0.1)], ids=str)
def test_training_agrees_with_the_reference(
    optimizer: nn.SGD | nn.Adam, n_threads: int, rates: tuple[float, ...]
) -> None:
    p = problem([37, 29, 19, 4], "tanh", "cross_entropy", "softmax", m=43)
    other = problem([37, 29, 19, 4], "tanh", "cross_entropy", "softmax", m=43)
    dropout = Dropout(rates, SEED)
    compiled = engine.Trainer(p.network, Task(p.X, p.Y, 10, optimizer, n_threads=n_threads, dropout=dropout))
    readable = reference.Trainer(other.network, Task(other.X, other.Y, 10, optimizer, dropout=dropout))
    etas = optimizer.eta * np.linspace(1, 0.5, 5)
    for epoch in range(4):
        order = np.random.default_rng(epoch).permutation(43)
        cost = compiled.run(order, etas, lambda n: None)
        assert cost == pytest.approx(readable.run(order, etas, lambda n: None), rel=1e-10)
    assert compiled.state()["steps"] == readable.state()["steps"] == 20
    for ours, theirs in zip(
        p.network.weights + p.network.biases, other.network.weights + other.network.biases, strict=True
    ):
        assert norm_difference(ours, theirs) < 1e-10


@given(problems(), st.data())
@settings(max_examples=60)
def test_any_network_agrees_with_the_reference(p: Any, data: st.DataObject) -> None:
    net = p.network
    rates = tuple(data.draw(st.sampled_from([0.0, 0.1, 0.5, 0.9])) for _ in net.sizes[:-1])
    dropout = Dropout(rates, data.draw(st.integers(0, 2**64 - 1)))
    step, m = data.draw(st.integers(0, 2**40)), len(p.X)
    masks = dropout.masks(net.sizes, step, m, net.dtype)
    wanted_b, wanted_w, _ = reference.gradient_sums(net, p.X.T, p.Y.T, masks=masks)
    before = [q.copy() for q in net.biases + net.weights]
    trainer = engine.Trainer(net, Task(p.X, p.Y, m, nn.SGD(1.0), dropout=dropout))
    trainer.restore({**trainer.state(), "steps": step})
    cost = trainer.run(np.arange(m), np.array([1e-3]), lambda n: None)
    assert np.isfinite(cost)
    for old, new, wanted in zip(before, net.biases + net.weights, wanted_b + wanted_w, strict=True):
        assert norm_difference(new, old - 1e-3 / m * wanted) < 1e-12


def test_the_gradient_with_masks_agrees_with_central_differences() -> None:
    """For fixed masks, dropout is a change of the cost like any other."""
    p = problem([5, 7, 6, 3], "tanh", "quadratic", "sigmoid", m=4)
    masks = Dropout((0.2, 0.5, 0.3), SEED).masks(p.network.sizes, 3, 4, np.float64)
    nabla_b, nabla_w, _ = reference.gradient_sums(p.network, p.X.T, p.Y.T, masks=masks)

    def mean_cost(X: Array, Y: Array) -> float:
        return float(reference.gradient_sums(p.network, X.T, Y.T, masks=masks)[2].mean())

    p.network.mean_cost = mean_cost  # type: ignore[method-assign,assignment]
    assert_is_gradient(nabla_b + nabla_w, p)


def test_the_share_of_dropped_neurons_is_binomial() -> None:
    """Five standard deviations, over neurons, rows, layers and steps together and apart."""
    for rate in (0.1, 0.5, 0.8):
        dropout = Dropout((rate,) * 3, 5)
        dropped = np.array(
            [[dropout.mask(layer, 60, step, 50) == 0 for layer in range(3)] for step in range(40)]
        )
        for axes in ((0, 1, 2, 3), (0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)):
            share = dropped.mean(axis=axes)
            samples = dropped.size / np.size(share)
            assert np.abs(share - rate).max() < 5 * np.sqrt(rate * (1 - rate) / samples)


def test_masks_of_steps_layers_rows_and_seeds_are_independent() -> None:
    """The correlation of two independent masks of N neurons has the standard deviation 1/sqrt(N)."""
    n, m = 200, 64
    dropout = Dropout((0.5,) * 4, 9)
    first = dropout.mask(1, n, 3, m) - 1
    others = [
        dropout.mask(1, n, 4, m) - 1,
        dropout.mask(1, n, 3 + (1 << 32), m) - 1,
        dropout.mask(2, n, 3, m) - 1,
        Dropout((0.5,) * 4, 10).mask(1, n, 3, m) - 1,
        Dropout((0.5,) * 4, 9 + (1 << 32)).mask(1, n, 3, m) - 1,
        *(np.roll(first, shift, axis=1) for shift in range(1, 17)),
        *(np.roll(first, shift, axis=0) for shift in range(1, 17)),
    ]
    for other in others:
        assert abs((first * other).mean()) < 5 / np.sqrt(n * m)


def test_a_mask_does_not_depend_on_the_size_of_layer_or_batch() -> None:
    dropout = Dropout((0.4,), 1)
    whole = dropout.mask(0, 40, 2, 30)
    np.testing.assert_array_equal(dropout.mask(0, 17, 2, 9), whole[:17, :9])


def test_the_mean_over_masks_is_the_network_without_dropout() -> None:
    """Of a linear network, within five standard errors."""
    p = problem([20, 30, 3], "identity", "quadratic", "identity", m=1)
    plain = p.network.predict(p.X)[0]
    dropout = Dropout((0.2, 0.5), 4)
    outputs = []
    for step in range(4000):
        x_mask, mask = dropout.masks(p.network.sizes, step, 1, np.float64)
        a = (p.network.weights[0] @ (p.X.T * x_mask) + p.network.biases[0]) * mask
        outputs.append((p.network.weights[1] @ a + p.network.biases[1])[:, 0])
    error = np.std(outputs, axis=0) / np.sqrt(len(outputs))
    assert (np.abs(np.mean(outputs, axis=0) - plain) < 5 * error).all()


def fitted(dropout: Any, n_threads: int = 1, dtype: str = "float64", m: int = 300, **kw: Any) -> nn.Network:
    p = problem([200, 150, 90, 10], "relu", "cross_entropy", "softmax", m=m, dtype=dtype)
    p.network.fit(p.X, p.Y, epochs=2, batch_size=128, eta=0.1, dropout=dropout, n_threads=n_threads, **kw)
    return p.network


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dropout", [0.5, [0.2, 0.5, 0.3]], ids=str)
def test_same_bits_on_any_number_of_threads(dtype: str, dropout: Any) -> None:
    assert len({parameter_hash(fitted(dropout, n, dtype)) for n in (1, 2, 3, 4, 8)}) == 1


SCRIPT = """
import json, sys
from test_dropout import fitted
from test_engine import parameter_hash
import nablanet as nn
hashes = [parameter_hash(fitted([0.2, 0.5, 0.3], 2, dtype)) for dtype in ("float32", "float64")]
json.dump([nn.build_info()["isa"], hashes], sys.stdout)
"""


def test_same_bits_on_every_instruction_set() -> None:
    paths = os.pathsep.join([os.path.dirname(__file__), *(p for p in sys.path if p)])
    hashes = set()
    for isa in nn.build_info()["supported_isas"]:
        environment = {**os.environ, "NABLANET_ISA": isa, "PYTHONPATH": paths}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, check=True
        )
        used, found = json.loads(done.stdout)
        assert used == isa
        hashes.add(tuple(found))
    assert len(hashes) == 1


def test_no_dropout_leaves_the_bits_as_they_are() -> None:
    plain = problem([200, 150, 90, 10], "relu", "cross_entropy", "softmax", m=300)
    plain.network.fit(plain.X, plain.Y, epochs=2, batch_size=128, eta=0.1)
    wanted = parameter_hash(plain.network)
    for none in (0, 0.0, [0, 0, 0], np.zeros(3)):
        assert parameter_hash(fitted(none)) == wanted
    assert parameter_hash(fitted(0.5)) != wanted


def test_a_number_is_for_hidden_layers() -> None:
    assert parameter_hash(fitted(0.5)) == parameter_hash(fitted([0, 0.5, 0.5]))
    assert parameter_hash(fitted(0.5)) != parameter_hash(fitted([0.5, 0.5, 0.5]))


def test_another_fit_draws_other_masks() -> None:
    p = problem([6, 8, 2], "tanh", "quadratic", "identity", m=5)
    changes = []
    for _ in range(2):
        before = p.network.biases[0].copy()
        p.network.fit(p.X[:1], p.Y[:1], epochs=1, batch_size=1, eta=1e-6, dropout=0.5)
        changes.append((p.network.biases[0] != before).ravel().tolist())
    assert changes[0] != changes[1]


def test_prediction_and_validation_use_the_whole_network() -> None:
    p = problem([6, 8, 2], "tanh", "quadratic", "identity", m=30)
    history = p.network.fit(
        p.X, p.Y, epochs=3, batch_size=7, eta=0.1, dropout=[0.2, 0.5], validation=(p.X, p.Y)
    )
    assert history.validation_cost[-1] == p.network.mean_cost(p.X, p.Y)
    assert norm_difference(p.network.predict(p.X), p.network.feedforward(p.X.T).T) == 0


def test_the_reference_trains_a_users_activation_with_dropout() -> None:
    own = nn.Activation("own", nn.ACTIVATIONS["tanh"].function, nn.ACTIVATIONS["tanh"].derivative)
    nets = []
    for activation in ("tanh", own):
        net = nn.Network([6, 8, 2], activation=activation, output="identity", seed=3)
        X = np.random.default_rng(0).standard_normal((30, 6))
        net.fit(X, X[:, :2], epochs=2, batch_size=7, eta=0.1, dropout=[0.1, 0.5])
        nets.append(net)
    assert not nets[1].runs_on_engine()
    for ours, theirs in zip(nets[0].weights, nets[1].weights, strict=True):
        assert norm_difference(ours, theirs) < 1e-10


class Own(nn.Network):
    def backprop(self, x: Any, y: Any) -> tuple[list[Array], list[Array]]:
        return super().backprop(x, y)


@pytest.mark.parametrize(
    ("dropout", "error", "message"),
    [
        (1.0, ValueError, r"dropout must be .* 0 <= p < 1, got 1.0"),
        (-0.1, ValueError, "got -0.1"),
        (float("nan"), ValueError, "got nan"),
        ("0.5", TypeError, "got '0.5'"),
        (True, TypeError, "got True"),
        (None, TypeError, "got None"),
        ([0.5], ValueError, r"2 for sizes \[6, 8, 2\]; got 1"),
        ([0.5, 0.5, 0.5], ValueError, "got 3"),
        ([0.5, 2], ValueError, r"dropout\[1\] must be"),
        ([0.5, "a"], TypeError, r"dropout\[1\] must be"),
    ],
)
def test_wrong_dropout_is_refused_before_anything_changes(
    dropout: Any, error: type[Exception], message: str
) -> None:
    p = problem([6, 8, 2], "tanh", "quadratic", "identity", m=5)
    before, state = parameter_hash(p.network), p.network._rng.bit_generator.state
    with pytest.raises(error, match=message):
        p.network.fit(p.X, p.Y, epochs=1, batch_size=2, eta=0.1, dropout=dropout)
    assert parameter_hash(p.network) == before
    assert p.network._rng.bit_generator.state == state


def test_a_network_with_its_own_backprop_refuses_dropout() -> None:
    net = Own([6, 8, 2], seed=0)
    X, Y = np.zeros((3, 6)), np.zeros((3, 2))
    before = parameter_hash(net)
    with pytest.raises(ValueError, match="overrides backprop"):
        net.fit(X, Y, epochs=1, batch_size=2, eta=0.1, dropout=0.5)
    assert parameter_hash(net) == before
    net.fit(X, Y, epochs=1, batch_size=2, eta=0.1, dropout=0)


def test_a_number_needs_a_hidden_layer() -> None:
    with pytest.raises(ValueError, match=r"have none; to drop inputs pass \[0.5\]"):
        dropout_rates(0.5, [3, 2])
    assert dropout_rates(0, [3, 2]) == (0.0,)
    assert dropout_rates([0.5], [3, 2]) == (0.5,)


def test_p_is_rounded_and_never_drops_all() -> None:
    assert Dropout((0.0, 1e-9, 0.5, 1 - 1e-9), 0).thresholds == (0, 0, 32768, 65535)
