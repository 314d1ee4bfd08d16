"""The epoch loop: draws the mini-batches, runs a trainer over them, keeps the history.

A trainer does the work of an epoch. There are two: the compiled engine's (`engine.Trainer`) and the
NumPy reference's (`reference.Trainer`), for networks that carry a user's own Python functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nablanet import engine, reference
from nablanet.clipping import Clipping
from nablanet.dropout import Dropout
from nablanet.optimizers import Optimizer
from nablanet.regularization import Regularization
from nablanet.shapes import Array, Rows

if TYPE_CHECKING:
    from nablanet.explain import Saturation
    from nablanet.network import Network
    from nablanet.resuming import TrainingState

Advance = Callable[[int], None]
Shuffle = Callable[[int], Array]


class DivergenceError(ArithmeticError):
    """Training produced a cost or parameters that are not finite."""


@dataclass(frozen=True)
class Epoch:
    """What one epoch of training came to.

    epoch: its number, from 0 as in the chapter. cost: mean of C_x over the training samples, each
    taken just before the step that learned from it. validation_cost, validation_accuracy (a share
    from 0 to 1): on the held-out data after the epoch; None where there is none, or where the
    outputs are no classes. seconds: time spent on training, validation left out. eta: the learning
    rate of its last step; None where there is none (L-BFGS). metrics: what the user's own functions
    measured on the held-out data, by name.
    """

    epoch: int
    cost: float
    seconds: float
    validation_cost: float | None = None
    validation_accuracy: float | None = None
    eta: float | None = None
    metrics: dict[str, float] = field(default_factory=dict, hash=False)


# True from a callback ends training
Callback = Callable[[Epoch], object]
# (Y, outputs) -> a number, for rows or labels Y and rows of outputs
Metric = Callable[[Array, Array], float]


@dataclass(repr=False)
class History:
    """The epochs of one call of `fit`, in order; after `resume`, of the whole run.

    best_epoch: the number of the best epoch by the rules of early stopping; None without them.
    stopped: why training ended before its last epoch, as a sentence; None if it did not. state: what
    `fit(resume=...)` goes on from; None after L-BFGS and in a model file. diagnoses: one for each epoch,
    as `explain.saturation` gives it, None for epochs without `diagnose`; a model file has none of them.
    """

    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: int | None = None
    stopped: str | None = None
    state: TrainingState | None = field(default=None, compare=False)
    diagnoses: list[Saturation | None] = field(default_factory=list, compare=False)

    def __repr__(self) -> str:
        n = len(self.epochs)
        text = f"{n} epoch{'' if n == 1 else 's'}"
        if self.epochs:
            last = self.epochs[-1]
            measured = ("cost", "validation_cost", "validation_accuracy")
            figures = {name: getattr(last, name) for name in measured} | last.metrics
            words = [f"{name} {value:.4g}" for name, value in figures.items() if value is not None]
            text += f"; epoch {last.epoch}: {', '.join(words)}"
        return f"History({text})"

    def __len__(self) -> int:
        return len(self.epochs)

    @property
    def cost(self) -> list[float]:
        """Mean training cost per epoch."""
        return [e.cost for e in self.epochs]

    @property
    def validation_cost(self) -> list[float | None]:
        """Mean cost on the validation data per epoch."""
        return [e.validation_cost for e in self.epochs]

    @property
    def validation_accuracy(self) -> list[float | None]:
        """Share of the validation data classified correctly, per epoch."""
        return [e.validation_accuracy for e in self.epochs]

    @property
    def seconds(self) -> list[float]:
        """Training time per epoch in seconds."""
        return [e.seconds for e in self.epochs]

    @property
    def eta(self) -> list[float | None]:
        """Learning rate of the last step of each epoch."""
        return [e.eta for e in self.epochs]

    @property
    def metrics(self) -> dict[str, list[float | None]]:
        """The user's own metrics per epoch, by name; None in epochs that did not measure one."""
        names = dict.fromkeys(name for e in self.epochs for name in e.metrics)
        return {name: [e.metrics.get(name) for e in self.epochs] for name in names}


@dataclass(frozen=True)
class Task:
    """What a trainer learns from, and how; all of it checked by the caller.

    X: rows. Y: rows, or int32 labels. batch_size: rows in a mini-batch; n_threads: at most that many.
    max_norm: of each neuron's incoming weights. average: the decay of the parameters' moving average,
    which is then what the network holds after each run. weights: float64, one for each row, not all
    zero: a step learns from sum w_x C_x / sum w_x.

    For the engine's trainer alone: sum_squares: whether it keeps `weight_squares`. by_weight:
    scikit-learn's way with weights, in which alpha is divided by the weights of a mini-batch, and the
    cost of a run is the mean of the mini-batches' costs, each times its rows.
    """

    X: Rows
    Y: Array
    batch_size: int
    optimizer: Optimizer
    regularization: Regularization = field(default_factory=Regularization)
    n_threads: int | None = None
    clipping: Clipping = field(default_factory=Clipping)
    max_norm: float | None = None
    average: float | None = None
    dropout: Dropout | None = None
    weights: Array | None = None
    sum_squares: bool = False
    by_weight: bool = False


class Trainer(Protocol):
    """Trains one network on one task; remembers the optimizer's state between epochs."""

    def run(self, order: Array, etas: Array, advance: Advance) -> float:
        """Train on the samples in this order; return the mean cost, weighted as the task says.

        etas: the learning rate of each mini-batch. Reads the network's parameters first and writes
        them back at the end, and also when it is interrupted between two mini-batches; a result that
        is not finite is not written back. Calls `advance` with the number of samples learned from
        since the last call.
        """
        ...

    def state(self) -> dict[str, Any]:
        """What this trainer remembers between runs, beside the network's parameters, as copies.

        "steps": a count. "first", "second": velocities or moments. With averaging also "parameters",
        from which training goes on, and "average", which the network held after the last run. Each
        but the first is a list of arrays in the shapes of the weights, then of the biases. A
        user's own optimizer has its state, whatever it is, under "optimizer".
        """
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from the `state` of a trainer on the same task, with the bits that it would have had.

        Raises ValueError or TypeError, before anything changes, where it is not of this trainer's form.
        """
        ...


def make_trainer(network: Network, task: Task) -> Trainer:
    """The engine's trainer where the engine can do all that the network asks for."""
    if network.runs_on_engine() and engine.knows(task.optimizer):
        return engine.Trainer(network, task)
    return reference.Trainer(network, task)


def train(
    network: Network,
    task: Task,
    *,
    epochs: int,
    shuffle: Shuffle,
    advance: Advance = lambda samples: None,
) -> Iterator[float]:
    """Yield the mean cost of each epoch as it ends.

    shuffle: n -> the order of the n samples in the next epoch. Raises DivergenceError, with the
    network as the last epoch left it.
    """
    trainer = make_trainer(network, task)
    n = len(task.X)
    etas = np.full(n_batches(task), task.optimizer.eta)
    for epoch in range(epochs):
        yield run_epoch(trainer, epoch, shuffle(n), etas, advance)


def n_batches(task: Task) -> int:
    """The number of mini-batches in an epoch."""
    return -(-len(task.X) // task.batch_size)


def run_epoch(trainer: Trainer, epoch: int, order: Array, etas: Array, advance: Advance) -> float:
    """The mean cost of the epoch of this number. Raises DivergenceError if that is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        cost = trainer.run(order, etas, advance)
    if not math.isfinite(cost):
        raise diverged(epoch, float(etas.max()))
    return cost


def diverged(epoch: int, eta: float) -> DivergenceError:
    """The error for an epoch that ended without finite parameters."""
    return DivergenceError(
        f"training diverged in epoch {epoch}: the cost or a parameter is no longer finite. "
        f"The network keeps the parameters it had before that epoch. Try a smaller eta (it was {eta:g})."
    )


class _HasParameters(Protocol):
    weights: list[Array]
    biases: list[Array]


@contextmanager
def own_epoch(network: _HasParameters, epoch: int, eta: float) -> Iterator[None]:
    """Around an epoch of steps of the user's own.

    Raises DivergenceError, with the parameters from before the epoch, where those after it are not finite.
    """
    before = [[p.copy() for p in parameters] for parameters in (network.weights, network.biases)]
    try:
        yield
        finite = all(np.isfinite(p).all() for p in [*network.weights, *network.biases])
    except DivergenceError:
        finite = False
    if not finite:
        network.weights[:], network.biases[:] = before
        raise diverged(epoch, eta)


def accuracy(outputs: Array, Y: Array) -> float | None:
    """Share of rows whose class is right; None where Y holds no classes.

    Y is int32 labels, one-hot rows, or for a single output a column of zeros and ones.
    """
    if Y.ndim == 1:
        return float(np.mean(outputs.argmax(axis=1) == Y))
    if not holds_classes(Y):
        return None
    return float(np.mean(classes(outputs) == classes(Y)))


def holds_classes(Y: Array) -> bool:
    """Whether Y is labels, one-hot rows, or one column of zeros and ones."""
    if Y.ndim == 1:
        return True
    binary = bool(np.all((Y == 0) | (Y == 1)))
    return binary and (Y.shape[1] == 1 or bool(np.all(Y.sum(axis=1) == 1)))


def classes(outputs: Array) -> Array:
    """The class of each row: the neuron with the highest activation, or above 1/2 if there is one."""
    chosen: Array = outputs[:, 0] > 0.5 if outputs.shape[1] == 1 else outputs.argmax(axis=1)
    return chosen
