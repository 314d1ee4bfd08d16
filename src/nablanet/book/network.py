"""The book's `network`: a sigmoid network with the quadratic cost, trained by plain SGD.

Initial parameters come from the global `numpy.random` and shuffles from the global `random`, in the
book's order: after `random.seed(s); numpy.random.seed(s)` both programs see the same numbers.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from nablanet import network as core
from nablanet.activations import ACTIVATIONS, Activation, sigmoid, sigmoid_prime
from nablanet.costs import COSTS
from nablanet.shapes import Array

__all__ = ["Network", "sigmoid", "sigmoid_prime"]


class Shuffler:
    """Shuffles positions just as the book's programs shuffle their list of training data.

    `random.shuffle` draws by the length of a list alone, so positions take the very swaps that the
    pairs would. Each epoch shuffles the order in which the one before left them.
    """

    def __init__(self, n: int):
        self.positions = list(range(n))

    def __call__(self, n: int) -> Array:
        """The order of the n samples in the next epoch, shape (n,)."""
        if n != len(self.positions):
            self.positions = list(range(n))
        random.shuffle(self.positions)
        return np.array(self.positions)

    def arrange(self, data: Any) -> None:
        """Leave the caller's list of pairs as the book's program would; anything else stays."""
        is_list = isinstance(data, list) and len(data) == len(self.positions)
        if is_list and data and isinstance(data[0], (tuple, list)):  # else two whole arrays
            data[:] = [data[i] for i in self.positions]


class Network(core.Network):
    """The network of chapter 1: everything of `nablanet.Network`, with the book's random numbers.

    sizes: neurons per layer, input layer first. Weights, of shape (sizes[l+1], sizes[l]), and
    biases, of shape (sizes[l+1], 1), are Gaussian with mean 0 and variance 1, in float64.

    Training runs on the engine. A subclass may override `cost_derivative`, `backprop`,
    `update_mini_batch` or `feedforward`, and what it overrides is what runs, at NumPy's speed.
    """

    # for a subclass whose own __init__ sets sizes, weights and biases and leaves it at that
    cost = COSTS["quadratic"]
    dtype = np.dtype(np.float64)

    @cached_property
    def _shuffler(self) -> Shuffler:
        return Shuffler(0)

    @cached_property
    def activations(self) -> list[Activation]:  # type: ignore[override]
        return [ACTIVATIONS["sigmoid"]] * (len(self.sizes) - 1)

    def __init__(self, sizes: Sequence[int]):
        super().__init__(sizes, init=undrawn)
        self.biases, self.weights = draw(self.sizes)

    def SGD(
        self,
        training_data: Iterable[tuple[Any, Any]],
        epochs: int,
        mini_batch_size: int,
        eta: float,
        test_data: Iterable[tuple[Any, Any]] | None = None,
    ) -> None:
        """Train by mini-batch stochastic gradient descent (eqs. 20 and 21), and print a line for each epoch.

        training_data: pairs (x, y); x of shape (n_1, 1), y of shape (n_L, 1). A list is shuffled in
        place, as by the book's program; an iterator such as Python 3's `zip` is read once.
        test_data: pairs (x, label); the lines then tell how many the network gets right.

        Raises ValueError or TypeError for wrong input before anything changes.
        """
        if isinstance(test_data, (list, tuple)) and not test_data:
            test_data = None  # the book's program tests `if test_data`
        self._shuffler = Shuffler(0)
        try:
            super().SGD(training_data, epochs, mini_batch_size, eta, test_data)
        finally:
            self._shuffler.arrange(training_data)

    def _shuffle(self, n: int) -> Array:
        return self._shuffler(n)


def draw(sizes: Sequence[int]) -> tuple[list[Array], list[Array]]:
    """Gaussian (biases, weights) from the global `numpy.random`, all biases first as in the book."""
    biases: list[Array] = [np.random.randn(y, 1) for y in sizes[1:]]
    weights: list[Array] = [np.random.randn(y, x) for x, y in pairwise(sizes)]
    return biases, weights


def undrawn(rng: np.random.Generator, n_in: int, n_out: int) -> tuple[Array, Array]:
    """Zeros, where the parameters come from elsewhere."""
    return np.zeros((n_out, n_in)), np.zeros((n_out, 1))
