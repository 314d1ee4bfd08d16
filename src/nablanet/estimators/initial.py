"""Initial parameters as scikit-learn draws them, so that one random state begins the same run in both."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from nablanet.shapes import Array


def glorot_uniform(
    random_state: np.random.RandomState, sizes: list[int], activations: list[str], dtype: np.dtype[Any]
) -> tuple[list[Array], list[Array]]:
    """Coefs (n_in, n_out) and intercepts (n_out,) for each pair of layers.

    Uniform up to sqrt(6 / (n_in + n_out)), for logistic up to sqrt(2 / (n_in + n_out)) (Glorot & Bengio
    2010, eq. 16). activations: a name for each pair.
    """
    coefs, intercepts = [], []
    for (n_in, n_out), name in zip(pairwise(sizes), activations, strict=True):
        bound = np.sqrt((2.0 if name in ("logistic", "sigmoid") else 6.0) / (n_in + n_out))
        coefs.append(random_state.uniform(-bound, bound, (n_in, n_out)).astype(dtype, copy=False))
        intercepts.append(random_state.uniform(-bound, bound, n_out).astype(dtype, copy=False))
    return coefs, intercepts
