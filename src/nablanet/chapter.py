"""The chapter's `SGD`: its loop over epochs and mini-batches, and the line it prints for each epoch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from nablanet import samples, shapes, training
from nablanet.optimizers import SGD
from nablanet.shapes import Array
from nablanet.training import Shuffle, Task

if TYPE_CHECKING:
    from nablanet.network import Network


def sgd(
    network: Network,
    training_data: object,
    epochs: int,
    mini_batch_size: int,
    eta: float,
    test_data: object | None,
    shuffle: Shuffle,
) -> Iterator[str]:
    """`Network.SGD`, which has its arguments; yields what there is to print after each epoch.

    shuffle: n -> the order of the n samples in the next epoch.
    """
    epochs = shapes.count(epochs, "epochs")
    mini_batch_size = shapes.count(mini_batch_size, "mini_batch_size")
    optimizer = SGD(eta)
    X, Y = samples.from_pairs(network, training_data, "training_data")
    own_evaluate = network.overrides("evaluate")
    given: Any = None if test_data is None else shapes.reusable(test_data)
    test = None if given is None else samples.from_pairs(network, given, "test_data")
    runs: Iterable[float | None]
    if network.overrides("update_mini_batch"):
        runs = _own_epochs(network, X, Y, epochs, mini_batch_size, eta, shuffle)
    else:
        task = Task(X, Y, mini_batch_size, optimizer)
        runs = training.train(network, task, epochs=epochs, shuffle=shuffle)
    for j, _ in enumerate(runs):
        if test is None:
            yield f"Epoch {j} complete"
        else:
            correct = network.evaluate(given) if own_evaluate else count_correct(network, *test)
            yield f"Epoch {j}: {correct} / {len(test[0])}"


def count_correct(network: Network, X: Array, Y: Array) -> int:
    """How many of the rows X the network puts into the class of Y, rows or labels."""
    return int(np.sum(training.classes(network.predict(X)) == training.classes(Y)))


def _own_epochs(
    network: Network, X: Array, Y: Array, epochs: int, mini_batch_size: int, eta: float, shuffle: Shuffle
) -> Iterator[None]:
    """The chapter's own loop, for a subclass that brings its own `update_mini_batch`.

    X, Y: rows, which go to it as pairs of columns. Yields after each epoch. shuffle: as for `train`. Raises
    DivergenceError, with the network as the last epoch left it.
    """
    for epoch in range(epochs):
        order = shuffle(len(X))
        with training.own_epoch(network, epoch, eta):
            for k in range(0, len(X), mini_batch_size):
                batch = order[k : k + mini_batch_size]
                network.update_mini_batch([(X[[i]].T, Y[[i]].T) for i in batch], eta)
        yield
