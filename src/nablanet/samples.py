"""Samples that a network is given to learn from: checked against its sizes, its cost and its float type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nablanet import engine, shapes
from nablanet.costs import check_targets
from nablanet.sample_weights import ClassWeight, weights_of
from nablanet.shapes import Array, Rows

if TYPE_CHECKING:
    from nablanet.network import Network

_ROWS = 4096  # looked at together where NumPy needs room for each

# X, Y, their weights or none
Samples = tuple[Rows, Array, Array | None]


def entering(network: Network, x: Array, name: str) -> Array:
    """What is to be multiplied by `input_scale`, in the network's dtype."""
    x = shapes.cast(x, network.dtype, name)
    if network.input_scale > 1:
        shapes.check_fits(x, network.dtype, name, network.input_scale)
    return x


def from_pair(network: Network, x: object, y: object) -> tuple[Array, Array]:
    """One example as columns (n_1, 1) and (n_L, 1) in the network's dtype."""
    network.check_parameters()
    x = entering(network, shapes.column(x, network.sizes[0], "x", 1), "x")
    y = shapes.desired_output(y, network.sizes[-1], network.num_layers)
    y = shapes.cast(y, network.dtype, "y")
    check_targets(network.cost, network.activations[-1], y)
    return x, y


def from_pairs(network: Network, data: object, name: str) -> tuple[Array, Array]:
    """Pairs (x, y), or two whole arrays, as rows X and Y in the network's dtype."""
    network.check_parameters()
    X, Y = shapes.pairs(data, network.sizes[0], network.sizes[-1], network.num_layers, name)
    X = entering(network, X, f"the x of {name}")
    Y = shapes.cast(Y, network.dtype, f"the y of {name}")
    check_targets(network.cost, network.activations[-1], Y.T)
    return X, Y


def from_rows(
    network: Network,
    X: object,
    Y: object,
    sample_weight: npt.ArrayLike | None = None,
    class_weight: ClassWeight | None = None,
    *,
    of: str | None = None,
    finite: bool = False,
) -> Samples:
    """Rows X, Y as rows or int32 labels, and `weights_of` them; the caller's own arrays wherever they can be.

    of: what messages say that they belong to. finite: whether X is known to be, in the network's dtype.
    """
    x_name, y_name, weight_name = (
        name if of is None else f"the {name} of {of}" for name in ("X", "Y", "sample_weight")
    )
    network.check_parameters()
    rows = shapes.rows(X, network.sizes[0], x_name)
    desired, is_labels = shapes.targets(Y, len(rows), network.sizes[-1], network.num_layers, y_name)
    # on the caller's thread: how many more there may be is not known here
    if not finite and not engine.all_finite(rows, network.dtype, network.input_scale, 1):
        shapes.check_fits(rows, network.dtype, x_name, network.input_scale)
    if not is_labels:
        if desired.dtype in (np.float32, np.float64) and desired.dtype.isnative:
            shapes.check_fits(desired, network.dtype, y_name)
        else:
            desired = shapes.cast(desired, network.dtype, y_name)
        for begin in range(0, len(desired), _ROWS):
            check_targets(network.cost, network.activations[-1], desired[begin : begin + _ROWS].T)
    return rows, desired, weights_of(sample_weight, class_weight, desired, network.sizes[-1], weight_name)


def held_out(network: Network, validation: object) -> Samples:
    """What is passed as `validation`: (X, Y) or (X, Y, sample_weight)."""
    if not isinstance(validation, (tuple, list)) or len(validation) not in (2, 3):
        raise TypeError(
            "validation must be a pair (X, Y) or a triple (X, Y, sample_weight), "
            f"got {shapes.describe(validation)}"
        )
    X, Y, *weight = validation
    return from_rows(network, X, Y, *weight, of="validation")
