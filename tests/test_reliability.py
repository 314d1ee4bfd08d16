"""Odd inputs and learning rates without sense: docs/reliability.md says what the user sees."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

import nablanet as nn
from nablanet import backprop
from nablanet.book import network2
from odd_inputs import (
    DESIRED,
    FLOAT_FORMS,
    FORMS,
    LABEL_FORMS,
    LABELS,
    OVERFLOWING_DESIRED,
    OVERFLOWING_X,
    WEIGHTS,
    WRONG_DESIRED,
    WRONG_LABELS,
    WRONG_WEIGHTS,
    WRONG_X,
    M,
    N,
    Wrong,
    X,
)
from reliability import Own, bits, parameters

SIZES = [N, 4, 3]


class OwnStep(nn.Network):
    def update_mini_batch(self, mini_batch: Any, eta: float) -> None:
        super().update_mini_batch(mini_batch, eta)


def pairs(X: Any, Y: Any) -> list[tuple[Any, Any]]:
    return list(zip(X, Y, strict=True))


SETTINGS: dict[str, Any] = {"epochs": 1, "batch_size": 4, "eta": 0.1, "progress": False}
Call = Callable[[Any, Any, Any], object]
# what takes rows X, what takes rows X and Y, and what takes them sample by sample
OF_X: dict[str, Call] = {
    "predict": lambda net, X, Y: net.predict(X),
    "jacobian": lambda net, X, Y: net.jacobian(X),
    "hidden": lambda net, X, Y: net.hidden(X, 2),
}
WHOLE: dict[str, Call] = {
    "fit": lambda net, X, Y: net.fit(X, Y, **SETTINGS),
    "validation": lambda net, X_, Y_: net.fit(X, LABELS, validation=(X_, Y_), **SETTINGS),
    "mean_cost": lambda net, X, Y: net.mean_cost(X, Y),
    "gradient": lambda net, X, Y: net.gradient(X, Y),
    "input_gradient": lambda net, X, Y: net.input_gradient(X, Y),
    "SGD": lambda net, X, Y: net.SGD((X, Y), 1, 4, 0.1),
    "test_data": lambda net, X_, Y_: net.SGD((X, LABELS), 1, 4, 0.1, (X_, Y_)),
    "evaluate": lambda net, X, Y: net.evaluate((X, Y)),
    "update_mini_batch": lambda net, X, Y: net.update_mini_batch((X, Y), 0.1),
}
ONE_BY_ONE: dict[str, Call] = {
    "SGD of pairs": lambda net, X, Y: net.SGD(pairs(X, Y), 1, 4, 0.1),
    "evaluate of pairs": lambda net, X, Y: net.evaluate(pairs(X, Y)),
    "update_mini_batch of pairs": lambda net, X, Y: net.update_mini_batch(pairs(X, Y), 0.1),
    "backprop": lambda net, X, Y: [net.backprop(x, y) for x, y in pairs(X, Y)],
}
BOOK: dict[str, Call] = {
    "network2.SGD": lambda net, X, Y: net.SGD(pairs(X, Y), 1, 4, 0.1),
    "network2.accuracy": lambda net, X, Y: net.accuracy(pairs(X, Y)),
    "network2.total_cost": lambda net, X, Y: net.total_cost(pairs(X, Y), 0.1),
    "network2.update_mini_batch": lambda net, X, Y: net.update_mini_batch(pairs(X, Y), 0.1, 0.1, M),
    "network2.backprop": lambda net, X, Y: [net.backprop(x, y) for x, y in pairs(X, Y)],
}


def has_rows(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim > 0 and len(value) == M


def check_refused(make: Callable[[], Any], calls: dict[str, Call], wrong: Wrong, x: Any, y: Any) -> None:
    for name, call in calls.items():
        net = make()
        before = bits(net)
        with pytest.raises(wrong.error, match=wrong.message) as caught:
            call(net, x, y)
        assert len(str(caught.value)) < 400, name
        assert bits(net) == before, name


@pytest.mark.parametrize("kind", [nn.Network, Own])
@pytest.mark.parametrize("wrong", WRONG_X, ids=str)
def test_a_wrong_X_is_refused_and_nothing_changes(wrong: Wrong, kind: type[nn.Network]) -> None:
    calls = {**OF_X, **WHOLE, **(ONE_BY_ONE if has_rows(wrong.value) else {})}
    check_refused(lambda: kind(SIZES, seed=0, dtype="float32"), calls, wrong, wrong.value, LABELS)
    if has_rows(wrong.value):
        check_refused(lambda: network2.Network(SIZES), BOOK, wrong, wrong.value, LABELS)


@pytest.mark.parametrize("wrong", OVERFLOWING_X, ids=str)
def test_an_X_that_overflows_float32_is_refused_there(wrong: Wrong) -> None:
    calls = {**OF_X, **WHOLE, **ONE_BY_ONE}
    check_refused(lambda: nn.Network(SIZES, seed=0, dtype="float32"), calls, wrong, wrong.value, LABELS)
    assert np.isfinite(nn.Network(SIZES).predict(wrong.value)).all()


@pytest.mark.parametrize("wrong", WRONG_LABELS, ids=str)
def test_wrong_labels_are_refused_and_nothing_changes(wrong: Wrong) -> None:
    each = has_rows(wrong.value)
    calls = {**WHOLE, **(ONE_BY_ONE if each else {})}
    check_refused(lambda: nn.Network(SIZES, seed=0, dtype="float32"), calls, wrong, X, wrong.value)
    if each:
        check_refused(lambda: network2.Network(SIZES), BOOK, wrong, X, wrong.value)


@pytest.mark.parametrize("wrong", [*WRONG_DESIRED, *OVERFLOWING_DESIRED], ids=str)
def test_wrong_desired_outputs_are_refused_and_nothing_changes(wrong: Wrong) -> None:
    calls = {**WHOLE, **ONE_BY_ONE}
    check_refused(lambda: nn.Network(SIZES, seed=0, dtype="float32"), calls, wrong, X, wrong.value)
    if wrong not in OVERFLOWING_DESIRED:
        check_refused(lambda: network2.Network(SIZES), BOOK, wrong, X, wrong.value)


WEIGHTED: dict[str, Call] = {
    "fit": lambda net, X, w: net.fit(X, LABELS, sample_weight=w, **SETTINGS),
    "validation": lambda net, X, w: net.fit(X, LABELS, validation=(X, LABELS, w), **SETTINGS),
    "mean_cost": lambda net, X, w: net.mean_cost(X, LABELS, w),
    "gradient": lambda net, X, w: net.gradient(X, LABELS, w),
}


@pytest.mark.parametrize("wrong", WRONG_WEIGHTS, ids=str)
def test_wrong_sample_weights_are_refused_and_nothing_changes(wrong: Wrong) -> None:
    check_refused(lambda: nn.Network(SIZES, seed=0), WEIGHTED, wrong, X, wrong.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["weights", "biases"])
def test_parameters_that_are_not_finite_are_refused_and_left_alone(name: str, bad: float) -> None:
    def spoiled(kind: Any) -> Any:
        net = kind(SIZES)
        getattr(net, name)[1][2, 0] = bad
        return net

    wrong = Wrong("", None, ValueError, rf"{name}\[1\] must be finite, got {bad} at \[2, 0\]")
    check_refused(lambda: spoiled(nn.Network), {**OF_X, **WHOLE, **ONE_BY_ONE}, wrong, X, LABELS)
    check_refused(lambda: spoiled(network2.Network), BOOK, wrong, X, LABELS)


def trained(X: Any, Y: Any, weights: Any = None, dtype: str = "float64", **settings: Any) -> nn.Network:
    net = nn.Network([np.shape(X)[1], 4, 3], seed=1, dtype=dtype, activation="tanh")
    net.fit(X, Y, sample_weight=weights, **{**SETTINGS, "epochs": 3, **settings})
    return net


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_form_of_the_same_numbers_trains_the_same_bits(dtype: str, tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "x", X.dtype, "w+", shape=X.shape)
    mapped[:] = X
    wanted = bits(trained(X, DESIRED, WEIGHTS, dtype))
    assert bits(trained(mapped, DESIRED, WEIGHTS, dtype)) == wanted
    for name, form in {**FORMS, **FLOAT_FORMS}.items():
        assert bits(trained(form(X), form(DESIRED), form(WEIGHTS), dtype)) == wanted, name
    wanted = bits(trained(X, LABELS, None, dtype))
    for name, form in {**FORMS, **LABEL_FORMS}.items():
        assert bits(trained(X, form(LABELS), None, dtype)) == wanted, name


@pytest.mark.parametrize("name", [*FORMS, *FLOAT_FORMS])
def test_the_chapters_methods_take_every_form(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    form = {**FORMS, **FLOAT_FORMS}[name]
    for call in [*WHOLE.values(), *ONE_BY_ONE.values()][3:]:
        plain, other = nn.Network(SIZES, seed=0), nn.Network(SIZES, seed=0)
        wanted, found = call(plain, X, DESIRED), call(other, np.asarray(form(X)), np.asarray(form(DESIRED)))
        assert repr(found) == repr(wanted)
        assert bits(other) == bits(plain)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_integers_are_the_floats_next_to_them(dtype: str) -> None:
    signed = np.array([[2**62, -(2**62), 2**53 + 1, -1, 0], [2**62 - 1, 7, 2**31, -(2**63), 2**63 - 1]])
    unsigned = np.array([[2**64 - 1, 2**63, 2**53 + 1, 1, 0]] * 2, np.uint64)
    net = nn.Network(SIZES, activation="identity", init="scaled", dtype=dtype, seed=0)
    for whole in (signed, unsigned, signed.astype(object), unsigned.astype(object)):
        outputs = net.predict(whole)
        assert np.array_equal(outputs, net.predict(whole.astype(dtype)))
        assert np.isfinite(outputs).all()


def test_denormals_are_numbers_like_others() -> None:
    for dtype, least in (("float32", 2.0**-149), ("float64", 2.0**-1074)):
        tiny = np.array([[1, 2, 3, 1000, 2**20]] * 9) * np.array(least, dtype)
        net = nn.Network([5, 5], activation="identity", dtype=dtype)
        net.weights[0][:], net.biases[0][:] = np.eye(5), 0
        for rows in (tiny[:1], tiny):  # a few rows go another way
            assert np.array_equal(net.predict(rows), rows)
            assert np.array_equal(net.predict(scipy.sparse.csr_array(rows)), rows)
            zs, _ = backprop.feed_forward(net.weights, net.biases, net.activations, rows.T)
            assert np.array_equal(zs[-1].T, rows)


@pytest.mark.parametrize(("dtype", "gap"), [("float32", 95.0), ("float64", 720.0)])
@pytest.mark.parametrize("n_out", [3, 70])
@pytest.mark.parametrize("rows", [1, 20])
def test_softmax_gives_denormals_and_learns_without_them(
    dtype: str, gap: float, n_out: int, rows: int
) -> None:
    net = nn.Network([1, n_out], output="softmax", cost="cross_entropy", dtype=dtype)
    net.weights[0][:], net.biases[0][:] = 0, 0
    net.biases[0][0] = gap
    X, tiny = np.ones((rows, 1), dtype), float(np.finfo(dtype).tiny)
    outputs = net.predict(X)
    assert (outputs[:, 0] == 1).all()
    assert ((outputs[:, 1:] > 0) & (outputs[:, 1:] < tiny)).all()
    # da_1/dz_0 = -a_1 a_0 is as small
    net.weights[0][0, 0], net.biases[0][0, 0] = 1, gap - 1
    assert (net.jacobian(X)[:, 1, 0] == -outputs[:, 1]).all()
    net.weights[0][:], net.biases[0][0, 0] = 0, gap
    # each row costs the gap; its errors are 1, -1, and what is too small to count
    nabla = net.gradient(X, np.full(rows, 1))
    assert nabla.cost == pytest.approx(gap)
    assert nabla.nabla_b[0][:, 0].tolist() == [1, -1] + [0] * (n_out - 2)


def test_training_leaves_denormals_as_they_are() -> None:
    """A library that is compiled with -ffast-math sets flush-to-zero for a whole thread."""
    code = (
        "import threading\nimport numpy as np\nimport nablanet as nn\nfound = []\n"
        "def look(): found.append(bool((np.array([5e-324]) * 1.0 == 5e-324)[0]) and 1e-45 * 1.0 > 0"
        " and bool((np.array([1e-45], 'f4') * np.float32(1) > 0)[0]))\n"
        "def fit():\n"
        "    net = nn.Network([300, 300, 10], seed=0, dtype='float32')\n"
        "    net.fit(np.ones((300, 300)), np.arange(300) % 10, epochs=2, batch_size=150, eta=0.1,"
        " n_threads=4)\n"
        "    look()\n"
        "look(); fit()\n"
        "for job in (fit, look):\n"
        "    thread = threading.Thread(target=job); thread.start(); thread.join()\n"
        "look(); print(found)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{[True] * 5}\n"
    thread = threading.Thread(target=trained, args=(X, LABELS), kwargs={"n_threads": 2})
    thread.start()
    thread.join()
    assert np.array([5e-324])[0] * 1.0 == 5e-324 > 0


def test_duplicate_columns_share_what_one_would_learn() -> None:
    net = nn.Network([2 * N, 4, 3], seed=0)
    net.weights[0][:, N:] = net.weights[0][:, :N]
    net.fit(np.hstack([X, X]), LABELS, epochs=20, batch_size=4, eta=0.5, progress=False)
    assert np.array_equal(net.weights[0][:, N:], net.weights[0][:, :N])
    single = nn.Network(SIZES, seed=0)
    single.weights[0][:] = 2 * net.weights[0][:, :N]
    single.weights[1][:] = net.weights[1]
    for ours, theirs in zip(single.biases, net.biases, strict=True):
        ours[:] = theirs
    np.testing.assert_allclose(single.predict(X), net.predict(np.hstack([X, X])), rtol=1e-12)


def test_a_single_class_is_learned() -> None:
    for settings in ({}, {"class_weight": "balanced"}):
        net = trained(X, np.ones(M, int), epochs=200, eta=1.0, **settings)
        assert (net.predict(X).argmax(axis=1) == 1).all()
        assert net.mean_cost(X, np.ones(M, int)) < 0.01


def test_a_mini_batch_may_be_larger_than_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    for make in (lambda: nn.Network(SIZES, seed=0), lambda: network2.Network(SIZES)):
        found = []
        for size in (M, 10**12):
            np.random.seed(0)  # the book's networks draw from it
            net: Any = make()
            net.SGD(pairs(X, LABELS), 2, size, 0.1)
            found.append(parameters(net))
        for ours, theirs in zip(*found, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)  # in another order, so not the same bits


def test_a_network_has_features() -> None:
    with pytest.raises(ValueError, match="the size of layer 1 must be at least 1, got 0"):
        nn.Network([0, 3])


# learning rates without sense

Y = DESIRED
EXTRAS: dict[str, dict[str, Any]] = {
    "nothing else": {},
    "validation, restore_best": {"validation": (X, Y), "early_stopping": True},
    "restore_best by the cost": {"early_stopping": nn.EarlyStopping(metric="cost", patience=3)},
    "average": {"average": 0.9},
    "dropout": {"dropout": 0.3},
    "all of these": {"dropout": 0.2, "average": 0.5, "validation": (X, Y), "early_stopping": True},
    "cosine": {"schedule": "cosine"},
    "plateau": {"schedule": nn.Plateau(metric="cost")},
    "penalties": {"lmbda": 0.1, "l1": 0.1, "alpha": 0.1},
    "clip_norm": {"clip_norm": 1.0},
    "clip_value, max_norm": {"clip_value": 1.0, "max_norm": 3.0},
}
# steps of these grow without end
ALWAYS_DIVERGE = ("nothing else", "average", "dropout", "penalties")


@pytest.mark.parametrize("kind", [nn.Network, Own])
@pytest.mark.parametrize("eta", [1e3, 1e30])
@pytest.mark.parametrize("optimizer", [nn.SGD, nn.Momentum, nn.Nesterov, nn.RMSprop, nn.Adam, nn.AdamW])
def test_a_learning_rate_without_sense_ends_in_a_message_and_finite_parameters(
    kind: type[nn.Network], eta: float, optimizer: Any
) -> None:
    for extra, settings in EXTRAS.items():
        for dtype in ("float32", "float64"):
            net = kind(SIZES, activation="relu", output="identity", dtype=dtype, seed=0)
            after = [bits(net)]
            told: list[float] = []

            def keep(epoch: nn.Epoch, net: nn.Network = net, after: Any = after, told: Any = told) -> None:
                after.append(bits(net))
                told.append(epoch.cost)

            try:
                net.fit(
                    X,
                    Y,
                    epochs=60,
                    batch_size=2,
                    optimizer=optimizer(eta),
                    callbacks=[keep],
                    progress=False,
                    **settings,
                )
            except nn.DivergenceError as error:
                message = str(error)
                assert message.startswith(f"training diverged in epoch {len(told)}: the cost or a parameter")
                assert "smaller eta (it was " in message
                assert bits(net) == after[-1], extra
            else:
                assert optimizer not in (nn.SGD, nn.Momentum) or extra not in ALWAYS_DIVERGE, extra
            assert all(np.isfinite(p).all() for p in parameters(net))
            assert np.isfinite(told).all()


@pytest.mark.parametrize("eta", [1e3, 1e30])
@pytest.mark.parametrize("kind", [nn.Network, Own, OwnStep])
def test_the_chapters_methods_diverge_with_a_message(
    kind: type[nn.Network], eta: float, capsys: pytest.CaptureFixture[str]
) -> None:
    net = kind(SIZES, output="identity", seed=0, dtype="float32")
    with pytest.raises(
        nn.DivergenceError, match=rf"diverged in epoch \d+: .* \(it was {re.escape(f'{eta:g}')}\)"
    ):
        net.SGD((X, Y), 200, 2, eta)
    kept = bits(net)

    def step() -> None:
        kept[:] = bits(net)
        net.update_mini_batch((X, Y), eta)

    with pytest.raises(nn.DivergenceError, match=rf"smaller eta \(it was {re.escape(f'{eta:g}')}\)"):
        deque(iter(step, object()))
    assert bits(net) == kept
    assert all(np.isfinite(p).all() for p in parameters(net))


class OwnBookStep(network2.Network):
    def update_mini_batch(self, mini_batch: Any, eta: float, lmbda: float, n: int) -> None:
        super().update_mini_batch(mini_batch, eta, lmbda, n)
        self.weights[0] = self.weights[0] * 1e20


@pytest.mark.parametrize("cls", [network2.Network, OwnBookStep])
def test_the_books_networks_diverge_with_a_message(cls: Any, capsys: pytest.CaptureFixture[str]) -> None:
    net = cls(SIZES)
    # its sigmoids hold the gradient, so that it takes the penalty to diverge
    with pytest.raises(nn.DivergenceError, match=r"diverged in epoch \d+: .* \(it was 1e\+30\)"):
        net.SGD(pairs(X, LABELS), 100, 2, 1e30, 5.0, pairs(X, LABELS), True, True, True, True)
    assert all(np.isfinite(p).all() for p in parameters(net))
    assert net.accuracy(pairs(X, LABELS)) >= 0
