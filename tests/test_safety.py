"""Threads, child processes and Ctrl-C."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import nablanet as nn
from nablanet.shapes import Array
from networks import Problem, problem

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


def fit(seed: int, n_threads: int | None = 2) -> bytes:
    """A training whose steps are large enough to be divided, as the bits it ends with."""
    p = problem([120, 90, 10], "tanh", "cross_entropy", "softmax", m=300, seed=seed)
    p.network.fit(p.X, p.Y, epochs=2, batch_size=100, eta=0.1, n_threads=n_threads)
    return b"".join(a.tobytes() for a in p.network.weights + p.network.biases)


@pytest.fixture(scope="module")
def in_a_row() -> list[bytes]:
    return [fit(seed) for seed in range(8)]


def test_fits_in_eight_threads(in_a_row: list[bytes]) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(fit, range(8))) == in_a_row


def test_predictions_of_one_network_in_eight_threads() -> None:
    p = problem([120, 90, 10], "tanh", "cross_entropy", "softmax", m=300)
    expected = p.network.predict(p.X)
    with ThreadPoolExecutor(8) as pool:
        for outputs in pool.map(p.network.predict, [p.X] * 16):
            assert np.array_equal(outputs, expected)


def test_a_fit_inside_a_callback_of_another(in_a_row: list[bytes]) -> None:
    inner: list[bytes] = []
    p = problem([120, 90, 10], "tanh", "cross_entropy", "softmax", m=300, seed=0)
    p.network.fit(
        p.X, p.Y, epochs=2, batch_size=100, eta=0.1, n_threads=2, callbacks=[lambda _: inner.append(fit(1))]
    )
    assert inner == [in_a_row[1]] * 2
    assert b"".join(a.tobytes() for a in p.network.weights + p.network.biases) == in_a_row[0]


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fits_in_child_processes(method: str, in_a_row: list[bytes]) -> None:
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(fit, range(4), timeout=100)) == in_a_row[:4]


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_fits_through_joblib(backend: str, in_a_row: list[bytes]) -> None:
    joblib = pytest.importorskip("joblib")
    run = joblib.Parallel(n_jobs=2, backend=backend, timeout=100)
    assert run(joblib.delayed(fit)(seed) for seed in range(4)) == in_a_row[:4]


@posix
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("n_threads", [1, 4])
def test_children_of_a_fork_amid_training(n_threads: int, in_a_row: list[bytes]) -> None:
    """Each thread of the parent may hold whatever lock it holds while it trains."""
    done = threading.Event()
    trained: list[bytes] = []

    def keep_training() -> None:
        while not done.is_set():
            trained.append(fit(3, 4))

    worker = threading.Thread(target=keep_training)
    worker.start()
    try:
        for seed in range(6):
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                try:
                    signal.alarm(60)  # rather than hang
                    p = problem([120, 90, 10], "tanh", "cross_entropy", "softmax", m=300, seed=seed)
                    p.network.predict(p.X, n_threads=n_threads)
                    os.write(write, hashlib.sha256(fit(seed, n_threads)).digest())
                finally:
                    os._exit(0)
            os.close(write)
            with os.fdopen(read, "rb") as pipe:
                found = pipe.read()
            assert os.waitpid(child, 0)[1] == 0
            assert found == hashlib.sha256(in_a_row[seed]).digest()
    finally:
        done.set()
        worker.join()
    assert set(trained) == {in_a_row[3]}


def test_a_fit_of_the_same_network_inside_its_callback() -> None:
    """It trains on from where the epoch has ended, and the outer one from where it has ended."""
    nested, one_by_one = (problem([6, 5, 3], "tanh", "cross_entropy", "softmax", m=30) for _ in range(2))

    def fit(p: Problem, epochs: int, **arguments: Any) -> None:
        p.network.fit(p.X, p.Y, epochs=epochs, batch_size=7, eta=0.1, n_threads=2, **arguments)

    fit(nested, 3, callbacks=[lambda _: fit(nested, 2)])
    for _ in range(3):
        fit(one_by_one, 1)
        fit(one_by_one, 2)
    assert np.array_equal(parameters_of(nested.network), parameters_of(one_by_one.network))


class Interrupt(Exception):  # noqa: N818 - no error, and not to be caught as KeyboardInterrupt by pytest
    pass


def seconds_to_answer(call: Callable[[], object], after: float) -> float:
    """How long after a signal `call` ends with what the signal's handler raises."""

    def handler(*_: Any) -> None:
        raise Interrupt

    before = signal.signal(signal.SIGALRM, handler)
    started = time.perf_counter()
    signal.setitimer(signal.ITIMER_REAL, after)
    try:
        with pytest.raises(Interrupt):
            call()
        return time.perf_counter() - started - after
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# some 10 ms on a free machine, 100 ms for an update that is undone; a busy one may take longer
SOON = 2.0


@posix
@pytest.mark.parametrize("optimizer", [nn.SGD(0.01), nn.Adam(0.001)], ids=["sgd", "adam"])
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("after", [0.1, 0.4, 0.7])
def test_a_signal_ends_a_long_step_and_leaves_the_network_whole(
    optimizer: Any, n_threads: int, after: float
) -> None:
    """Mini-batches of a quarter of a second and more, in each of which a signal may come anywhere."""
    net = nn.Network([1500, 1500, 1500, 10], activation="relu", cost="cross_entropy", init="he", seed=0)
    X = np.random.default_rng(0).random((2048, 1500))
    labels = np.arange(2048) % 10
    reached = [parameters_of(net)]
    seed = net._rng.bit_generator.state

    def run() -> None:
        net.fit(X, labels, epochs=50, batch_size=2048, optimizer=optimizer, n_threads=n_threads)

    assert seconds_to_answer(run, after) < SOON
    found = parameters_of(net)
    net.weights, net.biases = [list(part) for part in split(reached[0], net)]
    net._rng.bit_generator.state = seed

    class EnoughError(Exception):
        pass

    def keep(_: nn.Epoch) -> None:
        reached.append(parameters_of(net))
        if np.array_equal(reached[-1], found):
            raise EnoughError

    if not np.array_equal(found, reached[0]):
        with pytest.raises(EnoughError):
            net.fit(X, labels, epochs=50, batch_size=2048, optimizer=optimizer, callbacks=[keep])


def parameters_of(net: nn.Network) -> Array:
    return np.concatenate([a.ravel() for a in net.weights + net.biases])


def split(flat: Array, net: nn.Network) -> tuple[list[Array], list[Array]]:
    arrays, begin = [], 0
    for parameter in net.weights + net.biases:
        arrays.append(flat[begin : begin + parameter.size].reshape(parameter.shape).copy())
        begin += parameter.size
    return arrays[: len(net.weights)], arrays[len(net.weights) :]


@posix
@pytest.mark.parametrize("name", ["predict", "mean_cost", "gradient", "input_gradient", "jacobian", "hidden"])
def test_a_signal_ends_a_long_call(name: str) -> None:
    net = nn.Network([1000, 2000, 2000, 10], activation="relu", cost="cross_entropy", init="he", seed=0)
    X = np.random.default_rng(0).random((6000, 1000))
    labels = np.arange(6000) % 10
    kept = parameters_of(net)
    arguments: dict[str, tuple[Any, ...]] = {"hidden": (X, 3), "predict": (X,), "jacobian": (X,)}
    method = getattr(net, name)

    def run() -> None:
        for _ in range(100):
            method(*arguments.get(name, (X, labels)))

    assert seconds_to_answer(run, 0.2) < SOON
    assert np.array_equal(parameters_of(net), kept)


@posix
@pytest.mark.parametrize("batch_size", [1, 200_000])
def test_a_signal_ends_the_training_of_the_smallest_network(batch_size: int) -> None:
    net = nn.Network([1, 1], seed=0)
    X = np.random.default_rng(0).random((1_000_000, 1))
    assert seconds_to_answer(lambda: net.fit(X, X, epochs=10_000, batch_size=batch_size, eta=0.1), 0.3) < SOON


@posix
def test_a_signal_whose_handler_returns_changes_nothing() -> None:
    p = problem([1000, 1500, 10], "relu", "cross_entropy", "softmax", m=1024)
    other = problem([1000, 1500, 10], "relu", "cross_entropy", "softmax", m=1024)
    count = 0

    def handler(*_: Any) -> None:
        nonlocal count
        count += 1

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    try:
        p.network.fit(p.X, p.Y, epochs=3, batch_size=1024, optimizer=nn.Adam(0.01))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    other.network.fit(other.X, other.Y, epochs=3, batch_size=1024, optimizer=nn.Adam(0.01))
    assert count > 0
    assert np.array_equal(parameters_of(p.network), parameters_of(other.network))


@posix
def test_a_signal_reaches_the_main_thread_while_others_train() -> None:
    done = threading.Event()

    def keep_training() -> None:
        while not done.is_set():
            fit(0)

    workers = [threading.Thread(target=keep_training) for _ in range(2)]
    for worker in workers:
        worker.start()
    net = nn.Network([1500, 1500, 10], activation="relu", cost="cross_entropy", init="he", seed=0)
    X = np.random.default_rng(0).random((2048, 1500))
    labels = np.arange(2048) % 10
    try:
        run = lambda: net.fit(X, labels, epochs=100, batch_size=2048, eta=0.01)  # noqa: E731
        assert seconds_to_answer(run, 0.3) < 2 * SOON
    finally:
        done.set()
        for worker in workers:
            worker.join()
