"""Limits on the gradient of a mini-batch, so that one steep place cannot throw the parameters far off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nablanet.shapes import Array, positive


@dataclass(frozen=True)
class Clipping:
    """What is done to the gradient, mean over the mini-batch and penalties included, before the step.

    value: each component is limited to [-value, value]. norm: where the Euclidean norm of all weights'
    and biases' components together is larger than this, the gradient is scaled down to it (Pascanu,
    Mikolov & Bengio 2013, algorithm 1). None leaves the gradient as it is.

    Raises ValueError where both are given, or one is not finite and above 0.
    """

    value: float | None = None
    norm: float | None = None

    def __post_init__(self) -> None:
        if self.value is not None and self.norm is not None:
            raise ValueError(
                f"clip_value and clip_norm exclude each other, got clip_value={self.value!r} "
                f"and clip_norm={self.norm!r}"
            )
        for name in ("value", "norm"):
            limit = getattr(self, name)
            if limit is not None:
                object.__setattr__(self, name, positive(limit, f"clip_{name}"))

    def clip(self, gradients: Sequence[Array]) -> list[Array]:
        """The gradients, clipped; the arrays passed in stay as they are."""
        if self.value is not None:
            return [np.clip(g, -self.value, self.value) for g in gradients]
        if self.norm is not None:
            norm = global_norm(gradients)
            if norm > self.norm:
                return [g * g.dtype.type(self.norm / norm) for g in gradients]
        return list(gradients)


def global_norm(gradients: Sequence[Array]) -> float:
    """The Euclidean norm of all components of all arrays."""
    return math.sqrt(sum(float(np.square(g, dtype=np.float64).sum()) for g in gradients))
