"""The network of the chapter: its shapes, the forms of x and y, what a subclass overrides, refusals."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import nablanet as nn
from nablanet import engine, training
from nablanet.shapes import Array
from networks import Problem, norm_difference, problem, problems


def state(net: nn.Network) -> list[bytes]:
    parameters = [p.tobytes() for p in net.weights + net.biases]
    return [*parameters, repr(net._rng.bit_generator.state).encode()]


def test_shapes_are_the_books() -> None:
    net = nn.Network([2, 3, 1])
    assert net.num_layers == 3
    assert net.sizes == [2, 3, 1]
    assert [w.shape for w in net.weights] == [(3, 2), (1, 3)]
    assert [b.shape for b in net.biases] == [(3, 1), (1, 1)]
    assert net.feedforward([0.5, 0.5]).shape == (1, 1)
    assert net.feedforward(np.zeros((2, 7))).shape == (1, 7)
    assert net.predict(np.zeros((7, 2))).shape == (7, 1)


@pytest.mark.parametrize(
    ("init", "deviation"), [("gaussian", 1), ("scaled", 200**-0.5), ("he", 0.1), ("xavier", (2 / 500) ** 0.5)]
)
def test_initial_weights_have_the_spread_of_their_papers(init: str, deviation: float) -> None:
    net = nn.Network([200, 300], init=init, seed=0)
    assert net.weights[0].std() == pytest.approx(deviation, rel=0.02)
    assert abs(net.weights[0].mean()) < 0.02 * deviation
    gaussian_biases = init in ("gaussian", "scaled")
    assert net.biases[0].std() == pytest.approx(1 if gaussian_biases else 0, abs=0.15)


def test_the_users_own_initializer() -> None:
    def ones(rng: np.random.Generator, n_in: int, n_out: int) -> tuple[Array, Array]:
        return np.ones((n_out, n_in)), np.full((n_out, 1), 2.0)

    net = nn.Network([2, 3], init=ones, dtype="float32")
    assert net.weights[0].dtype == np.float32
    assert net.feedforward([1, 1]) == pytest.approx(np.full((3, 1), 1 / (1 + np.exp(-4))), rel=1e-6)
    with pytest.raises(ValueError, match=r"w of shape \(3, 2\) and b of shape \(3, 1\) for layer 2"):
        nn.Network([2, 3], init=lambda rng, n_in, n_out: (np.ones((n_in, n_out)), np.ones(n_out)))
    for wrong in (np.nan, 1e300):
        with pytest.raises(ValueError, match=r"w of layer 2 .*must be finite"):
            nn.Network(
                [2, 3], init=lambda *_, v=wrong: (np.full((3, 2), v), np.zeros((3, 1))), dtype="float32"
            )
    with pytest.raises(TypeError, match="must return a pair"):
        nn.Network([2, 3], init=lambda rng, n_in, n_out: 3)  # type: ignore[arg-type,return-value]


FORMS: list[Callable[[list[float]], Any]] = [
    list,
    tuple,
    np.array,
    lambda v: np.array(v).reshape(-1, 1),
    lambda v: np.array(v, np.float32),
    lambda v: [[number] for number in v],
]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_sample_means_the_same(form: Callable[[list[float]], Any]) -> None:
    mini_batch = [([0.0, 1.0], [1.0, 2.0]), ([2.0, 1.0], [3.0, 2.0])]
    plain, other = nn.Network([2, 3, 2], seed=1), nn.Network([2, 3, 2], seed=1)
    plain.update_mini_batch(mini_batch, 0.5)
    other.update_mini_batch([(form(x), form(y)) for x, y in mini_batch], 0.5)
    assert state(plain)[:-1] == state(other)[:-1]
    assert np.array_equal(plain.feedforward(form([0.0, 1.0])), plain.feedforward([0.0, 1.0]))
    for ours, theirs in zip(
        plain.backprop(form([0.0, 1.0]), form([1.0, 2.0])), plain.backprop([0, 1], [1, 2]), strict=True
    ):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_mixed_forms_and_labels_and_whole_arrays_mean_the_same() -> None:
    rng = np.random.default_rng(0)
    X, labels = rng.random((6, 4)), np.array([0, 2, 1, 2, 0, 1])
    one_hot = np.eye(3)[labels]
    columns = [(x.reshape(4, 1), y.reshape(3, 1)) for x, y in zip(X, one_hot, strict=True)]
    mixed = [(x.tolist() if i % 2 else x, y) for i, (x, y) in enumerate(zip(X, one_hot, strict=True))]
    states = set()
    for data in (
        columns,
        mixed,
        list(zip(X, labels, strict=True)),
        zip(X, labels.tolist(), strict=True),
        (X, labels),
        (X, one_hot),
    ):
        net = nn.Network([4, 5, 3], seed=3)
        net.SGD(data, 2, 4, 0.5)
        states.add(b"".join(state(net)))
    assert len(states) == 1


@given(problems())
def test_feedforward_predict_and_single_samples_agree(p: Problem) -> None:
    columns = p.network.feedforward(p.X.T)
    assert np.array_equal(columns.T, p.network.predict(p.X))
    assert np.array_equal(p.network.feedforward(p.X[0]), columns[:, :1])


def test_sgd_prints_the_chapters_lines(capsys: pytest.CaptureFixture[str]) -> None:
    net = nn.Network([2, 2], seed=0)
    net.weights[0][:], net.biases[0][:] = np.eye(2), 0
    data = [([1.0, 0.0], 0), ([0.0, 1.0], 1), ([1.0, 0.5], 1)]
    net.SGD(data, 2, 3, 1e-9, test_data=data)
    net.SGD(data, 1, 3, 1e-9)
    assert capsys.readouterr().out == "Epoch 0: 2 / 3\nEpoch 1: 2 / 3\nEpoch 0 complete\n"
    assert net.evaluate(data) == 2
    assert net.evaluate(zip([[1.0, 0.0]], [[1.0, 0.0]], strict=True)) == 1


def test_a_single_output_answers_above_one_half() -> None:
    net = nn.Network([1, 1], seed=0)
    net.weights[0][:], net.biases[0][:] = 1, 0
    assert net.evaluate([([2.0], [1.0]), ([-2.0], [0.0]), ([2.0], [0.0])]) == 2


def test_the_same_seed_gives_the_same_training() -> None:
    def run(seed: int | None) -> list[bytes]:
        p = problem([3, 4, 2], "relu", "quadratic", "identity", m=20)
        net = nn.Network([3, 4, 2], seed=seed)
        net.fit(p.X, p.Y, epochs=3, batch_size=4, eta=0.1)
        return state(net)

    assert run(5) == run(5)
    assert run(5) != run(6)
    assert run(None) != run(None)


def test_training_reaches_a_target_that_only_a_hidden_layer_can() -> None:
    X, Y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float), np.array([[0], [1], [1], [0]], float)
    net = nn.Network([2, 8, 1], activation="tanh", cost="cross_entropy", init="xavier", seed=0)
    history = net.fit(
        X, Y, epochs=300, batch_size=4, optimizer=nn.Adam(0.05), validation=(X, Y), progress=False
    )
    assert history.validation_accuracy[-1] == 1.0
    assert np.array_equal(net.predict(X) > 0.5, Y > 0.5)


def test_a_history_is_shown_in_one_line() -> None:
    assert repr(nn.History()) == "History(0 epochs)"
    assert repr(nn.History([nn.Epoch(0, 0.12345, 0.25)])) == "History(1 epoch; epoch 0: cost 0.1235)"
    last = nn.Epoch(2, 0.5, 0.25, 1.5, 0.875, eta=0.1, metrics={"recall": 1 / 3})
    assert repr(nn.History([nn.Epoch(0, 2.0, 0.25), nn.Epoch(1, 1.0, 0.25), last])) == (
        "History(3 epochs; epoch 2: cost 0.5, validation_cost 1.5, validation_accuracy 0.875, recall 0.3333)"
    )


def test_history_holds_what_each_epoch_came_to() -> None:
    p = problem([3, 4, 2], "tanh", "quadratic", "identity", m=10)
    before = p.network.mean_cost(p.X, p.Y)
    seen: list[nn.Epoch] = []
    history = p.network.fit(
        p.X, p.Y, epochs=3, batch_size=10, eta=0.1, validation=(p.X, p.Y), callbacks=[seen.append]
    )
    assert history.epochs == seen
    assert [e.epoch for e in history.epochs] == [0, 1, 2]
    # with one mini-batch an epoch, an epoch's cost is the cost before its step
    assert history.cost[0] == pytest.approx(before, rel=1e-12)
    assert history.cost[1:] == pytest.approx(history.validation_cost[:2], rel=1e-12)
    assert history.validation_cost[-1] == pytest.approx(p.network.mean_cost(p.X, p.Y), rel=1e-12)
    assert history.validation_accuracy == [None] * 3
    assert all(s >= 0 for s in history.seconds)
    assert len(history) == 3


def test_weight_decay_is_the_books() -> None:
    p = problem([3, 2], [], "quadratic", "identity", m=4)
    w, b = p.network.weights[0].copy(), p.network.biases[0].copy()
    nabla_b, nabla_w = np.zeros_like(b), np.zeros_like(w)
    for x, y in zip(p.X, p.Y, strict=True):
        sample_b, sample_w = p.network.backprop(x, y)
        nabla_b += sample_b[0]
        nabla_w += sample_w[0]
    p.network.fit(p.X, p.Y, epochs=1, batch_size=4, eta=0.1, lmbda=2.0)
    assert norm_difference(p.network.weights[0], (1 - 0.1 * 2 / 4) * w - 0.1 / 4 * nabla_w) < 1e-13
    assert norm_difference(p.network.biases[0], b - 0.1 / 4 * nabla_b) < 1e-13


class OwnDerivative(nn.Network):
    """The book's derivative, written out, and the number of calls."""

    calls = 0

    def cost_derivative(self, output_activations: Array, y: Array) -> Array:
        assert output_activations.shape == y.shape == (self.sizes[-1], 1)
        self.calls += 1
        return output_activations - y


class OwnBackprop(nn.Network):
    calls = 0

    def backprop(self, x: Any, y: Any) -> tuple[list[Array], list[Array]]:
        self.calls += 1
        return super().backprop(x, y)


class OwnStep(nn.Network):
    calls = 0

    def update_mini_batch(self, mini_batch: Any, eta: float) -> None:
        self.calls += 1
        assert all(x.shape == (3, 1) and y.shape == (2, 1) for x, y in mini_batch)
        super().update_mini_batch(mini_batch, eta)


@pytest.mark.parametrize("cls", [OwnDerivative, OwnBackprop, OwnStep])
@pytest.mark.parametrize("cost", ["quadratic", "cross_entropy"])
def test_what_a_subclass_overrides_is_what_runs(cls: Any, cost: str) -> None:
    p = problem([3, 4, 2], "sigmoid", "quadratic", "sigmoid", m=10)
    own, plain = cls([3, 4, 2], seed=1), nn.Network([3, 4, 2], seed=1)
    data = list(zip(p.X, p.Y, strict=True))
    for net in (own, plain):
        net.SGD(data, 2, 4, 0.5)
    assert own.calls == (6 if cls is OwnStep else 20)
    for ours, theirs in zip(own.weights + own.biases, plain.weights + plain.biases, strict=True):
        assert norm_difference(ours, theirs) < 1e-12


def test_a_changed_gradient_changes_the_training() -> None:
    class Frozen(nn.Network):
        def cost_derivative(self, output_activations: Array, y: Array) -> Array:
            return np.zeros_like(y)

    net = Frozen([3, 4, 2], cost="cross_entropy", seed=0)
    before = state(net)[:-1]
    net.fit(np.ones((5, 3)), [0, 1, 0, 1, 0], epochs=2, batch_size=2, eta=1.0)
    assert state(net)[:-1] == before

    patched = nn.Network([3, 4, 2], seed=0)
    patched.cost_derivative = lambda *_: np.zeros((2, 1))  # type: ignore[method-assign]
    before = state(patched)[:-1]
    patched.update_mini_batch([([1, 2, 3], 0)], 1.0)
    assert state(patched)[:-1] == before


def test_own_feedforward_and_evaluate_are_what_answers(capsys: pytest.CaptureFixture[str]) -> None:
    class Constant(nn.Network):
        def feedforward(self, a: Any) -> Array:
            return np.array([[0.0], [1.0]])

    class Proud(nn.Network):
        def evaluate(self, test_data: Any) -> int:
            return len(test_data)

    X = np.zeros((3, 2))
    assert Constant([2, 2]).predict(X).tolist() == [[0.0, 1.0]] * 3
    assert Constant([2, 2]).evaluate([(x, 1) for x in X]) == 3
    Proud([2, 2]).SGD([([0, 0], 0)], 1, 1, 1.0, test_data=zip(X, [0, 1, 1], strict=True))
    assert capsys.readouterr().out == "Epoch 0: 3 / 3\n"


def test_backprop_of_the_wrong_shape_is_refused() -> None:
    class Flat(nn.Network):
        def backprop(self, x: Any, y: Any) -> tuple[list[Array], list[Array]]:
            nabla_b, nabla_w = super().backprop(x, y)
            return [b.ravel() for b in nabla_b], nabla_w

    with pytest.raises(
        ValueError, match=r"nabla_b with the shapes \[\(3, 1\)\], one per layer; got \[\(3,\)\]"
    ):
        Flat([2, 3]).update_mini_batch([([0, 0], 1)], 1.0)


def test_python_activation_and_cost_train_like_the_built_in_ones() -> None:
    tanh, quadratic = nn.ACTIVATIONS["tanh"], nn.COSTS["quadratic"]
    mine = nn.Activation("mine", tanh.function, tanh.derivative)
    cost = nn.Cost("mine", quadratic.function, quadratic.derivative)
    p = problem([3, 4, 2], "tanh", "quadratic", "tanh", m=10)
    own = nn.Network([3, 4, 2], activation=mine, output=mine, cost=cost, init="scaled", seed=0)
    assert not own.runs_on_engine()
    histories = [
        net.fit(p.X, p.Y, epochs=3, batch_size=4, optimizer=nn.Adam(0.01), validation=(p.X, p.Y), lmbda=0.1)
        for net in (own, p.network)
    ]
    assert histories[0].cost == pytest.approx(histories[1].cost, rel=1e-10)
    assert histories[0].validation_cost == pytest.approx(histories[1].validation_cost, rel=1e-10)
    assert norm_difference(own.predict(p.X), p.network.predict(p.X)) < 1e-10


def test_cross_entropy_over_an_activation_of_ones_own() -> None:
    sigmoid = nn.ACTIVATIONS["sigmoid"]
    mine = nn.Activation("mine", sigmoid.function, sigmoid.derivative)
    own = nn.Network([3, 4, 2], output=mine, cost="cross_entropy", seed=0)
    plain = nn.Network([3, 4, 2], output="sigmoid", cost="cross_entropy", seed=0)
    p = problem([3, 4, 2], "sigmoid", "cross_entropy", "sigmoid", m=5)
    for net in (own, plain):
        net.fit(p.X, p.Y, epochs=2, batch_size=5, eta=0.1)
    assert norm_difference(own.weights[0], plain.weights[0]) < 1e-12


@pytest.mark.parametrize("python", [False, True])
def test_divergence_names_the_epoch_and_keeps_the_last_finite_parameters(python: bool) -> None:
    p = problem([3, 4, 2], "relu", "quadratic", "identity", m=20)
    if python:
        p.network.cost = nn.Cost("mine", p.network.cost.function, p.network.cost.derivative)
    kept: list[Array] = []

    def keep(epoch: nn.Epoch) -> None:
        kept[:] = [a.copy() for a in p.network.weights + p.network.biases]

    with pytest.raises(nn.DivergenceError, match=r"in epoch \d+: .* smaller eta \(it was 30\)"):
        p.network.fit(p.X, p.Y, epochs=1000, batch_size=5, eta=30, callbacks=[keep])
    for ours, theirs in zip(p.network.weights + p.network.biases, kept, strict=True):
        assert np.isfinite(ours).all()
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("python", [False, True])
def test_an_interruption_leaves_the_last_finished_mini_batch(
    python: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_WORK_PER_CALL", 1)  # look for signals after every mini-batch
    p = problem([3, 4, 2], "tanh", "quadratic", "identity", m=20)
    if python:
        p.network.cost = nn.Cost("mine", p.network.cost.function, p.network.cost.derivative)
    expected = copy.deepcopy(p.network)
    for k in range(3):
        rows = slice(4 * k, 4 * k + 4)
        expected.update_mini_batch(list(zip(p.X[rows], p.Y[rows], strict=True)), 0.1)
    learned = 0

    def interrupt_the_third(samples: int) -> None:
        nonlocal learned
        learned += samples
        if learned == 12:
            raise KeyboardInterrupt

    task = training.Task(p.X, p.Y, 4, nn.SGD(0.1))
    runs = training.train(p.network, task, epochs=1, shuffle=np.arange, advance=interrupt_the_third)
    with pytest.raises(KeyboardInterrupt):
        next(runs)
    for ours, theirs in zip(p.network.weights, expected.weights, strict=True):
        assert np.array_equal(ours, theirs)


NAN, INF = float("nan"), float("inf")
X2, Y2 = [[0.0, 1.0]], [[0.0, 1.0]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda n: n.feedforward([1, 2, 3]), ValueError, r"a must have 2 numbers.*layer 1.*got \(3,\)"),
        (lambda n: n.feedforward(np.zeros((5, 2))), ValueError, "pass its transpose, or call predict"),
        (lambda n: n.feedforward(np.zeros((2, 0))), ValueError, "a is empty"),
        (lambda n: n.feedforward(["a", "b"]), TypeError, "a must hold real numbers"),
        (lambda n: n.feedforward([1j, 2]), TypeError, "complex"),
        (lambda n: n.feedforward([NAN, 1]), ValueError, r"a must be finite, got nan at \[0, 0\]"),
        (lambda n: n.feedforward([[1], [2, 3]]), ValueError, "ragged"),
        (lambda n: n.feedforward(None), TypeError, "a must hold numbers, got None"),
        (lambda n: n.predict([0.0, 1.0]), ValueError, r"pass X.reshape\(1, -1\)"),
        (lambda n: n.predict(np.zeros((0, 2))), ValueError, "X is empty"),
        (lambda n: n.predict(np.zeros((2, 5))), ValueError, "rows are samples here"),
        (lambda n: n.predict(np.zeros((5, 1, 2))), ValueError, r"X.reshape\(len\(X\), -1\)"),
        (lambda n: n.predict([[0, INF]]), ValueError, r"X must be finite, got inf at \[0, 1\]"),
        (lambda n: n.predict(X2, n_threads=0), ValueError, "n_threads must be at least 1"),
        (lambda n: n.backprop([0, 1], [1, 2, 3]), ValueError, r"y must have 2 numbers.*layer 3.*\(3,\)"),
        (lambda n: n.backprop([0, 1], 2), ValueError, "label 2, but the output layer has 2 neurons"),
        (lambda n: n.backprop([0, 1], -1), ValueError, "label -1"),
        (lambda n: n.backprop([0, 1], [NAN, 0]), ValueError, "y must be finite"),
        (lambda n: n.backprop([0, 1], 0.5), ValueError, "y must have 2 numbers"),
        (lambda n: n.update_mini_batch([], 1.0), ValueError, "mini_batch is empty"),
        (lambda n: n.update_mini_batch(3, 1.0), TypeError, "a list of pairs"),
        (lambda n: n.update_mini_batch("ab", 1.0), TypeError, "a list of pairs"),
        (lambda n: n.update_mini_batch([1, 2], 1.0), TypeError, "sample 0 is 1"),
        (lambda n: n.update_mini_batch([([0, 1], 0), ([0], 0)], 1.0), ValueError, "x of sample 1"),
        (lambda n: n.update_mini_batch([([0, 1], 0), ([0, 1], 9)], 1.0), ValueError, "label 9"),
        (lambda n: n.update_mini_batch([([0, 1], 0)], 0.0), ValueError, "eta must be finite and above 0"),
        (lambda n: n.update_mini_batch([([0, 1], 0)], "1"), TypeError, "eta must be a number"),
        (lambda n: n.SGD([([0, 1], 0)], 0, 1, 1.0), ValueError, "epochs must be at least 1, got 0"),
        (lambda n: n.SGD([([0, 1], 0)], 1.5, 1, 1.0), TypeError, "epochs must be an integer, got 1.5"),
        (lambda n: n.SGD([([0, 1], 0)], 1, 0, 1.0), ValueError, "mini_batch_size must be at least 1"),
        (lambda n: n.SGD([([0, 1], 0)], 1, 1, 1.0, [([0, 1, 2], 0)]), ValueError, "sample 0 of test_data"),
        (lambda n: n.SGD([([0, INF], 0)], 1, 1, 1.0), ValueError, "the x of training_data must be finite"),
        (lambda n: n.fit(X2, Y2, epochs=1, batch_size=0, eta=1), ValueError, "batch_size must be at least"),
        (lambda n: n.fit(X2, Y2, epochs=True, batch_size=1, eta=1), TypeError, "epochs must be an integer"),
        (lambda n: n.fit(X2, [0, 1], epochs=1, batch_size=1, eta=1), ValueError, "each of the 1 rows of X"),
        (lambda n: n.fit(X2, [0.5], epochs=1, batch_size=1, eta=1), ValueError, "integer labels from 0 to 1"),
        (lambda n: n.fit(X2, [2], epochs=1, batch_size=1, eta=1), ValueError, "label 2"),
        (lambda n: n.fit(X2, [[1, 2, 3]], epochs=1, batch_size=1, eta=1), ValueError, r"shape \(1, 2\)"),
        (lambda n: n.fit(X2, [[1, NAN]], epochs=1, batch_size=1, eta=1), ValueError, "Y must be finite"),
        (lambda n: n.fit(X2, Y2, epochs=1, batch_size=1, eta=1, lmbda=-1), ValueError, "lmbda must be"),
        (lambda n: n.fit(X2, Y2, epochs=1, batch_size=1, eta=1, n_threads=0), ValueError, "n_threads"),
        (
            lambda n: n.fit(X2, Y2, epochs=1, batch_size=1, eta=1, validation=X2),
            TypeError,
            r"a pair \(X, Y\)",
        ),
        (
            lambda n: n.fit(X2, Y2, epochs=1, batch_size=1, eta=1, validation=([[1]], [0])),
            ValueError,
            "the X of validation",
        ),
        (lambda n: n.evaluate([]), ValueError, "test_data is empty"),
        (lambda n: n.evaluate((X2 * 3, [0, 1, 1])), TypeError, "a tuple .X, Y. of NumPy arrays"),
        (lambda n: n.predict([[0, "tea"]]), TypeError, "X must hold real numbers, got dtype <U"),
        (lambda n: n.predict(np.array([[0, "tea"]], object)), TypeError, r"got 'tea' \(str\) at \[0, 1\]"),
        (lambda n: n.fit(X2, Y2, epochs=1, batch_size=1, eta=1, callbacks=[3]), TypeError, "callbacks"),
        (lambda n: n.update_mini_batch([([0, 1], 0)], 10**400), ValueError, "eta must be finite"),
        (lambda n: n.predict(np.array([["1", "2"]], object)), TypeError, r"got '1' \(str\)"),
        (lambda n: n.predict(np.ma.masked_equal([[0.0, 1.0]], 1)), TypeError, "masked values"),
        (lambda n: n.mean_cost(X2, [[0.5]]), ValueError, "integer labels"),
    ],
)
def test_wrong_input_is_refused_before_anything_changes(
    call: Callable[[nn.Network], object], error: type[Exception], message: str
) -> None:
    net = nn.Network([2, 3, 2], seed=0)
    before = state(net)
    with pytest.raises(error, match=message):
        call(net)
    assert state(net) == before


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sizes": [3]}, ValueError, r"at least, got \[3\]"),
        ({"sizes": []}, ValueError, "input and an output layer"),
        ({"sizes": [2, 0]}, ValueError, "the size of layer 2 must be at least 1, got 0"),
        ({"sizes": [2, 1.5]}, TypeError, "the size of layer 2 must be an integer"),
        ({"sizes": "ab"}, TypeError, "sizes must be a list"),
        ({"sizes": 3}, TypeError, "sizes must be a list"),
        ({"sizes": [2, 1], "dtype": "float16"}, ValueError, "dtype must be 'float32' or 'float64'"),
        ({"sizes": [2, 1], "dtype": "real"}, TypeError, "dtype must be"),
        ({"sizes": [2, 1], "seed": -1}, ValueError, "seed must be at least 0"),
        ({"sizes": [2, 1], "seed": "x"}, TypeError, "seed must be an integer"),
        ({"sizes": [2, 1], "init": "zeros"}, ValueError, "no initializer 'zeros'; there are: gaussian"),
        ({"sizes": [2, 1], "init": 3}, TypeError, "init is a name or a function"),
        ({"sizes": [2, 1], "activation": np.tanh}, TypeError, "a function with its derivative"),
    ],
)
def test_a_wrong_network_is_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        nn.Network(**arguments)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda n: n.activations.pop(), "activations must be a list of 2"),
        (lambda n: n.activations.append("relu"), "activations must be a list of 2"),
        (lambda n: n.activations.__setitem__(0, "relu"), "got 'relu' .str. in it"),
        (lambda n: n.activations.__setitem__(0, nn.ACTIVATIONS["softmax"]), "softmax is an output"),
        (lambda n: setattr(n, "activations", None), "activations must be a list of 2"),
        (lambda n: setattr(n, "cost", "hinge"), "no cost 'hinge'"),
        (lambda n: setattr(n, "weights", 5), "weights must be a list of 2 arrays, got 5"),
        (lambda n: n.weights.pop(), "weights must have 2 arrays"),
        (lambda n: n.weights.__setitem__(0, np.zeros((2, 3))), r"weights\[0\] belongs to layer 2 .*\(3, 2\)"),
        (lambda n: n.biases.__setitem__(1, np.zeros(2)), r"biases\[1\] belongs to layer 3 .*\(2, 1\)"),
        (
            lambda n: n.weights[1].__setitem__((1, 2), NAN),
            r"weights\[1\] must be finite, got nan at \[1, 2\]",
        ),
    ],
)
def test_spoiled_parameters_are_refused(spoil: Callable[[nn.Network], object], message: str) -> None:
    calls: list[Callable[[nn.Network], object]] = [
        lambda net: net.feedforward([0, 1]),
        lambda net: net.backprop([0, 1], 0),
        lambda net: net.update_mini_batch([([0, 1], 0)], 1.0),
        lambda net: net.fit(X2, Y2, epochs=1, batch_size=1, eta=1.0),
    ]
    for call in calls:
        net = nn.Network([2, 3, 2], seed=0)
        spoil(net)
        with pytest.raises((TypeError, ValueError), match=message):
            call(net)


def test_replaced_parameters_are_taken_in_any_form() -> None:
    net = nn.Network([2, 3, 2], seed=0, dtype="float32")
    other = copy.deepcopy(net)
    net.weights = [w.astype(np.float64).tolist() for w in net.weights]
    net.biases = [np.asfortranarray(b.astype(np.float64)) for b in net.biases]
    for network in (net, other):
        network.update_mini_batch([([0, 1], 0)], 1.0)
    assert all(np.array_equal(a, b) for a, b in zip(net.weights, other.weights, strict=True))
    assert net.weights[0].dtype == np.float32


def test_a_cost_changed_by_name_is_what_trains() -> None:
    net, other = (
        nn.Network([2, 3, 2], seed=0),
        nn.Network([2, 3, 2], cost="cross_entropy", output="sigmoid", seed=0),
    )
    net.cost = "cross_entropy"  # type: ignore[assignment]
    for network in (net, other):
        network.update_mini_batch([([0, 1], 0)], 1.0)
    assert np.array_equal(net.weights[0], other.weights[0])


@pytest.mark.parametrize("form", [tuple, lambda arrays: np.array(arrays)])
def test_parameters_in_another_container(form: Callable[[list[Array]], Any]) -> None:
    net, other = nn.Network([3, 3, 3], seed=0), nn.Network([3, 3, 3], seed=0)
    net.weights = form(net.weights)
    for network in (net, other):
        network.update_mini_batch([([0, 1, 2], 0)], 1.0)
    assert all(np.array_equal(a, b) for a, b in zip(net.weights, other.weights, strict=True))


def test_the_packages_own_functions_cannot_be_replaced() -> None:
    for registry in (nn.ACTIVATIONS, nn.COSTS):
        with pytest.raises(TypeError):
            registry["mine"] = next(iter(registry.values()))  # type: ignore[index]


def test_two_samples_of_one_number_are_whole_arrays_in_a_tuple_and_pairs_in_a_list() -> None:
    X, Y = np.array([[0.0], [1.0]]), np.array([[0.25], [0.75]])
    whole, pairs, plain = (nn.Network([1, 1], seed=0) for _ in range(3))
    whole.update_mini_batch((X, Y), 1.0)
    pairs.update_mini_batch([X, Y], 1.0)  # type: ignore[list-item]
    plain.update_mini_batch([([0.0], [0.25]), ([1.0], [0.75])], 1.0)
    assert np.array_equal(whole.weights[0], plain.weights[0])
    plain = nn.Network([1, 1], seed=0)
    plain.update_mini_batch([(0.0, 1.0), (0.25, 0.75)], 1.0)
    assert np.array_equal(pairs.weights[0], plain.weights[0])


def test_sgd_counts_as_evaluate_does_on_two_samples(capsys: pytest.CaptureFixture[str]) -> None:
    net = nn.Network([1, 1], seed=0)
    net.weights[0][:], net.biases[0][:] = 1, 0
    data = [([2.0], [1.0]), ([-2.0], [0.0])]
    net.SGD(data, 1, 2, 1e-9, test_data=data)
    assert capsys.readouterr().out == "Epoch 0: 2 / 2\n"


def flat(a: Array, y: Array) -> Array:
    return (a - y).sum(axis=0)


def one_number(a: Array, y: Array) -> Array:
    return np.array(1.0)


SQUARE = nn.COSTS["quadratic"]
TANH = nn.ACTIVATIONS["tanh"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cost": nn.Cost("c", SQUARE.function, flat)}, r"derivative of cost 'c' must return shape \(4, 4\)"),
        ({"cost": nn.Cost("c", one_number, SQUARE.derivative)}, r"cost 'c' must .* \(4,\)"),
        (
            {"activation": nn.Activation("f", lambda z: z.sum(0), TANH.derivative)},
            "activation 'f' must return",
        ),
        ({"activation": nn.Activation("f", TANH.function, lambda z: z.sum(0))}, "the derivative of 'f' must"),
    ],
)
def test_functions_of_the_wrong_shape_are_refused(arguments: dict[str, Any], message: str) -> None:
    net = nn.Network([2, 4, 4], output="tanh", **arguments)
    with pytest.raises(ValueError, match=message):
        net.fit(np.ones((4, 2)), np.ones((4, 4)), epochs=1, batch_size=4, eta=0.1)


def test_methods_of_the_wrong_shape_are_refused() -> None:
    class FlatDerivative(nn.Network):
        def cost_derivative(self, output_activations: Array, y: Array) -> Array:
            return (output_activations - y).ravel()

    class FlatOutput(nn.Network):
        def feedforward(self, a: Any) -> Array:
            return super().feedforward(a).ravel()

    with pytest.raises(ValueError, match=r"cost_derivative must return shape \(2, 1\), got \(2,\)"):
        FlatDerivative([2, 2]).update_mini_batch([([0, 1], 0)], 1.0)
    with pytest.raises(ValueError, match=r"feedforward must return shape \(2, 1\), got \(2,\)"):
        FlatOutput([2, 2]).predict(np.zeros((3, 2)))


def test_an_own_step_that_diverges_is_noticed_in_its_epoch() -> None:
    class Wild(nn.Network):
        steps = 0

        def update_mini_batch(self, mini_batch: Any, eta: float) -> None:
            self.steps += 1
            if self.steps == 3:
                self.weights[0] *= np.inf

    net = Wild([2, 2], seed=0)
    before = net.weights[0].copy()
    with pytest.raises(nn.DivergenceError, match="in epoch 1"), np.errstate(invalid="ignore"):
        net.SGD([([0, 1], 0), ([1, 0], 1)], 5, 1, 1.0)
    assert np.array_equal(net.weights[0], before)


def test_an_array_keeps_its_identity_through_training() -> None:
    net = nn.Network([2, 3, 2], seed=0)
    net.weights[0] = np.asfortranarray(net.weights[0])
    held = net.weights[0]
    before = held.copy()
    net.update_mini_batch([([0, 1], 0)], 1.0)
    assert net.weights[0] is held
    assert not np.array_equal(held, before)


def test_a_value_too_large_for_float32_is_refused() -> None:
    net = nn.Network([1, 1], dtype="float32")
    with pytest.raises(ValueError, match="a as float32 must be finite"):
        net.feedforward([1e300])
    for call in (
        lambda: net.predict([[1e300]]),
        lambda: net.mean_cost([[-1e300]], [[0.0]]),
        lambda: net.fit([[1e300]], [[0.0]], epochs=1, batch_size=1, eta=0.1),
    ):
        with pytest.raises(ValueError, match="X as float32 must be finite"):
            call()
    net.feedforward(np.array([1e30]))


def test_progress_is_silent_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    nn.Network([2, 2]).fit(X2, Y2, epochs=2, batch_size=1, eta=0.1)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_progress_draws_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    nn.Network([2, 2]).fit(X2, [0], epochs=2, batch_size=1, eta=0.1, validation=(X2, [0]))
    assert "epoch 1" in capsys.readouterr().err
