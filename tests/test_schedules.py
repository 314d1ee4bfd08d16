"""Learning-rate schedules: values by hand, PyTorch's schedulers, and the rates that training uses."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nablanet as nn
from nablanet.schedules import Own, Rates, Schedule, get_schedule
from nablanet.shapes import Array
from networks import norm_difference, problem


def run_of(schedule: Schedule, n_batches: int, epochs: int) -> Array:
    """The factors of a whole run."""
    return np.concatenate([schedule.factors(epoch, n_batches, epochs) for epoch in range(epochs)])


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        (nn.Constant(), [1, 1, 1, 1, 1, 1, 1, 1]),
        (nn.Step(epochs=2, factor=0.5), [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5]),
        (nn.Exponential(factor=0.5), [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]),
        (nn.InverseScaling(power=1), [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6, 1 / 7, 1 / 8]),
        (nn.InverseScaling(), [1, 2**-0.5, 3**-0.5, 0.5, 5**-0.5, 6**-0.5, 7**-0.5, 8**-0.5]),
        # w = 2 steps of warm-up, then half a period in 6 steps: cos 0, 30, 60, 90, 120, 150 degrees
        (
            nn.Cosine(warmup=0.25, final=0.5),
            [1 / 3, 2 / 3, 1, 0.75 + 3**0.5 / 8, 0.875, 0.75, 0.625, 0.75 - 3**0.5 / 8],
        ),
        # up from 1/2 over 3 steps (0, 60, 120, 180 degrees), down to 1/8 over 4
        (
            nn.OneCycle(pct_start=0.5, div_factor=2, final_div_factor=4),
            [
                0.5,
                0.625,
                0.875,
                1,
                1 - 7 / 16 * (1 - 0.5**0.5),
                9 / 16,
                1 / 8 + 7 / 16 * (1 - 0.5**0.5),
                1 / 8,
            ],
        ),
        (Own(lambda step, n_steps: step / n_steps), [0, 1 / 8, 2 / 8, 3 / 8, 4 / 8, 5 / 8, 6 / 8, 7 / 8]),
    ],
)
def test_values_by_hand(schedule: Schedule, wanted: list[float]) -> None:
    np.testing.assert_allclose(run_of(schedule, 2, 4), wanted, rtol=4e-16, atol=4e-16)


@given(
    st.integers(1, 7),
    st.integers(1, 9),
    st.floats(0, 0.999),
    st.floats(0, 1),
    st.floats(1e-3, 0.999),
)
def test_factors_have_one_value_per_mini_batch_and_stay_between_their_ends(
    n_batches: int, epochs: int, share: float, final: float, pct_start: float
) -> None:
    schedules = [
        nn.Constant(),
        nn.Step(),
        nn.Exponential(),
        nn.InverseScaling(),
        nn.Cosine(share, final),
        nn.OneCycle(pct_start),
    ]
    for schedule in schedules:
        factors = run_of(schedule, n_batches, epochs)
        assert factors.shape == (n_batches * epochs,)
        assert (factors > -1e-15).all()
        assert (factors <= 1 + 1e-15).all()


TORCH: list[tuple[Schedule, int, Callable[[Any, Any, int], Any]]] = [
    (nn.Step(3, 0.3), 1, lambda t, o, n: t.StepLR(o, 3, 0.3)),
    (nn.Exponential(0.9), 1, lambda t, o, n: t.ExponentialLR(o, 0.9)),
    (nn.Cosine(0, 0.1), 4, lambda t, o, n: t.CosineAnnealingLR(o, n, eta_min=0.03)),
    (
        nn.Cosine(0.25),
        4,
        lambda t, o, n: t.SequentialLR(
            o,
            [t.LinearLR(o, 1 / (n // 4 + 1), 1, n // 4), t.CosineAnnealingLR(o, n - n // 4)],
            [n // 4],
        ),
    ),
    (nn.OneCycle(), 4, lambda t, o, n: t.OneCycleLR(o, 0.3, n, cycle_momentum=False)),
    (
        nn.OneCycle(0.4, 10, 100),
        3,
        lambda t, o, n: t.OneCycleLR(
            o, 0.3, n, pct_start=0.4, cycle_momentum=False, div_factor=10, final_div_factor=100
        ),
    ),
]


@pytest.mark.parametrize(("schedule", "n_batches", "make"), TORCH)
def test_rates_are_those_of_torch(schedule: Schedule, n_batches: int, make: Callable[..., Any]) -> None:
    torch = pytest.importorskip("torch")
    n_steps = 11 * n_batches
    optimizer = torch.optim.SGD([torch.zeros(1)], 0.3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SequentialLR warns of its own calls
        theirs = make(torch.optim.lr_scheduler, optimizer, n_steps)
        wanted = []
        for _ in range(n_steps):
            wanted.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            theirs.step()
    np.testing.assert_allclose(0.3 * run_of(schedule, n_batches, 11), wanted, rtol=1e-12)


def epoch_with(number: int, cost: float) -> nn.Epoch:
    return nn.Epoch(number, cost, 0.0, validation_cost=cost)


@given(st.lists(st.integers(0, 4), max_size=40), st.integers(1, 4), st.sampled_from(["min", "max"]))
def test_plateau_is_that_of_torch_with_one_epoch_less_of_patience(
    values: list[int], patience: int, mode: str
) -> None:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], 0.5)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode, 0.5, patience - 1, threshold=0, threshold_mode="abs", min_lr=0.06, eps=0
    )
    rates = Rates(nn.Plateau(0.5, patience, min_eta=0.06, mode=mode), 0.5, 3, len(values) + 1)
    for number, value in enumerate(values):
        assert rates.of(number).tolist() == [optimizer.param_groups[0]["lr"]] * 3
        rates.see(epoch_with(number, float(value)))
        theirs.step(float(value))
    assert rates.of(len(values)).tolist() == [optimizer.param_groups[0]["lr"]] * 3


def test_plateau_by_hand() -> None:
    rates = Rates(nn.Plateau(0.1, 2, min_delta=0.5), 1.0, 1, 20)
    seen = []
    for number, cost in enumerate([9.0, 8.6, 8.4, 8.0, 8.0, math.nan, 1.0, 1.0, 1.0]):
        seen.append(float(rates.of(number)[0]))
        rates.see(epoch_with(number, cost))
    # 8.6 is not better than 9 by more than 0.5, 8.4 is; 8.0 and 8.0 are not: the first drop
    assert seen == pytest.approx([1, 1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1])
    assert rates.of(9)[0] == pytest.approx(0.01)


def test_plateau_does_not_raise_a_rate_below_its_lowest() -> None:
    assert Rates(nn.Plateau(min_eta=1.0), 0.1, 1, 1).of(0).tolist() == [0.1]


@pytest.mark.parametrize("python", [False, True])
def test_training_uses_the_rates(python: bool) -> None:
    """Each mini-batch is one call of update_mini_batch with the rate worked out here."""
    p = problem([3, 4, 2], "tanh", "quadratic", "identity", m=10)
    plain = problem([3, 4, 2], "tanh", "quadratic", "identity", m=10).network
    for net in (p.network, plain):
        if python:
            net.cost = nn.Cost("mine", net.cost.function, net.cost.derivative)
    history = p.network.fit(p.X, p.Y, epochs=3, batch_size=4, eta=0.2, schedule=lambda t, n: 1 - t / n)
    for epoch in range(3):
        order = plain._rng.permutation(10)
        for i, begin in enumerate(range(0, 10, 4)):
            batch = order[begin : begin + 4]
            eta = 0.2 * (1 - (3 * epoch + i) / 9)
            plain.update_mini_batch(list(zip(p.X[batch], p.Y[batch], strict=True)), eta)
    for ours, theirs in zip(p.network.weights, plain.weights, strict=True):
        assert norm_difference(ours, theirs) < 1e-13
    assert history.eta == pytest.approx([0.2 * 7 / 9, 0.2 * 4 / 9, 0.2 * 1 / 9])


def test_a_constant_schedule_changes_no_bit() -> None:
    p, q = (problem([3, 4, 2], "tanh", "quadratic", "identity", m=10) for _ in range(2))
    history = p.network.fit(p.X, p.Y, epochs=3, batch_size=4, eta=0.3)
    q.network.fit(q.X, q.Y, epochs=3, batch_size=4, eta=0.3, schedule="constant")
    assert p.network.weights[0].tobytes() == q.network.weights[0].tobytes()
    assert history.eta == [0.3] * 3


@pytest.mark.parametrize("name", nn.SCHEDULES)
def test_every_name_trains(name: str) -> None:
    p = problem([3, 4, 2], "tanh", "quadratic", "identity", m=10)
    before = p.network.mean_cost(p.X, p.Y)
    history = p.network.fit(p.X, p.Y, epochs=8, batch_size=4, eta=0.05, schedule=name, validation=(p.X, p.Y))
    assert p.network.mean_cost(p.X, p.Y) < before
    assert get_schedule(name).name == name
    assert all(eta is not None and 0 < eta <= 0.05 for eta in history.eta)


@pytest.mark.parametrize(
    ("schedule", "error", "message"),
    [
        ("cosin", ValueError, "no schedule 'cosin'; there are: constant, step, exponential"),
        (0.5, TypeError, "schedule is a name, an object such as nablanet.Cosine"),
        (nn.Cosine, TypeError, "schedule is a name, an object"),
        ("plateau", ValueError, "schedule watches 'validation_cost': pass validation"),
        (nn.Plateau(metric="r2", mode="max"), ValueError, "schedule watches 'r2', which is not measured"),
        (lambda step, n_steps: -1.0, ValueError, "what schedule returns for step 0 must be finite and 0 or"),
        (lambda step, n_steps: None, TypeError, "what schedule returns for step 0 must be a number"),
        (nn.Exponential(1e300), ValueError, "finite learning rates, got inf in epoch 2"),
    ],
)
def test_a_wrong_schedule_is_refused(schedule: Any, error: type[Exception], message: str) -> None:
    p = problem([3, 2], [], "quadratic", "identity", m=4)
    p.X[:], p.Y[:] = 0, p.network.predict(p.X * 0)  # where no step changes anything
    with pytest.raises(error, match=message):
        p.network.fit(p.X, p.Y, epochs=3, batch_size=4, eta=1.0, schedule=schedule)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Step(epochs=0), "epochs must be at least 1"),
        (lambda: nn.Step(factor=0), "factor must be finite and above 0"),
        (lambda: nn.Exponential(-1), "factor must be"),
        (lambda: nn.InverseScaling(math.inf), "power must be"),
        (lambda: nn.Cosine(warmup=1), "warmup is a share of the run and must be below 1"),
        (lambda: nn.Cosine(final=2), "final is a share of eta"),
        (lambda: nn.OneCycle(pct_start=1), "pct_start is a share"),
        (lambda: nn.OneCycle(div_factor=0), "div_factor must be"),
        (lambda: nn.Plateau(factor=1), "factor must be below 1"),
        (lambda: nn.Plateau(patience=0), "patience must be at least 1"),
        (lambda: nn.Plateau(metric="mine"), "'mine' is a metric of your own: pass mode='max'"),
        (lambda: nn.Plateau(mode="up"), "mode must be 'min', 'max' or None"),
    ],
)
def test_wrong_settings_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
