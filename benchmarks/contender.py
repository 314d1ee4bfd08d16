"""What a contender has to provide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from benchmarks.data import Array


class Unsupported(Exception):  # noqa: N818 - says what is the matter
    """The contender has no way to do a task; the message says why."""


class Contender(Protocol):
    """One program on one task. Made by `make(task, problem)` of its module, which may raise Unsupported.

    version: of the libraries that do the work. remark: where it departs from the task, or which of its
    ways was taken. same: whether it computes what the task says, up to rounding.
    """

    version: str
    remark: str
    same: bool

    def reset(self) -> None:
        """Go back to the initial parameters and to an optimizer without memory."""
        ...

    def train(self, order: Array, eta: float) -> None:
        """One epoch over these rows of X, in mini-batches in this order. This is what is timed."""
        ...

    def outputs(self, X: Array) -> Array:
        """a^L for rows, shape (m, n_L)."""
        ...

    def one_row(self, X: Array) -> Callable[[], object]:
        """A function that runs X, mostly a single row, through the network: what is timed in a call."""
        ...
