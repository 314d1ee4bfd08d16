"""nablanet trains feed-forward neural networks by backpropagation, as in chapter 2 of Michael
Nielsen's "Neural Networks and Deep Learning", on a compiled engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nablanet.version import __version__

if TYPE_CHECKING:
    from nablanet.activations import ACTIVATIONS, Activation, sigmoid, sigmoid_prime
    from nablanet.costs import COSTS, Cost, cross_entropy, huber, quantile
    from nablanet.derivatives import Gradient
    from nablanet.engine import build_info
    from nablanet.estimators import MLPClassifier, MLPRegressor
    from nablanet.files import ModelFileError, load
    from nablanet.files.c import to_c
    from nablanet.files.keras import from_keras_weights, to_keras_weights
    from nablanet.files.network2 import from_book_json, to_book_json
    from nablanet.files.npz import to_npz
    from nablanet.files.onnx import to_onnx
    from nablanet.files.sklearn import from_sklearn
    from nablanet.files.torch import from_torch
    from nablanet.lbfgs import LBFGS
    from nablanet.network import Network
    from nablanet.optimizers import OPTIMIZERS, SGD, Adam, AdamW, Momentum, Nesterov, RMSprop
    from nablanet.resuming import TrainingState
    from nablanet.schedules import (
        SCHEDULES,
        Constant,
        Cosine,
        Exponential,
        InverseScaling,
        OneCycle,
        Plateau,
        Step,
    )
    from nablanet.stopping import EarlyStopping
    from nablanet.training import DivergenceError, Epoch, History

# A module is loaded when one of its names is first used, so that the command line starts with
# nothing but this file and can tell in words what goes wrong in the others.
_MODULES = {
    "activations": ("ACTIVATIONS", "Activation", "sigmoid", "sigmoid_prime"),
    "costs": ("COSTS", "Cost", "cross_entropy", "huber", "quantile"),
    "derivatives": ("Gradient",),
    "engine": ("build_info",),
    "estimators": ("MLPClassifier", "MLPRegressor"),
    "files": ("ModelFileError", "load"),
    "files.c": ("to_c",),
    "files.keras": ("from_keras_weights", "to_keras_weights"),
    "files.network2": ("from_book_json", "to_book_json"),
    "files.npz": ("to_npz",),
    "files.onnx": ("to_onnx",),
    "files.sklearn": ("from_sklearn",),
    "files.torch": ("from_torch",),
    "lbfgs": ("LBFGS",),
    "network": ("Network",),
    "optimizers": ("OPTIMIZERS", "SGD", "Adam", "AdamW", "Momentum", "Nesterov", "RMSprop"),
    "resuming": ("TrainingState",),
    "schedules": (
        "SCHEDULES",
        "Constant",
        "Cosine",
        "Exponential",
        "InverseScaling",
        "OneCycle",
        "Plateau",
        "Step",
    ),
    "stopping": ("EarlyStopping",),
    "training": ("DivergenceError", "Epoch", "History"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "ACTIVATIONS",
    "COSTS",
    "LBFGS",
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "Activation",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "Cost",
    "DivergenceError",
    "EarlyStopping",
    "Epoch",
    "Exponential",
    "Gradient",
    "History",
    "InverseScaling",
    "MLPClassifier",
    "MLPRegressor",
    "ModelFileError",
    "Momentum",
    "Nesterov",
    "Network",
    "OneCycle",
    "Plateau",
    "RMSprop",
    "Step",
    "TrainingState",
    "__version__",
    "build_info",
    "cross_entropy",
    "from_book_json",
    "from_keras_weights",
    "from_sklearn",
    "from_torch",
    "huber",
    "load",
    "quantile",
    "sigmoid",
    "sigmoid_prime",
    "to_book_json",
    "to_c",
    "to_keras_weights",
    "to_npz",
    "to_onnx",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nablanet' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"nablanet.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__
