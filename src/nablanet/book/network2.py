"""The book's `network2`: cross-entropy or quadratic cost, L2 regularization, monitoring, early stopping.

Initial parameters and shuffles are drawn as in `nablanet.book.network`. Training runs on the engine
with the two costs of this module. It runs through NumPy, example by example as the book's program
does and so many times slower, where a subclass brings its own `backprop` or `update_mini_batch` or
the network has a cost class of the user's own; one's own `feedforward`, `accuracy` or `total_cost`
slows only the monitoring.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nablanet import backprop, shapes, training
from nablanet.activations import sigmoid, sigmoid_prime
from nablanet.book.core import Core, Samples, epochs_of, one_step
from nablanet.book.costs import (
    CostClass,
    CrossEntropyCost,
    QuadraticCost,
    check_cost,
    cost_name,
    cost_named,
    engine_cost,
)
from nablanet.book.mnist_loader import vectorized_result
from nablanet.book.network import Shuffler, draw
from nablanet.files import network2 as saved
from nablanet.shapes import Array

__all__ = [
    "CrossEntropyCost",
    "Network",
    "QuadraticCost",
    "load",
    "sigmoid",
    "sigmoid_prime",
    "vectorized_result",
]

Data = Iterable[tuple[Any, Any]]
Monitored = tuple[list[float], list[int], list[float], list[int]]


class Network:
    """The network of chapter 3.

    sizes: neurons per layer, input layer first; every other layer is sigmoid. cost: QuadraticCost,
    CrossEntropyCost, or a class of one's own with `fn(a, y)` and `delta(z, a, y)`; it may be replaced
    between calls. `weights`, of shape (sizes[l+1], sizes[l]), and `biases`, of shape (sizes[l+1], 1),
    are lists of float64 arrays, which may be changed in place or replaced.
    """

    def __init__(self, sizes: Sequence[int], cost: type[Any] | CostClass = CrossEntropyCost):
        self.sizes = shapes.check_sizes(sizes)
        self.num_layers = len(self.sizes)
        self.cost: Any = check_cost(cost)
        self.weights: list[Array]
        self.biases: list[Array]
        self.default_weight_initializer()

    def default_weight_initializer(self) -> None:
        """Draw Gaussian biases of variance 1 and Gaussian weights of variance 1/n_in."""
        self.biases, weights = draw(self.sizes)
        self.weights = [w / np.sqrt(w.shape[1]) for w in weights]

    def large_weight_initializer(self) -> None:
        """Draw Gaussian biases and weights of variance 1, as in chapter 1."""
        self.biases, self.weights = draw(self.sizes)

    def feedforward(self, a: Any) -> Array:
        """The output a^L for the input a: (n_1,) or (n_1, 1), or samples as columns (n_1, m)."""
        return Core(self).feedforward(a)

    def SGD(
        self,
        training_data: Data,
        epochs: int,
        mini_batch_size: int,
        eta: float,
        lmbda: float = 0.0,
        evaluation_data: Data | None = None,
        monitor_evaluation_cost: bool = False,
        monitor_evaluation_accuracy: bool = False,
        monitor_training_cost: bool = False,
        monitor_training_accuracy: bool = False,
        early_stopping_n: int = 0,
    ) -> Monitored:
        """Train by mini-batch SGD with L2 regularization: w -> (1 - eta lmbda/n) w - (eta/m) sum_x dC_x/dw.

        training_data, evaluation_data: pairs (x, y) with y a vector or an integer label. A list of
        training data is shuffled in place, as by the book's program; an iterator is read once.
        early_stopping_n: if above 0, stop once the accuracy on the evaluation data has not been
        better than the best before for that many epochs in a row.

        Prints what is monitored, and returns it by epoch: (evaluation costs, evaluation accuracies,
        training costs, training accuracies); accuracies are numbers of examples, and what is not
        monitored is an empty list. Raises ValueError or TypeError for wrong input before anything
        changes, and DivergenceError when the parameters are no longer finite.
        """
        epochs = shapes.count(epochs, "epochs")
        mini_batch_size = shapes.count(mini_batch_size, "mini_batch_size")
        eta = shapes.positive(eta, "eta")
        lmbda = shapes.positive(lmbda, "lmbda", zero=True)
        patience = shapes.count(early_stopping_n, "early_stopping_n", 0)
        trained = Samples(self, training_data, "training_data")
        held_out = None
        if monitor_evaluation_cost or monitor_evaluation_accuracy or patience:
            if evaluation_data is None:
                raise ValueError("early stopping and monitoring on evaluation data need evaluation_data")
            held_out = Samples(self, evaluation_data, "evaluation_data")
        shuffler = Shuffler(len(trained))
        runs = epochs_of(self, trained, epochs, mini_batch_size, eta, lmbda, shuffler)
        evaluation_cost: list[float] = []
        evaluation_accuracy: list[int] = []
        training_cost: list[float] = []
        training_accuracy: list[int] = []
        best = unimproved = 0
        try:
            for j, _ in enumerate(runs):
                lines = [f"Epoch {j} training complete"]
                if monitor_training_cost:
                    training_cost.append(self._cost_on(trained, lmbda, convert=False))
                    lines.append(f"Cost on training data: {training_cost[-1]}")
                if monitor_training_accuracy:
                    training_accuracy.append(self._correct_on(trained, convert=True))
                    lines.append(f"Accuracy on training data: {training_accuracy[-1]} / {len(trained)}")
                if held_out is not None and monitor_evaluation_cost:
                    evaluation_cost.append(self._cost_on(held_out, lmbda, convert=True))
                    lines.append(f"Cost on evaluation data: {evaluation_cost[-1]}")
                if held_out is not None and (monitor_evaluation_accuracy or patience):
                    correct = self._correct_on(held_out, convert=False)
                    unimproved = 0 if correct > best else unimproved + 1
                    best = max(best, correct)
                    if monitor_evaluation_accuracy:
                        evaluation_accuracy.append(correct)
                        lines.append(f"Accuracy on evaluation data: {correct} / {len(held_out)}")
                print(*lines, "", sep="\n")
                if patience and unimproved >= patience:
                    break
        finally:
            shuffler.arrange(training_data)
        return evaluation_cost, evaluation_accuracy, training_cost, training_accuracy

    def update_mini_batch(self, mini_batch: Data, eta: float, lmbda: float, n: int) -> None:
        """One step of gradient descent on a list of pairs (x, y), out of n training examples in all."""
        lmbda, n = shapes.positive(lmbda, "lmbda", zero=True), shapes.count(n, "n")
        one_step(self, mini_batch, shapes.positive(eta, "eta"), lmbda, n)

    def backprop(self, x: Any, y: Any) -> tuple[list[Array], list[Array]]:
        """The gradient of C_x by BP1-BP4 for one example: (nabla_b, nabla_w), shaped as the parameters.

        x: (n_1,) or (n_1, 1); y: (n_L,) or (n_L, 1), or an integer label.
        """
        net = Core(self)
        [x], [y] = net.arrays([(x, y)], "the example")
        zs, activations = backprop.feed_forward(self.weights, self.biases, net.activations, x.reshape(-1, 1))
        y = y.reshape(-1, 1)
        delta = shapes.numeric(self.cost.delta(zs[-1], activations[-1], y), "delta")
        if delta.shape != y.shape:
            raise ValueError(
                f"delta of cost {cost_name(self.cost)} must have shape {y.shape}, one error for each "
                f"neuron of layer {self.num_layers} (the output layer), got {delta.shape}"
            )
        nabla_b = [backprop.bias_gradient(delta)]
        nabla_w = [backprop.weight_gradient(activations[-2], delta)]
        for l in range(self.num_layers - 3, -1, -1):  # noqa: E741 - l is the book's layer index
            delta = backprop.backpropagate_error(self.weights[l + 1], delta, sigmoid_prime(zs[l]))
            nabla_b.insert(0, backprop.bias_gradient(delta))
            nabla_w.insert(0, backprop.weight_gradient(activations[l], delta))
        return nabla_b, nabla_w

    def accuracy(self, data: Data, convert: bool = False) -> int:
        """How many of the pairs (x, y) the network gets right, by its neuron of highest activation.

        y may be a label or a one-hot vector; `convert`, which tells the book's program that it is a
        vector, changes nothing here.
        """
        return self._count_correct(Samples(self, data, "data"))

    def total_cost(self, data: Data, lmbda: float, convert: bool = False) -> float:
        """C = (1/n) sum_x C_x + lmbda/(2n) sum w^2 over n pairs (x, y); y and `convert` as in `accuracy`."""
        lmbda = shapes.positive(lmbda, "lmbda", zero=True)
        return self._regularized_cost(Samples(self, data, "data"), lmbda)

    def save(self, filename: str | os.PathLike[str]) -> None:
        """Write sizes, weights, biases and the name of the cost to a JSON file, which `load` reads.

        Raises ValueError, before the file is touched, where a parameter is not finite.
        """
        Core(self)  # checks the parameters
        saved.write(filename, self.sizes, self.weights, self.biases, cost_name(self.cost))

    def overrides(self, method: str) -> bool:
        """Whether a subclass, or this very object, brings its own version of a method."""
        return method in vars(self) or getattr(type(self), method) is not getattr(Network, method)

    def _correct_on(self, data: Samples, convert: bool) -> int:
        if self.overrides("accuracy"):
            return self.accuracy(data.given, convert=convert)
        return self._count_correct(data)

    def _cost_on(self, data: Samples, lmbda: float, convert: bool) -> float:
        if self.overrides("total_cost"):
            return self.total_cost(data.given, lmbda, convert=convert)
        return self._regularized_cost(data, lmbda)

    def _count_correct(self, data: Samples) -> int:
        return int(np.sum(training.classes(self._outputs(data.X)) == training.classes(data.Y)))

    def _regularized_cost(self, data: Samples, lmbda: float) -> float:
        n = len(data)
        if engine_cost(self.cost) and not self.overrides("feedforward"):
            cost = Core(self).mean_cost(data.X, data.Y)
        else:
            outputs = self._outputs(data.X)[:, :, np.newaxis]
            pairs = zip(outputs, data.Y[:, :, np.newaxis], strict=True)
            cost = sum(float(self.cost.fn(a, y)) for a, y in pairs) / n
        with np.errstate(over="ignore"):  # a cost of infinity says it all
            return cost + 0.5 * (lmbda / n) * sum(float(np.square(w).sum()) for w in self.weights)

    def _outputs(self, X: Array) -> Array:
        if self.overrides("feedforward"):
            return np.array([np.reshape(self.feedforward(x.reshape(-1, 1)), -1) for x in X])
        return Core(self).predict(X)


def load(filename: str | os.PathLike[str], cost: type[Any] | CostClass | None = None) -> Network:
    """The network that `save`, or the book's program, wrote to a JSON file.

    cost: the user's own cost class, for a network that was saved with it. Raises ValueError, naming
    the file, where it holds no such network.
    """
    sizes, weights, biases, name = saved.read(filename)
    if cost is None:
        try:
            cost = cost_named(name)
        except ValueError as problem:
            raise saved.not_a_network(filename, problem) from None
    net = Network(sizes, cost=cost)  # draws as the book's program does, then takes what was saved
    net.weights, net.biases = weights, biases
    return net
