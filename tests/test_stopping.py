"""Early stopping, metrics, callbacks that stop, and what History tells of them."""

from __future__ import annotations

import io
import math
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nablanet as nn
from nablanet.shapes import Array
from networks import Problem, problem


def parameters(net: nn.Network) -> list[Array]:
    return [p.copy() for p in net.weights + net.biases]


def same(ours: list[Array], theirs: list[Array]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def scripted(values: list[float]) -> dict[str, Callable[[Array, Array], float]]:
    """A metric that takes these values, one an epoch."""
    left = iter(values)
    return {"score": lambda Y, outputs: next(left)}


@pytest.fixture
def p() -> Problem:
    return problem([3, 4, 2], "tanh", "quadratic", "identity", m=10)


def fit(
    p: Problem, epochs: int, values: list[float], **arguments: Any
) -> tuple[nn.History, list[list[Array]]]:
    """The history, and the parameters after each epoch."""
    seen: list[list[Array]] = []

    def keep(epoch: nn.Epoch) -> None:
        seen.append(parameters(p.network))

    history = p.network.fit(
        p.X,
        p.Y,
        epochs=epochs,
        batch_size=4,
        eta=0.1,
        validation=(p.X, p.Y),
        metrics=scripted(values),
        callbacks=[keep],
        **arguments,
    )
    return history, seen


def test_it_stops_when_patience_is_used_up_and_gives_back_the_best(p: Problem) -> None:
    rules = nn.EarlyStopping("score", patience=3, mode="max")
    history, seen = fit(p, 20, [0.1, 0.5, 0.3, 0.6, 0.6, 0.2, 0.5, 0.9], early_stopping=rules)
    assert history.metrics == {"score": [0.1, 0.5, 0.3, 0.6, 0.6, 0.2, 0.5]}
    assert history.best_epoch == 3
    assert history.stopped == (
        "Early stopping: score has not got better for 3 epochs; it was 0.6 in epoch 3."
    )
    assert same(parameters(p.network), seen[3])


def test_smaller_is_better_unless_said_otherwise(p: Problem) -> None:
    rules = nn.EarlyStopping("score", patience=1, mode="min", min_delta=0.1)
    history, seen = fit(p, 20, [0.9, 0.5, 0.45, 0.1], early_stopping=rules)
    assert (len(history), history.best_epoch) == (3, 1)
    assert same(parameters(p.network), seen[1])


def test_the_best_is_given_back_also_where_all_epochs_ran(p: Problem) -> None:
    rules = nn.EarlyStopping("score", patience=9, mode="max")
    history, seen = fit(p, 4, [1, 3, 2, 2], early_stopping=rules)
    assert (len(history), history.best_epoch, history.stopped) == (4, 1, None)
    assert same(parameters(p.network), seen[1])


def test_the_last_stays_where_the_best_is_not_wanted(p: Problem) -> None:
    rules = nn.EarlyStopping("score", patience=2, restore_best=False, mode="max")
    history, seen = fit(p, 9, [1, 3, 2, 2, 5], early_stopping=rules)
    assert (len(history), history.best_epoch) == (4, 1)
    assert same(parameters(p.network), seen[3])


def test_what_is_no_number_is_never_the_best(p: Problem) -> None:
    rules = nn.EarlyStopping("score", patience=2, mode="min")
    history, seen = fit(p, 9, [math.nan] * 9, early_stopping=rules)
    assert (len(history), history.best_epoch) == (2, None)
    assert history.stopped == "Early stopping: score was not a number for 2 epochs."
    assert same(parameters(p.network), seen[1])
    history, _ = fit(p, 9, [math.nan, 2, math.inf, 1, math.nan, 3], early_stopping=rules)
    assert (len(history), history.best_epoch) == (6, 3)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=25), st.integers(1, 4), st.booleans())
def test_every_run_of_values(values: list[int], patience: int, more: bool) -> None:
    """Against a plain reading of the rule: the last `patience` values beat none of those before."""
    p = problem([2, 1], [], "quadratic", "identity", m=3)
    rules = nn.EarlyStopping("score", patience, mode="max" if more else "min")
    history, seen = fit(p, len(values), [float(v) for v in values], early_stopping=rules)
    wanted = len(values)
    best = max if more else min
    for n in range(patience + 1, len(values) + 1):
        if best(values[: n - patience]) == best(values[:n]):
            wanted = n
            break
    assert len(history) == wanted
    assert history.best_epoch == values.index(best(values[:wanted]))
    assert same(parameters(p.network), seen[history.best_epoch])


def test_true_watches_the_validation_cost() -> None:
    p = problem([3, 4, 2], "tanh", "quadratic", "identity", m=10)
    held_out = (p.X, p.Y + 3)  # which moves away as the network learns Y - 3
    history = p.network.fit(
        p.X, p.Y - 3, epochs=100, batch_size=4, eta=0.1, validation=held_out, early_stopping=True
    )
    assert history.best_epoch == int(np.argmin(history.validation_cost))  # type: ignore[arg-type]
    assert len(history) == history.best_epoch + 11
    assert p.network.mean_cost(*held_out) == history.validation_cost[history.best_epoch]


def test_accuracy_knows_that_more_is_better() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 2))
    labels = (X[:, 0] * X[:, 1] > 0).astype(int)
    net = nn.Network([2, 16, 2], activation="tanh", cost="cross_entropy", init="xavier", seed=0)
    rules = nn.EarlyStopping("validation_accuracy", patience=20)
    history = net.fit(
        X, labels, epochs=300, batch_size=10, optimizer="adam", validation=(X, labels), early_stopping=rules
    )
    assert history.best_epoch == int(np.argmax(history.validation_accuracy))  # type: ignore[arg-type]
    accuracy = np.mean(net.predict(X).argmax(axis=1) == labels)
    assert accuracy == history.validation_accuracy[history.best_epoch]


def test_the_training_cost_needs_no_validation(p: Problem) -> None:
    rules = nn.EarlyStopping("cost", patience=1, min_delta=1e9)
    history = p.network.fit(p.X, p.Y, epochs=9, batch_size=4, eta=0.1, early_stopping=rules)
    assert (len(history), history.best_epoch) == (2, 0)


def test_metrics_see_the_desired_outputs_and_the_outputs_as_rows() -> None:
    X = np.random.default_rng(1).random((7, 3))
    labels = np.array([0, 1, 1, 0, 1, 0, 0])
    shapes: list[Any] = []

    def look(Y: Array, outputs: Array) -> np.float64:
        shapes.append((Y.shape, Y.dtype.kind, outputs.shape))
        return np.float64(outputs[Y == 1].mean())

    net = nn.Network([3, 2], seed=0)
    history = net.fit(
        X, labels, epochs=2, batch_size=7, eta=0.1, validation=(X, labels), metrics={"look": look}
    )
    assert shapes == [((7,), "i", (7, 2))] * 2
    assert history.metrics["look"][-1] == float(net.predict(X)[labels == 1].mean())
    assert history.epochs[0].metrics == {"look": history.metrics["look"][0]}


@pytest.mark.parametrize("kind", [bool, np.bool_])
def test_a_callback_that_returns_true_ends_training(p: Problem, kind: type) -> None:
    called: list[int] = []

    def stop(epoch: nn.Epoch) -> object:
        return kind(epoch.epoch == 2)

    history = p.network.fit(
        p.X, p.Y, epochs=9, batch_size=4, eta=0.1, callbacks=[stop, lambda e: called.append(e.epoch)]
    )
    assert called == [0, 1, 2]
    assert len(history) == 3
    assert history.stopped == "A callback ended training after epoch 2."
    assert history.best_epoch is None


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_run_of_all_its_epochs_was_not_stopped(p: Problem, optimizer: str) -> None:
    rules = nn.EarlyStopping("score", patience=2, mode="max")
    history = p.network.fit(
        p.X,
        p.Y,
        epochs=3,
        batch_size=10,
        optimizer=optimizer,
        validation=(p.X, p.Y),
        metrics=scripted([3, 2, 1]),
        early_stopping=rules,
        callbacks=[lambda epoch: epoch.epoch == 2],
    )
    assert (len(history), history.best_epoch, history.stopped) == (3, 0, None)


@pytest.mark.parametrize("answer", [None, False, 1, "yes", np.False_, np.ones(1, bool)])
def test_only_true_itself_ends_training(p: Problem, answer: object) -> None:
    history = p.network.fit(p.X, p.Y, epochs=2, batch_size=4, eta=0.1, callbacks=[lambda epoch: answer])
    assert (len(history), history.stopped) == (2, None)


def test_divergence_keeps_the_parameters_before_it() -> None:
    p = problem([3, 4, 2], "relu", "quadratic", "identity", m=20)
    seen: list[list[Array]] = []
    with pytest.raises(nn.DivergenceError):
        p.network.fit(
            p.X,
            p.Y,
            epochs=1000,
            batch_size=5,
            eta=30,
            early_stopping=nn.EarlyStopping("cost", 1000),
            callbacks=[lambda epoch: seen.append(parameters(p.network))],
        )
    assert same(parameters(p.network), seen[-1])


def test_the_bar_shows_the_best_epoch(monkeypatch: pytest.MonkeyPatch, p: Problem) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    rules = nn.EarlyStopping("score", patience=5, mode="max")
    fit(p, 3, [1, 3, 2], early_stopping=rules)
    assert re.search(r"epoch 2: cost \d+\.\d{4}, best epoch 1", terminal.getvalue())


def untouched(net: nn.Network) -> list[bytes]:
    return [p.tobytes() for p in net.weights + net.biases] + [repr(net._rng.bit_generator.state).encode()]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"early_stopping": True}, ValueError, "early_stopping watches 'validation_cost': pass validation"),
        ({"early_stopping": 5}, TypeError, "early_stopping is True or an object such as"),
        (
            {"early_stopping": nn.EarlyStopping("f1", mode="max"), "held_out": True},
            ValueError,
            "early_stopping watches 'f1', which is not measured; there are: cost, validation_cost, "
            "validation_accuracy",
        ),
        (
            {"early_stopping": nn.EarlyStopping("validation_accuracy"), "held_out": True},
            ValueError,
            "the Y of validation holds no classes",
        ),
        ({"metrics": {"m": lambda Y, a: 0.0}}, ValueError, "metrics are measured on held-out data"),
        ({"metrics": [max], "held_out": True}, TypeError, "metrics must be a mapping"),
        ({"metrics": {"m": 3}, "held_out": True}, TypeError, "metrics must map names to functions"),
        ({"metrics": {"cost": max}, "held_out": True}, ValueError, "has the name 'cost'"),
        ({"metrics": {"seconds": max}, "held_out": True}, ValueError, "has the name 'seconds'"),
        ({"callbacks": [3]}, TypeError, "callbacks must be functions of an Epoch"),
        ({"callbacks": print}, TypeError, "callbacks must be a list of functions of an Epoch"),
        ({"batch_size": None}, ValueError, "optimizer 'sgd' needs batch_size"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_changes(
    p: Problem, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    before = untouched(p.network)
    given = {"epochs": 2, "batch_size": 4, "eta": 0.1} | arguments
    if given.pop("held_out", False):
        given["validation"] = (p.X, p.Y)
    with pytest.raises(error, match=message):
        p.network.fit(p.X, p.Y, **given)
    assert untouched(p.network) == before


def test_a_metric_that_returns_no_number_is_named(p: Problem) -> None:
    with pytest.raises(TypeError, match="metric 'm' must return a number, got None"):
        p.network.fit(
            p.X,
            p.Y,
            epochs=2,
            batch_size=4,
            eta=0.1,
            validation=(p.X, p.Y),
            metrics={"m": lambda Y, a: None},  # type: ignore[dict-item,return-value]
        )


WRONG: Any = 3


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.EarlyStopping(patience=0), ValueError, "patience must be at least 1"),
        (lambda: nn.EarlyStopping(min_delta=-1), ValueError, "min_delta must be finite and 0 or more"),
        (lambda: nn.EarlyStopping(WRONG), TypeError, "metric must be a name"),
        (lambda: nn.EarlyStopping("f1"), ValueError, "'f1' is a metric of your own: pass mode='max'"),
        (lambda: nn.EarlyStopping(mode="more"), ValueError, "mode must be 'min', 'max' or None"),
        (lambda: nn.EarlyStopping(restore_best=WRONG), TypeError, "restore_best must be True or False"),
    ],
)
def test_wrong_rules_are_refused(make: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_a_history_is_kept_in_a_model_file(p: Problem, tmp_path: Any) -> None:
    from nablanet.files import Model, read_model, save_model

    rules = nn.EarlyStopping("score", patience=3, mode="max")
    history, _ = fit(p, 3, [0.5, math.nan, 0.25], early_stopping=rules)
    save_model(Model(p.network, history=history), tmp_path / "m")
    read = read_model(tmp_path / "m").history
    assert read.eta == history.eta
    assert repr(read.metrics) == repr(history.metrics)
