"""The `Network` behind an estimator's `coefs_` and `intercepts_`, which share their memory.

Those lists are the truth: what a user writes into an array, or puts in its place, is what predicts and
trains.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from nablanet.activations import ACTIVATIONS, Activation
from nablanet.costs import COSTS, Cost
from nablanet.layout import in_columns
from nablanet.network import Network
from nablanet.shapes import Array


class Link:
    """A network over certain arrays: coefs (n_in, n_out) and intercepts (n_out,) for each pair of layers.

    Arrays of float32 or float64 are used where they lie. Those of other types are copied, so that the
    network does not see what is written into them later: it is then not `shared`.
    """

    def __init__(
        self,
        coefs: Sequence[Any],
        intercepts: Sequence[Any],
        activations: list[Activation],
        cost: Cost,
        settings: object,
    ):
        self._coefs, self._intercepts = list(coefs), list(intercepts)
        self._settings = settings
        arrays = [np.asarray(c) for c in coefs]
        biases = [np.asarray(b) for b in intercepts]
        kinds = {a.dtype for a in arrays + biases}
        dtype = np.dtype(np.float32 if kinds == {np.dtype(np.float32)} else np.float64)
        self._parts = arrays + biases if kinds == {dtype} else None
        sizes = [arrays[0].shape[0], *(a.shape[1] for a in arrays)]
        self.network = Network(
            sizes,
            activation=activations[:-1],
            output=activations[-1],
            cost=cost,
            init=lambda rng, n_in, n_out: (np.zeros((n_out, n_in)), np.zeros((n_out, 1))),
            dtype=dtype,
        )
        self.network.weights = [a.T for a in arrays]
        self.network.biases = [b.reshape(-1, 1) for b in biases]
        self._logits: Network | None = None

    @property
    def shared(self) -> bool:
        """Whether the network writes where these arrays lie; a user may have locked them since."""
        return self._parts is not None and all(a.flags.writeable for a in self._parts)

    @property
    def logits(self) -> Network:
        """A network that shares these arrays, whose outputs are the weighted inputs of the output layer."""
        if self._logits is None:
            self._logits = copy.copy(self.network)
            self._logits.activations = [*self.network.activations[:-1], ACTIVATIONS["identity"]]
            self._logits.cost = COSTS["quadratic"]
        return self._logits

    def holds(self, coefs: object, intercepts: object, settings: object) -> bool:
        """Whether these are the very arrays of this network, and it was made for these settings."""
        return (
            type(coefs) is list
            and type(intercepts) is list
            and self._settings == settings
            and len(coefs) == len(self._coefs)
            and len(intercepts) == len(self._intercepts)
            and all(a is b for a, b in zip(coefs, self._coefs, strict=True))
            and all(a is b for a, b in zip(intercepts, self._intercepts, strict=True))
        )


def laid_out(coefs: Sequence[Array], intercepts: Sequence[Array]) -> tuple[list[Array], list[Array]]:
    """Copies whose memory lies as the engine reads it, so that one row is predicted without a copy."""
    return (
        [in_columns(np.asarray(c).T).T for c in coefs],
        [in_columns(np.asarray(b).reshape(-1, 1))[:, 0] for b in intercepts],
    )
