"""Learning-rate schedules: by which factor the optimizer's eta is multiplied, step by step.

A step is a mini-batch; steps count from 0 through the whole run, which has n_steps of them. Beside
these schedules any function (step, n_steps) -> factor is one. NumPy's powers and cosines depend on
the instruction set, so that none is used here: the rates are the same bits on all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nablanet.monitoring import Watch, check_mode
from nablanet.shapes import Array, count, describe, positive

if TYPE_CHECKING:
    from nablanet.training import Epoch


@dataclass(frozen=True)
class Schedule:
    """What every schedule has: a name, and a factor on eta for each step."""

    name: ClassVar[str]

    def factors(self, epoch: int, n_batches: int, epochs: int) -> Array:
        """The factors of the mini-batches of one epoch, shape (n_batches,), in a run of `epochs`."""
        raise NotImplementedError


@dataclass(frozen=True)
class Constant(Schedule):
    """The optimizer's eta throughout."""

    name: ClassVar[str] = "constant"

    def factors(self, epoch: int, n_batches: int, epochs: int) -> Array:
        """1 for each mini-batch."""
        return np.ones(n_batches)


@dataclass(frozen=True)
class Step(Schedule):
    """Eta times `factor` after every `epochs` epochs (PyTorch's StepLR)."""

    name: ClassVar[str] = "step"
    epochs: int = 10
    factor: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "epochs", count(self.epochs, "epochs"))
        object.__setattr__(self, "factor", positive(self.factor, "factor"))

    def factors(self, epoch: int, n_batches: int, epochs: int) -> Array:
        """factor^(epoch // epochs), the same for all mini-batches of an epoch."""
        return np.full(n_batches, _power(self.factor, epoch // self.epochs))


@dataclass(frozen=True)
class Exponential(Schedule):
    """Eta times `factor` after every epoch (PyTorch's ExponentialLR)."""

    name: ClassVar[str] = "exponential"
    factor: float = 0.95

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", positive(self.factor, "factor"))

    def factors(self, epoch: int, n_batches: int, epochs: int) -> Array:
        """factor^epoch, the same for all mini-batches of an epoch."""
        return np.full(n_batches, _power(self.factor, epoch))


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """Eta / t^power, where t counts the mini-batches from 1 (Robbins & Monro 1951 for powers above 1/2).

    scikit-learn's "invscaling" has the same form, but its t counts samples and its rate changes once
    an epoch only.
    """

    name: ClassVar[str] = "inverse_scaling"
    power: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "power", positive(self.power, "power"))

    def factors(self, epoch: int, n_batches: int, epochs: int) -> Array:
        """(step + 1)^-power."""
        first = epoch * n_batches
        return np.array([math.pow(step + 1, -self.power) for step in range(first, first + n_batches)])


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from eta down to final * eta (Loshchilov & Hutter 2017, eq. 5, one period).

    warmup: the share of the run, from 0 to below 1, in which the rate first rises in equal steps
    (Goyal et al. 2017, section 2.2). final: a share of eta, from 0 to 1.
    """

    name: ClassVar[str] = "cosine"
    warmup: float = 0.0
    final: float = 0.0

    def __post_init__(self) -> None:
        for name in ("warmup", "final"):
            object.__setattr__(self, name, positive(getattr(self, name), name, zero=True))
        if self.warmup >= 1:
            raise ValueError(f"warmup is a share of the run and must be below 1, got {self.warmup}")
        if self.final > 1:
            raise ValueError(f"final is a share of eta and must be at most 1, got {self.final}")

    def factors(self, epoch: int, n_batches: int, epochs: int) -> Array:
        """(step + 1) / (w + 1) in the first w steps, then the cosine over the other n_steps - w."""
        step, n_steps = _steps(epoch, n_batches, epochs)
        w = int(self.warmup * n_steps)
        fall = _between(1, self.final, np.maximum(step - w, 0) / max(n_steps - w, 1))
        return np.where(step < w, (step + 1) / (w + 1), fall)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up to eta and down again within the run (Smith & Topin 2018; PyTorch's OneCycleLR, cosine form).

    From eta / div_factor up to eta in the share pct_start of the run, then down to
    eta / (div_factor * final_div_factor) at its last step. The learning rate alone: momenta stay.
    """

    name: ClassVar[str] = "one_cycle"
    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4

    def __post_init__(self) -> None:
        for name in ("pct_start", "div_factor", "final_div_factor"):
            object.__setattr__(self, name, positive(getattr(self, name), name))
        if self.pct_start >= 1:
            raise ValueError(f"pct_start is a share of the run and must be below 1, got {self.pct_start}")

    def factors(self, epoch: int, n_batches: int, epochs: int) -> Array:
        """Half a cosine up to step pct_start * n_steps - 1, another one down to step n_steps - 1."""
        step, n_steps = _steps(epoch, n_batches, epochs)
        top = self.pct_start * n_steps - 1
        first = 1 / self.div_factor
        up = _between(first, 1, np.clip(step / top, 0, 1)) if top > 0 else step
        down = _between(1, first / self.final_div_factor, np.clip((step - top) / (n_steps - 1 - top), 0, 1))
        return np.where(step < top, up, down)


@dataclass(frozen=True)
class Plateau(Schedule):
    """Eta times `factor` whenever a metric has not got better for `patience` epochs in a row.

    metric, mode, min_delta: as in `EarlyStopping`. min_eta: the rate goes no lower. PyTorch's
    ReduceLROnPlateau waits one epoch more for the same patience.
    """

    name: ClassVar[str] = "plateau"
    factor: float = 0.1
    patience: int = 10
    metric: str = "validation_cost"
    min_delta: float = 0.0
    min_eta: float = 0.0
    mode: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", positive(self.factor, "factor"))
        if self.factor >= 1:
            raise ValueError(f"factor must be below 1, got {self.factor}")
        object.__setattr__(self, "patience", count(self.patience, "patience"))
        for name in ("min_delta", "min_eta"):
            object.__setattr__(self, name, positive(getattr(self, name), name, zero=True))
        check_mode(self.metric, self.mode)


@dataclass(frozen=True)
class Own(Schedule):
    """A function of the user's, (step, n_steps) -> factor, called for each step."""

    name: ClassVar[str] = "own"
    function: Callable[[int, int], float]

    def factors(self, epoch: int, n_batches: int, epochs: int) -> Array:
        """What the function returns. Raises ValueError or TypeError unless that is 0 or more."""
        n_steps = epochs * n_batches
        first = epoch * n_batches
        return np.array(
            [
                positive(self.function(step, n_steps), f"what schedule returns for step {step}", zero=True)
                for step in range(first, first + n_batches)
            ]
        )


SCHEDULES: Mapping[str, type[Schedule]] = MappingProxyType(
    {
        schedule.name: schedule
        for schedule in (Constant, Step, Exponential, InverseScaling, Cosine, OneCycle, Plateau)
    }
)


def get_schedule(schedule: object) -> Schedule:
    """The schedule of that name, or the object or function itself; None is `Constant`."""
    if schedule is None:
        return Constant()
    if isinstance(schedule, Schedule):
        return schedule
    if isinstance(schedule, str):
        if schedule not in SCHEDULES:
            raise ValueError(f"no schedule {schedule!r}; there are: {', '.join(SCHEDULES)}")
        return SCHEDULES[schedule]()
    if not callable(schedule) or isinstance(schedule, type):
        raise TypeError(
            "schedule is a name, an object such as nablanet.Cosine(warmup=0.1) or a function "
            "(step, n_steps) -> factor, got " + describe(schedule)
        )
    return Own(schedule)


class Rates:
    """The learning rates of one run. past: the epochs of a run that is resumed."""

    def __init__(
        self, schedule: Schedule, eta: float, n_batches: int, epochs: int, past: Iterable[Epoch] = ()
    ):
        self._schedule = schedule
        self._eta = eta
        self._n_batches = n_batches
        self._epochs = epochs
        self._drops = 0
        self._plateau = schedule if isinstance(schedule, Plateau) else None
        if self._plateau is not None:
            self._watch = Watch(self._plateau.metric, self._plateau.mode, self._plateau.min_delta)
        for epoch in past:
            self.see(epoch)

    def of(self, epoch: int) -> Array:
        """The rates of the mini-batches of an epoch, shape (n_batches,).

        Raises ValueError where one is not finite.
        """
        if self._plateau is not None:
            lowest = min(self._eta, self._plateau.min_eta)
            eta = max(self._eta * _power(self._plateau.factor, self._drops), lowest)
            return np.full(self._n_batches, eta)
        with np.errstate(over="ignore"):
            etas = self._eta * self._schedule.factors(epoch, self._n_batches, self._epochs)
        if not np.isfinite(etas).all():
            raise ValueError(f"schedule must give finite learning rates, got {etas.max()} in epoch {epoch}")
        return etas

    def see(self, epoch: Epoch) -> None:
        """Take in what an epoch came to."""
        if self._plateau is None or self._watch.see(epoch):
            return
        if self._watch.waited >= self._plateau.patience:
            self._drops += 1
            self._watch.waited = 0


def _steps(epoch: int, n_batches: int, epochs: int) -> tuple[Array, int]:
    """The steps of an epoch, shape (n_batches,), and the number of steps in the run."""
    return np.arange(epoch * n_batches, (epoch + 1) * n_batches, dtype=np.float64), epochs * n_batches


def _power(factor: float, n: int) -> float:
    return math.prod([factor] * n, start=1.0)


def _between(start: float, end: float, share: Array) -> Array:
    """Half a cosine from start, where the share is 0, to end, where it is 1."""
    return end + (start - end) * _half_cosine(share)


def _half_cosine(share: Array) -> Array:
    """(1 + cos(pi share)) / 2 for shares from 0 to 1: the square of a sine, by its Taylor series."""
    t = np.pi / 2 * np.minimum(share, 1 - share)
    square = t * t
    rest = np.zeros_like(t)
    for n in range(17, 1, -2):
        rest = (1 - rest) * (square / (n * (n - 1)))
    sine = t * (1 - rest)
    return np.where(share < 0.5, 1 - sine * sine, sine * sine)
