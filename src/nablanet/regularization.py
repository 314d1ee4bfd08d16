"""What keeps weights small: terms added to the cost that training minimizes, and a limit on norms.

Biases are never regularized. The cost that training reports leaves these terms out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from nablanet.shapes import Array, positive


@dataclass(frozen=True)
class Regularization:
    """Terms on the weights; n is the number of training samples, m that of the mini-batch's.

    lmbda: L2 in the book's form, lmbda/(2n) sum w^2 (chapter 3, eq. 87). alpha: L2 in scikit-learn's
    form, alpha/(2m) sum w^2. l1: L1 in the book's form, l1/n sum |w| (chapter 3, eq. 95), whose
    derivative at w = 0 is taken as 0. Each 0 or more.
    """

    lmbda: float = 0.0
    alpha: float = 0.0
    l1: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, positive(getattr(self, field.name), field.name, zero=True))

    def gradient(self, w: Array, n: int, m: float) -> Array:
        """The derivative of these terms to w, the weights of one layer."""
        return (self.lmbda / n + self.alpha / m) * w + (self.l1 / n) * np.sign(w)

    def cost(self, weights: Sequence[Array], n: int) -> float:
        """What these terms add to the cost of all n samples, for the weights of all layers."""
        squares = math.fsum(float(np.square(w).sum()) for w in weights)
        absolute = math.fsum(float(np.abs(w).sum()) for w in weights)
        return (self.lmbda + self.alpha) / (2 * n) * squares + self.l1 / n * absolute


def check_max_norm(max_norm: object) -> float | None:
    """The norm that `limit_norms` allows, above 0; None for any."""
    return None if max_norm is None else positive(max_norm, "max_norm")


def limit_norms(w: Array, max_norm: float) -> None:
    """Scale to max_norm, in place, the incoming weights w_j of each neuron whose norm is larger.

    w: the weights of one layer, shape (n_out, n_in). Srivastava et al. 2014, section 5.1.
    """
    norms = np.sqrt(np.square(w).sum(axis=1, keepdims=True))
    w *= max_norm / np.maximum(norms, max_norm)
