"""Model files: safetensors, with a JSON description and a checksum in the metadata.

The tensors are `w2`, `b2` .. `wL`, `bL`, in the shapes of `Network.weights` and `Network.biases`. Loading
runs no code from the file and allocates no more than the file holds.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from nablanet.activations import is_builtin as is_builtin_activation
from nablanet.costs import is_builtin as is_builtin_cost
from nablanet.files import container
from nablanet.files.container import ModelFileError
from nablanet.files.description import TASKS, Description, check_names, parse_description
from nablanet.network import Network
from nablanet.shapes import Array
from nablanet.training import History
from nablanet.version import __version__

_KIND = "nablanet"


@dataclass
class Model:
    """A network and what is needed to use it on data like that it was trained on.

    preprocessing: how inputs become rows of X, as JSON; None for rows as they are. task:
    "classification", "regression" or None. class_names: by output neuron. feature_names,
    target_name: columns of the training table. history: the epochs it was trained for.
    """

    network: Network
    preprocessing: dict[str, Any] | None = None
    task: str | None = None
    class_names: list[str] | None = None
    feature_names: list[str] | None = None
    target_name: str | None = None
    history: History = field(default_factory=History)


def save_model(model: Model | Network, path: str | os.PathLike[str]) -> None:
    """Write a model file; the old file stays whole until the new one is.

    Raises ValueError for a network with Python functions of the user's own, or with parameters that
    are not finite, and OSError, which names the file, where it cannot be written.
    """
    if isinstance(model, Network):
        model = Model(model)
    net = model.network
    _check_can_be_saved(model)
    text = _describe(model).to_json()
    container.write(Path(path), _KIND, text, dict(_named(net.weights, net.biases)))


def load(path: str | os.PathLike[str]) -> Network:
    """The network in a model file; it predicts with the same bits as the one that was saved.

    Raises ModelFileError, a ValueError, for anything but a whole model file, and OSError.
    """
    return read_model(path).network


def read_model(path: str | os.PathLike[str]) -> Model:
    """The network in a model file and what belongs to it. Raises as `load` does."""
    path = Path(path)
    text, tensors = container.read(path, _KIND, lambda text: _wanted(parse_description(text)))
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise ModelFileError(
                f"{path} is not a model file that can be used: its tensor {name} holds NaN or infinity"
            )
    d = parse_description(text)
    values = list(tensors.values())
    network = d.build(list(zip(values[0::2], values[1::2], strict=True)))
    return Model(network, d.preprocessing, d.task, d.class_names, d.feature_names, d.target_name, d.history)


def is_model_file(path: str | os.PathLike[str]) -> bool:
    """Whether a file says that `save_model` wrote it; looks at its beginning only, checks nothing else."""
    return container.is_kind(Path(path), _KIND)


def _wanted(d: Description) -> container.Wanted:
    """The tensors that follow from the description: w2, b2 .. wL, bL."""
    wanted: dict[str, tuple[str, tuple[int, ...]]] = {}
    for layer, (n_in, n_out) in enumerate(pairwise(d.sizes), start=2):
        wanted |= {f"w{layer}": (d.dtype, (n_out, n_in)), f"b{layer}": (d.dtype, (n_out, 1))}
    return wanted


def _check_can_be_saved(model: Model) -> None:
    net = model.network
    own = [f"activation {a.name!r}" for a in net.activations if not is_builtin_activation(a)]
    if not is_builtin_cost(net.cost):
        own.append(f"cost {net.cost.name!r}")
    if net.overrides("feedforward"):
        own.append("method 'feedforward'")
    if own:
        raise ValueError(
            "a network with Python functions of your own cannot be saved, because a model file holds no "
            f"code: it has its own {', '.join(own)}"
        )
    net.check_parameters()
    if model.task is not None and model.task not in TASKS:
        raise ValueError(f"task must be one of {', '.join(TASKS)} or None, got {model.task!r}")
    if model.class_names is not None:
        check_names("the model", model.class_names, net.sizes[-1])


def _describe(model: Model) -> Description:
    net = model.network
    return Description(
        package_version=__version__,
        sizes=net.sizes,
        activations=[a.name for a in net.activations],
        cost=net.cost.name,
        cost_parameters=dict(net.cost.parameters),
        dtype=str(net.dtype),
        task=model.task,
        preprocessing=model.preprocessing,
        class_names=model.class_names,
        feature_names=model.feature_names,
        target_name=model.target_name,
        history=model.history,
        input_scale=net.input_scale,
    )


def _named(weights: Sequence[Array], biases: Sequence[Array]) -> list[tuple[str, Array]]:
    return [
        (f"{kind}{layer}", array)
        for layer, pair in enumerate(zip(weights, biases, strict=True), start=2)
        for kind, array in zip("wb", pair, strict=True)
    ]
