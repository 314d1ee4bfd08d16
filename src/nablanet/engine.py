"""The compiled engine behind Python: the only module that imports `nablanet._core`."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from nablanet import _core, memory
from nablanet.activations import ACTIVATIONS
from nablanet.activations import is_builtin as is_builtin_activation
from nablanet.costs import COSTS, is_builtin, parameter_of
from nablanet.csr import CSR
from nablanet.layout import lies_in_columns
from nablanet.optimizers import SGD, Adam, AdamW, Momentum, Nesterov, Optimizer, RMSprop
from nablanet.shapes import Array, Rows, cast, count
from nablanet.state import assign, check_state
from nablanet.training_memory import training_bytes

if TYPE_CHECKING:
    from nablanet.network import Network
    from nablanet.training import Advance, Task

# The core knows activations and costs by their place in these lists, optimizers by these numbers.
_ACTIVATION_NUMBERS = {name: number for number, name in enumerate(ACTIVATIONS)}
_COST_NUMBERS = {name: number for number, name in enumerate(COSTS)}
_METHOD_NUMBERS: dict[type[Optimizer], int] = {
    SGD: 0,
    Adam: 1,
    Momentum: 2,
    Nesterov: 3,
    RMSprop: 4,
    AdamW: 5,
}
_SCALAR_NUMBERS = {
    np.dtype(name): number for number, name in enumerate(["float32", "float64", "float16", "uint8"])
}

# Multiply-adds between two looks at the progress bar, and at signals unless a mini-batch is so long that
# the core looks at them itself: 10 to 40 ms on one core. What else there is to do counts as as many: for
# each neuron of a row, and for each mini-batch.
_WORK_PER_CALL = 1e9
_WORK_PER_NEURON = 100
_WORK_PER_BATCH = 1e5

_FEW_ROWS = 4
_MOST_THREADS = 256  # more than any step divides into

try:
    _ISA: str = _core.choose_isa(os.environ.get("NABLANET_ISA", ""))
except ValueError as error:
    raise ImportError(f"NABLANET_ISA: {error}") from None


def build_info() -> dict[str, Any]:
    """What this build is and runs on.

    compiler; isa: the instruction set in use; compiled_isas: those the build has, fastest first;
    supported_isas: those that this machine runs; threads: the cores this process may use. The
    environment variable NABLANET_ISA, read at import, forces an instruction set.
    """
    return {
        "compiler": _core.compiler,
        "isa": _ISA,
        "compiled_isas": _core.compiled_isas(),
        "supported_isas": _core.supported_isas(),
        "threads": available_threads(),
    }


def available_threads() -> int:
    """The number of cores that this process may run on, or OMP_NUM_THREADS where that is less.

    joblib sets that variable in the processes it starts, so that together they use each core once.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return min(cores, int(asked)) if asked.isdecimal() and int(asked) > 0 else cores


def check_threads(n_threads: object) -> int | None:
    """The most threads to use, at least 1; None for all cores."""
    return None if n_threads is None else count(n_threads, "n_threads")


def knows_outputs(network: Network) -> bool:
    """Whether the core knows all that makes the network's outputs; the cost is no part of that."""
    return all(is_builtin_activation(a) for a in network.activations)


def knows(optimizer: Optimizer) -> bool:
    """Whether the core has this very optimizer."""
    return type(optimizer) in _METHOD_NUMBERS


def all_finite(X: Rows, dtype: np.dtype[Any], scale: float = 1.0, n_threads: int | None = None) -> bool:
    """Whether rows X are finite as the core is going to see them: converted to `dtype`, then scaled.

    False also where the core cannot tell, so that whoever asks has to look himself.
    """
    if isinstance(X, CSR) or X.dtype not in _SCALAR_NUMBERS or not X.dtype.isnative:
        return False
    look = _core.all_finite32 if dtype == np.float32 else _core.all_finite64
    return look(_ISA, _core_rows(X, scale), len(X), _threads(n_threads))


def predict(network: Network, X: Rows, n_threads: int | None = None) -> tuple[Array, bool]:
    """a^L for rows X, shape (m, n_L), and whether all of X was finite as the core saw it."""
    core = _loaded(network, n_threads)
    rows = _inputs(X, network)
    outputs = np.empty((len(X), network.sizes[-1]), network.dtype)
    finite = core.predict(rows, 0, outputs)
    return outputs, finite


class Single:
    """Outputs for a few rows, from the network's own arrays as they lie: no checks, no copies, no threads.

    For a network as it is now: `outputs` gives None where anything about it has changed, or where the
    checks of the usual way have something to say.
    """

    def __init__(self, network: Network):
        self._feedforward = type(network).feedforward
        self._activations = list(network.activations)
        self._dtype = network.dtype
        self._scale = network.input_scale
        make = _core.Single32 if network.dtype == np.float32 else _core.Single64
        numbers = [_ACTIVATION_NUMBERS[a.name] for a in self._activations]
        self._core = make(network.weights, network.biases, numbers, _ISA)

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """A copy is None, which a copied network makes anew for its own arrays."""
        return type(None), ()

    def outputs(self, network: Network, X: object) -> Array | None:
        """a^L for a few rows X of the network's dtype, shape (m, n_L)."""
        weights, biases = network.weights, network.biases
        if (
            not few_rows(X)
            or "feedforward" in vars(network)
            or type(network).feedforward is not self._feedforward
            or network.activations != self._activations
            or network.dtype is not self._dtype
            or network.input_scale != self._scale
            or type(weights) is not list
            or type(biases) is not list
        ):
            return None
        outputs = np.empty((len(X), network.sizes[-1]), self._dtype)
        return outputs if self._core.outputs(weights, biases, X, outputs) else None


def few_rows(X: object) -> TypeGuard[Array]:
    """Whether these are so few rows that packing the weights for them would cost more than it brings."""
    return type(X) is np.ndarray and X.ndim == 2 and 0 < len(X) <= _FEW_ROWS


def single(network: Network) -> Single | None:
    """For a network whose parameters lie as the engine reads them, and have been checked; else None."""
    arrays = network.weights + network.biases
    if not knows_outputs(network) or network.input_scale != 1 or not all(lies_in_columns(p) for p in arrays):
        return None
    return Single(network)


def evaluate(
    network: Network, X: Rows, Y: Array, n_threads: int | None = None, weights: Array | None = None
) -> tuple[Array, float]:
    """a^L for rows X, and the mean of C_x against Y (rows, or int32 labels), weighted where asked for."""
    core = _loaded(network, n_threads)
    rows, desired = _inputs(X, network), _desired(Y, network)
    outputs = np.empty((len(X), network.sizes[-1]), network.dtype)
    total = core.evaluate(rows, desired, 0, outputs, weights)
    return outputs, total / (len(X) if weights is None else float(weights.sum()))


def gradient_sums(
    network: Network, X: Rows, Y: Array, n_threads: int | None = None, weights: Array | None = None
) -> tuple[list[Array], list[Array], float]:
    """(nabla_b, nabla_w, cost), each summed over the rows of X, weighted where asked for."""
    core = _loaded(network, n_threads)
    nabla_b = [np.empty_like(b) for b in network.biases]
    nabla_w = [np.empty(w.shape, w.dtype) for w in network.weights]
    cost = core.gradient(_inputs(X, network), _desired(Y, network), len(X), nabla_w, nabla_b, weights)
    return nabla_b, nabla_w, cost


def input_gradient(network: Network, X: Rows, Y: Array, n_threads: int | None = None) -> Array:
    """dC_x/dx for each row, shape (m, n_1)."""
    core = _loaded(network, n_threads)
    gradients = np.empty((len(X), network.sizes[0]), network.dtype)
    core.input_gradient(_inputs(X, network), _desired(Y, network), gradients)
    return _to_unscaled(gradients, network)


def jacobian(network: Network, X: Rows, n_threads: int | None = None) -> Array:
    """da^L_j/dx_k for each row, shape (m, n_L, n_1)."""
    core = _loaded(network, n_threads)
    n_in, n_out = network.sizes[0], network.sizes[-1]
    derivatives = np.empty((len(X) * n_out, n_in), network.dtype)
    core.jacobian(_inputs(X, network), len(X), derivatives)
    return _to_unscaled(derivatives, network).reshape(len(X), n_out, n_in)


def hidden(network: Network, X: Rows, layer: int, n_threads: int | None = None) -> Array:
    """a^l of hidden layer `layer`, from 2 to L - 1, shape (m, n_l)."""
    core = _loaded(network, n_threads)
    activations = np.empty((len(X), network.sizes[layer - 1]), network.dtype)
    core.hidden(_inputs(X, network), layer - 1, activations)
    return activations


def _to_unscaled(derivatives: Array, network: Network) -> Array:
    """Derivatives to X from those to what enters layer 1, in place."""
    if network.input_scale != 1:
        derivatives *= network.dtype.type(network.input_scale)
    return derivatives


class Trainer:
    """Trains a network in the core, epoch by epoch; see `training.Trainer`.

    weight_squares: for a task with `sum_squares`, the sum of w^2 over all weights before each step of the
    last run, added up over the steps.
    """

    def __init__(self, network: Network, task: Task):
        self._network = network
        self._batch_size = min(task.batch_size, len(task.X))
        memory.require(
            training_bytes(
                network.sizes,
                network.dtype.itemsize,
                task.optimizer,
                self._batch_size,
                average=task.average is not None,
            ),
            f"a mini-batch of {self._batch_size} rows and the optimizer's state",
        )
        self._core = _core_for(network, task.n_threads)
        self._weights = None if task.by_weight else task.weights
        self.weight_squares = 0.0
        X, Y = _inputs(task.X, network), _desired(task.Y, network)
        try:
            self._core.start(X, Y, self._batch_size, _settings(task), task.weights)
        except MemoryError:
            raise MemoryError(
                f"a mini-batch of {self._batch_size} rows and the optimizer's state do not fit into memory"
            ) from None

    def run(self, order: Array, etas: Array, advance: Advance) -> float:
        """One epoch in this order; returns the mean cost. Ctrl-C undoes the mini-batch it comes in."""
        network = self._network
        network.check_parameters()  # a callback may have changed them
        _load(self._core, network)
        order = np.ascontiguousarray(order, np.int64)
        etas = np.ascontiguousarray(etas, np.float64)
        total = self.weight_squares = 0.0
        try:
            for begin, end in _blocks(len(order), network, self._batch_size):
                total += self._core.train(order, begin, end, etas[begin // self._batch_size :])
                self.weight_squares += self._core.weight_squares
                if not math.isfinite(total):
                    break
                advance(end - begin)
        finally:
            finite = math.isfinite(total) and _store(self._core, network)
            self._core.release_threads()
        weight = len(order) if self._weights is None else float(self._weights[order].sum())
        return total / weight if finite else math.nan

    def state(self) -> dict[str, Any]:
        """See `training.Trainer`."""
        state: dict[str, Any] = {"steps": self._core.steps}
        for name in self._core.kept():
            weights, biases = _like(self._network.weights), _like(self._network.biases)
            self._core.store_kept(name, weights, biases)
            state[name] = weights + biases
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """See `training.Trainer`."""
        checked = check_state(state, self.state())
        self._core.steps = checked.pop("steps")
        layers = len(self._network.weights)
        for name, arrays in checked.items():
            self._core.load_kept(name, _aligned(arrays[:layers]), _aligned(arrays[layers:]))


def _settings(task: Task) -> _core.Settings:
    settings = _core.Settings()
    optimizer = task.optimizer
    settings.method = _METHOD_NUMBERS[type(optimizer)]
    if isinstance(optimizer, Adam):
        settings.beta1, settings.beta2 = optimizer.beta1, optimizer.beta2
        settings.epsilon, settings.epsilon_hat = optimizer.epsilon, optimizer.epsilon_hat
    if isinstance(optimizer, AdamW):
        settings.weight_decay = optimizer.weight_decay
    if isinstance(optimizer, Momentum):
        settings.mu = optimizer.mu
    if isinstance(optimizer, RMSprop):
        settings.rho, settings.epsilon = optimizer.rho, optimizer.epsilon
    settings.decay = task.regularization.lmbda / len(task.X)
    if task.dropout is not None:
        settings.drop_thresholds = list(task.dropout.thresholds)
        settings.drop_seed = task.dropout.seed
    settings.alpha = task.regularization.alpha
    settings.sum_squares, settings.by_weight = task.sum_squares, task.by_weight
    settings.l1 = task.regularization.l1 / len(task.X)
    settings.clip_value = task.clipping.value or 0
    settings.clip_norm = task.clipping.norm or 0
    settings.max_norm = task.max_norm or 0
    settings.average = task.average or 0
    return settings


def _core_for(network: Network, n_threads: int | None) -> _core.Engine32 | _core.Engine64:
    """A core for the network's architecture, whose parameters are still to be loaded."""
    known = is_builtin(network.cost)
    make = _core.Engine32 if network.dtype == np.float32 else _core.Engine64
    return make(
        network.sizes,
        [_ACTIVATION_NUMBERS[a.name] for a in network.activations],
        # a cost of the user's own may go with the package's activations, where only outputs are wanted
        _COST_NUMBERS[network.cost.name] if known else 0,
        parameter_of(network.cost) if known else 0.0,
        _ISA,
        _threads(n_threads),
    )


def _threads(n_threads: int | None) -> int:
    return min(available_threads() if n_threads is None else n_threads, _MOST_THREADS)


def _loaded(network: Network, n_threads: int | None) -> _core.Engine32 | _core.Engine64:
    memory.require(sum(p.nbytes for p in network.weights), "the engine's own weights")
    core = _core_for(network, n_threads)
    _load(core, network)
    return core


def _load(core: _core.Engine32 | _core.Engine64, network: Network) -> None:
    core.load(_aligned(network.weights), _aligned(network.biases))


def _store(core: _core.Engine32 | _core.Engine64, network: Network) -> bool:
    """Write the core's parameters into the network's arrays; False, and no change, if not finite."""
    weights, biases = _aligned(network.weights), _aligned(network.biases)
    if not core.store(weights, biases):
        return False
    changed = [
        (kept, written)
        for kept, written in zip(network.weights + network.biases, weights + biases, strict=True)
        if kept is not written
    ]
    assign([kept for kept, _ in changed], [written for _, written in changed])
    return True


def _aligned(parameters: list[Array]) -> list[Array]:
    """Arrays that the core reads with any strides, as long as these are whole numbers."""
    return [p if p.flags.aligned else np.ascontiguousarray(p) for p in parameters]


def _like(parameters: list[Array]) -> list[Array]:
    return [np.empty(p.shape, p.dtype) for p in parameters]


def _rows(X: Rows, network: Network) -> Rows:
    """X in a form that the core reads where it lies: native numbers of its types, any strides."""
    if X.dtype in _SCALAR_NUMBERS and X.dtype.isnative:
        return X
    if isinstance(X, CSR):
        return replace(X, data=cast(X.data, network.dtype, "X.data"))
    return cast(X, network.dtype, "X")


def _inputs(X: Rows, network: Network) -> _core.Rows:
    return _core_rows(_rows(X, network), network.input_scale)


def _desired(Y: Array, network: Network) -> Array | _core.Rows:
    return np.ascontiguousarray(Y, np.int32) if Y.ndim == 1 else _core_rows(_rows(Y, network), 1.0)


def _core_rows(X: Rows, scale: float) -> _core.Rows:
    """How the core finds the rows in the memory of X, which it keeps alive."""
    number, width = _SCALAR_NUMBERS[X.dtype], X.shape[1]
    if isinstance(X, CSR):
        data = np.require(X.data, requirements=["C", "A"])
        return _core.Rows.sparse(
            (data, X.indices, X.indptr),
            data.ctypes.data,
            number,
            width,
            X.indices.ctypes.data,
            X.indices.itemsize == 8,
            X.indptr.ctypes.data,
            X.indptr.itemsize == 8,
            len(data),
            scale,
        )
    row_bytes, column_bytes = X.strides
    strided = not X.flags.aligned or (width > 1 and column_bytes != X.itemsize)
    return _core.Rows.dense(X, X.ctypes.data, number, width, row_bytes, strided, column_bytes, scale)


def _blocks(n: int, network: Network, batch_size: int) -> Iterator[tuple[int, int]]:
    """[0, n) in pieces of whole mini-batches, each short enough for Ctrl-C to be answered soon."""
    row = 3 * sum(w.size for w in network.weights) + _WORK_PER_NEURON * sum(network.sizes)
    step = max(1, int(_WORK_PER_CALL / (row * batch_size + _WORK_PER_BATCH))) * batch_size
    for begin in range(0, n, step):
        yield begin, min(begin + step, n)
