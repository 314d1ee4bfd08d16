"""Mini-batches of mostly zeros, whose zeros the engine skips, and rows that are not finite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

import nablanet as nn
from nablanet import backprop, engine
from nablanet.shapes import Array


def mostly_zero(rng: np.random.Generator, rows: int, n_in: int, share: float) -> Array:
    X = rng.standard_normal((rows, n_in))
    X[rng.random(X.shape) > share] = 0
    return X


@settings(max_examples=60, deadline=None)
@given(
    n_in=st.integers(32, 260),
    hidden=st.integers(1, 90),
    n_out=st.integers(1, 12),
    batch=st.integers(16, 420),
    share=st.sampled_from([0.0, 0.02, 0.1, 0.2]),
    threads=st.integers(1, 3),
    sparse=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_a_step_is_that_of_the_reference(
    n_in: int, hidden: int, n_out: int, batch: int, share: float, threads: int, sparse: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    X, Y = mostly_zero(rng, batch, n_in, share), rng.standard_normal((batch, n_out))
    net = nn.Network([n_in, hidden, n_out], activation="tanh", output="identity", cost="quadratic", seed=seed)
    start_w, start_b = [w.copy() for w in net.weights], [b.copy() for b in net.biases]
    nabla_b, nabla_w, _ = backprop.backpropagate(net.weights, net.biases, net.activations, net.cost, X.T, Y.T)
    rows = csr_array(X) if sparse else X
    net.fit(rows, Y, epochs=1, batch_size=batch, eta=0.5, n_threads=threads, progress=False)
    for now, before, nabla in zip(
        net.weights + net.biases, start_w + start_b, nabla_w + nabla_b, strict=True
    ):
        np.testing.assert_allclose(now, before - 0.5 / batch * nabla, rtol=1e-10, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    n_in=st.integers(256, 400),
    hidden=st.tuples(st.integers(33, 90)) | st.tuples(st.integers(33, 70), st.integers(1, 40)),
    batch=st.integers(192, 640),
    dtype=st.sampled_from(["float32", "float64"]),
    form=st.sampled_from([np.asarray, np.asfortranarray, lambda X: (100 * np.abs(X)).astype(np.uint8)]),
    activation=st.sampled_from(["relu", "tanh"]),
    optimizer=st.sampled_from(["sgd", "adam"]),
    extras=st.sampled_from([{}, {"dropout": 0.3}, {"clip_norm": 0.1, "max_norm": 0.7, "average": 0.8}]),
    seed=st.integers(0, 1000),
)
def test_threads_that_divide_inputs_train_as_one(
    n_in: int,
    hidden: tuple[int, ...],
    batch: int,
    dtype: str,
    form: Callable[[Array], Any],
    activation: str,
    optimizer: str,
    extras: dict[str, Any],
    seed: int,
) -> None:
    # two threads do from 192 rows on, three from 384, four from 576
    rng = np.random.default_rng(seed)
    X = form(mostly_zero(rng, 2 * batch + 50, n_in, 0.1).astype(dtype))
    y = rng.integers(0, 7, X.shape[0])
    results = []
    for threads in (1, 2, 3, 4):
        net = nn.Network(
            [n_in, *hidden, 7],
            activation=activation,
            output="softmax",
            cost="cross_entropy",
            dtype=dtype,
            seed=0,
        )
        net.input_scale = 0.01 if X.dtype == np.uint8 else 1
        history = net.fit(
            X,
            y,
            epochs=1,
            batch_size=batch,
            optimizer=optimizer,
            eta=0.01,
            alpha=0.1,
            n_threads=threads,
            **extras,
        )
        gradient = net.gradient(X, y, n_threads=threads)
        results.append(
            [*net.weights, *net.biases, *gradient.nabla_w, np.array([*history.cost, gradient.cost])]
        )
    for found in results[1:]:
        for one, several in zip(results[0], found, strict=True):
            np.testing.assert_array_equal(one, several)


@settings(max_examples=30, deadline=None)
@given(
    n_in=st.integers(32, 300),
    n_out=st.integers(1, 40),
    batch=st.integers(16, 420),
    dtype=st.sampled_from(["float32", "float64"]),
    threads=st.integers(1, 3),
    dropout=st.sampled_from([0.0, 0.2]),
    seed=st.integers(0, 1000),
)
def test_rows_train_where_they_lie_as_gathered_ones(
    n_in: int, n_out: int, batch: int, dtype: str, threads: int, dropout: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    X = mostly_zero(rng, 2 * batch, n_in, 0.1).astype(dtype)
    Y = rng.standard_normal((2 * batch, n_out)).astype(dtype)
    results = []
    for rows in (X, np.asfortranarray(X), csr_array(X)):  # the first alone lies as the engine reads it
        net = nn.Network(
            [n_in, 40, n_out], activation="relu", output="identity", cost="quadratic", dtype=dtype, seed=0
        )
        net.fit(
            rows,
            Y,
            epochs=1,
            batch_size=batch,
            optimizer="adam",
            dropout=dropout,
            n_threads=threads,
            progress=False,
        )
        nabla = net.gradient(rows, Y, n_threads=threads)
        results.append([*net.weights, *net.biases, *nabla.nabla_w, *nabla.nabla_b])
    for found in results[1:]:
        for there, gathered in zip(results[0], found, strict=True):
            np.testing.assert_array_equal(there, gathered)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_with_their_penalty_are_the_same_where_threads_divide_inputs(
    dtype: str, weighted: bool
) -> None:
    rng = np.random.default_rng(0)
    X, y = mostly_zero(rng, 450, 300, 0.1).astype(dtype), rng.integers(0, 5, 450)
    X[:, 7] = 0
    weights = rng.random(450) if weighted else None
    settings: dict[str, Any] = {"batch_size": 400, "alpha": 0.5, "max_iter": 3, "random_state": 0}
    curves = []
    for threads in (1, 2, 3):
        model = nn.MLPClassifier((30, 20), n_threads=threads, warm_start=True, **settings)
        model.fit(X, y, sample_weight=weights)
        # without effect but on the penalty, whose sum of squares leaves the range of float32
        model.coefs_[0][7] = 1e20
        model.fit(X, y, sample_weight=weights)
        curves.append(model.loss_curve_)
    assert curves[0] == curves[1] == curves[2]
    assert curves[0][-1] > 1e35


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2])
def test_outputs_do_not_depend_on_the_company_of_a_row(dtype: str, threads: int) -> None:
    # beside dense rows, zeros are not skipped; alone they are
    rng = np.random.default_rng(0)
    net = nn.Network([120, 70, 9], activation="relu", output="softmax", cost="cross_entropy", dtype=dtype)
    X = mostly_zero(rng, 200, 120, 0.1).astype(dtype)
    dense = rng.standard_normal((200, 120)).astype(dtype)
    beside = net.predict(np.vstack([dense, X, dense]), n_threads=threads)[200:400]
    assert (net.predict(X, n_threads=threads) == beside).all()


@settings(max_examples=40, deadline=None)
@given(
    n_in=st.integers(32, 150),
    rows=st.integers(16, 200),
    dtype=st.sampled_from(["float32", "float64"]),
    threads=st.integers(1, 2),
    seed=st.integers(0, 1000),
)
def test_rows_read_where_they_lie_predict_as_gathered_ones(
    n_in: int, rows: int, dtype: str, threads: int, seed: int
) -> None:
    X = mostly_zero(np.random.default_rng(seed), rows, n_in, 0.1).astype(dtype)
    net = nn.Network([n_in, 40, 5], activation="tanh", dtype=dtype, seed=seed)
    in_place = net.predict(X, n_threads=threads)
    np.testing.assert_allclose(in_place, net.feedforward(X.T).T, rtol=1e-4, atol=1e-5)
    wider = np.full((rows, 2 * n_in), np.nan, dtype)
    wider[:, :n_in] = X
    for same in (wider[:, :n_in], np.asfortranarray(X), X[:, ::-1].copy()[:, ::-1], csr_array(X)):
        assert (net.predict(same, n_threads=threads) == in_place).all()


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("share", [0.05, 1.0])
def test_rows_that_are_not_finite_are_refused_wherever_they_are(odd: float, share: float) -> None:
    rng = np.random.default_rng(1)
    net = nn.Network([50, 20, 3], activation="relu", seed=0)
    for rows in (5, 40, 700):
        X = mostly_zero(rng, rows, 50, share)
        assert engine.all_finite(X, net.dtype)
        net.predict(X)
        for row, column in ((0, 0), (rows - 1, 49), (rows // 2, 7)):
            bad = X.copy()
            bad[row, column] = odd
            assert not engine.all_finite(bad, net.dtype)
            before = [w.copy() for w in net.weights]
            for call in (net.predict, lambda X: net.fit(X, np.zeros((len(X), 3)), epochs=1, eta=0.1)):
                with pytest.raises(ValueError, match=rf"X must be finite, got {odd} at \[{row}, {column}\]"):
                    call(bad)
            assert all((w == b).all() for w, b in zip(net.weights, before, strict=True))


def test_what_overflows_on_its_way_into_the_network_is_not_finite() -> None:
    X = np.full((3, 4), 1e39)
    assert engine.all_finite(X, np.dtype("float64"))
    assert not engine.all_finite(X, np.dtype("float32"))
    assert not engine.all_finite(np.full((3, 4), 1e300), np.dtype("float64"), 1e10)
    assert engine.all_finite(np.full((3, 4), 255, np.uint8), np.dtype("float32"), 1 / 255)
    assert engine.all_finite(np.empty((0, 4)), np.dtype("float64"))
