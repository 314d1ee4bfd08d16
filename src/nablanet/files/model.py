"""Model files: safetensors, with a JSON description and a checksum in the metadata.

The tensors are `w2`, `b2` .. `wL`, `bL`, in the shapes of `Network.weights` and `Network.biases`, and
`state.NAME` for each of the state. Loading runs no code from the file and allocates no more than the file
holds.
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
from nablanet.files.description import STATE_DTYPES, Description, parse_description
from nablanet.network import Network
from nablanet.shapes import Array, describe
from nablanet.training import History
from nablanet.version import __version__

_KIND = "nablanet"
_STATE = "state."


@dataclass
class Model:
    """A network and what is needed to use it on data like that it was trained on.

    preprocessing: how inputs become rows of X, as JSON; None for rows as they are. task:
    "classification", "regression" or None. class_names: by output neuron. feature_names,
    target_name: columns of the training table. history: the epochs it was trained for.

    estimator: what an estimator around the network needs to be made again, as JSON. state: what the
    optimizer remembers, float32, float64 or int64 arrays by name; names are letters, digits and _, or
    several such with dots between them.
    """

    network: Network
    preprocessing: dict[str, Any] | None = None
    task: str | None = None
    class_names: list[str] | None = None
    feature_names: list[str] | None = None
    target_name: str | None = None
    history: History = field(default_factory=History)
    estimator: dict[str, Any] | None = None
    state: dict[str, Array] = field(default_factory=dict)


def save_model(model: Model | Network, path: str | os.PathLike[str]) -> None:
    """Write a model file; the old file stays whole until the new one is.

    Raises ValueError or TypeError for a network with Python functions of the user's own, for parameters that
    are not finite, and for anything beside the network that could not be read again; and OSError,
    which names the file, where it cannot be written.
    """
    if isinstance(model, Network):
        model = Model(model)
    net = model.network
    _check_can_be_saved(model)
    text = _describe(model).to_json()
    try:
        parse_description(text)
    except ModelFileError as error:
        raise ValueError(f"no model file can hold this model: {error}") from None
    tensors = dict(_named(net.weights, net.biases))
    tensors |= {_STATE + name: value for name, value in model.state.items()}
    container.write(Path(path), _KIND, text, tensors)


def load(path: str | os.PathLike[str]) -> Network:
    """The network in a model file; it predicts with the same bits as the one that was saved.

    Raises ModelFileError, a ValueError, for anything but a whole model file, and OSError.
    """
    return read_model(path).network


def read_model(path: str | os.PathLike[str]) -> Model:
    """The network in a model file and what belongs to it. Raises as `load` does."""
    path = Path(path)
    text, tensors = container.read(path, _KIND, lambda text: wanted_tensors(parse_description(text)))
    d = parse_description(text)
    state = {name: tensors.pop(_STATE + name) for name in d.state}
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise ModelFileError(
                f"{path} is not a model file that can be used: its tensor {name} holds NaN or infinity"
            )
    # handed over, so that a layer does not stay in memory once the network has its own
    layers = ((tensors.pop(f"w{n}"), tensors.pop(f"b{n}")) for n in range(2, len(d.sizes) + 1))
    return Model(
        d.build(layers),
        d.preprocessing,
        d.task,
        d.class_names,
        d.feature_names,
        d.target_name,
        d.history,
        d.estimator,
        state,
    )


def is_model_file(path: str | os.PathLike[str]) -> bool:
    """Whether a file says that `save_model` wrote it; looks at its beginning only, checks nothing else."""
    return container.is_kind(Path(path), _KIND)


def wanted_tensors(d: Description) -> container.Wanted:
    """The tensors that follow from the description: w2, b2 .. wL, bL, then the state's."""
    wanted: dict[str, tuple[str, tuple[int, ...]]] = {}
    for layer, (n_in, n_out) in enumerate(pairwise(d.sizes), start=2):
        wanted |= {f"w{layer}": (d.dtype, (n_out, n_in)), f"b{layer}": (d.dtype, (n_out, 1))}
    return wanted | {_STATE + name: entry for name, entry in d.state.items()}


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
    for name, value in model.state.items():
        if not isinstance(value, np.ndarray) or value.dtype not in STATE_DTYPES:
            raise TypeError(
                f"state must hold arrays of {', '.join(STATE_DTYPES)}, got {describe(value)} for {name!r}"
            )


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
        estimator=model.estimator,
        state={name: (str(value.dtype), value.shape) for name, value in model.state.items()},
    )


def _named(weights: Sequence[Array], biases: Sequence[Array]) -> list[tuple[str, Array]]:
    return [
        (f"{kind}{layer}", array)
        for layer, pair in enumerate(zip(weights, biases, strict=True), start=2)
        for kind, array in zip("wb", pair, strict=True)
    ]
