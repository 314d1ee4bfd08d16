"""The JSON description inside a model file: what is in it, and the check of every part.

Nothing here trusts the file: each field is checked for its type and against the others before any
of it is used.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from nablanet import costs
from nablanet.activations import ACTIVATIONS
from nablanet.architecture import check_activations, check_input_scale, float_type
from nablanet.files.container import ModelFileError, is_shape
from nablanet.files.strict_json import parse_object
from nablanet.network import Network
from nablanet.shapes import check_sizes, describe
from nablanet.training import Epoch, History

FORMAT = 2
TASKS = ("classification", "regression")
STATE_DTYPES = ("float32", "float64", "int64")
STATE_NAME = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z0-9_]+)*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Description:
    """What a model file says about its tensors and about the data the network was trained on.

    sizes: n_1 .. n_L. activations: names for layers 2..L. dtype: "float32" or "float64".
    cost_parameters: by name; none for most costs. preprocessing: how inputs become rows of X, for whoever
    wrote the file to interpret. input_scale: what the network multiplies X with. estimator: likewise for
    whoever wrote it. state: the dtype and shape of each further tensor, by name.
    """

    package_version: str
    sizes: list[int]
    activations: list[str]
    cost: str
    cost_parameters: dict[str, float]
    dtype: str
    task: str | None
    preprocessing: dict[str, Any] | None
    class_names: list[str] | None
    feature_names: list[str] | None
    target_name: str | None
    history: History
    input_scale: float = 1.0
    estimator: dict[str, Any] | None = None
    state: Mapping[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)

    def to_json(self) -> str:
        """The text that goes into the file. Raises ValueError or TypeError for what JSON cannot hold."""
        content = {f.name: getattr(self, f.name) for f in fields(self)}
        content["history"] = [_without_infinities(asdict(epoch)) for epoch in self.history.epochs]
        content |= {"best_epoch": self.history.best_epoch, "stopped": self.history.stopped}
        return json.dumps({"format": FORMAT, **content}, ensure_ascii=False, allow_nan=False)

    def build(self, parameters: Iterable[tuple[Any, Any]]) -> Network:
        """The network with these parameters, (w, b) for each of layers 2..L."""
        layers = iter(parameters)
        return Network(
            self.sizes,
            activation=self.activations[:-1],
            output=self.activations[-1],
            cost=costs.builtin_cost(self.cost, self.cost_parameters),
            init=lambda rng, n_in, n_out: next(layers),
            dtype=self.dtype,
            input_scale=self.input_scale,
        )


def parse_description(text: str) -> Description:
    """The description in this text, checked. Raises ModelFileError, without the file's name."""
    try:
        content = parse_object(text)
    except ValueError as error:
        raise ModelFileError(f"its description is not valid JSON: {error}") from None
    content = _as_newest(content)
    _same_names("its description", {name for name, _, _ in _FIELDS}, set(content))
    for name, accepts, kind in _FIELDS:
        if not accepts(content[name]):
            raise ModelFileError(f"its {name} should be {kind}, got {describe(content[name])}")
    epochs = [_epoch(entry) for entry in content["history"]]
    content["history"] = History(epochs, content.pop("best_epoch"), content.pop("stopped"))
    content["state"] = {name: (dtype, tuple(shape)) for name, (dtype, shape) in content["state"].items()}
    description = Description(**content)
    _check_consistent(description)
    return description


def _as_newest(content: dict[str, Any]) -> dict[str, Any]:
    """The description as the newest format has it, without the number of the format."""
    version = content.pop("format", None)
    if type(version) is not int:
        raise ModelFileError(f"its format version should be up to {FORMAT}, got {describe(version)}")
    if not 1 <= version <= FORMAT:
        newer = " (written by a newer nablanet?)" if version > FORMAT else ""
        raise ModelFileError(
            f"it has format version {version}{newer}, this nablanet reads versions 1 to {FORMAT}"
        )
    if version == 1:
        # the first two are new in the middle of it
        optional = {"cost_parameters": {}, "input_scale": 1.0}
        added: dict[str, Any] = {"best_epoch": None, "stopped": None, "estimator": None, "state": {}}
        _same_names("its description", set(), set(content) & set(added))
        return optional | content | added
    return content


def check_names(owner: str, names: Any, n_outputs: int) -> None:
    """Refuse class names that cannot be told apart or do not fit the output layer."""
    if len(set(names)) != len(names):
        raise ModelFileError(f"{owner} has class names that occur twice")
    wanted = 2 if n_outputs == 1 else n_outputs
    if len(names) != wanted:
        raise ModelFileError(f"{owner} needs {wanted} class names for its output layer, got {len(names)}")


def _check_consistent(d: Description) -> None:
    try:
        sizes = check_sizes(d.sizes)
        check_activations([ACTIVATIONS[name] for name in d.activations], sizes)
        check_input_scale(d.input_scale, float_type(d.dtype))
        costs.check_pair(costs.builtin_cost(d.cost, d.cost_parameters), ACTIVATIONS[d.activations[-1]])
    except (ValueError, TypeError) as error:
        raise ModelFileError(f"its description is no network: {error}") from None
    if d.class_names is not None:
        check_names("it", d.class_names, sizes[-1])
    best = d.history.best_epoch
    if best is not None and all(epoch.epoch != best for epoch in d.history.epochs):
        raise ModelFileError(f"its history has no epoch {best}, which should be the best")


def _same_names(owner: str, wanted: set[str], got: set[str]) -> None:
    if missing := sorted(wanted - got):
        raise ModelFileError(f"{owner} lacks {', '.join(missing)}")
    if unknown := sorted(got - wanted):
        raise ModelFileError(f"{owner} has unknown entries: {describe(unknown)}")


def _epoch(entry: dict[str, Any]) -> Epoch:
    entry = {"eta": None, "metrics": {}} | entry  # the first files have neither
    _same_names("an epoch of its history", {f.name for f in fields(Epoch)}, set(entry))
    number = entry["epoch"]
    if type(number) is not int or number < 0:
        raise ModelFileError(f"its history has an epoch {describe(number)}, which should be a number from 0")
    metrics = entry.pop("metrics")
    if not isinstance(metrics, dict):
        raise ModelFileError(f"its history should have metrics by name, got {describe(metrics)}")
    for name, value in [*entry.items(), *metrics.items()]:
        optional = name not in ("epoch", "seconds") and value is None
        if not optional and (type(value) not in (int, float) or not math.isfinite(value)):
            raise ModelFileError(f"its history should have a number for {name}, got {describe(value)}")
    if entry["cost"] is None:  # of the epoch that diverged
        entry["cost"] = math.nan
    measured = {name: math.nan if value is None else value for name, value in metrics.items()}
    return Epoch(**entry, metrics=measured)


def _without_infinities(epoch: dict[str, Any]) -> dict[str, Any]:
    # a cost may overflow while the network is still sound; JSON has no infinity
    metrics = _without_infinities(epoch["metrics"]) if "metrics" in epoch else None
    finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in epoch.items()}
    return finite if metrics is None else finite | {"metrics": metrics}


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(type(number) in (int, float) for number in value.values())


def _optional_texts(value: Any) -> bool:
    return value is None or _texts(value)


def _optional_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _state(value: Any) -> bool:
    """Names are never paths, but stay such that nothing could take them for one."""
    return isinstance(value, dict) and all(
        STATE_NAME.fullmatch(name)
        and isinstance(entry, list)
        and len(entry) == 2
        and entry[0] in STATE_DTYPES
        and is_shape(entry[1])
        for name, entry in value.items()
    )


_FIELDS: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("package_version", lambda v: isinstance(v, str), "a text"),
    ("sizes", lambda v: isinstance(v, list), "a list of integers"),
    ("activations", lambda v: _texts(v) and all(a in ACTIVATIONS for a in v), "a list of activation names"),
    ("cost", lambda v: isinstance(v, str) and v in costs.COSTS, f"one of {', '.join(costs.COSTS)}"),
    ("cost_parameters", _numbers, "an object of numbers"),
    ("dtype", lambda v: v in ("float32", "float64"), "'float32' or 'float64'"),
    ("task", lambda v: v is None or v in TASKS, "'classification', 'regression' or null"),
    ("preprocessing", lambda v: v is None or isinstance(v, dict), "an object or null"),
    ("class_names", _optional_texts, "a list of texts or null"),
    ("feature_names", _optional_texts, "a list of texts or null"),
    ("target_name", _optional_text, "a text or null"),
    ("history", lambda v: isinstance(v, list) and all(isinstance(e, dict) for e in v), "a list of epochs"),
    ("input_scale", lambda v: type(v) in (int, float), "a number"),
    ("best_epoch", lambda v: v is None or (type(v) is int and v >= 0), "a number from 0, or null"),
    ("stopped", _optional_text, "a text or null"),
    ("estimator", lambda v: v is None or isinstance(v, dict), "an object or null"),
    (
        "state",
        _state,
        f"an object of [{' or '.join(STATE_DTYPES)}, shape] by names of letters, digits, _ and dots",
    ),
)
