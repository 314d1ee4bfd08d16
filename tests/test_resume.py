"""A run that is resumed has the bits of a run that was never interrupted."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nablanet as nn
from nablanet.optimizers import OPTIMIZERS
from networks import Problem, problem

RULES = nn.EarlyStopping("validation_cost", patience=3)


def make(dtype: str = "float64", python: bool = False) -> Problem:
    p = problem([3, 5, 2], "tanh", "quadratic", "identity", m=23, dtype=dtype)
    if python:
        p.network.cost = nn.Cost("mine", p.network.cost.function, p.network.cost.derivative)
    return p


def fit(p: Problem, epochs: int, net: nn.Network | None = None, **arguments: Any) -> nn.History:
    settings: dict[str, Any] = {"batch_size": 5, "validation": (p.X, p.Y)} | arguments
    if "optimizer" not in settings:
        settings.setdefault("eta", 0.05)
    return (net or p.network).fit(p.X, p.Y, epochs=epochs, **settings)


def bits(net: nn.Network) -> list[bytes]:
    return [p.tobytes() for p in net.weights + net.biases]


def stop_after(number: int) -> Callable[[nn.Epoch], bool]:
    return lambda epoch: epoch.epoch == number


def told(history: nn.History) -> list[nn.Epoch]:
    """All but the time that it took."""
    return [replace(epoch, seconds=0.0) for epoch in history.epochs]


def assert_resumes(p: Problem, stopped_at: int = 3, epochs: int = 8, **arguments: Any) -> None:
    straight, broken = copy.deepcopy(p), copy.deepcopy(p)
    whole = fit(straight, epochs, **arguments)
    first = fit(broken, epochs, callbacks=[stop_after(stopped_at)], **arguments)
    assert len(first) == stopped_at + 1
    rest = fit(broken, epochs, resume=first, **arguments)
    assert told(rest) == told(whole)
    assert bits(broken.network) == bits(straight.network)
    assert (rest.best_epoch, rest.stopped) == (whole.best_epoch, whole.stopped)
    assert repr(broken.network._rng.bit_generator.state) == repr(straight.network._rng.bit_generator.state)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("python", [False, True], ids=["engine", "python"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_optimizer_resumes_with_the_same_bits(name: str, python: bool, dtype: str) -> None:
    assert_resumes(make(dtype, python), optimizer=OPTIMIZERS[name](eta=0.01))


@pytest.mark.parametrize(
    "schedule",
    [*nn.SCHEDULES, nn.Plateau(0.5, patience=1, min_delta=0.01), lambda step, n_steps: 1 - step / n_steps],
)
def test_every_schedule_resumes_with_the_same_rates(schedule: Any) -> None:
    assert_resumes(make(), schedule=schedule)


def test_fewer_epochs_are_the_same_as_a_stop() -> None:
    p, q = make(), make()
    fit(p, 8)
    history = fit(q, 3)
    assert history.stopped is None
    assert told(fit(q, 8, resume=history.state))[:3] == told(history)
    assert bits(p.network) == bits(q.network)


def moving_away(p: Problem) -> dict[str, Any]:
    """Arguments with which the network comes near its validation data after a few epochs, and passes by."""
    halfway = 0.4 * make().network.predict(p.X) + 0.6 * p.Y
    return {"validation": (p.X, halfway), "early_stopping": RULES, "eta": 0.02}


@pytest.mark.parametrize("stopped_at", range(8))
def test_early_stopping_goes_on_where_it_was(stopped_at: int) -> None:
    p = make()
    assert_resumes(p, stopped_at, 40, **moving_away(p))


def test_the_problem_above_has_its_best_epoch_in_the_middle() -> None:
    p = make()
    history = fit(p, 40, **moving_away(p))
    assert history.best_epoch is not None
    assert history.stopped is not None
    assert 2 <= history.best_epoch <= 6


def test_what_early_stopping_ended_stays_ended_until_it_may_wait_longer() -> None:
    p = make()
    history = fit(p, 40, **moving_away(p))
    before = bits(p.network)
    again = fit(p, 40, resume=history, **moving_away(p))
    assert told(again) == told(history)
    assert again.stopped == history.stopped
    assert bits(p.network) == before

    longer = moving_away(p) | {"early_stopping": replace(RULES, patience=5)}
    straight = make()
    assert told(fit(p, 40, resume=again, **longer)) == told(fit(straight, 40, **longer))
    assert bits(p.network) == bits(straight.network)


@pytest.mark.parametrize("stopped_at", [0, 1, 2])
@pytest.mark.parametrize("restore_best", [False, True])
def test_epochs_before_any_is_best_count_too(stopped_at: int, restore_best: bool) -> None:
    rules = nn.EarlyStopping("score", patience=4, mode="min", restore_best=restore_best)
    arguments: dict[str, Any] = {"metrics": {"score": lambda Y, outputs: np.nan}, "early_stopping": rules}
    p, q = make(), make()
    whole = fit(p, 20, **arguments)
    assert len(whole) == 4
    first = fit(q, 20, callbacks=[stop_after(stopped_at)], **arguments)
    rest = fit(q, 20, resume=first, **arguments)
    assert (len(rest), rest.best_epoch, rest.stopped) == (4, None, whole.stopped)
    assert bits(p.network) == bits(q.network)


def test_other_rules_begin_anew() -> None:
    p = make()
    history = fit(p, 5, callbacks=[stop_after(3)])
    rest = fit(p, 20, resume=history, early_stopping=nn.EarlyStopping("cost", patience=2, min_delta=1e9))
    # the parameters of epochs 0 to 3 are gone: 4 is the best, 5 and 6 are no better
    assert (rest.best_epoch, len(rest)) == (4, 7)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_survives_a_file_and_a_pickle(name: str, tmp_path: Path) -> None:
    p, straight = make(), make()
    arguments = moving_away(p)
    del arguments["eta"]
    arguments["optimizer"] = OPTIMIZERS[name](eta=0.01)
    arguments["early_stopping"] = replace(RULES, patience=100)
    whole = fit(straight, 20, **arguments)
    history = fit(p, 15, **arguments)
    p.network.save(tmp_path / "net")
    for state in (pickle.loads(pickle.dumps(history)), copy.deepcopy(history.state)):
        net = nn.load(tmp_path / "net")
        rest = fit(p, 20, net, resume=state, **arguments)
        assert told(rest) == told(whole)
        assert bits(net) == bits(straight.network)


@pytest.mark.parametrize("python", [False, True], ids=["engine", "python"])
def test_the_whole_of_a_step_resumes_with_the_same_bits(python: bool) -> None:
    weights = np.random.default_rng(0).random(23)
    p = make(python=python)
    assert_resumes(p, optimizer="adam", dropout=[0.1, 0.5], average=0.9, sample_weight=weights)


def test_a_state_that_its_trainer_refuses_leaves_the_random_numbers() -> None:
    p = make()
    state = fit(p, 3, dropout=0.5).state
    assert state is not None
    before = bits(p.network), repr(p.network._rng.bit_generator.state)
    with pytest.raises(ValueError, match="the state of this training must have the keys"):
        fit(p, 6, resume=state, dropout=0.5, average=0.9)
    assert (bits(p.network), repr(p.network._rng.bit_generator.state)) == before


def test_resuming_twice_from_one_state_gives_the_same() -> None:
    p = make()
    history = fit(p, 3)
    kept = copy.deepcopy(p.network)
    assert told(fit(p, 6, resume=history)) == told(fit(p, 6, kept, resume=history))
    assert bits(p.network) == bits(kept)


def test_changed_weights_are_what_training_goes_on_from() -> None:
    p = make()
    arguments = moving_away(p)
    history = fit(p, 40, **arguments)
    state = history.state
    assert state is not None
    assert state.last is not None
    for parameter in p.network.weights + p.network.biases:
        parameter[...] = 0
    costs: list[float] = []
    fit(
        p, 50, resume=history, callbacks=[lambda e: costs.append(e.cost)], batch_size=5, validation=(p.X, p.Y)
    )
    at_zero = 0.5 * float(np.square(p.Y).sum(axis=1).mean())
    assert costs[0] == pytest.approx(at_zero, rel=0.2)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"batch_size": 4}, ValueError, "resume must have the batch_size of this call, 4; its run had 5"),
        ({"optimizer": nn.Adam()}, ValueError, "the optimizer of this call, 'Adam'; its run had 'SGD'"),
        ({"epochs": 3}, ValueError, "epochs counts the whole run, of which 3 are done"),
        ({"resume": 3}, TypeError, "resume must be the History that fit returned"),
        ({"resume": nn.History()}, ValueError, "resume needs a History with a state"),
        ({"rows": 22}, ValueError, "the number of samples of this call, 22; its run had 23"),
        ({"dtype": "float32"}, ValueError, "the dtype of this call, 'float32'; its run had 'float64'"),
        ({"sizes": [3, 4, 2]}, ValueError, r"the sizes of this call, \(3, 4, 2\); its run had \(3, 5, 2\)"),
    ],
)
def test_another_runs_state_is_refused_before_anything_changes(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    p = make()
    given: dict[str, Any] = {"resume": fit(p, 3), "epochs": 6, "batch_size": 5} | arguments
    rows = given.pop("rows", 23)
    net = p.network
    if "dtype" in given or "sizes" in given:
        net = nn.Network(given.pop("sizes", [3, 5, 2]), dtype=given.pop("dtype", "float64"), seed=0)
    if "optimizer" not in given:
        given["eta"] = 0.05
    before = bits(net), repr(net._rng.bit_generator.state)
    with pytest.raises(error, match=message):
        net.fit(p.X[:rows], p.Y[:rows], **given)
    assert (bits(net), repr(net._rng.bit_generator.state)) == before
