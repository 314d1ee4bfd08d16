"""nablanet trains feed-forward neural networks by backpropagation, as in chapter 2 of Michael
Nielsen's "Neural Networks and Deep Learning", on a compiled engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nablanet.activations import ACTIVATIONS, Activation, sigmoid, sigmoid_prime
from nablanet.costs import COSTS, Cost
from nablanet.engine import build_info
from nablanet.network import Network
from nablanet.optimizers import SGD, Adam
from nablanet.training import DivergenceError, Epoch, History
from nablanet.version import __version__

if TYPE_CHECKING:
    from nablanet.files import load

__all__ = [
    "ACTIVATIONS",
    "COSTS",
    "SGD",
    "Activation",
    "Adam",
    "Cost",
    "DivergenceError",
    "Epoch",
    "History",
    "Network",
    "__version__",
    "build_info",
    "load",
    "sigmoid",
    "sigmoid_prime",
]


def __getattr__(name: str) -> Any:
    # model files need safetensors, which `import nablanet` does not load
    if name == "load":
        from nablanet.files import load

        return load
    raise AttributeError(f"module 'nablanet' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
