"""L-BFGS against closed forms, scikit-learn, and SciPy on a cost of its own."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import optimize, sparse
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_sample_weight

import nablanet as nn
from nablanet import derivatives, lbfgs
from nablanet.regularization import Regularization
from nablanet.shapes import Array
from nablanet.training import Task
from networks import Problem, norm_difference, numerical_gradient, problem, problems


def parameters(net: nn.Network) -> list[Array]:
    return [p.copy() for p in net.weights + net.biases]


def test_least_squares_is_numpys() -> None:
    p = problem([4, 3], [], "quadratic", "identity", m=50)
    history = p.network.fit(p.X, p.Y, epochs=200, optimizer=nn.LBFGS(tol=1e-10))
    solution = np.linalg.lstsq(np.hstack([p.X, np.ones((50, 1))]), p.Y, rcond=None)[0]
    np.testing.assert_allclose(p.network.weights[0], solution[:-1].T, atol=1e-8)
    np.testing.assert_allclose(p.network.biases[0], solution[-1:].T, atol=1e-8)
    assert history.stopped is not None
    assert history.stopped.startswith(f"L-BFGS converged after {len(history)} iterations: CONVERGENCE: ")
    assert history.state is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ridge_regression_has_its_closed_form(dtype: str) -> None:
    p = problem([4, 1], [], "quadratic", "identity", m=30, dtype=dtype)
    p.network.fit(p.X, p.Y, epochs=200, optimizer=nn.LBFGS(tol=1e-11), lmbda=3.0)
    # the gradient of sum (y - w x - b)^2 / 2 + lmbda w^2 / 2 is zero
    x, y = p.X - p.X.mean(axis=0), p.Y - p.Y.mean(axis=0)
    w = np.linalg.solve(x.T @ x + 3.0 * np.eye(4), x.T @ y).T
    b = p.Y.mean(axis=0) - w @ p.X.mean(axis=0)
    accuracy = 1e-9 if dtype == "float64" else 1e-7
    np.testing.assert_allclose(p.network.weights[0], w, atol=accuracy)
    np.testing.assert_allclose(p.network.biases[0][:, 0], b, atol=accuracy)
    assert p.network.weights[0].dtype == dtype


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_regression_is_scikit_learns(classes: int) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((5000, 4))  # more rows than one call of the engine takes
    labels = (X @ rng.standard_normal((4, classes)) + rng.standard_normal((5000, classes))).argmax(axis=1)
    one_output = classes == 2
    net = nn.Network([4, 1 if one_output else classes], cost="cross_entropy", seed=0)
    Y = labels.reshape(-1, 1) if one_output else labels
    net.fit(X, Y, epochs=500, optimizer=nn.LBFGS(tol=1e-9), lmbda=2.0)
    theirs = LogisticRegression(C=1 / 2.0, tol=1e-10, max_iter=10000).fit(X, labels)
    np.testing.assert_allclose(net.weights[0], theirs.coef_, atol=1e-6)
    difference = net.biases[0][:, 0] - theirs.intercept_  # softmax leaves a common shift open
    np.testing.assert_allclose(difference, difference[0], atol=1e-6)
    if one_output:
        assert abs(difference[0]) < 1e-6


def test_a_hidden_layer_takes_scipys_path() -> None:
    """The same iterates as SciPy with a cost and a numerical gradient written here."""
    p = problem([2, 3, 1], "tanh", "quadratic", "identity", m=12)
    shapes = [(3, 2), (1, 3), (3, 1), (1, 1)]

    def cost(x: Array) -> float:
        parts = np.split(x, np.cumsum([6, 3, 3]))
        w2, w3, b2, b3 = (part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
        a = w3 @ np.tanh(w2 @ p.X.T + b2) + b3
        return float(np.square(p.Y.T - a).sum() / 24 + 0.5 / 24 * (np.square(w2).sum() + np.square(w3).sum()))

    start = np.concatenate([v.ravel() for v in p.network.weights + p.network.biases])
    theirs = optimize.minimize(cost, start, jac="3-point", method="L-BFGS-B", options={"maxiter": 6})
    history = p.network.fit(p.X, p.Y, epochs=6, optimizer="lbfgs", lmbda=0.5)
    ours = np.concatenate([v.ravel() for v in p.network.weights + p.network.biases])
    np.testing.assert_allclose(ours, theirs.x, atol=1e-5)
    assert [e.epoch for e in history.epochs] == list(range(6))
    assert history.stopped is None
    assert history.eta == [None] * 6
    assert history.cost[-1] == pytest.approx(p.network.mean_cost(p.X, p.Y), rel=1e-12)


@hypothesis.given(problems())
@hypothesis.settings(max_examples=25, deadline=None)
def test_the_gradient_is_that_of_the_regularized_cost(p: Problem) -> None:
    small = [w.size for w in p.network.weights]
    if sum(small) > 150:
        return
    task = Task(p.X, p.Y, len(p.X), nn.LBFGS(), Regularization(0.7))
    value, gradient = lbfgs._Objective(p.network, task)(
        np.concatenate([v.ravel() for v in parameters(p.network)])
    )
    penalty = 0.7 / (2 * len(p.X)) * sum(float((w**2).sum()) for w in p.network.weights)
    assert value == pytest.approx(p.network.mean_cost(p.X, p.Y) + penalty, rel=1e-11)
    numerical = numerical_gradient(p.network, p.X, p.Y)
    layers = len(p.network.weights)
    wanted = [
        nw / len(p.X) + 0.7 / len(p.X) * w
        for nw, w in zip(numerical[layers:], p.network.weights, strict=True)
    ] + [nb / len(p.X) for nb in numerical[:layers]]
    flat = np.concatenate([v.ravel() for v in wanted])
    assert np.abs(gradient - flat).max() < 1e-6 * max(1, np.abs(flat).max())


@pytest.mark.parametrize("weighted", [False, True])
def test_threads_change_no_bit(weighted: bool) -> None:
    def run(n_threads: int | None) -> list[Array]:
        p = problem([20, 33, 5], "tanh", "cross_entropy", "softmax", m=1300)
        weights = np.random.default_rng(0).random(1300) if weighted else None
        p.network.fit(p.X, p.Y, epochs=5, optimizer="lbfgs", sample_weight=weights, n_threads=n_threads)
        return parameters(p.network)

    one = run(1)
    for n_threads in (2, 3, 4, 8, None):
        assert all(np.array_equal(a, b) for a, b in zip(one, run(n_threads), strict=True))


@pytest.mark.parametrize("weighted", [False, True])
def test_sparse_rows_are_the_dense_ones(weighted: bool) -> None:
    rng = np.random.default_rng(0)
    weights = rng.random(700) if weighted else None
    nets = []
    for convert in (np.asarray, sparse.csr_array):
        p = problem([12, 9, 2], "tanh", "quadratic", "identity", m=700)
        p.X[np.random.default_rng(1).random(p.X.shape) < 0.7] = 0
        p.network.fit(convert(p.X), p.Y, epochs=8, optimizer="lbfgs", sample_weight=weights)
        nets.append(parameters(p.network))
    assert all(np.array_equal(a, b) for a, b in zip(*nets, strict=True))


@pytest.mark.parametrize("weighted", [False, True])
def test_the_users_own_python_trains_like_the_engine(weighted: bool) -> None:
    class Own(nn.Network):
        def backprop(self, x: Any, y: Any) -> tuple[list[Array], list[Array]]:
            return super().backprop(x, y)

    p = problem([3, 4, 2], "tanh", "cross_entropy", "softmax", m=10)
    labels = p.Y.argmax(axis=1)
    own = Own([3, 4, 2], activation="tanh", cost="cross_entropy", init="scaled", seed=0)
    weights = [1, 2, 0, 0.5, 1, 1, 3, 1, 1, 0.1] if weighted else None
    for net in (own, p.network):
        net.fit(p.X, labels, epochs=5, optimizer="lbfgs", lmbda=0.1, sample_weight=weights)
    for ours, theirs in zip(parameters(own), parameters(p.network), strict=True):
        assert norm_difference(ours, theirs) < 1e-8


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("method", ["backprop", "cost_derivative"])
def test_a_function_on_the_object_sees_the_step_that_is_tried(method: str, dtype: str) -> None:
    p = problem([3, 4, 2], "tanh", "quadratic", "identity", m=10, dtype=dtype)
    own = copy.deepcopy(p.network)

    def derivative(a: Array, y: Array) -> Array:
        return a - y

    def gradient(x: Any, y: Any) -> tuple[list[Array], list[Array]]:
        return nn.Network.backprop(own, x, y)

    setattr(own, method, gradient if method == "backprop" else derivative)
    arrays = own.weights + own.biases
    histories = [net.fit(p.X, p.Y, epochs=5, optimizer="lbfgs") for net in (own, p.network)]
    assert histories[0].cost == pytest.approx(histories[1].cost, rel=1e-10)
    for ours, theirs in zip(parameters(own), parameters(p.network), strict=True):
        assert norm_difference(ours, theirs) < (1e-8 if dtype == "float64" else 1e-6)
    assert all(a is b for a, b in zip(arrays, own.weights + own.biases, strict=True))
    assert own.dtype == dtype


def test_an_error_in_the_users_own_python_leaves_the_last_step() -> None:
    p = problem([3, 4, 2], "tanh", "quadratic", "identity", m=10, dtype="float32")
    net, calls = p.network, 0
    expected = parameters(net)

    def fail(x: Any, y: Any) -> tuple[list[Array], list[Array]]:
        nonlocal calls
        calls += 1
        if calls == 15:
            raise KeyError
        return nn.Network.backprop(net, x, y)

    net.backprop = fail  # type: ignore[method-assign]
    with pytest.raises(KeyError):
        net.fit(p.X, p.Y, epochs=5, optimizer="lbfgs")
    assert all(np.array_equal(a, b) for a, b in zip(parameters(net), expected, strict=True))
    assert net.dtype == net.weights[0].dtype == np.float32


def test_float32_follows_float64() -> None:
    p = problem([3, 4, 2], "tanh", "quadratic", "identity", m=20, dtype="float32")
    double = problem([3, 4, 2], "tanh", "quadratic", "identity", m=20)
    X = p.X.astype(np.float32)
    Y = p.Y.astype(np.float32)
    for mine, exact in zip(
        p.network.weights + p.network.biases, double.network.weights + double.network.biases, strict=True
    ):
        exact[...] = mine
    for net in (p.network, double.network):
        net.fit(X, Y, epochs=10, optimizer="lbfgs")
    for ours, theirs in zip(parameters(p.network), parameters(double.network), strict=True):
        assert ours.dtype == np.float32
        assert np.array_equal(ours, theirs.astype(np.float32))


def test_each_iteration_is_an_epoch_for_everything_else() -> None:
    p = problem([3, 4, 2], "tanh", "quadratic", "identity", m=20)
    seen: list[list[Array]] = []
    history = p.network.fit(
        p.X,
        p.Y,
        epochs=100,
        batch_size=20,
        optimizer="lbfgs",
        validation=(p.X, p.Y + 0.3),
        early_stopping=nn.EarlyStopping(patience=2),
        metrics={"mean": lambda Y, a: float(a.mean())},
        callbacks=[lambda epoch: seen.append(parameters(p.network))],
    )
    assert history.stopped is not None
    assert history.stopped.startswith("Early stopping: validation_cost")
    assert len(history) == len(seen) == len(history.metrics["mean"])
    assert history.best_epoch is not None
    for ours, best in zip(parameters(p.network), seen[history.best_epoch], strict=True):
        assert np.array_equal(ours, best)
    # the cost of an epoch is that of the parameters it led to, so it never rises
    assert all(b <= a for a, b in zip(history.cost[:-1], history.cost[1:], strict=True))


def test_a_callback_ends_it() -> None:
    p = problem([3, 4, 2], "tanh", "quadratic", "identity", m=20)
    history = p.network.fit(p.X, p.Y, epochs=50, optimizer="lbfgs", callbacks=[lambda e: e.epoch == 1])
    assert (len(history), history.stopped) == (2, "A callback ended training after epoch 1.")


def test_no_iteration_where_the_gradient_is_zero() -> None:
    net = nn.Network([2, 1], output="identity", seed=0)
    X = np.array([[0.0, 1.0], [1.0, 2.0]])
    before = parameters(net)
    history = net.fit(X, net.predict(X), epochs=5, optimizer="lbfgs")
    assert len(history) == 0
    assert history.stopped is not None
    assert "after 0 iterations" in history.stopped
    assert all(np.array_equal(a, b) for a, b in zip(before, parameters(net), strict=True))


@hypothesis.given(
    st.sampled_from([("quadratic", "identity"), ("cross_entropy", "softmax"), ("poisson", "exp")]),
    st.lists(st.integers(0, 4), min_size=6, max_size=20).filter(lambda repeats: sum(repeats) > 4),
)
@hypothesis.settings(max_examples=25, deadline=None)
def test_an_integer_weight_is_a_sample_repeated(pair: tuple[str, str], repeats: list[int]) -> None:
    """Without a hidden layer and with a penalty the minimum is one, whatever the way to it."""
    m, n = len(repeats), sum(repeats)
    one, other = (problem([3, 2], [], *pair, m=m) for _ in range(2))
    arguments: dict[str, Any] = {"epochs": 500, "optimizer": nn.LBFGS(tol=1e-10)}
    # lmbda / m and lmbda / n are the same penalty
    weighted = one.network.fit(one.X, one.Y, sample_weight=repeats, lmbda=0.5 * m, **arguments)
    X, Y = np.repeat(other.X, repeats, axis=0), np.repeat(other.Y, repeats, axis=0)
    repeated = other.network.fit(X, Y, lmbda=0.5 * n, **arguments)
    for ours, theirs in zip(parameters(one.network), parameters(other.network), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-8)
    assert weighted.cost[-1] == pytest.approx(repeated.cost[-1], rel=1e-8)
    assert weighted.cost[-1] == pytest.approx(one.network.mean_cost(one.X, one.Y, repeats), rel=1e-12)


@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("classes", [2, 3])
def test_weighted_logistic_regression_is_scikit_learns(classes: int, class_weight: Any) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1000, 4))
    labels = (X @ rng.standard_normal((4, classes)) + rng.standard_normal((1000, classes))).argmax(axis=1)
    weights = rng.random(1000)
    net = nn.Network([4, 1 if classes == 2 else classes], cost="cross_entropy", seed=0)
    Y = labels.reshape(-1, 1) if classes == 2 else labels
    given = {"sample_weight": weights, "class_weight": class_weight}
    net.fit(X, Y, epochs=500, optimizer=nn.LBFGS(tol=1e-9), lmbda=2.0, **given)
    # theirs minimizes C sum w C_x + sum w^2 / 2, ours the mean with lmbda / (2 n)
    counted = weights if class_weight is None else weights * compute_sample_weight("balanced", labels)
    theirs = LogisticRegression(C=1000 / (2.0 * counted.sum()), tol=1e-10, max_iter=10000)
    theirs.fit(X, labels, sample_weight=counted)
    np.testing.assert_allclose(net.weights[0], theirs.coef_, atol=1e-6)
    difference = net.biases[0][:, 0] - theirs.intercept_  # softmax leaves a common shift open
    np.testing.assert_allclose(difference, difference[0], atol=1e-6)
    if classes == 2:
        assert abs(difference[0]) < 1e-6


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interruption_leaves_the_last_accepted_iterate(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    p = problem([3, 4, 2], "tanh", "quadratic", "identity", m=20)
    expected = copy.deepcopy(p.network)
    expected.fit(p.X, p.Y, epochs=3, optimizer="lbfgs")
    gradient = derivatives.gradient
    done = 0

    def count(epoch: nn.Epoch) -> None:
        nonlocal done
        done = epoch.epoch + 1

    def interrupt(*arguments: Any) -> nn.Gradient:
        if done == 3:
            raise error
        return gradient(*arguments)

    monkeypatch.setattr(derivatives, "gradient", interrupt)
    with pytest.raises(error):
        p.network.fit(p.X, p.Y, epochs=50, optimizer="lbfgs", callbacks=[count])
    for ours, theirs in zip(parameters(p.network), parameters(expected), strict=True):
        assert np.array_equal(ours, theirs)


def test_a_cost_that_is_not_finite_is_a_divergence() -> None:
    net = nn.Network([1, 1], output="identity", seed=0)
    net.weights[0][...] = 1e200
    with pytest.raises(nn.DivergenceError, match="L-BFGS came to a cost"):
        net.fit([[1.0], [2.0]], [[0.0], [1.0]], epochs=5, optimizer="lbfgs")
    assert net.weights[0] == 1e200


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"eta": 0.1}, ValueError, "L-BFGS finds the length of its steps itself: leave eta out"),
        ({"batch_size": 19}, ValueError, "L-BFGS learns from all 20 samples at once"),
        ({"batch_size": "all"}, TypeError, "batch_size must be an integer"),
        ({"schedule": "cosine"}, ValueError, "goes without schedule"),
        ({"resume": nn.History()}, ValueError, "goes without resume"),
        ({"clip_norm": 1.0}, ValueError, "goes without clip_value and clip_norm"),
        ({"average": 0.9}, ValueError, "goes without average"),
        ({"sample_weight": np.ones(19)}, ValueError, r"wanted shape \(20,\), got \(19,\)"),
        ({"optimizer": "bfgs"}, ValueError, "no optimizer 'bfgs'; there are: sgd, .*lbfgs"),
    ],
)
def test_what_is_made_for_mini_batches_is_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    p = problem([3, 4, 2], "tanh", "quadratic", "identity", m=20)
    given: dict[str, Any] = {"epochs": 2, "optimizer": "lbfgs"} | arguments
    with pytest.raises(error, match=message):
        p.network.fit(p.X, p.Y, **given)


def test_every_setting_of_a_task_that_is_not_known_here_is_refused() -> None:
    @dataclass(frozen=True)
    class Wider(Task):
        clip_norm: float | None = None
        noise: Array | None = None
        names: list[str] = field(default_factory=list)

    @dataclass(frozen=True)
    class More(Regularization):
        l1: float = 0.0

    X = np.zeros((2, 1))
    lbfgs.check_task(Wider(X, X, 2, nn.LBFGS(), More(lmbda=1.0), n_threads=1))
    for given in ({"clip_norm": 1.0}, {"noise": np.ones(2)}, {"regularization": More(l1=1.0)}):
        name = "l1" if "regularization" in given else next(iter(given))
        with pytest.raises(ValueError, match=f"goes without {name}"):
            lbfgs.check_task(replace(Wider(X, X, 2, nn.LBFGS()), **given))


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="history_size must be at least 1"):
        nn.LBFGS(history_size=0)
    with pytest.raises(ValueError, match="tol must be finite and above 0"):
        nn.LBFGS(tol=0)
    assert repr(nn.LBFGS()) == "LBFGS(history_size=10, tol=1e-05)"
