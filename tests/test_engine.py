"""The compiled engine against the NumPy reference, central differences, and itself on other paths."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nablanet as nn
from nablanet import engine, reference
from nablanet.clipping import Clipping
from nablanet.dropout import Dropout
from nablanet.optimizers import Optimizer
from nablanet.regularization import Regularization
from nablanet.shapes import Array
from nablanet.training import Task
from networks import (
    HIDDEN,
    PAIRS,
    Problem,
    assert_is_gradient,
    norm_difference,
    problem,
    problems,
)


def assert_same_gradients(p: Problem, n_threads: int | None, tolerance: float) -> None:
    nabla_b, nabla_w, costs = reference.gradient_sums(p.network, p.X.T, p.Y.T)
    ours_b, ours_w, cost = engine.gradient_sums(p.network, p.X, p.Y, n_threads)
    for ours, theirs in zip(ours_b + ours_w, nabla_b + nabla_w, strict=True):
        assert norm_difference(ours, theirs) < tolerance
    # the poisson cost is a small difference of its terms where an output is near the desired one
    assert cost == pytest.approx(costs.sum(), rel=tolerance, abs=1e-14 * p.Y.size)


@given(problems())
@settings(max_examples=300)
def test_gradients_agree_with_the_reference(p: Problem) -> None:
    assert_same_gradients(p, 1, 1e-12)


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize(("cost", "output"), PAIRS)
def test_every_activation_and_cost_agrees_with_the_reference(hidden: str, cost: str, output: str) -> None:
    assert_same_gradients(problem([9, 21, 17, 5], hidden, cost, output, m=11), None, 1e-12)


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize(("cost", "output"), PAIRS)
def test_gradients_agree_with_central_differences(hidden: str, cost: str, output: str) -> None:
    p = problem([3, 4, 3, 2], hidden, cost, output, m=3, seed=6)
    assert_is_gradient(gradient_of(p), p)


@given(problems())
@settings(max_examples=100)
def test_outputs_and_cost_agree_with_the_reference(p: Problem) -> None:
    x, y = p.X.T, p.Y.T
    _, _, costs = reference.gradient_sums(p.network, x, y)
    a = x
    for w, b, activation in zip(p.network.weights, p.network.biases, p.network.activations, strict=True):
        a = activation.function(w @ a + b)
    assert norm_difference(p.network.predict(p.X), a.T) < 1e-12
    assert norm_difference(p.network.feedforward(x), a) < 1e-12
    assert p.network.mean_cost(p.X, p.Y) == pytest.approx(costs.mean(), rel=1e-12, abs=1e-14 * p.Y.size)


@pytest.mark.parametrize(
    ("optimizer", "lmbda"),
    [
        (nn.SGD(0.5), 0.0),
        (nn.SGD(0.5), 0.3),
        (nn.Adam(0.01), 0.0),
        (nn.Adam(0.01, 0.8, 0.95, 1e-6), 0.3),
        (nn.Adam(0.01, 0.0, 0.95, 1e-3, epsilon_hat=True), 0.3),
    ],
)
@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("zeros", [0, 0.9], ids=["dense", "sparse"])
def test_training_agrees_with_the_reference(
    optimizer: Optimizer, lmbda: float, n_threads: int, zeros: float
) -> None:
    p = problem([37, 19, 4], "tanh", "cross_entropy", "softmax", m=23)
    other = problem([37, 19, 4], "tanh", "cross_entropy", "softmax", m=23)
    nothing = np.random.default_rng(0).random(p.X.shape) < zeros
    p.X[nothing] = other.X[nothing] = 0
    compiled = engine.Trainer(
        p.network, Task(p.X, p.Y, 5, optimizer, Regularization(lmbda), n_threads=n_threads)
    )
    readable = reference.Trainer(other.network, Task(other.X, other.Y, 5, optimizer, Regularization(lmbda)))
    etas = optimizer.eta * np.linspace(1, 0.5, 5)
    for epoch in range(4):
        order = np.random.default_rng(epoch).permutation(23)
        cost = compiled.run(order, etas, lambda n: None)
        assert cost == pytest.approx(readable.run(order, etas, lambda n: None), rel=1e-10)
    for ours, theirs in zip(
        p.network.weights + p.network.biases, other.network.weights + other.network.biases, strict=True
    ):
        assert norm_difference(ours, theirs) < 1e-10


@pytest.mark.parametrize("n_threads", [1, 3])
def test_a_step_long_enough_to_be_interrupted_does_all_that_others_do(n_threads: int) -> None:
    sizes, m = [600, 500, 200, 9], 520
    ours, theirs = (problem(sizes, "tanh", "cross_entropy", "softmax", m=m) for _ in range(2))
    task = Task(
        ours.X,
        ours.Y,
        512,  # some 2e8 multiply-adds, and a last mini-batch of 8
        nn.Adam(0.001),
        Regularization(0.3, 0.2, 0.4),
        clipping=Clipping(norm=0.05),
        max_norm=1.0,
        average=0.7,
        dropout=Dropout((0.2, 0.5, 0.3), seed=5),
        weights=np.random.default_rng(1).random(m),
        n_threads=n_threads,
    )
    compiled, readable = engine.Trainer(ours.network, task), reference.Trainer(theirs.network, task)
    before = ours.network.weights[0].copy()
    for epoch in range(2):
        order = np.random.default_rng(epoch).permutation(m)
        costs = [
            trainer.run(order, np.array([0.001, 0.002]), lambda n: None) for trainer in (compiled, readable)
        ]
        assert costs[0] == pytest.approx(costs[1], rel=1e-10)
    assert norm_difference(ours.network.weights[0], before) > 1e-4
    mine, others = compiled.state(), readable.state()
    assert mine.pop("steps") == others.pop("steps") == 4
    mine["network"] = ours.network.weights + ours.network.biases
    others["network"] = theirs.network.weights + theirs.network.biases
    assert mine.keys() == others.keys() == {"network", "first", "second", "parameters", "average"}
    for name, arrays in mine.items():
        for a, b in zip(arrays, others[name], strict=True):
            assert norm_difference(a, b) < 1e-9


def test_float32_follows_float64() -> None:
    for cost, output in PAIRS:
        p = problem([20, 33, 6], "gelu", cost, output, m=40, dtype="float32")
        double = problem([20, 33, 6], "gelu", cost, output, m=40)
        for mine, exact in zip(p.network.weights, double.network.weights, strict=True):
            exact[...] = mine
        for mine, exact in zip(p.network.biases, double.network.biases, strict=True):
            exact[...] = mine
        nabla_b, nabla_w, _ = engine.gradient_sums(p.network, p.X, p.Y)
        exact_b, exact_w, _ = reference.gradient_sums(double.network, p.X.T, p.Y.T)
        for ours, theirs in zip(nabla_b + nabla_w, exact_b + exact_w, strict=True):
            assert norm_difference(ours, theirs) < 2e-5


def parameter_hash(net: nn.Network) -> str:
    digest = hashlib.sha256()
    for parameter in net.weights + net.biases:
        digest.update(np.ascontiguousarray(parameter).tobytes())
    return digest.hexdigest()


def sparse(X: Array) -> Array:
    return np.where(np.random.default_rng(0).random(X.shape) < 0.97, 0, X)


def train(
    n_threads: int, dtype: str, optimizer: Optimizer, sizes: list[int], transform: Any = None, **kw: Any
) -> str:
    """Large enough mini-batches for several threads to share a step."""
    p = problem(sizes, kw.get("hidden", "tanh"), "cross_entropy", "softmax", m=300, dtype=dtype)
    X = p.X if transform is None else transform(p.X)
    p.network.fit(X, p.Y, epochs=2, batch_size=128, optimizer=optimizer, lmbda=0.1, n_threads=n_threads)
    return parameter_hash(p.network)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", [nn.SGD(0.5), nn.Adam(0.01)], ids=["sgd", "adam"])
@pytest.mark.parametrize("sizes", [[200, 150, 90, 10], [400, 10, 70, 3]], ids=str)
@pytest.mark.parametrize("transform", [None, sparse], ids=["dense", "sparse"])
def test_same_bits_on_any_number_of_threads(
    dtype: str, optimizer: Optimizer, sizes: list[int], transform: Any
) -> None:
    assert len({train(n, dtype, optimizer, sizes, transform) for n in (1, 2, 3, 4, 8)}) == 1


def test_threads_are_really_used() -> None:
    if not os.path.isdir("/proc/self/task"):
        pytest.skip("needs /proc to count threads")
    counts: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            counts.append(len(os.listdir("/proc/self/task")))

    p = problem([200, 150, 90, 10], "tanh", "cross_entropy", "softmax", m=5000)
    before = len(os.listdir("/proc/self/task"))
    watcher = threading.Thread(target=watch)
    watcher.start()
    p.network.fit(p.X, p.Y, epochs=3, batch_size=1000, eta=0.1, n_threads=4)
    done.set()
    watcher.join()
    assert max(counts) == before + 1 + 3  # the watcher, and three beside the caller


@pytest.mark.parametrize(
    "transform",
    [
        lambda X: np.asfortranarray(X),
        lambda X: np.repeat(X, 2, axis=0)[::2],
        lambda X: np.repeat(X, 2, axis=1)[:, ::2],
        lambda X: X[::-1].copy()[::-1],
        lambda X: X.astype(">f8"),
        lambda X: X.tolist(),
    ],
    ids=["fortran", "strided rows", "strided columns", "negative stride", "big-endian", "list"],
)
def test_same_bits_from_any_form_of_the_same_numbers(transform: Any) -> None:
    sizes = [20, 17, 5]
    assert train(1, "float64", nn.SGD(0.5), sizes, transform) == train(1, "float64", nn.SGD(0.5), sizes)


def test_read_only_data_is_read_where_it_lies() -> None:
    p = problem([20, 17, 5], "tanh", "cross_entropy", "softmax", m=300)
    p.X.setflags(write=False)
    assert engine._rows(p.X, p.network) is p.X
    p.network.fit(p.X, p.Y, epochs=1, batch_size=10, eta=0.1)


def test_labels_train_like_their_one_hot_rows() -> None:
    rng = np.random.default_rng(0)
    X, labels = rng.standard_normal((50, 6)), rng.integers(0, 20, 50)
    hashes = set()
    for Y in (labels, labels.astype(np.uint8), np.eye(20)[labels]):
        net = nn.Network([6, 8, 20], cost="cross_entropy", seed=1)
        net.fit(X, Y, epochs=2, batch_size=7, eta=0.5)
        hashes.add(parameter_hash(net))
    assert len(hashes) == 1


SCRIPT = """
import json, sys
import numpy as np
from test_engine import parameter_hash
from networks import HIDDEN, PAIRS, problem
import nablanet as nn
hashes = {"isa": nn.build_info()["isa"]}
for dtype in ("float32", "float64"):
    for hidden in HIDDEN:
        for cost, output in PAIRS:
            for optimizer in (nn.SGD(0.001), nn.Adam(0.01)):
                p = problem([27, 23, 18, 9], hidden, cost, output, m=37, dtype=dtype)
                p.X[np.random.default_rng(0).random(p.X.shape) < 0.8] = 0
                p.network.fit(p.X, p.Y, epochs=2, batch_size=13, optimizer=optimizer, lmbda=0.1)
                key = f"{dtype} {hidden} {cost} {output} {optimizer.name}"
                hashes[key] = parameter_hash(p.network) + p.network.predict(p.X).tobytes().hex()
json.dump(hashes, sys.stdout)
"""


def hashes_on(isa: str, script: str = SCRIPT) -> dict[str, str]:
    paths = [os.path.dirname(__file__), *(p for p in sys.path if p)]
    environment = {**os.environ, "NABLANET_ISA": isa, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, str] = json.loads(done.stdout)
    return result


def test_same_bits_on_every_instruction_set() -> None:
    runs = [hashes_on(isa) for isa in nn.build_info()["supported_isas"]]
    assert [run.pop("isa") for run in runs] == nn.build_info()["supported_isas"]
    assert len(runs) > 1
    for run in runs[1:]:
        assert run == runs[0]


def test_an_instruction_set_that_is_not_there_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nablanet", "info"],
        env={**os.environ, "NABLANET_ISA": "abacus"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no instruction set 'abacus'" in done.stderr
    assert "generic" in done.stderr
    assert "Traceback" not in done.stderr


@given(
    st.integers(1, 70),
    st.integers(1, 70),
    st.integers(1, 70),
    st.integers(1, 33),
)
@settings(max_examples=60)
def test_a_sum_does_not_depend_on_its_neighbours(n_in: int, n_out: int, m: int, row: int) -> None:
    """A row's outputs are the same bits alone and in company, whatever tiles it falls into."""
    p = problem([n_in, n_out, 3], "silu", "quadratic", "identity", m=m)
    row %= m
    alone = p.network.predict(p.X[row : row + 1])
    assert np.array_equal(p.network.predict(p.X)[row], alone[0])


def test_a_child_after_fork_trains() -> None:
    """Also one that was forked in the middle of a training and goes on with it."""
    p = problem([200, 150, 10], "tanh", "cross_entropy", "softmax", m=300)
    children: list[int] = []

    def fork_once(epoch: nn.Epoch) -> None:
        if epoch.epoch == 0:
            children.append(os.fork())
            if children == [0]:
                signal.alarm(60)  # ends a child that hangs

    p.network.fit(p.X, p.Y, epochs=3, batch_size=128, eta=0.1, n_threads=2, callbacks=[fork_once])
    if children == [0]:
        os._exit(0)
    _, status = os.waitpid(children[0], 0)
    assert os.waitstatus_to_exitcode(status) == 0


def gradient_of(p: Problem) -> list[Array]:
    nabla_b, nabla_w, _ = engine.gradient_sums(p.network, p.X, p.Y)
    return nabla_b + nabla_w


def test_parameters_changed_in_place_are_what_runs() -> None:
    p = problem([5, 9, 2], "tanh", "quadratic", "identity", m=4)
    before = gradient_of(p)
    p.network.weights[0] *= 0.5
    after = gradient_of(p)
    assert not np.array_equal(before[-1], after[-1])
    assert_same_gradients(p, None, 1e-12)
