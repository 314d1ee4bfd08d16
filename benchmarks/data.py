"""What the contenders of a task share: samples, the order of the mini-batches, initial parameters."""

from __future__ import annotations

import csv
import gzip
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.tasks import Task

Array = npt.NDArray[Any]

_TEST_ROWS_OF_A_SHORT_RUN = 1_000


class MissingData(Exception):  # noqa: N818 - says what is the matter
    """A task's data set is not on this machine."""


@dataclass(frozen=True, eq=False)
class Problem:
    """The numbers of a task.

    X, X_test: rows. Y, Y_test: labels (n,), or desired outputs (n, n_L) for a regression. orders: for
    each epoch the order of the rows of X, of which `batch` after `batch` are a mini-batch. weights,
    biases: in the shapes of `nablanet.Network`.
    """

    X: Array
    Y: Array
    X_test: Array
    Y_test: Array
    orders: Array
    weights: list[Array]
    biases: list[Array]

    def save(self, folder: Path) -> None:
        for name in ("X", "Y", "X_test", "Y_test", "orders"):
            np.save(folder / f"{name}.npy", getattr(self, name))
        np.savez(folder / "weights.npz", *self.weights)
        np.savez(folder / "biases.npz", *self.biases)

    @classmethod
    def load(cls, folder: Path) -> Problem:
        arrays = [np.load(folder / f"{name}.npy") for name in ("X", "Y", "X_test", "Y_test", "orders")]
        return cls(*arrays, *(_load_list(folder / f"{name}.npz") for name in ("weights", "biases")))

    def score(self, outputs: Array) -> float:
        """The share of the test rows classified correctly, or R^2 for a regression."""
        if self.Y_test.ndim == 1:
            return float(np.mean(outputs.argmax(axis=1) == self.Y_test))
        errors = np.square(outputs - self.Y_test).sum()
        return float(1 - errors / np.square(self.Y_test - self.Y_test.mean(axis=0)).sum())


def one_hot(labels: Array, n: int, dtype: npt.DTypeLike) -> Array:
    """Desired outputs as rows, for the costs that need them."""
    rows: Array = np.eye(n, dtype=dtype)[labels]
    return rows


def prepare(task: Task, epochs: int, rows: int | None) -> Problem:
    """The numbers of a task with orders for that many epochs; with `rows`, on the first rows only.

    Raises MissingData.
    """
    from nablanet.initializers import initialize  # not loaded in a child that measures something else

    rng = np.random.default_rng(2015)
    wanted = task.rows if rows is None else min(rows, task.rows)
    X, Y, X_test, Y_test = _SOURCES[task.data](task, rng)
    if rows is not None:
        X_test, Y_test = X_test[:_TEST_ROWS_OF_A_SHORT_RUN], Y_test[:_TEST_ROWS_OF_A_SHORT_RUN]
    dtype = np.dtype(task.dtype)
    weights, biases = initialize(task.init, rng, list(task.sizes), dtype)
    orders = np.stack([rng.permutation(wanted) for _ in range(epochs)])
    return Problem(X[:wanted], Y[:wanted], X_test, Y_test, orders, weights, biases)


def _mnist(task: Task, rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    """The first images of the training file, as in the book, from 0 for paper to 1 for ink."""
    from nablanet.data.mnist import load_mnist

    digits = load_mnist(_find("mnist"))
    images = [
        (images.reshape(len(images), -1) / np.float64(255)).astype(task.dtype)
        for images in (digits.train_images[: task.rows], digits.test_images)
    ]
    labels = [labels.astype(np.int64) for labels in (digits.train_labels[: task.rows], digits.test_labels)]
    return images[0], labels[0], images[1], labels[1]


def _housing(task: Task, rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    """The numeric columns of California housing, standardised, and the median house value."""
    with gzip.open(_find("housing/housing.csv.gz"), "rt", encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))[1:]
    complete = [line[:9] for line in lines if all(line[:9])]  # total_bedrooms is missing here and there
    table = rng.permutation(np.array(complete, np.float64))
    training = table[: task.rows]
    table = ((table - training.mean(axis=0)) / training.std(axis=0)).astype(task.dtype)
    X, Y = np.ascontiguousarray(table[:, :8]), np.ascontiguousarray(table[:, 8:])
    return X[: task.rows], Y[: task.rows], X[task.rows :], Y[task.rows :]


def _random(task: Task, rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    X = rng.random((task.rows, task.sizes[0])).astype(task.dtype)
    Y = np.zeros(task.rows, np.int64)
    return X, Y, X, Y


_SOURCES = {"mnist": _mnist, "housing": _housing, "random": _random}


def _find(name: str) -> Path:
    given = os.environ.get("NABLANET_DATA")
    folders = [Path(given)] if given else []
    folders.append(Path(__file__).resolve().parents[2] / "shared" / "data")
    for folder in folders:
        if (folder / name).exists():
            return folder / name
    looked = " and ".join(str(folder) for folder in folders)
    raise MissingData(f"needs {name}, looked in {looked}: set NABLANET_DATA to the folder that holds it")


def _load_list(path: Path) -> list[Array]:
    with np.load(path) as arrays:
        return [arrays[name] for name in arrays.files]
