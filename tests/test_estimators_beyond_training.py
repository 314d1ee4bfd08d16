"""What the estimators learn by, beyond scikit-learn: class weights, dropout, losses, optimizers, rates."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, special
from sklearn import neural_network
from sklearn.datasets import load_digits, make_classification, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning

import nablanet as nn
from nablanet import MLPClassifier, MLPRegressor
from nablanet.activations import ACTIVATIONS
from nablanet.dropout import Dropout
from nablanet.estimators.constraints import HIDDEN_ACTIVATIONS, SCHEDULES
from nablanet.shapes import Array

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X, Y = make_classification(
    90, 6, n_informative=5, n_redundant=0, n_classes=3, weights=[0.6, 0.3], random_state=0
)
NAMES = np.array(["ant", "bee", "cow"])[Y]
TARGET = X @ RNG.standard_normal((6, 2)) + 0.1 * RNG.standard_normal((90, 2))
FULL: dict[str, Any] = {"batch_size": len(X), "shuffle": False, "random_state": 0}


def bits(estimator: MLPClassifier | MLPRegressor) -> list[bytes]:
    return [a.tobytes() for a in estimator.coefs_ + estimator.intercepts_]


def assert_close(ours: Any, theirs: Any, rtol: float = 1e-7) -> None:
    for a, b in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-9)


def forward(estimator: Any, X: Array, names: list[str], output: str) -> list[Array]:
    """The activations of all layers but the first, (m, n_l), by NumPy."""
    functions = [ACTIVATIONS["sigmoid" if name == "logistic" else name].function for name in [*names, output]]
    activations, a = [], X
    for coef, intercept, function in zip(estimator.coefs_, estimator.intercepts_, functions, strict=True):
        a = function((a @ coef + intercept).T).T
        activations.append(a)
    return activations


# class_weight

BALANCED = len(Y) / (3 * np.bincount(Y))
WEIGHTS = RNG.uniform(0.5, 2, len(X))


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "sample_weight"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize(
    ("class_weight", "factors"),
    [({"ant": 2.0, "cow": 0.5}, [2.0, 1.0, 0.5]), ("balanced", BALANCED)],
    ids=["dict", "balanced"],
)
def test_class_weights_multiply_sample_weights(
    class_weight: Any, factors: Any, solver: str, weights: Array | None
) -> None:
    settings: dict[str, Any] = dict(FULL, hidden_layer_sizes=(7,), solver=solver, max_iter=15)
    by_class = np.asarray(factors)[Y]
    theirs = neural_network.MLPClassifier(**settings)
    theirs.fit(X, NAMES, by_class if weights is None else by_class * weights)
    ours = MLPClassifier(**settings, class_weight=class_weight).fit(X, NAMES, weights)
    assert_close(ours, theirs, 1e-5 if solver == "lbfgs" else 1e-7)
    assert ours.loss_ == pytest.approx(theirs.loss_)


@pytest.mark.parametrize("class_weight", [{"bee": 5.0}, "balanced"])
def test_class_weights_in_mini_batches(class_weight: Any) -> None:
    factors = np.array([1.0, 5.0, 1.0]) if class_weight != "balanced" else BALANCED
    settings: dict[str, Any] = {"hidden_layer_sizes": (7,), "batch_size": 20, "alpha": 0, "max_iter": 10}
    theirs = neural_network.MLPClassifier(**settings, random_state=3).fit(X, NAMES, factors[Y])
    ours = MLPClassifier(**settings, random_state=3, class_weight=class_weight).fit(X, NAMES)
    assert_close(ours, theirs)


@settings(max_examples=15)
@given(st.tuples(*[st.integers(1, 4)] * 3), st.integers(0, 100))
def test_a_whole_class_weight_is_its_samples_repeated(factors: tuple[int, ...], seed: int) -> None:
    repeats = np.array(factors)[Y]
    settings: dict[str, Any] = {
        "hidden_layer_sizes": (5,), "solver": "sgd", "max_iter": 5, "random_state": seed, "shuffle": False,
    }  # fmt: skip
    weighted = MLPClassifier(**settings, batch_size=len(X), class_weight=dict(enumerate(factors))).fit(X, Y)
    repeated = MLPClassifier(**settings, batch_size=int(repeats.sum()))
    repeated.fit(X.repeat(repeats, axis=0), Y.repeat(repeats))
    assert_close(weighted, repeated)


def test_two_classes_and_partial_fit_of_batches_that_lack_a_weighted_class() -> None:
    few = Y < 2
    weighted = MLPClassifier((4,), random_state=0, class_weight={"bee": 3.0, "cow": 2.0})
    other = MLPClassifier((4,), random_state=0)
    for rows in (few, ~few, np.ones(len(Y), bool)):
        weighted.partial_fit(X[rows], NAMES[rows], classes=["ant", "bee", "cow"])
        other.partial_fit(X[rows], NAMES[rows], np.array([1.0, 3.0, 2.0])[Y[rows]], ["ant", "bee", "cow"])
    assert bits(weighted) == bits(other)
    binary = MLPClassifier((4,), random_state=0, class_weight={"bee": 3}).fit(X[few], NAMES[few])
    other = MLPClassifier((4,), random_state=0).fit(X[few], NAMES[few], np.array([1.0, 3.0])[Y[few]])
    assert bits(binary) == bits(other)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
def test_weights_of_several_labels_are_multiplied(form: Any) -> None:
    M, labels = make_multilabel_classification(40, 5, n_classes=3, random_state=1)
    by_hand = np.where(labels[:, 0], 2.0, 1.0) * np.where(labels[:, 2], 1.0, 4.0)
    settings: dict[str, Any] = {"hidden_layer_sizes": (4,), "max_iter": 5, "random_state": 0}
    weighted = MLPClassifier(**settings, class_weight=[{1: 2.0}, {0: 1.0, 1: 1.0}, {0: 4.0}])
    assert bits(weighted.fit(M, form(labels))) == bits(MLPClassifier(**settings).fit(M, labels, by_hand))
    ones = labels.sum(axis=0)
    balanced = np.prod(np.where(labels, 40 / (2 * ones), 40 / (2 * (40 - ones))), axis=1)
    ours = MLPClassifier(**settings, class_weight="balanced").fit(M, form(labels))
    assert_close(ours, MLPClassifier(**settings).fit(M, labels, balanced))
    nobody = labels * [0, 1, 1]  # a label that is never there
    weighted.set_params(warm_start=True).partial_fit(M, form(nobody))
    with pytest.raises(ValueError, match="a list with one dict for each of the 3 labels"):
        MLPClassifier(class_weight={0: 1.0}).fit(M, labels)


def test_held_out_samples_count_without_their_classes() -> None:
    settings: dict[str, Any] = {"random_state": 0, "early_stopping": True, "max_iter": 1, "scoring": "loss"}
    _, tested = split_like_sklearn()
    ours = MLPClassifier((5,), class_weight={0: 9.0}, **settings).fit(X, Y, WEIGHTS)
    costs = -np.log(ours.predict_proba(X[tested])[np.arange(len(tested)), Y[tested]])
    assert ours.validation_loss_curve_ is not None
    # the best of one epoch is that epoch, so that these are the parameters it was measured with
    assert ours.validation_loss_curve_[0] == pytest.approx(np.average(costs, weights=WEIGHTS[tested]))


def split_like_sklearn() -> tuple[Array, Array]:
    from sklearn.model_selection import train_test_split

    state = np.random.RandomState(0)
    MLPClassifier((5,), random_state=state, max_iter=1, shuffle=False).fit(X, Y)  # draws the parameters
    learned, tested = train_test_split(np.arange(len(X)), random_state=state, test_size=0.1)
    return learned, tested


@pytest.mark.parametrize(
    ("class_weight", "text"),
    [
        ({0: -1.0}, "class_weight must be finite numbers of 0 or more"),
        ({0: np.nan}, "class_weight must be finite numbers of 0 or more"),
        ({0: 0, 1: 0, 2: 0}, "above 0 for some sample"),
        ({7: 2.0}, r"The classes, \[0, 1, 2\], are not in class_weight"),
        ("even", "The 'class_weight' parameter of MLPClassifier must be"),
    ],
)
def test_wrong_class_weights_are_refused(class_weight: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        MLPClassifier(class_weight=class_weight).fit(X, Y)


# dropout


def adam_of_the_reference(estimator: MLPClassifier, start: list[Array], rates: Any, seed: int) -> nn.Network:
    """Full batches of X, Y through NumPy: as many steps as the estimator has made."""
    from nablanet import reference
    from nablanet.optimizers import Adam
    from nablanet.regularization import Regularization
    from nablanet.training import Task

    network = nn.Network([6, 8, 7, 3], activation="relu", output="softmax", cost="cross_entropy", seed=0)
    for array, value in zip(network.weights + network.biases, start, strict=True):
        array[...] = value.T if value.ndim == 2 else value[:, None]
    task = Task(X, np.eye(3)[Y], len(X), Adam(0.001, epsilon=1e-8, epsilon_hat=True),
                Regularization(alpha=1e-4), dropout=Dropout(rates, seed))  # fmt: skip
    trainer = reference.Trainer(network, task)
    for _ in range(len(estimator.loss_curve_)):
        trainer.run(np.arange(len(X)), np.array([0.001]), lambda samples: None)
    return network


@pytest.mark.parametrize(
    ("dropout", "rates"),
    [(0.5, (0.0, 0.5, 0.5)), ([0.2, 0.6], (0.0, 0.2, 0.6)), ((0.1, 0.0, 0.5), (0.1, 0.0, 0.5))],
    ids=str,
)
@pytest.mark.parametrize("how", ["warm_start", "partial_fit"])
def test_masks_are_the_networks_and_go_on_from_call_to_call(dropout: Any, rates: Any, how: str) -> None:
    initial = MLPClassifier((8, 7), max_iter=1, learning_rate_init=1e-300, **FULL).fit(X, Y)
    start = [p.copy() for p in initial.coefs_ + initial.intercepts_]
    ours = MLPClassifier((8, 7), max_iter=3, warm_start=True, dropout=dropout, **FULL)
    for _ in range(2 if how == "warm_start" else 6):
        ours.fit(X, Y) if how == "warm_start" else ours.partial_fit(X, Y, classes=[0, 1, 2])
    seed = ours._memory.dropout_seed
    assert seed is not None
    wanted = adam_of_the_reference(ours, start, rates, seed)
    for a, b in zip(ours.coefs_, wanted.weights, strict=True):
        np.testing.assert_allclose(a, b.T, rtol=1e-6, atol=1e-10)


def test_nothing_is_dropped_in_predictions() -> None:
    ours = MLPClassifier((8, 7), dropout=0.5, max_iter=20, random_state=0).fit(X, Y)
    np.testing.assert_allclose(ours.predict_proba(X), forward(ours, X, ["relu"] * 2, "softmax")[-1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_bits_on_any_number_of_threads(dtype: str) -> None:
    digits, labels = load_digits(return_X_y=True)

    def trained(n_threads: int | None) -> list[bytes]:
        ours = MLPClassifier((64, 40), max_iter=3, dropout=[0.3, 0.1], dtype=dtype, random_state=0,
                             early_stopping=True, class_weight="balanced", n_threads=n_threads)  # fmt: skip
        ours.fit(digits, labels)
        return [*bits(ours), ours.predict_proba(digits).tobytes(), ours.transform(digits).tobytes()]

    assert trained(1) == trained(3) == trained(None)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.uint8, np.int64, "sparse"], ids=str)
def test_a_float_type_by_choice(kind: Any) -> None:
    digits, labels = load_digits(return_X_y=True)
    data = sparse.csr_matrix(digits) if kind == "sparse" else digits.astype(kind)
    ours = MLPClassifier((8,), max_iter=3, random_state=0, dtype="float32").fit(data, labels)
    wanted = MLPClassifier((8,), max_iter=3, random_state=0).fit(digits.astype(np.float32), labels)
    assert {a.dtype for a in ours.coefs_ + ours.intercepts_} == {np.dtype(np.float32)}
    assert bits(ours) == bits(wanted)
    assert ours.predict_proba(data).dtype == ours.transform(data).dtype == np.float32
    np.testing.assert_array_equal(ours.predict_proba(data), wanted.predict_proba(digits.astype(np.float32)))
    double = MLPClassifier((8,), max_iter=1, dtype=np.float64).fit(digits.astype(np.float32), labels)
    assert double.coefs_[0].dtype == np.float64


# activations


@pytest.mark.parametrize("name", sorted(HIDDEN_ACTIVATIONS))
def test_every_activation_is_the_formulas(name: str) -> None:
    ours = MLPRegressor(activation=name, hidden_layer_sizes=(6,), max_iter=2, random_state=0).fit(X, TARGET)
    hidden, outputs = forward(ours, X, [name], "identity")
    np.testing.assert_allclose(ours.transform(X), hidden, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.predict(X), outputs, rtol=1e-9, atol=1e-12)


@settings(max_examples=15)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from(sorted(HIDDEN_ACTIVATIONS - {"exp"}))), max_size=4)
)
def test_one_activation_for_each_layer(layers: list[tuple[int, str]]) -> None:
    sizes, names = [n for n, _ in layers], [name for _, name in layers]
    ours = MLPClassifier(sizes, names, max_iter=1, learning_rate_init=1e-300, random_state=0).fit(X, Y)
    *hidden, outputs = forward(ours, X, names, "softmax")
    np.testing.assert_allclose(ours.predict_proba(X), outputs, rtol=1e-9, atol=1e-12)
    for layer, wanted in enumerate(hidden):
        np.testing.assert_allclose(ours.transform(X, layer), wanted, rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(ours.transform(X, layer - len(hidden)), ours.transform(X, layer))
    for coef, intercept, name in zip(
        ours.coefs_, ours.intercepts_, [*names, (["relu", *names])[-1]], strict=True
    ):
        bound = np.sqrt((2 if name in ("logistic", "sigmoid") else 6) / sum(coef.shape))
        assert max(np.abs(coef).max(), np.abs(intercept).max()) <= bound
        if coef.size > 40:
            assert np.abs(coef).max() > 0.8 * bound


def test_wrong_activations_are_refused() -> None:
    with pytest.raises(ValueError, match="one for each of the 2 hidden layers, got 1"):
        MLPClassifier((3, 3), ["relu"]).fit(X, Y)
    with pytest.raises(ValueError, match="activation has 'softmax' for a hidden layer; there are"):
        MLPClassifier((3, 3), ["relu", "softmax"]).fit(X, Y)


# losses


def hand_step(loss: str, a: Array, y: Array) -> tuple[float, Array]:
    """The mean loss, and its derivative to the outputs a of all m samples: sums over outputs, over m."""
    r = a - y
    if loss == "absolute_error":
        return float(np.abs(r).mean()), np.sign(r) / len(r)
    if loss == "huber":
        linear = np.abs(r) > 0.7
        costs = np.where(linear, 0.7 * (np.abs(r) - 0.35), r * r / 2)
        return float(costs.mean()), np.where(linear, 0.7 * np.sign(r), r) / len(r)
    assert loss == "quantile"
    return float(np.maximum(-0.8 * r, 0.2 * r).mean()), np.where(r > 0, 0.2, -0.8) / len(r)


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "quantile"])
@pytest.mark.parametrize("targets", [TARGET, TARGET[:, :1]], ids=["two targets", "one"])
def test_one_step_of_a_loss_by_hand(loss: str, targets: Array) -> None:
    settings: dict[str, Any] = dict(FULL, loss=loss, hidden_layer_sizes=(5,), activation="tanh",
                                    solver="sgd", alpha=0.03, momentum=0, max_iter=1, quantile=0.8,
                                    huber_delta=0.7)  # fmt: skip
    y = targets if targets.shape[1] > 1 else targets[:, 0]
    start = MLPRegressor(**settings, learning_rate_init=1e-300).fit(X, y)
    (w1, w2), (b1, b2) = start.coefs_, start.intercepts_
    hidden = np.tanh(X @ w1 + b1)
    mean, delta2 = hand_step(loss, hidden @ w2 + b2, targets)
    delta1 = delta2 @ w2.T * (1 - hidden**2)
    ours = MLPRegressor(**settings, learning_rate_init=0.5).fit(X, y)
    m = len(X)
    np.testing.assert_allclose(ours.coefs_[1], w2 - 0.5 * (hidden.T @ delta2 + 0.03 / m * w2), rtol=1e-9)
    np.testing.assert_allclose(ours.intercepts_[1], b2 - 0.5 * delta2.sum(axis=0), rtol=1e-9)
    np.testing.assert_allclose(ours.coefs_[0], w1 - 0.5 * (X.T @ delta1 + 0.03 / m * w1), rtol=1e-9)
    np.testing.assert_allclose(ours.intercepts_[0], b1 - 0.5 * delta1.sum(axis=0), rtol=1e-9)
    penalty = 0.03 / 2 / m * ((w1**2).sum() + (w2**2).sum())
    assert ours.loss_ == pytest.approx(mean + penalty)
    assert ours.history_.cost == [ours.loss_]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_a_share_of_the_targets_lies_below_the_fitted_quantile(q: float, solver: str) -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (2000, 1))
    y = x[:, 0] + (1.5 + x[:, 0]) * rng.standard_normal(2000)
    ours = MLPRegressor("quantile", (20,), solver=solver, quantile=q, random_state=0, max_iter=60,
                        learning_rate_init=0.01).fit(x, y)  # fmt: skip
    assert np.mean(y < ours.predict(x)) == pytest.approx(q, abs=0.04)
    new = rng.uniform(-1, 1, (2000, 1))
    wanted = new[:, 0] + (1.5 + new[:, 0]) * special.ndtri(q)
    assert np.abs(ours.predict(new) - wanted).mean() < 0.25


def test_a_loss_that_is_changed_between_two_calls_is_the_one_that_trains() -> None:
    y = RNG.standard_normal(500)
    ours = MLPRegressor("quantile", (), quantile=0.9, warm_start=True, max_iter=200, random_state=0)
    ours.set_params(learning_rate_init=0.02, n_iter_no_change=np.inf).fit(np.zeros((500, 1)), y)
    assert np.mean(y < ours.intercepts_[0]) == pytest.approx(0.9, abs=0.05)
    ours.set_params(quantile=0.1).fit(np.zeros((500, 1)), y)
    assert np.mean(y < ours.intercepts_[0]) == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("classes", [2, 3])
def test_label_smoothing_by_hand(classes: int) -> None:
    rows = classes > Y
    settings: dict[str, Any] = dict(FULL, hidden_layer_sizes=(), solver="sgd", momentum=0, max_iter=1,
                                    batch_size=int(rows.sum()), alpha=0)  # fmt: skip
    start = MLPClassifier(**settings, learning_rate_init=1e-300).fit(X[rows], Y[rows])
    ours = MLPClassifier(**settings, learning_rate_init=0.5, label_smoothing=0.3).fit(X[rows], Y[rows])
    desired = Y[rows, None] * 0.7 + 0.15 if classes == 2 else np.eye(3)[Y[rows]] * 0.7 + 0.1
    outputs = start._outputs(X[rows])
    gradient = X[rows].T @ (outputs - desired) / rows.sum()
    np.testing.assert_allclose(ours.coefs_[0], start.coefs_[0] - 0.5 * gradient, rtol=1e-9)
    both = [(desired, outputs), (1 - desired, 1 - outputs)][: 2 if classes == 2 else 1]
    assert ours.loss_ == pytest.approx(-sum((y * np.log(a)).sum(axis=1).mean() for y, a in both))


# solvers and learning rates

ENDLESS = {"n_iter_no_change": np.inf}
OPTIMIZERS: dict[str, tuple[dict[str, Any], Any]] = {
    "adamw": (
        {"weight_decay": 0.2, "beta_1": 0.8},
        nn.AdamW(0.01, beta1=0.8, weight_decay=0.2, epsilon_hat=True),
    ),
    "rmsprop": ({"rho": 0.7, "epsilon": 1e-6}, nn.RMSprop(0.01, rho=0.7, epsilon=1e-6)),
    "nesterov": ({"momentum": 0.6, "nesterovs_momentum": False}, nn.Nesterov(0.01, mu=0.6)),
    "sgd": ({"momentum": 0.6, "nesterovs_momentum": False}, nn.Momentum(0.01, mu=0.6)),
}


def network_like(estimator: MLPClassifier) -> nn.Network:
    """A network with the parameters that an estimator of this random state starts from."""
    start = MLPClassifier((8,), max_iter=1, learning_rate_init=1e-300, **FULL).fit(X, Y)
    network = nn.Network([6, 8, 3], activation="relu", output="softmax", cost="cross_entropy", seed=0)
    for array, value in zip(network.weights + network.biases, start.coefs_ + start.intercepts_, strict=True):
        array[...] = value.T if value.ndim == 2 else value[:, None]
    return network


@pytest.mark.parametrize("rate", ["constant", *sorted(SCHEDULES)])
@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_solvers_and_learning_rates_are_the_networks(solver: str, rate: str) -> None:
    options, optimizer = OPTIMIZERS[solver]
    # the plateau's rate falls while training waits, and what it waits for ends training too
    waits: dict[str, Any] = {"n_iter_no_change": 4, "tol": 0.02} if rate == "plateau" else ENDLESS
    ours = MLPClassifier((8,), solver=solver, learning_rate=rate, learning_rate_init=0.01, max_iter=12,
                         **waits, **options, **FULL)  # fmt: skip
    ours.fit(X, Y)
    assert ours.n_iter_ >= 6 if rate == "plateau" else ours.n_iter_ == 12
    network = network_like(ours)
    schedule = nn.Plateau(metric="cost", patience=2, min_delta=0.02) if rate == "plateau" else rate
    history = network.fit(X, Y, epochs=ours.n_iter_, batch_size=len(X), optimizer=optimizer,
                          schedule=schedule, alpha=1e-4, progress=False)  # fmt: skip
    assert ours.history_.eta == pytest.approx(history.eta)
    for a, b in zip(ours.coefs_, network.weights, strict=True):
        np.testing.assert_allclose(a, b.T, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("solver", ["adamw", "rmsprop"])
def test_solvers_are_those_of_pytorch(solver: str) -> None:
    torch = pytest.importorskip("torch")
    ours = MLPClassifier((), solver=solver, learning_rate_init=0.01, max_iter=7, alpha=0, weight_decay=0.3,
                         rho=0.8, **FULL)  # fmt: skip
    start = MLPClassifier((), max_iter=1, learning_rate_init=1e-300, **FULL).fit(X, Y)
    ours.fit(X, Y)
    parameters = [torch.tensor(p, requires_grad=True) for p in (start.coefs_[0], start.intercepts_[0])]
    if solver == "rmsprop":
        optimizer = torch.optim.RMSprop(parameters, 0.01, alpha=0.8, eps=1e-8)
    else:  # PyTorch decays biases too, unless told not to
        groups = [
            {"params": parameters[:1], "weight_decay": 0.3},
            {"params": parameters[1:], "weight_decay": 0},
        ]
        optimizer = torch.optim.AdamW(groups, 0.01)
    for _ in range(7):
        optimizer.zero_grad()
        logits = torch.tensor(X) @ parameters[0] + parameters[1]
        torch.nn.functional.cross_entropy(logits, torch.tensor(Y)).backward()
        optimizer.step()
    np.testing.assert_allclose(ours.coefs_[0], parameters[0].detach().numpy(), rtol=1e-4, atol=1e-7)


def test_plateau_lowers_the_rate_before_training_gives_up() -> None:
    ours = MLPClassifier((8,), learning_rate="plateau", learning_rate_init=0.05, tol=10, n_iter_no_change=6,
                         max_iter=50, random_state=0).fit(X, Y)  # fmt: skip
    # nothing counts as better than the first epoch: a tenth after 3 epochs, and 3 later another tenth
    assert ours.history_.eta == pytest.approx([0.05] * 4 + [0.005] * 3 + [0.0005])
    assert ours.history_.stopped is not None


def test_a_schedule_spans_the_calls_of_partial_fit() -> None:
    whole = MLPClassifier(
        (8,), learning_rate="cosine", max_iter=5, batch_size=30, shuffle=False, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        whole.fit(X, Y)
    parts = MLPClassifier(
        (8,), learning_rate="cosine", max_iter=5, batch_size=30, shuffle=False, random_state=0
    )
    for _ in range(5):
        parts.partial_fit(X, Y, classes=[0, 1, 2])
    assert bits(whole) == bits(parts)
    assert parts.history_.eta == whole.history_.eta
