"""The network of the chapter: `Network`, with the book's names, shapes and calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from nablanet import backprop, derivatives, engine, fitting, shapes, training
from nablanet.activations import Activation
from nablanet.activations import is_builtin as is_builtin_activation
from nablanet.architecture import (
    check_activations,
    check_input_scale,
    check_memory,
    float_type,
    layer_activations,
)
from nablanet.averaging import check_average
from nablanet.clipping import Clipping
from nablanet.costs import Cost, check_pair, check_targets, for_output, get_cost
from nablanet.costs import is_builtin as is_builtin_cost
from nablanet.csr import CSR
from nablanet.derivatives import Gradient
from nablanet.dropout import dropout_rates
from nablanet.initializers import Initializer, initialize
from nablanet.layout import in_columns
from nablanet.lbfgs import check_batch_size, choose_optimizer
from nablanet.optimizers import SGD, Optimizer
from nablanet.regularization import Regularization
from nablanet.resuming import TrainingState
from nablanet.sample_weights import ClassWeight, mean_cost, weights_of
from nablanet.schedules import Schedule
from nablanet.shapes import Array, Rows
from nablanet.stopping import EarlyStopping
from nablanet.training import Callback, History, Metric, Task

# pairs (x, y), or two whole arrays (X, Y)
Data = Iterable[tuple[Any, Any]] | tuple[Any, Any]

_FEW_ROWS = 4  # cheaper straight through the weights than after packing them
_ROWS_TOGETHER = 4096  # looked at together where NumPy needs room for each


class Network:
    """A feed-forward network that learns by backpropagation.

    sizes: neurons per layer, input layer first. `weights[l]` has shape (sizes[l+1], sizes[l]) and
    `biases[l]` has shape (sizes[l+1], 1); both are ordinary arrays, which may be changed in place
    or replaced between calls.

    activation: a name of `nablanet.ACTIVATIONS`, an `Activation`, or a list with one for each of
    layers 2..L (or 2..L-1, where `output` gives the last). output: the activation of layer L; by
    default softmax for cross-entropy (sigmoid if there is one output), exp for poisson, sigmoid for the
    chapter's sigmoid network, identity otherwise. cost: a name of `nablanet.COSTS`, one with parameters
    such as `nablanet.huber(delta=2.0)`, or a `Cost` of one's own.
    init: "gaussian" (the chapter's), "scaled", "xavier", "he", or a function
    (rng, n_in, n_out) -> (w, b). dtype: "float64" or "float32". seed: an integer fixes the initial
    parameters and every shuffle; None takes fresh entropy. input_scale: x = input_scale X, multiplied
    while X is read, for everything that enters the network; 1/255 for images of uint8. Finite, above 0.

    A subclass may override `cost_derivative`, `backprop`, `feedforward`, `evaluate` or
    `update_mini_batch`, and what it overrides is what runs. Such a network, and one with a Python
    activation or cost of the user's own, trains through the NumPy reference, many times slower than
    the engine.

    Raises ValueError or TypeError for anything else than the above, and MemoryError for sizes whose
    parameters do not fit into memory.
    """

    _input_scale = 1.0  # also of a network made around `__init__`
    _single: engine.Single | None = None

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: str | Activation | Sequence[str | Activation] = "sigmoid",
        output: str | Activation | None = None,
        cost: str | Cost = "quadratic",
        init: str | Initializer = "gaussian",
        dtype: npt.DTypeLike = "float64",
        seed: int | None = None,
        input_scale: float = 1.0,
    ):
        self.sizes = shapes.check_sizes(sizes)
        self.num_layers = len(self.sizes)
        self.cost = get_cost(cost)
        self.activations = layer_activations(activation, output, self.cost, self.sizes)
        check_pair(self.cost, self.activations[-1])
        self.dtype = float_type(dtype)
        self.input_scale = input_scale
        check_memory(self.sizes, self.dtype)
        self._rng = np.random.default_rng(None if seed is None else shapes.count(seed, "seed", 0))
        weights, biases = initialize(init, self._rng, self.sizes, self.dtype)
        self.weights, self.biases = [in_columns(w) for w in weights], [in_columns(b) for b in biases]

    def __repr__(self) -> str:
        names = ", ".join(a.name for a in self.activations)
        scale = "" if self.input_scale == 1 else f"; input_scale: {self.input_scale:g}"
        return (
            f"{type(self).__name__}({self.sizes}, activations: {names}; cost: {self.cost}; "
            f"{self.dtype}{scale})"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_single"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        for arrays in (self.weights, self.biases):
            if isinstance(arrays, list):
                arrays[:] = [in_columns(a) if np.ndim(a) == 2 else a for a in arrays]

    def __copy__(self) -> Network:
        """A network that shares these very arrays."""
        other = object.__new__(type(self))
        vars(other).update(Network.__getstate__(self))
        return other

    @property
    def input_scale(self) -> float:
        """What X is multiplied with. Setting it raises ValueError or TypeError if not finite and above 0."""
        return self._input_scale

    @input_scale.setter
    def input_scale(self, value: float) -> None:
        self._input_scale = check_input_scale(value, self.dtype)

    def feedforward(self, a: npt.ArrayLike) -> Array:
        """The output a^L for the input a.

        a: one sample as a list, (n_1,) or (n_1, 1), or samples as columns (n_1, m).
        Returns shape (n_L, 1), or (n_L, m).
        """
        x = shapes.columns(a, self.sizes[0], "a", 1)
        return self._outputs(self._entering(x, "a").T).T

    def predict(self, X: npt.ArrayLike, *, n_threads: int | None = None) -> Array:
        """The outputs for samples as rows: X of shape (m, n_1) gives shape (m, n_L). X as in `fit`."""
        few = type(X) is np.ndarray and n_threads is None and 0 < X.size <= _FEW_ROWS * self.sizes[0]
        if few and self._single is not None and not self.overrides("feedforward"):
            at_once = self._single.outputs(self, X)  # type: ignore[arg-type]
            if at_once is not None:
                return at_once
        rows = shapes.rows(X, self.sizes[0])
        shapes.check_fits(rows, self.dtype, "X", self.input_scale)
        if n_threads is not None:
            n_threads = shapes.count(n_threads, "n_threads")
        if self.overrides("feedforward"):
            own = self.dtype if isinstance(rows, CSR) else rows.dtype
            each = (shapes.take(rows, np.array([i]), own).T for i in range(len(rows)))
            columns = [self.feedforward(x) for x in each]
            column = (self.sizes[-1], 1)
            return np.hstack([shapes.require_shape(a, column, "feedforward") for a in columns]).T
        outputs = self._outputs(rows, n_threads)
        if few:
            self._single = engine.single(self)
        return outputs

    def SGD(
        self,
        training_data: Data,
        epochs: int,
        mini_batch_size: int,
        eta: float,
        test_data: Data | None = None,
    ) -> None:
        """Train by mini-batch stochastic gradient descent, and print a line for each epoch.

        training_data, test_data: lists of pairs (x, y), or two arrays (X, Y) with samples as rows;
        y is the desired output or an integer label. With test_data each line tells how many of its
        samples the network gets right, as `evaluate` counts them.
        """
        epochs = shapes.count(epochs, "epochs")
        mini_batch_size = shapes.count(mini_batch_size, "mini_batch_size")
        optimizer = SGD(eta)
        X, Y = self._pairs(training_data, "training_data")
        own_evaluate = self.overrides("evaluate")
        given = None if test_data is None else shapes.reusable(test_data)
        test = None if given is None else self._pairs(given, "test_data")
        runs: Iterable[float | None]
        if self.overrides("update_mini_batch"):
            runs = self._chapter_epochs(X, Y, epochs, mini_batch_size, eta)
        else:
            task = Task(X, Y, mini_batch_size, optimizer)
            runs = training.train(self, task, epochs=epochs, shuffle=self._shuffle)
        for j, _ in enumerate(runs):
            if given is None or test is None:
                print(f"Epoch {j} complete")
            else:
                correct = self.evaluate(given) if own_evaluate else self._count_correct(*test)
                print(f"Epoch {j}: {correct} / {len(test[0])}")

    def update_mini_batch(self, mini_batch: Data, eta: float) -> None:
        """One step of gradient descent on a mini-batch.

        mini_batch: a list of pairs (x, y), one for each training example. eta: the learning rate.
        """
        optimizer = SGD(eta)
        X, Y = self._pairs(mini_batch, "mini_batch")
        for _ in training.train(self, Task(X, Y, len(X), optimizer), epochs=1, shuffle=np.arange):
            pass

    def backprop(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[list[Array], list[Array]]:
        """The gradient of C_x by BP1-BP4, for one example: (nabla_b, nabla_w).

        x: (n_1,) or (n_1, 1); y: (n_L,) or (n_L, 1), or an integer label. The two lists have the
        shapes of `biases` and `weights`. This is the readable reference, in NumPy.
        """
        self.check_parameters()
        x = self._entering(shapes.column(x, self.sizes[0], "x", 1), "x")
        y = shapes.desired_output(y, self.sizes[-1], self.num_layers)
        y = shapes.cast(y, self.dtype, "y")
        check_targets(self.cost, self.activations[-1], y)
        derivative = self.cost_derivative if self.overrides("cost_derivative") else None
        nabla_b, nabla_w, _ = backprop.backpropagate(
            self.weights, self.biases, self.activations, self.cost, self.scaled(x), y, derivative
        )
        return nabla_b, nabla_w

    def cost_derivative(self, output_activations: Array, y: Array) -> Array:
        """dC_x/da for the output activations, shape (n_L, 1) or (n_L, m); a - y for the quadratic cost."""
        return for_output(self.cost, self.activations[-1]).derivative(output_activations, y)

    def evaluate(self, test_data: Data) -> int:
        """How many of the pairs (x, y) the network classifies correctly.

        y is a label or a one-hot vector. The network's answer is the neuron with the highest
        activation; a single output answers 1 above one half.
        """
        return self._count_correct(*self._pairs(test_data, "test_data"))

    def mean_cost(
        self, X: npt.ArrayLike, Y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> float:
        """C = (1/n) sum_x C_x over samples as rows; Y as in `fit`.

        With sample_weight, shape (n,): sum_x w_x C_x / sum_x w_x.
        """
        rows, desired = self._samples(X, Y, "X", "Y")
        weights = weights_of(sample_weight, None, desired, self.sizes[-1])
        return self._outputs_and_cost(rows, desired, weights)[1]

    def gradient(self, X: npt.ArrayLike, Y: npt.ArrayLike, *, n_threads: int | None = None) -> Gradient:
        """The mean cost over samples as rows, and its gradient; X, Y as in `fit`. See `Gradient`."""
        return derivatives.gradient(self, *self._samples(X, Y, "X", "Y"), n_threads)

    def input_gradient(self, X: npt.ArrayLike, Y: npt.ArrayLike, *, n_threads: int | None = None) -> Array:
        """dC_x/dx = (w^2)^T delta^2 for samples as rows, shape (m, n_1); X, Y as in `fit`."""
        return derivatives.input_gradient(self, *self._samples(X, Y, "X", "Y"), n_threads)

    def jacobian(self, X: npt.ArrayLike, *, n_threads: int | None = None) -> Array:
        """da^L_j/dx_k for samples as rows, shape (m, n_L, n_1)."""
        return derivatives.jacobian(self, X, n_threads)

    def hidden(self, X: npt.ArrayLike, layer: int, *, n_threads: int | None = None) -> Array:
        """The activations a^l of a layer for samples as rows, shape (m, n_l).

        layer: the book's number, from 1 (input_scale X, in the network's float type) to L (the outputs);
        or from the end, -1 being L. Raises ValueError for a layer that is not there.
        """
        return derivatives.hidden(self, X, layer, n_threads)

    def fit(
        self,
        X: npt.ArrayLike,
        Y: npt.ArrayLike,
        *,
        epochs: int,
        batch_size: int | None = None,
        eta: float | None = None,
        optimizer: str | Optimizer = "sgd",
        schedule: str | Schedule | Callable[[int, int], float] | None = None,
        lmbda: float = 0.0,
        alpha: float = 0.0,
        l1: float = 0.0,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        max_norm: float | None = None,
        dropout: float | Sequence[float] = 0.0,
        average: float | None = None,
        sample_weight: npt.ArrayLike | None = None,
        class_weight: ClassWeight | None = None,
        validation: tuple[npt.ArrayLike, ...] | None = None,
        metrics: Mapping[str, Metric] | None = None,
        early_stopping: bool | EarlyStopping | None = None,
        n_threads: int | None = None,
        progress: bool = True,
        callbacks: Iterable[Callback] = (),
        resume: History | TrainingState | None = None,
    ) -> History:
        """Train on samples as rows and return what each epoch came to.

        X: shape (m, n_1), an array or a SciPy csr_array; float16, float32, float64 and uint8 are read
        where they lie, with any strides. Y: shape (m, n_L), or m integer labels where the output layer
        has one neuron per class. epochs, batch_size: at least 1; the last mini-batch of an epoch may be
        smaller. eta: the learning rate; optimizer: a name of `nablanet.OPTIMIZERS` or an object with
        its own eta, such as `nablanet.Adam(eta=1e-3)`; "lbfgs" or `nablanet.LBFGS()` learns from all
        samples at once, without eta and batch_size, in at most `epochs` iterations. schedule: a name of
        `nablanet.SCHEDULES`, an object such as `nablanet.Cosine(warmup=0.1)`, or a function
        (step, n_steps) -> factor on eta, called for each mini-batch of the run.

        lmbda: the book's L2 regularization, which adds lmbda/(2m) sum w^2 to the cost that is minimized
        (not to the cost reported). alpha: scikit-learn's, alpha/2 sum w^2 divided by the rows of the
        mini-batch. l1: the book's L1, l1/m sum |w|. clip_value, clip_norm: limit each component of the
        mini-batch's gradient, or the norm of all of it; one of the two. max_norm: limits the norm of
        each neuron's incoming weights after each step. dropout: the share of neurons that each step
        leaves out (0 <= p < 1), for every hidden layer, or a list with one share for each of layers
        1..L-1, inputs first. average: a number beta between 0 and 1; the network then holds, after each
        epoch, the moving average of its parameters, beta * average + (1 - beta) * parameters after each
        step.

        sample_weight: shape (m,), numbers of 0 or more: a mini-batch learns from
        sum_x w_x C_x / sum_x w_x, and the cost of an epoch is such a mean. class_weight: a dict from
        labels to weights, 1 for a label not in it, or "balanced": m / (K m_k) for the m_k samples of one
        of K classes; multiplies sample_weight.

        validation: (X, Y) held out, looked at after each epoch, or (X, Y, sample_weight), which weights
        their cost. metrics: by name, functions (Y, outputs) -> number of the held-out desired outputs
        (rows, or labels) and a^L as rows. early_stopping: an `EarlyStopping`, or True for one by the
        validation cost; the network gets the parameters of its best epoch. n_threads: at most that
        many threads (all cores by default); the result is the same bits for any number. progress: a
        progress bar on standard error where that is a terminal. callbacks: called with each `Epoch`;
        one that returns True ends training. resume: the `History` of an earlier call with the same
        arguments, which is carried on until `epochs` in all.

        Raises ValueError or TypeError before anything changes, and DivergenceError when the cost is
        no longer finite. Ctrl-C leaves the parameters of the last finished mini-batch, or of the last
        step that L-BFGS accepted.
        """
        epochs = shapes.count(epochs, "epochs")
        chosen = choose_optimizer(optimizer, eta)
        regularization = Regularization(lmbda, alpha, l1)
        clipping = Clipping(clip_value, clip_norm)
        if max_norm is not None:
            max_norm = shapes.positive(max_norm, "max_norm")
        average = check_average(average)
        rates = dropout_rates(dropout, self.sizes)
        if any(rates) and self.overrides("backprop"):
            raise ValueError(
                "dropout must be 0 for a network that overrides backprop, which knows nothing of dropped "
                f"neurons; got {shapes.describe(dropout)}"
            )
        if n_threads is not None:
            n_threads = shapes.count(n_threads, "n_threads")
        rows, desired = self._samples(X, Y, "X", "Y")
        task = Task(
            rows,
            desired,
            check_batch_size(batch_size, chosen, len(rows)),
            chosen,
            regularization,
            n_threads,
            clipping,
            max_norm,
            average,
            weights=weights_of(sample_weight, class_weight, desired, self.sizes[-1]),
        )
        return fitting.fit(
            self,
            task,
            epochs=epochs,
            dropout=rates,
            generator=self._rng,
            evaluate=self._outputs_and_cost,
            validation=None if validation is None else self._validation(validation),
            schedule=schedule,
            metrics=metrics,
            early_stopping=early_stopping,
            callbacks=callbacks,
            progress=progress,
            resume=resume,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a model file, which `nablanet.load` reads back: the same predictions, bit for bit.

        Raises ValueError for a network with Python functions of the user's own, and OSError.
        """
        from nablanet.files import save_model  # needs safetensors, which `import nablanet` does not load

        save_model(self, path)

    def overrides(self, method: str) -> bool:
        """Whether a subclass, or this very object, brings its own version of a method."""
        return method in vars(self) or getattr(type(self), method) is not getattr(Network, method)

    def scaled(self, x: Array) -> Array:
        """What enters layer 1 for x of the network's dtype: x times `input_scale`."""
        return x if self.input_scale == 1 else x * self.dtype.type(self.input_scale)

    def runs_on_engine(self) -> bool:
        """Whether training runs on the compiled engine rather than through NumPy."""
        return (
            all(is_builtin_activation(a) for a in self.activations)
            and is_builtin_cost(self.cost)
            and not self.overrides("backprop")
            and not self.overrides("cost_derivative")
        )

    def check_parameters(self) -> None:
        """Refuse activations, a cost, weights or biases that do not go with `sizes`, or are not finite.

        They are public, so that a user may have changed them since the last call. Weights and biases
        that are no writable arrays of the network's dtype are replaced by such.
        """
        self.cost = get_cost(self.cost)
        check_activations(self.activations, self.sizes)
        check_pair(self.cost, self.activations[-1])
        self.weights = self._checked("weights", self.weights, list(pairwise(self.sizes)))
        self.biases = self._checked("biases", self.biases, [(1, n) for n in self.sizes[1:]])

    def _checked(self, name: str, arrays: Any, sizes: list[tuple[int, int]]) -> list[Array]:
        """One array for each (n_in, n_out), of shape (n_out, n_in)."""
        if not isinstance(arrays, Sequence) and not isinstance(arrays, np.ndarray):
            raise TypeError(f"{name} must be a list of {len(sizes)} arrays, got {shapes.describe(arrays)}")
        if len(arrays) != len(sizes):
            raise ValueError(
                f"{name} must have {len(sizes)} arrays for sizes {self.sizes}, got {len(arrays)}"
            )
        checked = []
        for i, (value, (n_in, n_out)) in enumerate(zip(arrays, sizes, strict=True)):
            array = shapes.numeric(value, f"{name}[{i}]")
            if array.shape != (n_out, n_in):
                raise ValueError(
                    f"{name}[{i}] belongs to layer {i + 2} and must have shape {(n_out, n_in)}, "
                    f"got {array.shape}"
                )
            array = shapes.cast(array, self.dtype, f"{name}[{i}]")
            checked.append(array if array.flags.writeable else array.copy())
        if isinstance(arrays, list):
            arrays[:] = checked  # the list may be shared
            return arrays
        return checked

    def _entering(self, x: Array, name: str) -> Array:
        """What is to be scaled, in the network's dtype."""
        x = shapes.cast(x, self.dtype, name)
        if self.input_scale > 1:
            shapes.check_fits(x, self.dtype, name, self.input_scale)
        return x

    def _outputs(self, X: Rows, n_threads: int | None = None) -> Array:
        self.check_parameters()
        if all(is_builtin_activation(a) for a in self.activations):
            return engine.predict(self, X, n_threads)
        return np.vstack([activated for _, activated in self._feed_forward_blocks(X)])

    def _feed_forward_blocks(self, X: Rows) -> Iterator[tuple[Array, Array]]:
        """(z^L, a^L) through NumPy for some rows of X after the other."""
        for begin in range(0, len(X), _ROWS_TOGETHER):
            here = np.arange(begin, min(begin + _ROWS_TOGETHER, len(X)))
            x = self.scaled(shapes.take(X, here, self.dtype)).T
            zs, activated = backprop.feed_forward(self.weights, self.biases, self.activations, x)
            yield zs[-1].T, activated[-1].T

    def _outputs_and_cost(
        self, X: Rows, Y: Array, weights: Array | None = None, n_threads: int | None = None
    ) -> tuple[Array, float]:
        self.check_parameters()
        if self.runs_on_engine() and not self.overrides("feedforward"):
            return engine.evaluate(self, X, Y, n_threads, weights)
        y = (shapes.one_hot(Y, self.sizes[-1]) if Y.ndim == 1 else Y).astype(self.dtype)
        if self.overrides("feedforward"):
            outputs = self.predict(X)  # type: ignore[arg-type]
            costs = for_output(self.cost, self.activations[-1]).function(outputs.T, y.T)
            return outputs, mean_cost(backprop.weighted(costs, weights), weights)
        zs, activated = (np.vstack(parts) for parts in zip(*self._feed_forward_blocks(X), strict=True))
        costs = backprop.sample_costs(zs.T, activated.T, y.T, self.activations[-1], self.cost)
        return activated, mean_cost(backprop.weighted(costs, weights), weights)

    def _count_correct(self, X: Array, Y: Array) -> int:
        return int(np.sum(training.classes(self.predict(X)) == training.classes(Y)))

    def _shuffle(self, n: int) -> Array:
        return self._rng.permutation(n)

    def _pairs(self, data: object, name: str) -> tuple[Array, Array]:
        self.check_parameters()
        X, Y = shapes.pairs(data, self.sizes[0], self.sizes[-1], self.num_layers, name)
        X = self._entering(X, f"the x of {name}")
        Y = shapes.cast(Y, self.dtype, f"the y of {name}")
        check_targets(self.cost, self.activations[-1], Y.T)
        return X, Y

    def _samples(self, X: object, Y: object, x_name: str, y_name: str) -> tuple[Rows, Array]:
        self.check_parameters()
        rows = shapes.rows(X, self.sizes[0], x_name)
        desired, is_labels = shapes.targets(Y, len(rows), self.sizes[-1], self.num_layers, y_name)
        shapes.check_fits(rows, self.dtype, x_name, self.input_scale)
        if not is_labels:
            if desired.dtype in (np.float32, np.float64) and desired.dtype.isnative:
                shapes.check_fits(desired, self.dtype, y_name)
            else:
                desired = shapes.cast(desired, self.dtype, y_name)
            for begin in range(0, len(desired), _ROWS_TOGETHER):
                check_targets(self.cost, self.activations[-1], desired[begin : begin + _ROWS_TOGETHER].T)
        return rows, desired

    def _validation(self, validation: object) -> tuple[Rows, Array, Array | None]:
        if not isinstance(validation, (tuple, list)) or len(validation) not in (2, 3):
            raise TypeError(
                "validation must be a pair (X, Y) or a triple (X, Y, sample_weight), "
                f"got {shapes.describe(validation)}"
            )
        X, Y, *given = validation
        rows, desired = self._samples(X, Y, "the X of validation", "the Y of validation")
        name = "the sample_weight of validation"
        weights = weights_of(given[0] if given else None, None, desired, self.sizes[-1], name)
        return rows, desired, weights

    def _chapter_epochs(
        self, X: Array, Y: Array, epochs: int, mini_batch_size: int, eta: float
    ) -> Iterable[None]:
        """The chapter's own loop, for a subclass that brings its own `update_mini_batch`."""
        for epoch in range(epochs):
            before = [p.copy() for p in self.weights + self.biases]
            order = self._shuffle(len(X))
            try:
                for k in range(0, len(X), mini_batch_size):
                    batch = order[k : k + mini_batch_size]
                    self.update_mini_batch([(X[[i]].T, Y[[i]].T) for i in batch], eta)
                finite = all(np.isfinite(p).all() for p in [*self.weights, *self.biases])
            except training.DivergenceError:
                finite = False
            if not finite:
                self.weights[:], self.biases[:] = before[: len(self.weights)], before[len(self.weights) :]
                raise training.diverged(epoch, eta)
            yield
