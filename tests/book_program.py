"""The chapter's program as a judge for `nablanet.book`: one example at a time, NumPy and random only.

Written from the equations, on nothing of the package. Examples are pairs of columns (x, y).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Pair = tuple[Array, Array]
Labelled = tuple[Array, int]
TINY = [3, 4, 2]


def sigma(z: Array) -> Array:
    activation: Array = 1 / (1 + np.exp(-z))
    return activation


def sigma_prime(z: Array) -> Array:
    a = sigma(z)
    derivative: Array = a * (1 - a)
    return derivative


class Quadratic:
    @staticmethod
    def fn(a: Array, y: Array) -> float:
        return float(np.sum((y - a) ** 2)) / 2

    @staticmethod
    def delta(z: Array, a: Array, y: Array) -> Any:
        return (a - y) * sigma_prime(z)


class CrossEntropy:
    @staticmethod
    def fn(a: Array, y: Array) -> float:
        return -float(np.sum(y * np.log(a) + (1 - y) * np.log(1 - a)))

    @staticmethod
    def delta(z: Array, a: Array, y: Array) -> Array:
        return a - y


class Program:
    """scaled: weights over sqrt(n_in), as in the program of chapter 3; else as in chapter 1."""

    def __init__(self, sizes: Sequence[int], cost: Any = Quadratic, scaled: bool = False):
        self.cost = cost
        self.b: list[Array] = [np.random.randn(n, 1) for n in sizes[1:]]
        self.w: list[Array] = []
        for n_in, n_out in pairwise(sizes):
            drawn = np.random.randn(n_out, n_in)
            self.w.append(drawn / np.sqrt(n_in) if scaled else drawn)

    def output(self, x: Array) -> Array:
        for w, b in zip(self.w, self.b, strict=True):
            x = sigma(w @ x + b)
        return x

    def gradient(self, x: Array, y: Array) -> tuple[list[Array], list[Array]]:
        zs, activations = [], [x]
        for w, b in zip(self.w, self.b, strict=True):
            zs.append(w @ activations[-1] + b)
            activations.append(sigma(zs[-1]))
        error = self.cost.delta(zs[-1], activations[-1], y)
        errors = [error]
        for w, z in zip(self.w[:0:-1], zs[-2::-1], strict=True):
            error = (w.T @ error) * sigma_prime(z)
            errors.insert(0, error)
        return errors, [d @ a.T for d, a in zip(errors, activations[:-1], strict=True)]

    def step(self, batch: Sequence[Pair], eta: float, lmbda: float = 0.0, n: int = 1) -> None:
        sum_b = [0 * b for b in self.b]
        sum_w = [0 * w for w in self.w]
        for x, y in batch:
            gradient_b, gradient_w = self.gradient(x, y)
            sum_b = [s + g for s, g in zip(sum_b, gradient_b, strict=True)]
            sum_w = [s + g for s, g in zip(sum_w, gradient_w, strict=True)]
        rate = eta / len(batch)
        self.w = [(1 - eta * lmbda / n) * w - rate * s for w, s in zip(self.w, sum_w, strict=True)]
        self.b = [b - rate * s for b, s in zip(self.b, sum_b, strict=True)]

    def epoch(self, data: list[Pair], batch_size: int, eta: float, lmbda: float = 0.0) -> None:
        """One epoch; shuffles the list `data` in place."""
        random.shuffle(data)
        for k in range(0, len(data), batch_size):
            self.step(data[k : k + batch_size], eta, lmbda, len(data))

    def correct(self, data: Iterable[tuple[Array, int]]) -> int:
        """How many of the pairs (x, label) are right."""
        return sum(int(np.argmax(self.output(x)) == label) for x, label in data)

    def mean_cost(self, data: Sequence[Pair], lmbda: float = 0.0) -> float:
        mean = sum(self.cost.fn(self.output(x), y) for x, y in data) / len(data)
        return float(mean + lmbda / (2 * len(data)) * sum(np.sum(w**2) for w in self.w))


def seed(value: int) -> None:
    random.seed(value)
    np.random.seed(value)


def one_hot(label: int, n: int) -> Array:
    return np.eye(n)[:, [label]]


def tiny_data(n: int = 23) -> list[Pair]:
    rng = np.random.default_rng(5)
    return [(rng.random((3, 1)), one_hot(int(rng.integers(2)), 2)) for _ in range(n)]


def labelled(data: list[Pair]) -> list[Labelled]:
    return [(x, int(np.argmax(y))) for x, y in data]


def assert_same_network(net: Any, program: Program, tolerance: float) -> None:
    for ours, theirs in zip(net.weights + net.biases, program.w + program.b, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


def assert_same_order(ours: list[Pair], theirs: list[Pair]) -> None:
    assert len(ours) == len(theirs)
    assert all(a[0] is b[0] for a, b in zip(ours, theirs, strict=True))
