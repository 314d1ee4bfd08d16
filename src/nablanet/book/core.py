"""How the book's `network2.Network` trains: on a network of the package that shares its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nablanet import network, samples, training
from nablanet.activations import ACTIVATIONS
from nablanet.book.costs import check_cost, engine_cost
from nablanet.book.network import Shuffler, undrawn
from nablanet.optimizers import SGD
from nablanet.regularization import Regularization
from nablanet.shapes import Array, reusable
from nablanet.training import Task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nablanet.book.network2 import Network

_SIGMOID = ACTIVATIONS["sigmoid"]


class Core(network.Network):
    """A network of the package that works on the very parameters of a book network."""

    def __init__(self, owner: Network):
        cost = engine_cost(check_cost(owner.cost)) or "quadratic"
        super().__init__(owner.sizes, output=_SIGMOID, cost=cost, init=undrawn, seed=0)
        self._owner = owner
        self.follow()

    def follow(self) -> None:
        """Share the owner's lists of parameters as they are now."""
        owner = self._owner
        owner.weights, owner.biases = (
            parameters if isinstance(parameters, list) else list(parameters)
            for parameters in (owner.weights, owner.biases)
        )
        self.weights, self.biases = owner.weights, owner.biases
        self.check_parameters()

    def arrays(self, data: object, name: str) -> tuple[Array, Array]:
        """Pairs (x, y) as rows (X, Y)."""
        return samples.from_pairs(self, data, name)


class PythonCore(Core):
    """One whose gradients are the owner's, so that what the user brings is what runs."""

    def backprop(self, x: Any, y: Any) -> tuple[list[Array], list[Array]]:
        return self._owner.backprop(x, y)


class Samples:
    """Data of the user's, and its rows (X, Y), made once."""

    def __init__(self, owner: Network, data: object, name: str):
        self.given: Any = reusable(data)
        self.X, self.Y = Core(owner).arrays(self.given, name)

    def __len__(self) -> int:
        return len(self.X)

    def columns(self) -> list[tuple[Array, Array]]:
        """Pairs (x, y) of shapes (n_1, 1) and (n_L, 1)."""
        return [(x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in zip(self.X, self.Y, strict=True)]


def epochs_of(
    owner: Network,
    data: Samples,
    epochs: int,
    mini_batch_size: int,
    eta: float,
    lmbda: float,
    shuffler: Shuffler,
) -> Iterator[object]:
    """Train the owner, stopping after each epoch; what the owner's class overrides is what runs."""
    if owner.overrides("update_mini_batch"):
        return _own_steps(owner, data, epochs, mini_batch_size, eta, lmbda, shuffler)
    net = make_core(owner)

    def shuffle(n: int) -> Array:
        net.follow()  # between epochs a method of the owner's may have replaced the parameters
        return shuffler(n)

    task = Task(data.X, data.Y, mini_batch_size, SGD(eta), Regularization(lmbda))
    return training.train(net, task, epochs=epochs, shuffle=shuffle)


def one_step(owner: Network, mini_batch: object, eta: float, lmbda: float, n: int) -> None:
    """One step on a mini-batch out of n training examples."""
    net = make_core(owner)
    X, Y = net.arrays(mini_batch, "mini_batch")
    # the trainer divides lmbda by the number of samples that it is given
    task = Task(X, Y, len(X), SGD(eta), Regularization(lmbda * len(X) / n))
    for _ in training.train(net, task, epochs=1, shuffle=np.arange):
        pass


def make_core(owner: Network) -> Core:
    """The core that trains the owner: on the engine, unless the user brings the gradient."""
    own = owner.overrides("backprop") or engine_cost(owner.cost) is None
    return PythonCore(owner) if own else Core(owner)


def _own_steps(
    owner: Network,
    data: Samples,
    epochs: int,
    mini_batch_size: int,
    eta: float,
    lmbda: float,
    shuffler: Shuffler,
) -> Iterator[None]:
    pairs = data.columns()
    for epoch in range(epochs):
        order = shuffler(len(pairs))
        with training.own_epoch(owner, epoch, eta):
            for k in range(0, len(pairs), mini_batch_size):
                batch = [pairs[i] for i in order[k : k + mini_batch_size]]
                owner.update_mini_batch(batch, eta, lmbda, len(pairs))
        yield
