"""Model files: safetensors, with a JSON description and a checksum in the metadata.

The tensors are `w2`, `b2` .. `wL`, `bL`, in the shapes of `Network.weights` and `Network.biases`. Loading
runs no code from the file and allocates no more than the file holds.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nablanet.activations import is_builtin as is_builtin_activation
from nablanet.costs import is_builtin as is_builtin_cost
from nablanet.files.atomic import write_atomically
from nablanet.files.description import TASKS, Description, ModelFileError, check_names, parse_description
from nablanet.network import Network
from nablanet.shapes import Array
from nablanet.training import History
from nablanet.version import __version__

_DESCRIPTION = "nablanet"
_CHECKSUM = "sha256"
_LONGEST_HEADER = 100_000_000  # as in safetensors
_DTYPES = {"float32": "F32", "float64": "F64"}


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
    from safetensors.numpy import save

    if isinstance(model, Network):
        model = Model(model)
    net = model.network
    _check_can_be_saved(model)
    text = _describe(model).to_json()
    tensors = {name: np.ascontiguousarray(value) for name, value in _named(net.weights, net.biases)}
    metadata = {_DESCRIPTION: text, _CHECKSUM: _checksum(text, list(tensors.values()))}
    write_atomically(Path(path), save(tensors, metadata))


def load(path: str | os.PathLike[str]) -> Network:
    """The network in a model file; it predicts with the same bits as the one that was saved.

    Raises ModelFileError, a ValueError, for anything but a whole model file, and OSError.
    """
    return read_model(path).network


def read_model(path: str | os.PathLike[str]) -> Model:
    """The network in a model file and what belongs to it. Raises as `load` does."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if path.exists() and not path.is_file():
        raise ModelFileError(f"{path} is not a model file: it is no regular file")
    with path.open("rb"):
        pass  # a missing or unreadable file is an OSError with the usual words
    try:
        with safe_open(path, framework="numpy") as file:
            return _read(file)
    except SafetensorError:
        # the words of the library are about its own format
        if is_model_file(path):
            raise ModelFileError(f"{path} is a damaged or truncated nablanet model file") from None
        raise ModelFileError(f"{path} is not a nablanet model file, or not a whole one") from None
    except ModelFileError as error:
        raise ModelFileError(f"{path} is not a model file that can be used: {error}") from None


def is_model_file(path: str | os.PathLike[str]) -> bool:
    """Whether a file says that `save_model` wrote it; looks at its beginning only, checks nothing else."""
    path = Path(path)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length) if length <= _LONGEST_HEADER else b""
    try:
        content = json.loads(header)
    except (ValueError, RecursionError):
        return False
    about = content.get("__metadata__") if isinstance(content, dict) else None
    return isinstance(about, dict) and _DESCRIPTION in about


def _read(file: Any) -> Model:
    metadata = file.metadata() or {}
    if _DESCRIPTION not in metadata or _CHECKSUM not in metadata:
        raise ModelFileError("it is a safetensors file, but nablanet did not write it (no description)")
    text = metadata[_DESCRIPTION]
    d = parse_description(text)
    names = _check_tensors(file, d)
    tensors = [file.get_tensor(name) for name in names]
    if _checksum(text, tensors) != metadata[_CHECKSUM]:
        raise ModelFileError("its content is damaged: the checksum does not match")
    for name, tensor in zip(names, tensors, strict=True):
        if not np.isfinite(tensor).all():
            raise ModelFileError(f"its tensor {name} holds NaN or infinity")
    network = d.build(list(zip(tensors[0::2], tensors[1::2], strict=True)))
    return Model(network, d.preprocessing, d.task, d.class_names, d.feature_names, d.target_name, d.history)


def _check_tensors(file: Any, d: Description) -> list[str]:
    """The names of the tensors in order, once names, types and shapes follow from the description."""
    wanted: dict[str, list[int]] = {}
    for layer, (n_in, n_out) in enumerate(zip(d.sizes[:-1], d.sizes[1:], strict=True), start=2):
        wanted |= {f"w{layer}": [n_out, n_in], f"b{layer}": [n_out, 1]}
    got = set(file.keys())
    if got != set(wanted):
        lacks, extra = sorted(set(wanted) - got), sorted(got - set(wanted))
        raise ModelFileError(
            f"its tensors do not follow from sizes {d.sizes}: missing {lacks}, unknown {extra}"
        )
    for name, shape in wanted.items():
        tensor = file.get_slice(name)
        came = (tensor.get_dtype(), list(tensor.get_shape()))
        if came != (_DTYPES[d.dtype], shape):
            raise ModelFileError(
                f"its tensor {name} should be {_DTYPES[d.dtype]} of shape {shape}, "
                f"got {came[0]} of shape {came[1]}"
            )
    return list(wanted)


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


def _checksum(text: str, tensors: Sequence[Array]) -> str:
    """SHA-256 over the description and the little-endian bytes of w2, b2 .. wL, bL."""
    digest = hashlib.sha256(text.encode())
    for tensor in tensors:
        little = np.ascontiguousarray(tensor, dtype=tensor.dtype.newbyteorder("<"))
        digest.update(little.reshape(-1).data)
    return digest.hexdigest()
