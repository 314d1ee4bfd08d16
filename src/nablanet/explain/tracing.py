"""A sample's trace together with the four equations in its numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy.typing as npt

from nablanet.explain.equations import of_trace
from nablanet.explain.trace import Trace, of_sample

if TYPE_CHECKING:
    from nablanet.network import Network


def trace(network: Network, x: npt.ArrayLike, y: npt.ArrayLike) -> Trace:
    """Feed x forward and its error back, by the reference in `backprop`, in the network's float type.

    x: (n_1,) or (n_1, 1); y: (n_L,) or (n_L, 1), or an integer label. An overridden `cost_derivative`
    is what runs. Raises ValueError or TypeError as `Network.backprop` does.
    """
    traced = of_sample(network, x, y)
    return replace(traced, equations=tuple(of_trace(network, traced).blocks()))
