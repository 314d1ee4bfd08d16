"""Optimizers: how the mean gradient of a mini-batch changes the parameters.

An optimizer object holds settings only; what it remembers between steps is in the state that
`start` makes. `step` is the NumPy form; the engine fuses the same arithmetic into its gradient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from nablanet.shapes import Array, describe, positive


@dataclass(frozen=True)
class Optimizer:
    """What every optimizer has: a name and the learning rate eta."""

    name: ClassVar[str]
    eta: float

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, positive(getattr(self, field.name), field.name))

    def start(self, parameters: Sequence[Array]) -> Any:
        """The state before the first step."""
        raise NotImplementedError

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array], state: Any, eta: float) -> None:
        """Change the parameters in place by one step along the mean gradients, at learning rate eta."""
        raise NotImplementedError


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent, w -> w - eta dC/dw (chapter 1, eqs. 20 and 21).

    eta: the learning rate, above 0.
    """

    name: ClassVar[str] = "sgd"

    def start(self, parameters: Sequence[Array]) -> None:
        """Nothing is remembered between steps."""
        return

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array], state: None, eta: float) -> None:
        """W -> w - eta dC/dw, in place."""
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= eta * gradient


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1).

    eta: the step size alpha; beta1, beta2: decay rates of the two moments, in (0, 1); epsilon: added
    to the root of the second moment, at least 1e-16 (below, it would be lost in float32).
    """

    name: ClassVar[str] = "adam"
    eta: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("beta1", "beta2"):
            if getattr(self, name) >= 1:
                raise ValueError(f"{name} must be below 1, got {getattr(self, name)}")
        if self.epsilon < 1e-16:
            raise ValueError(f"epsilon must be at least 1e-16, got {self.epsilon}")

    def start(self, parameters: Sequence[Array]) -> _AdamState:
        """Both moments zero, t = 0."""
        return _AdamState([np.zeros_like(p) for p in parameters], [np.zeros_like(p) for p in parameters])

    def step(
        self, parameters: Sequence[Array], gradients: Sequence[Array], state: _AdamState, eta: float
    ) -> None:
        """One step of algorithm 1, in place, in the efficient order of its section 2."""
        state.t += 1
        rate = eta / (1 - self.beta1**state.t)
        root = (1 - self.beta2**state.t) ** -0.5
        for parameter, gradient, m, v in zip(parameters, gradients, state.first, state.second, strict=True):
            m += (1 - self.beta1) * (gradient - m)
            v += (1 - self.beta2) * (np.square(gradient) - v)
            parameter -= rate * m / (np.sqrt(v) * root + self.epsilon)


@dataclass
class _AdamState:
    first: list[Array]
    second: list[Array]
    t: int = 0


OPTIMIZERS: Mapping[str, type[Optimizer]] = MappingProxyType({"sgd": SGD, "adam": Adam})


def get_optimizer(optimizer: str | Optimizer, eta: float | None) -> Optimizer:
    """The optimizer of that name with that eta, or the object itself with its own.

    Raises ValueError where eta is missing, or given twice.
    """
    if isinstance(optimizer, Optimizer):
        if eta is not None:
            raise ValueError(f"eta is given twice: eta={eta!r} and optimizer={optimizer!r}")
        return optimizer
    if not isinstance(optimizer, str):
        raise TypeError(
            "optimizer is a name or an object such as nablanet.SGD(eta=0.1), got " + describe(optimizer)
        )
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"no optimizer {optimizer!r}; there are: {', '.join(OPTIMIZERS)}")
    if optimizer == "sgd":
        if eta is None:
            raise ValueError("optimizer 'sgd' needs a learning rate: pass eta, such as eta=0.1")
        return SGD(eta)
    return Adam() if eta is None else Adam(eta)
