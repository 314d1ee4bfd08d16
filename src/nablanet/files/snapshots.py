"""A snapshot of a training as the text and the tensors of a file, and back; every part of it is checked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from nablanet import costs
from nablanet.activations import ACTIVATIONS
from nablanet.activations import is_builtin as is_builtin_activation
from nablanet.architecture import check_activations, check_input_scale, float_type
from nablanet.files.container import ModelFileError, Wanted
from nablanet.files.diagnoses import from_plain, to_plain
from nablanet.files.strict_json import parse_object
from nablanet.files.tree import grow, plant, tensors_of
from nablanet.network import Network
from nablanet.resuming import Snapshot, TrainingState
from nablanet.shapes import Array, check_sizes, count, describe
from nablanet.training import Epoch
from nablanet.version import __version__

FORMAT = 1
_NETWORK = ("sizes", "activations", "cost", "cost_parameters", "dtype", "input_scale")
_RUN = (
    "parameters",
    "best",
    "last",
    "trainer",
    "generator",
    "dropout_seed",
    "epochs",
    "optimizer",
    "batch_size",
    "n_samples",
    "diagnoses",
    "diverged",
)
_OPTIONAL = ("validation_cost", "validation_accuracy", "eta")
_OWN_METHODS = ("feedforward", "backprop", "cost_derivative")


@dataclass(frozen=True)
class Contents:
    """What a checkpoint holds. own: Python functions of the network's user, which it does not hold.

    about: what the program that wrote it wanted to be kept.
    """

    network: dict[str, Any]
    own: list[str]
    about: dict[str, Any]
    snapshot: Snapshot

    def build(self) -> Network:
        """The network with the parameters of the snapshot. Raises ValueError for one with own Python."""
        if self.own:
            raise ValueError(
                f"its network has Python functions of its own, which no file holds ({', '.join(self.own)}): "
                "make the network as the run did, and pass the path to fit(resume=...)"
            )
        n, parameters = self.network, self.snapshot.parameters
        layers = len(parameters) // 2
        pairs = iter(zip(parameters[:layers], parameters[layers:], strict=True))
        return Network(
            n["sizes"],
            activation=n["activations"][:-1],
            output=n["activations"][-1],
            cost=costs.builtin_cost(n["cost"], n["cost_parameters"]),
            init=lambda rng, n_in, n_out: next(pairs),
            dtype=n["dtype"],
            input_scale=n["input_scale"],
        )


def to_file(network: Network, about: dict[str, Any], snapshot: Snapshot) -> tuple[str, dict[str, Array]]:
    """The text and the tensors. Raises TypeError or ValueError for what they cannot hold."""
    tensors: dict[str, Array] = {}
    state = snapshot.state
    run = {
        "parameters": snapshot.parameters,
        "best": None if state.best is None else list(state.best),
        "last": state.last,
        "trainer": state.trainer,
        "generator": state.generator,
        "dropout_seed": state.dropout_seed,
        "epochs": _columns(state.epochs),
        "optimizer": state.optimizer,
        "batch_size": state.batch_size,
        "n_samples": state.n_samples,
        "diagnoses": to_plain(state.diagnoses),
        "diverged": snapshot.diverged,
    }
    own = [f"activation {a.name!r}" for a in network.activations if not is_builtin_activation(a)]
    if not costs.is_builtin(network.cost):
        own.append(f"cost {network.cost.name!r}")
    own.extend(f"method {name!r}" for name in _OWN_METHODS if network.overrides(name))
    content = {
        "format": FORMAT,
        "package_version": __version__,
        "network": {
            "sizes": network.sizes,
            "activations": [a.name for a in network.activations],
            "cost": network.cost.name,
            "cost_parameters": dict(network.cost.parameters),
            "dtype": str(network.dtype),
            "input_scale": network.input_scale,
        },
        "own": own,
        "about": about,
        "settings": snapshot.settings,
        "run": plant(run, "run", tensors),
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False), tensors


def wanted_tensors(text: str) -> Wanted:
    """The tensors that belong to a text. Raises ModelFileError."""
    listed = list(tensors_of(_parse(text)["run"]))
    wanted = dict(listed)
    if len(wanted) < len(listed):
        raise ModelFileError("its description has a tensor twice")
    return wanted


def from_file(text: str, tensors: Mapping[str, Array], source: str) -> Contents:
    """What such a text and the tensors it wants hold. Raises ModelFileError."""
    content = _parse(text)
    network, run = content["network"], grow(content["run"], tensors)
    try:
        _check_known("network", network, _NETWORK)
        _check_known("run", run, _RUN)
        sizes = _check_network(network, content["own"])
        snapshot = _snapshot(run, sizes, network["dtype"], content["settings"], source)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise ModelFileError(f"its description is no training: {what}") from None
    return Contents(network, content["own"], content["about"], snapshot)


def _parse(text: str) -> dict[str, Any]:
    try:
        content = parse_object(text)
    except ValueError as error:
        raise ModelFileError(f"its description is not valid JSON: {error}") from None
    version = content.get("format")
    if type(version) is not int or version != FORMAT:
        raise ModelFileError(
            f"it has format version {describe(version)}, this nablanet reads version {FORMAT}"
        )
    kinds = {"package_version": str, "network": dict, "own": list, "about": dict, "settings": dict}
    if content.keys() != {"format", "run", *kinds}:
        raise ModelFileError(
            f"its description has other entries than a checkpoint: {describe(list(content))}"
        )
    for name, kind in kinds.items():
        if not isinstance(content[name], kind):
            raise ModelFileError(f"its {name} should be a {kind.__name__}, got {describe(content[name])}")
    return content


def _check_known(owner: str, entries: dict[str, Any], known: tuple[str, ...]) -> None:
    if unknown := sorted(entries.keys() - set(known)):
        raise ValueError(f"its {owner} has unknown entries: {describe(unknown)}")


def _check_network(network: dict[str, Any], own: list[Any]) -> list[int]:
    """The sizes, once what the file says of its network is known to be one, where it can be."""
    sizes = check_sizes(network["sizes"])
    names = network["activations"]
    if not all(isinstance(text, str) for text in [*names, *own, network["cost"]]):
        raise TypeError("names of activations and costs should be texts")
    if network["dtype"] not in ("float32", "float64"):  # a text that NumPy may know is not asked of it
        raise ValueError(f"its dtype should be float32 or float64, got {describe(network['dtype'])}")
    check_input_scale(network["input_scale"], float_type(network["dtype"]))
    if not own:
        unknown = [name for name in names if name not in ACTIVATIONS]
        if unknown or network["cost"] not in costs.COSTS:
            raise ValueError(f"no such activation or cost: {describe([*unknown, network['cost']])}")
        check_activations([ACTIVATIONS[name] for name in names], sizes)
        cost = costs.builtin_cost(network["cost"], network["cost_parameters"])
        costs.check_pair(cost, ACTIVATIONS[names[-1]])
    return sizes


def _snapshot(run: Any, sizes: list[int], dtype: str, settings: dict[str, Any], source: str) -> Snapshot:
    epochs = _epochs(run["epochs"])
    best, seed = run["best"], run["dropout_seed"]
    if best is not None:
        number, kept = best
        best = (count(number, "the best epoch", 0), _parameters(kept, sizes, dtype))
        if best[0] >= len(epochs):
            raise ValueError(f"the best epoch is {best[0]} of {len(epochs)}")
    if seed is not None and not 0 <= count(seed, "dropout_seed", 0) < 1 << 64:
        raise ValueError(f"dropout_seed is {seed}")
    if not isinstance(run["trainer"], dict) or type(run["diverged"]) is not bool:
        raise TypeError("no state of a trainer")
    if not isinstance(run["optimizer"], str):
        raise TypeError("no name of an optimizer")
    np.random.PCG64().state = run["generator"]  # raises for what is none
    state = TrainingState(
        epochs=epochs,
        trainer=run["trainer"],
        generator=run["generator"],
        best=best,
        last=None if run["last"] is None else _parameters(run["last"], sizes, dtype),
        dropout_seed=seed,
        sizes=tuple(sizes),
        dtype=dtype,
        optimizer=run["optimizer"],
        batch_size=count(run["batch_size"], "batch_size"),
        n_samples=count(run["n_samples"], "n_samples"),
        diagnoses=from_plain(run["diagnoses"], len(epochs)),
    )
    return Snapshot(_parameters(run["parameters"], sizes, dtype), state, settings, run["diverged"], source)


def _parameters(arrays: Any, sizes: list[int], dtype: str) -> list[Array]:
    """Finite weights, then biases, for these sizes."""
    shapes = [(n_out, n_in) for n_in, n_out in pairwise(sizes)]
    shapes += [(n, 1) for n in sizes[1:]]
    came = [(a.shape, str(a.dtype)) for a in arrays]
    if came != [(shape, dtype) for shape in shapes]:
        raise ValueError(f"parameters of the forms {describe(came)} do not go with sizes {sizes}")
    if not all(np.isfinite(a).all() for a in arrays):
        raise ValueError("a parameter is NaN or infinity")
    return list(arrays)


def _columns(epochs: Sequence[Epoch]) -> dict[str, Any]:
    """The numbers of all epochs by name; beside those that an epoch may lack, which ones have it."""
    columns: dict[str, Any] = {
        name: np.array([getattr(e, name) for e in epochs]) for name in ("cost", "seconds")
    }
    for name in _OPTIONAL:
        columns[name] = _column([getattr(e, name) for e in epochs])
    names = dict.fromkeys(name for e in epochs for name in e.metrics)
    columns["metrics"] = {name: _column([e.metrics.get(name) for e in epochs]) for name in names}
    return columns


def _column(values: list[float | None]) -> tuple[Array, Array]:
    known = np.array([value is not None for value in values], np.uint8)
    return np.array([0.0 if value is None else value for value in values]), known


def _epochs(columns: Any) -> tuple[Epoch, ...]:
    costs_, seconds = (_floats(columns[name], None) for name in ("cost", "seconds"))
    n = len(costs_)
    optional = {name: _values(columns[name], n) for name in _OPTIONAL}
    metrics = {name: _values(column, n) for name, column in columns["metrics"].items()}
    return tuple(
        Epoch(
            epoch=i,
            cost=costs_[i],
            seconds=seconds[i],
            metrics={name: value for name, v in metrics.items() if (value := v[i]) is not None},
            **{name: v[i] for name, v in optional.items()},
        )
        for i in range(n)
    )


def _values(column: Any, n: int) -> list[float | None]:
    values, known = column
    has = _floats(known.astype(float), n)
    return [value if there else None for value, there in zip(_floats(values, n), has, strict=True)]


def _floats(array: Any, n: int | None) -> list[float]:
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype != np.float64:
        raise TypeError(f"numbers of epochs should be float64 in a row, got {describe(array)}")
    if n is not None and len(array) != n:
        raise ValueError(f"{len(array)} numbers for {n} epochs")
    numbers: list[float] = array.tolist()
    return numbers
