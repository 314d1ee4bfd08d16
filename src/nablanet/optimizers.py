"""Optimizers: how the mean gradient of a mini-batch changes the parameters.

An optimizer object holds settings only; what it remembers between steps is in the state that
`start` makes. `step` is the NumPy form; the engine fuses the same arithmetic into its gradient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from nablanet.shapes import Array, describe, positive


@dataclass(frozen=True)
class Optimizer:
    """What every optimizer has: a name and the learning rate eta."""

    name: ClassVar[str]
    may_be_zero: ClassVar[tuple[str, ...]] = ()
    eta: float

    def __post_init__(self) -> None:
        for name in (f.name for f in fields(self) if f.type != "bool"):
            checked = positive(getattr(self, name), name, zero=name in self.may_be_zero)
            object.__setattr__(self, name, checked)

    def start(self, parameters: Sequence[Array]) -> Any:
        """The state before the first step."""
        raise NotImplementedError

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array], state: Any, eta: float) -> None:
        """Change the parameters in place by one step along the mean gradients, at learning rate eta.

        parameters: the weights of all layers, then the biases of all layers; gradients alike.
        """
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

    eta: the step size alpha; beta1, beta2: decay rates of the two moments, in [0, 1); epsilon: added
    to the root of the second moment, at least 1e-16 (below, it would be lost in float32). epsilon_hat:
    it is added to sqrt(v) before the bias of v is corrected, as scikit-learn and TensorFlow do (the form
    at the end of the paper's section 2).
    """

    name: ClassVar[str] = "adam"
    may_be_zero: ClassVar[tuple[str, ...]] = ("beta1", "beta2")
    eta: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    epsilon_hat: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("beta1", "beta2"):
            if getattr(self, name) >= 1:
                raise ValueError(f"{name} must be below 1, got {getattr(self, name)}")
        if self.epsilon < 1e-16:
            raise ValueError(f"epsilon must be at least 1e-16, got {self.epsilon}")
        if not isinstance(self.epsilon_hat, bool):
            raise TypeError(f"epsilon_hat must be True or False, got {describe(self.epsilon_hat)}")

    def start(self, parameters: Sequence[Array]) -> Moments:
        """Both moments zero, t = 0."""
        return Moments([np.zeros_like(p) for p in parameters], [np.zeros_like(p) for p in parameters])

    def step(
        self, parameters: Sequence[Array], gradients: Sequence[Array], state: Moments, eta: float
    ) -> None:
        """One step of algorithm 1, in place, in the efficient order of its section 2."""
        state.t += 1
        rate = eta / (1 - self.beta1**state.t)
        root = (1 - self.beta2**state.t) ** -0.5
        epsilon = self.epsilon * root if self.epsilon_hat else self.epsilon
        for parameter, gradient, m, v in zip(parameters, gradients, state.first, state.second, strict=True):
            m += (1 - self.beta1) * (gradient - m)
            v += (1 - self.beta2) * (np.square(gradient) - v)
            parameter -= rate * m / (np.sqrt(v) * root + epsilon)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2).

    Besides Adam's step, w -> w - eta weight_decay w, from the w before the step; biases do not decay.
    weight_decay: 0 or more; the others as for Adam.
    """

    name: ClassVar[str] = "adamw"
    may_be_zero: ClassVar[tuple[str, ...]] = (*Adam.may_be_zero, "weight_decay")
    weight_decay: float = 0.01

    def step(
        self, parameters: Sequence[Array], gradients: Sequence[Array], state: Moments, eta: float
    ) -> None:
        """Decay the weights, the first half of the parameters, and take Adam's step, in place."""
        for w in parameters[: (len(parameters) + 1) // 2]:
            w *= 1 - eta * self.weight_decay
        super().step(parameters, gradients, state, eta)


@dataclass(frozen=True)
class Momentum(Optimizer):
    """Gradient descent with momentum: v -> mu v - eta dC/dw, w -> w + v (chapter 3, eqs. 107 and 108).

    eta: the learning rate, above 0. mu: the share of the velocity that each step keeps, from 0 to 1.
    """

    name: ClassVar[str] = "momentum"
    may_be_zero: ClassVar[tuple[str, ...]] = ("mu",)
    mu: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mu > 1:
            raise ValueError(f"mu must be at most 1, got {self.mu}")

    def start(self, parameters: Sequence[Array]) -> Moments:
        """All velocities zero."""
        return Moments(first=[np.zeros_like(p) for p in parameters])

    def step(
        self, parameters: Sequence[Array], gradients: Sequence[Array], state: Moments, eta: float
    ) -> None:
        """V -> mu v - eta dC/dw and w -> w + v, in place."""
        for parameter, gradient, v in zip(parameters, gradients, state.first, strict=True):
            v *= self.mu
            v -= eta * gradient
            parameter += v


@dataclass(frozen=True)
class Nesterov(Momentum):
    """Nesterov's accelerated gradient: v -> mu v - eta dC/dw, w -> w + mu v - eta dC/dw.

    The parameters are those at which the next gradient is taken (Bengio, Boulanger-Lewandowski &
    Pascanu 2013, eq. 7), as in scikit-learn and Keras. eta, mu: as for `Momentum`.
    """

    name: ClassVar[str] = "nesterov"

    def step(
        self, parameters: Sequence[Array], gradients: Sequence[Array], state: Moments, eta: float
    ) -> None:
        """V -> mu v - eta dC/dw and w -> w + mu v - eta dC/dw, in place."""
        for parameter, gradient, v in zip(parameters, gradients, state.first, strict=True):
            v *= self.mu
            v -= eta * gradient
            parameter += self.mu * v - eta * gradient


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """RMSprop (Tieleman & Hinton 2012, lecture 6.5): s -> rho s + (1 - rho) (dC/dw)^2,
    w -> w - eta dC/dw / (sqrt(s) + epsilon), as in PyTorch.

    eta: the step size; rho: the decay rate of the mean square, in (0, 1); epsilon: at least 1e-16.
    """

    name: ClassVar[str] = "rmsprop"
    eta: float = 0.001
    rho: float = 0.9
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rho >= 1:
            raise ValueError(f"rho must be below 1, got {self.rho}")
        if self.epsilon < 1e-16:
            raise ValueError(f"epsilon must be at least 1e-16, got {self.epsilon}")

    def start(self, parameters: Sequence[Array]) -> Moments:
        """All mean squares zero."""
        return Moments(second=[np.zeros_like(p) for p in parameters])

    def step(
        self, parameters: Sequence[Array], gradients: Sequence[Array], state: Moments, eta: float
    ) -> None:
        """One step, in place."""
        for parameter, gradient, s in zip(parameters, gradients, state.second, strict=True):
            s += (1 - self.rho) * (np.square(gradient) - s)
            parameter -= eta * gradient / (np.sqrt(s) + self.epsilon)


@dataclass
class Moments:
    """What the package's optimizers remember: velocities or first moments, second moments, steps.

    Each list has the shapes of the parameters, or is empty where the optimizer has no such thing.
    """

    first: list[Array] = field(default_factory=list)
    second: list[Array] = field(default_factory=list)
    t: int = 0


OPTIMIZERS: Mapping[str, type[Optimizer]] = MappingProxyType(
    {
        "sgd": SGD,
        "adam": Adam,
        "momentum": Momentum,
        "nesterov": Nesterov,
        "rmsprop": RMSprop,
        "adamw": AdamW,
    }
)


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
    chosen = OPTIMIZERS[optimizer]
    if eta is not None:
        return chosen(eta)
    if not hasattr(chosen, "eta"):  # no default
        raise ValueError(f"optimizer {optimizer!r} needs a learning rate: pass eta, such as eta=0.1")
    return chosen()  # type: ignore[call-arg]
