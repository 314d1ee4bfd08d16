"""What is added to the cost that training minimizes, so that weights stay small.

Biases are never regularized. The cost that training reports leaves these terms out.
"""

from __future__ import annotations

from dataclasses import dataclass

from nablanet.shapes import Array, positive


@dataclass(frozen=True)
class Regularization:
    """Terms on the weights; n is the number of training samples.

    lmbda: L2 in the book's form, lmbda/(2n) sum w^2 (chapter 3, eq. 87).
    """

    lmbda: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "lmbda", positive(self.lmbda, "lmbda", zero=True))

    def gradient(self, w: Array, n: int) -> Array:
        """The derivative of these terms to w, the weights of one layer."""
        return (self.lmbda / n) * w
