"""Steps of small networks, whose gradients the engine sums in parts of a mini-batch."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nablanet as nn
from nablanet import engine, reference
from nablanet.dropout import Dropout
from nablanet.optimizers import Optimizer
from nablanet.regularization import Regularization
from nablanet.training import Task

OPTIMIZERS = [nn.SGD(0.3), nn.Adam(0.01), nn.Momentum(0.1), nn.RMSprop(0.01), nn.AdamW(0.01)]
EXTRAS: list[dict[str, Any]] = [
    {},
    {"regularization": Regularization(0.3, 0.2)},
    {"max_norm": 0.7, "average": 0.8},
    {"dropout": Dropout((0.2, 0.4, 0.1), 7)},
]


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 31), st.integers(1, 30), st.integers(1, 20), st.integers(1, 9)),
    batch=st.integers(80, 700),
    threads=st.integers(1, 4),
    optimizer=st.sampled_from(OPTIMIZERS),
    extra=st.sampled_from(EXTRAS),
    weighted=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_steps_are_those_of_the_reference(
    sizes: tuple[int, ...],
    batch: int,
    threads: int,
    optimizer: Optimizer,
    extra: dict[str, Any],
    weighted: bool,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    rows = 2 * batch + batch // 3  # the last mini-batch has fewer parts than the others
    X, Y = rng.standard_normal((rows, sizes[0])), rng.standard_normal((rows, sizes[-1]))
    weights = rng.integers(0, 4, rows).astype(float) + 0.5 if weighted else None
    net = nn.Network(list(sizes), activation="tanh", output="identity", cost="quadratic", seed=seed)
    other = copy.deepcopy(net)
    compiled = engine.Trainer(net, Task(X, Y, batch, optimizer, n_threads=threads, weights=weights, **extra))
    readable = reference.Trainer(other, Task(X, Y, batch, optimizer, weights=weights, **extra))
    order, etas = rng.permutation(rows), np.array([0.02, 0.01, 0.005])
    costs = [trainer.run(order, etas, lambda samples: None) for trainer in (compiled, readable)]
    assert costs[0] == pytest.approx(costs[1], rel=1e-10)
    for ours, theirs in zip(net.weights + net.biases, other.weights + other.biases, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [96, 200, 1000])
def test_bits_do_not_depend_on_the_number_of_threads(dtype: str, batch: int) -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((2010, 8)), rng.standard_normal((2010, 1))
    found = []
    for threads in (1, 2, 3, 7):
        net = nn.Network([8, 30, 1], activation="relu", output="identity", dtype=dtype, seed=1)
        net.fit(
            X, Y, epochs=3, batch_size=batch, optimizer="adam", eta=0.01, n_threads=threads, progress=False
        )
        found.append(net.weights + net.biases)
    for other in found[1:]:
        assert all((a == b).all() for a, b in zip(found[0], other, strict=True))
