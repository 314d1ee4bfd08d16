"""The chapter's program, example by example, on NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.contender import Unsupported
from benchmarks.data import Array, Problem, one_hot
from benchmarks.tasks import Task

Example = tuple[Array, Array]


def sigmoid(z: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z: Array) -> Array:
    return sigmoid(z) * (1 - sigmoid(z))


class Network:
    """Feed forward, BP1-BP4 and gradient descent, one training example at a time."""

    def __init__(self, weights: list[Array], biases: list[Array]):
        self.num_layers = len(weights) + 1
        self.weights = weights
        self.biases = biases

    def feedforward(self, a: Array) -> Array:
        for b, w in zip(self.biases, self.weights, strict=True):
            a = sigmoid(np.dot(w, a) + b)
        return a

    def epoch(self, training_data: list[Example], mini_batch_size: int, eta: float) -> None:
        """The inner loop of the chapter's SGD, on data in the order in which it is to be used."""
        for k in range(0, len(training_data), mini_batch_size):
            self.update_mini_batch(training_data[k : k + mini_batch_size], eta)

    def update_mini_batch(self, mini_batch: list[Example], eta: float) -> None:
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in mini_batch:
            delta_nabla_b, delta_nabla_w = self.backprop(x, y)
            nabla_b = [nb + dnb for nb, dnb in zip(nabla_b, delta_nabla_b, strict=True)]
            nabla_w = [nw + dnw for nw, dnw in zip(nabla_w, delta_nabla_w, strict=True)]
        rate = eta / len(mini_batch)
        self.weights = [w - rate * nw for w, nw in zip(self.weights, nabla_w, strict=True)]
        self.biases = [b - rate * nb for b, nb in zip(self.biases, nabla_b, strict=True)]

    def backprop(self, x: Array, y: Array) -> tuple[list[Array], list[Array]]:
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        activations = [x]
        zs = []
        for b, w in zip(self.biases, self.weights, strict=True):
            z = np.dot(w, activations[-1]) + b
            zs.append(z)
            activations.append(sigmoid(z))
        delta = self.cost_derivative(activations[-1], y) * sigmoid_prime(zs[-1])
        nabla_b[-1] = delta
        nabla_w[-1] = np.dot(delta, activations[-2].T)
        for layer in range(2, self.num_layers):
            delta = np.dot(self.weights[-layer + 1].T, delta) * sigmoid_prime(zs[-layer])
            nabla_b[-layer] = delta
            nabla_w[-layer] = np.dot(delta, activations[-layer - 1].T)
        return nabla_b, nabla_w

    def cost_derivative(self, output_activations: Array, y: Array) -> Array:
        return output_activations - y


class Book:
    """The network above on a list of pairs of columns."""

    version = f"the book's program (NumPy {np.__version__})"
    same = True

    def __init__(self, task: Task, problem: Problem):
        if (task.activation, task.output, task.cost, task.optimizer) != (
            "sigmoid",
            "sigmoid",
            "quadratic",
            "sgd",
        ):
            raise Unsupported("has sigmoid neurons, the quadratic cost and gradient descent only")
        self.remark = "" if task.dtype == "float64" else "in float64, its only type"
        self._task = task
        self._problem = problem
        desired = one_hot(problem.Y, task.sizes[-1], np.float64)
        self._pairs = [
            (x.reshape(-1, 1), y.reshape(-1, 1))
            for x, y in zip(problem.X.astype(np.float64), desired, strict=True)
        ]
        self.reset()

    def reset(self) -> None:
        self._network = Network(
            [w.astype(np.float64) for w in self._problem.weights],
            [b.astype(np.float64) for b in self._problem.biases],
        )

    def train(self, order: Array, eta: float) -> None:
        self._network.epoch([self._pairs[i] for i in order], self._task.batch, eta)

    def outputs(self, X: Array) -> Array:
        return self._network.feedforward(X.T).T

    def one_row(self, X: Array) -> Callable[[], object]:
        column = X.T
        return lambda: self._network.feedforward(column)


make = Book
