"""L-BFGS on the whole training data: the steps are SciPy's, cost and gradient the engine's."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nablanet import derivatives, memory
from nablanet.optimizers import OPTIMIZERS, Optimizer, get_optimizer
from nablanet.shapes import Array, count, positive
from nablanet.state import assign
from nablanet.training import DivergenceError, Task

if TYPE_CHECKING:
    from nablanet.network import Network

# Fields of a task that `fit` has under other names.
_ARGUMENTS = {"clipping": "clip_value and clip_norm"}

# (mean cost) -> whether to stop
EndOfIteration = Callable[[float], bool]


@dataclass(frozen=True)
class LBFGS(Optimizer):
    """L-BFGS (Liu & Nocedal 1989; Nocedal & Wright 2006, algorithm 7.5), which SciPy carries out.

    For `Network.fit` only, and for all samples at once: each iteration is an epoch. history_size: the
    number of past steps that stand for the Hessian. tol: it has converged when no derivative of the
    cost is larger. The line search finds the step length, so that there is no eta to set.
    """

    name: ClassVar[str] = "lbfgs"
    eta: float = field(default=1.0, init=False, repr=False)  # what the line search tries first
    history_size: int = 10
    tol: float = 1e-5

    def __post_init__(self) -> None:
        object.__setattr__(self, "history_size", count(self.history_size, "history_size"))
        object.__setattr__(self, "tol", positive(self.tol, "tol"))


def choose_optimizer(optimizer: str | Optimizer, eta: float | None) -> Optimizer:
    """As `get_optimizer`, with "lbfgs" among the names."""
    if optimizer == "lbfgs" or isinstance(optimizer, LBFGS):
        if eta is not None:
            raise ValueError(f"L-BFGS finds the length of its steps itself: leave eta out, got {eta!r}")
        return optimizer if isinstance(optimizer, LBFGS) else LBFGS()
    if isinstance(optimizer, str) and optimizer not in OPTIMIZERS:
        raise ValueError(f"no optimizer {optimizer!r}; there are: {', '.join(OPTIMIZERS)}, lbfgs")
    return get_optimizer(optimizer, eta)


def check_batch_size(batch_size: object, optimizer: Optimizer, n: int) -> int:
    """The number of rows in a mini-batch; all n for L-BFGS, which needs none given."""
    if not isinstance(optimizer, LBFGS):
        if batch_size is None:
            raise ValueError(f"optimizer {optimizer.name!r} needs batch_size, the samples in a mini-batch")
        return count(batch_size, "batch_size")
    if batch_size is not None and count(batch_size, "batch_size") < n:
        raise ValueError(
            f"L-BFGS learns from all {n} samples at once: leave batch_size out, got {batch_size!r}"
        )
    return n


def check_task(task: Task) -> None:
    """Refuse what is made for steps on mini-batches."""
    known = {"X", "Y", "weights", "batch_size", "optimizer", "regularization", "n_threads", "lmbda", "alpha"}
    for name in _changed(task) + _changed(task.regularization):
        if name not in known:
            raise ValueError(
                f"L-BFGS takes no steps on mini-batches and goes without {_ARGUMENTS.get(name, name)}"
            )


def minimize(network: Network, task: Task, epochs: int, end: EndOfIteration) -> str | None:
    """At most `epochs` iterations; returns what SciPy says if it stops before, as a sentence.

    The network holds the last accepted iterate, whatever ends the call. Computed in float64 whatever
    its dtype: a line search cannot tell small steps apart in float32. Raises DivergenceError if the
    cost or a derivative is not finite.
    """
    from scipy import optimize  # loaded only here

    objective = _Objective(network, task)
    iteration = 0
    asked = False

    def accepted(intermediate_result: Any) -> None:
        nonlocal iteration, asked
        cost = objective.cost_at(intermediate_result.x)
        objective.accept(intermediate_result.x)
        iteration += 1
        asked = end(cost)
        if asked:
            raise StopIteration

    method = task.optimizer
    assert isinstance(method, LBFGS)  # noqa: S101 - for the type checker
    count_of_all = sum(p.size for p in network.weights + network.biases)
    memory.require(
        (2 * method.history_size + 8) * 8 * count_of_all, f"the past {method.history_size} steps of L-BFGS"
    )
    result = optimize.minimize(
        objective,
        np.concatenate([p.ravel() for p in network.weights + network.biases], dtype=np.float64),
        jac=True,
        method="L-BFGS-B",
        callback=accepted,
        options={
            "maxcor": method.history_size,
            "gtol": method.tol,
            "ftol": np.finfo(np.float64).eps,
            "maxiter": epochs,
            "maxfun": sys.maxsize,
        },
    )
    if asked or result.status == 1:
        return None
    ended = "converged" if result.success else "stopped"
    return f"L-BFGS {ended} after {iteration} iteration{'' if iteration == 1 else 's'}: {result.message}."


class _Objective:
    """The cost to minimize, and its gradient, as functions of all parameters in one vector."""

    def __init__(self, network: Network, task: Task):
        self._network = network
        self._task = task
        self._seen = np.empty(0)
        self._cost = 0.0

    def __call__(self, x: Array) -> tuple[float, Array]:
        task = self._task
        n, regularization = len(task.X), task.regularization
        with _trial(self._network, *self._split(x)) as net, np.errstate(over="ignore", invalid="ignore"):
            mean = derivatives.gradient(net, task.X, task.Y, task.n_threads, task.weights)
            parts = [
                nw + regularization.gradient(w, n, n) for nw, w in zip(mean.nabla_w, net.weights, strict=True)
            ]
            gradient = np.concatenate([part.ravel() for part in parts + mean.nabla_b])
            value = mean.cost + regularization.cost(net.weights, n)
        if not np.isfinite(value) or not np.isfinite(gradient).all():
            raise _diverged()
        self._seen, self._cost = x.copy(), mean.cost
        return value, gradient

    def cost_at(self, x: Array) -> float:
        """The mean of C_x, weighted as the task says, without regularization."""
        if not np.array_equal(x, self._seen):  # mostly the last point that was tried
            self(x)
        return self._cost

    def accept(self, x: Array) -> None:
        """Write the vector into the network."""
        net = self._network
        net.check_parameters()  # a callback may have changed them
        weights, biases = self._split(x)
        with np.errstate(over="ignore"):
            new = [value.astype(net.dtype) for value in weights + biases]
        if not all(np.isfinite(value).all() for value in new):
            raise _diverged()
        assign(net.weights + net.biases, new)

    def _split(self, x: Array) -> tuple[list[Array], list[Array]]:
        shapes = [p.shape for p in self._network.weights + self._network.biases]
        ends = np.cumsum([np.prod(shape) for shape in shapes])
        parts = [part.reshape(shape) for part, shape in zip(np.split(x, ends[:-1]), shapes, strict=True)]
        layers = len(self._network.weights)
        return parts[:layers], parts[layers:]


@contextmanager
def _trial(network: Network, weights: list[Array], biases: list[Array]) -> Iterator[Network]:
    """The network with these parameters of float64.

    For the engine a copy, so that a step that is only tried does not touch the user's network. The
    user's own Python may know that very network: it has them itself, for as long as they are tried.
    """
    net = copy.copy(network) if network.runs_on_engine() else network
    before = net.weights, net.biases, net.dtype
    try:
        net.weights, net.biases, net.dtype = weights, biases, np.dtype(np.float64)
        yield net
    finally:
        net.weights, net.biases, net.dtype = before


def _diverged() -> DivergenceError:
    return DivergenceError(
        "training diverged: L-BFGS came to a cost or a derivative that is not finite. "
        "The network keeps the parameters of the last accepted step."
    )


def _changed(settings: Any) -> list[str]:
    """The fields of a dataclass that do not have their default value."""
    names = []
    for f in fields(settings):
        default = f.default_factory() if f.default_factory is not MISSING else f.default
        value = getattr(settings, f.name)
        if value is not default and (isinstance(value, np.ndarray) or value != default):
            names.append(f.name)
    return names
