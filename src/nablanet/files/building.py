"""A network made of parameters that come from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nablanet import architecture
from nablanet.activations import Activation
from nablanet.costs import Cost
from nablanet.network import Network
from nablanet.shapes import Array, numeric


def build(
    weights: Sequence[Any],
    biases: Sequence[Any],
    *,
    activation: str | Activation | Sequence[str | Activation],
    output: str | Activation | None,
    cost: str | Cost,
) -> Network:
    """A network with copies of these parameters, for layers 2..L.

    weights: (n_out, n_in), all float32 or float64; biases: (n_out,) or (n_out, 1). Raises ValueError or
    TypeError, which name the layer, for other shapes and dtypes and for what is not finite.
    """
    pairs: list[tuple[Array, Array]] = []
    for layer, (w, b) in enumerate(zip(weights, biases, strict=True), start=2):
        w, b = numeric(w, f"w of layer {layer}"), numeric(b, f"b of layer {layer}")
        n_in = pairs[-1][0].shape[0] if pairs else w.shape[-1] if w.ndim else 1
        if w.ndim != 2 or w.shape[1] != n_in or b.shape not in ((len(w),), (len(w), 1)):
            raise ValueError(
                f"layer {layer} needs weights to each of its n neurons from {n_in}, and n biases; got shapes "
                f"{w.shape} (neurons of the layer first) and {b.shape}"
            )
        pairs.append((w, b.reshape(-1, 1)))
    if not pairs:
        raise ValueError("a network needs the parameters of one layer at least, got none")
    parameters = iter(pairs)
    network = Network(
        [pairs[0][0].shape[1], *(len(b) for _, b in pairs)],
        activation=activation,
        output=output,
        cost=cost,
        init=lambda rng, n_in, n_out: next(parameters),
        dtype=architecture.float_type(np.result_type(*(part for pair in pairs for part in pair))),
    )
    network.check_parameters()
    return network
