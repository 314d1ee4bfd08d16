"""The network of the chapter: `Network`, with the book's names, shapes and calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nablanet import architecture, backprop, chapter, derivatives, engine, outputs, samples, shapes, training
from nablanet.activations import Activation
from nablanet.averaging import check_average
from nablanet.clipping import Clipping
from nablanet.costs import Cost, check_pair, for_output, get_cost, is_builtin
from nablanet.derivatives import Gradient
from nablanet.initializers import Initializer, initialize
from nablanet.layout import in_columns
from nablanet.optimizers import SGD, Optimizer
from nablanet.parameters import check_biases, check_weights
from nablanet.regularization import Regularization, check_max_norm
from nablanet.sample_weights import ClassWeight
from nablanet.shapes import Array
from nablanet.training import Callback, History, Metric, Task

if TYPE_CHECKING:
    import torch

    from nablanet.explain import GradientCheck, Trace
    from nablanet.resuming import TrainingState
    from nablanet.schedules import Schedule
    from nablanet.stopping import EarlyStopping

# pairs (x, y), or two whole arrays (X, Y)
Data = Iterable[tuple[Any, Any]] | tuple[Any, Any]


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
        self.activations = architecture.layer_activations(activation, output, self.cost, self.sizes)
        check_pair(self.cost, self.activations[-1])
        self.dtype = architecture.float_type(dtype)
        self.input_scale = input_scale
        architecture.check_memory(self.sizes, self.dtype)
        self._rng = np.random.default_rng(None if seed is None else shapes.count(seed, "seed", 0))
        self.weights, self.biases = initialize(init, self._rng, self.sizes, self.dtype)

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
        self._input_scale = architecture.check_input_scale(value, self.dtype)

    def feedforward(self, a: npt.ArrayLike) -> Array:
        """The output a^L for the input a.

        a: one sample as a list, (n_1,) or (n_1, 1), or samples as columns (n_1, m).
        Returns shape (n_L, 1), or (n_L, m).
        """
        x = shapes.columns(a, self.sizes[0], "a", 1)
        return outputs.feed_forward(self, samples.entering(self, x, "a").T).T

    def predict(self, X: npt.ArrayLike, *, n_threads: int | None = None) -> Array:
        """The outputs for samples as rows: X of shape (m, n_1) gives shape (m, n_L). X as in `fit`."""
        single = self._single
        if single is not None and n_threads is None:
            at_once = single.outputs(self, X)
            if at_once is not None:
                return at_once
        predicted = outputs.predict(self, X, n_threads)
        if n_threads is None and engine.few_rows(X) and not self.overrides("feedforward"):
            self._single = engine.single(self)
        return predicted

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
        lines = chapter.sgd(self, training_data, epochs, mini_batch_size, eta, test_data, self._shuffle)
        for line in lines:
            print(line)

    def update_mini_batch(self, mini_batch: Data, eta: float) -> None:
        """One step of gradient descent on a mini-batch.

        mini_batch: a list of pairs (x, y), one for each training example. eta: the learning rate.
        """
        optimizer = SGD(eta)
        X, Y = samples.from_pairs(self, mini_batch, "mini_batch")
        for _ in training.train(self, Task(X, Y, len(X), optimizer), epochs=1, shuffle=np.arange):
            pass

    def backprop(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[list[Array], list[Array]]:
        """The gradient of C_x by BP1-BP4, for one example: (nabla_b, nabla_w).

        x: (n_1,) or (n_1, 1); y: (n_L,) or (n_L, 1), or an integer label. The two lists have the
        shapes of `biases` and `weights`. This is the readable reference, in NumPy.
        """
        x, y = samples.from_pair(self, x, y)
        derivative = self.cost_derivative if self.overrides("cost_derivative") else None
        nabla_b, nabla_w, _ = backprop.backpropagate(
            self.weights, self.biases, self.activations, self.cost, self.scaled(x), y, derivative
        )
        return nabla_b, nabla_w

    def trace(self, x: npt.ArrayLike, y: npt.ArrayLike) -> Trace:
        """One sample's way forward and back: z, a, σ′(z), δ and the gradients of every layer.

        Arguments as in `backprop`. Prints as tables, and draws itself in a notebook.
        """
        from nablanet import explain  # rarely wanted, and not quick to load

        return explain.trace(self, x, y)

    def check_gradients(
        self, x: npt.ArrayLike, y: npt.ArrayLike, *, sample: int | None = None, seed: int = 0
    ) -> GradientCheck:
        """Compare the gradient with numerical derivatives; see `nablanet.explain.check_gradients`."""
        from nablanet import explain

        return explain.check_gradients(self, x, y, sample=sample, seed=seed)

    def cost_derivative(self, output_activations: Array, y: Array) -> Array:
        """dC_x/da for the output activations, shape (n_L, 1) or (n_L, m); a - y for the quadratic cost."""
        return for_output(self.cost, self.activations[-1]).derivative(output_activations, y)

    def evaluate(self, test_data: Data) -> int:
        """How many of the pairs (x, y) the network classifies correctly.

        y is a label or a one-hot vector. The network's answer is the neuron with the highest
        activation; a single output answers 1 above one half.
        """
        return chapter.count_correct(self, *samples.from_pairs(self, test_data, "test_data"))

    def mean_cost(
        self, X: npt.ArrayLike, Y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> float:
        """C = (1/n) sum_x C_x over samples as rows; Y as in `fit`.

        With sample_weight, shape (n,): sum_x w_x C_x / sum_x w_x.
        """
        return outputs.evaluate(self, *samples.from_rows(self, X, Y, sample_weight))[1]

    def gradient(
        self,
        X: npt.ArrayLike,
        Y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        *,
        n_threads: int | None = None,
    ) -> Gradient:
        """`mean_cost` over samples as rows, and its gradient; arguments as there. See `Gradient`."""
        rows, desired, weights = samples.from_rows(self, X, Y, sample_weight)
        return derivatives.gradient(self, rows, desired, n_threads, weights)

    def input_gradient(self, X: npt.ArrayLike, Y: npt.ArrayLike, *, n_threads: int | None = None) -> Array:
        """dC_x/dx = (w^2)^T delta^2 for samples as rows, shape (m, n_1); X, Y as in `fit`."""
        rows, desired, _ = samples.from_rows(self, X, Y)
        return derivatives.input_gradient(self, rows, desired, n_threads)

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
        resume: History | TrainingState | str | os.PathLike[str] | None = None,
        diagnose: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        every: int = 1,
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
        arguments, which is carried on until `epochs` in all, or the path of its checkpoint, from which this
        network gets its parameters. diagnose: keep, for each epoch, what `explain.saturation` says of (at
        most 1,000 of) the training rows, in `History.diagnoses`. checkpoint: a path, to which all that
        `resume` needs is written after every `every` epochs and at the end, whatever brings it; it replaces
        an older checkpoint, but no other file.

        Raises ValueError, TypeError or OSError before anything changes, DivergenceError when the cost is
        no longer finite, and OSError when a checkpoint cannot be written. Ctrl-C leaves the parameters of
        the last finished mini-batch, or of the last step that L-BFGS accepted.
        """
        epochs = shapes.count(epochs, "epochs")
        # here, so that `import nablanet` stays quick
        from nablanet import fitting
        from nablanet.lbfgs import check_batch_size, choose_optimizer

        chosen = choose_optimizer(optimizer, eta)
        regularization = Regularization(lmbda, alpha, l1)
        clipping = Clipping(clip_value, clip_norm)
        max_norm, average = check_max_norm(max_norm), check_average(average)
        n_threads = engine.check_threads(n_threads)
        rows, desired, weights = samples.from_rows(self, X, Y, sample_weight, class_weight)
        size = check_batch_size(batch_size, chosen, len(rows))
        task = Task(
            rows,
            desired,
            size,
            chosen,
            regularization,
            n_threads,
            clipping,
            max_norm,
            average,
            weights=weights,
        )
        look = None
        if diagnose is not False:
            from nablanet.explain.saturation import watch

            look = watch(self, task, diagnose)
        start: object = resume
        target = None
        if checkpoint is not None or isinstance(resume, (str, os.PathLike)):
            from nablanet.files.checkpoint import destination, read_snapshot

            if isinstance(resume, (str, os.PathLike)):
                start = read_snapshot(resume)
            if checkpoint is not None:
                target = destination(self, checkpoint, every)
        elif every != 1:
            raise ValueError(f"every goes with checkpoint, which is None; got every={every!r}")
        return fitting.fit(
            self,
            task,
            epochs=epochs,
            dropout=dropout,
            generator=self._rng,
            validation=None if validation is None else samples.held_out(self, validation),
            schedule=schedule,
            metrics=metrics,
            early_stopping=early_stopping,
            callbacks=callbacks,
            progress=progress,
            resume=start,
            diagnose=look,
            checkpoint=target,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a model file, which `nablanet.load` reads back: the same predictions, bit for bit.

        Raises ValueError for a network with Python functions of the user's own, and OSError.
        """
        from nablanet.files import save_model  # needs safetensors, which `import nablanet` does not load

        save_model(self, path)

    def to_torch(self) -> torch.nn.Sequential:
        """The same function in PyTorch; see `nablanet.files.torch.to_torch`."""
        from nablanet.files.torch import to_torch

        return to_torch(self)

    def overrides(self, method: str) -> bool:
        """Whether a subclass, or this very object, brings its own version of a method."""
        return method in vars(self) or getattr(type(self), method) is not getattr(Network, method)

    def scaled(self, x: Array) -> Array:
        """What enters layer 1 for x of the network's dtype: x times `input_scale`."""
        return x if self.input_scale == 1 else x * self.dtype.type(self.input_scale)

    def runs_on_engine(self) -> bool:
        """Whether training runs on the compiled engine rather than through NumPy."""
        return (
            engine.knows_outputs(self)
            and is_builtin(self.cost)
            and not self.overrides("backprop")
            and not self.overrides("cost_derivative")
        )

    def check_parameters(self) -> None:
        """Refuse activations, a cost, weights or biases that do not go with `sizes`, or are not finite.

        They are public, so that a user may have changed them since the last call. Weights and biases
        that are no writable arrays of the network's dtype are replaced by such.
        """
        self.cost = get_cost(self.cost)
        architecture.check_activations(self.activations, self.sizes)
        check_pair(self.cost, self.activations[-1])
        self.weights = check_weights(self.weights, self.sizes, self.dtype)
        self.biases = check_biases(self.biases, self.sizes, self.dtype)

    def _shuffle(self, n: int) -> Array:
        return self._rng.permutation(n)
