"""Estimators in model files: no pickle, so that a file from a stranger runs no code."""

from __future__ import annotations

import os
import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import is_classifier
from sklearn.preprocessing import LabelBinarizer

from nablanet.estimators import parameters
from nablanet.estimators.constraints import check_parameters
from nablanet.estimators.linked import laid_out
from nablanet.estimators.stochastic import Memory
from nablanet.files.container import ModelFileError, shortened
from nablanet.files.model import Model, read_model
from nablanet.files.model import save_model as write_model
from nablanet.files.tree import grow, plant, tensors_of
from nablanet.network import Network
from nablanet.shapes import Array, describe

if TYPE_CHECKING:
    from nablanet.estimators.base import BaseMLP

Kind = TypeVar("Kind", bound="BaseMLP")

# what training leaves behind, beside what follows from the network; the kinds that each may be
_NUMBER = (int, float)
_CURVE = (list, type(None))
_FITTED: dict[str, tuple[type, ...]] = {
    "n_iter_": (int,),
    "t_": (int,),
    "loss_": _NUMBER,
    "best_loss_": (*_NUMBER, type(None)),
    "loss_curve_": _CURVE,
    "validation_scores_": _CURVE,
    "best_validation_score_": (*_NUMBER, type(None)),
    "validation_loss_curve_": _CURVE,
}
_LARGE = ("optimizer", "best")  # of Memory: as large as the parameters, and kept on request
_PAIRS = "pairs"  # of a dict, whose keys need not be texts
_LABELS = ("bool", "str", "object")
_NUMBERS = re.compile(r"u?int(8|16|32|64)|float(16|32|64|96|128)")


def save_model(estimator: BaseMLP, path: str | os.PathLike[str], optimizer_state: bool) -> None:
    """Write a fitted estimator; see `MLPClassifier.save_model`."""
    write_model(_to_model(estimator, optimizer_state), path)


def load_model(kind: type[Kind], path: str | os.PathLike[str]) -> Kind:
    """Read an estimator of this kind; see `MLPClassifier.load_model`."""
    model = read_model(path)
    try:
        return _from_model(kind, model)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise ModelFileError(f"{path} is no model file of {kind.__name__}: {shortened(error)}") from None


def _to_model(estimator: BaseMLP, optimizer_state: bool) -> Model:
    network = estimator._link().network
    tensors: dict[str, Array] = {}
    memory = {f.name: getattr(estimator._memory, f.name) for f in fields(Memory)}
    if not optimizer_state:
        memory |= dict.fromkeys(_LARGE)
    content = {
        "class": type(estimator).__name__,
        "parameters": {name: _plain(name, value) for name, value in estimator.get_params(deep=False).items()},
        "fitted": {
            name: _plain(name, getattr(estimator, name)) for name in _FITTED if hasattr(estimator, name)
        },
        "classes": None,
        "y_type": None,
        "sparse_y": False,
        "memory": memory,
    }
    classes = None
    if is_classifier(estimator):
        classes = estimator.classes_
        binarizer = estimator._label_binarizer
        content |= {"classes": _labels(classes), "y_type": binarizer.y_type_}
        content |= {"sparse_y": binarizer.sparse_input_}
    named = classes is not None and len(classes) == max(2, network.sizes[-1])
    names = getattr(estimator, "feature_names_in_", None)
    return Model(
        network,
        task="regression" if classes is None else "classification",
        class_names=[str(label) for label in classes] if classes is not None and named else None,
        feature_names=None if names is None else [str(name) for name in names],
        history=estimator.history_,
        estimator=plant(content, "estimator", tensors),
        state=tensors,
    )


def _from_model(kind: type[Kind], model: Model) -> Kind:
    if model.estimator is None:
        raise ModelFileError("it holds a network without an estimator, which nablanet.load reads")
    wanted = dict(tensors_of(model.estimator))
    if wanted != {name: (str(value.dtype), value.shape) for name, value in model.state.items()}:
        raise ModelFileError("the tensors of its state are not those that its estimator speaks of")
    content = grow(model.estimator, model.state)
    keys = {"class", "parameters", "fitted", "classes", "y_type", "sparse_y", "memory"}
    if not isinstance(content, dict) or set(content) != keys:
        raise ModelFileError(f"its estimator should have {', '.join(sorted(keys))}, got {describe(content)}")
    if content["class"] != kind.__name__:
        raise ModelFileError(f"its estimator is {describe(content['class'])}")
    estimator = _with_parameters(kind, content["parameters"])
    network = model.network
    _check_network(estimator, network)
    shown = _object("fitted", content["fitted"])
    if missing := sorted({"n_iter_", "t_"} - set(shown)):
        raise ModelFileError(f"its estimator lacks {', '.join(missing)}")
    for name, value in shown.items():
        if name not in _FITTED or type(value) not in _FITTED[name]:
            raise ModelFileError(f"its estimator has {describe(value)} for {name}")
        if isinstance(value, list) and not all(type(number) in _NUMBER for number in value):
            raise ModelFileError(f"its estimator has {name} that is no list of numbers")
        estimator.__dict__[name] = value
    if is_classifier(estimator):
        _restore_classes(estimator, content, network)
    if model.feature_names is not None:
        if len(model.feature_names) != network.sizes[0]:
            raise ModelFileError(
                f"it has {len(model.feature_names)} feature names for {network.sizes[0]} inputs"
            )
        estimator.__dict__["feature_names_in_"] = np.array(model.feature_names, object)
    output = network.activations[-1].name
    estimator.n_features_in_, estimator.n_outputs_ = network.sizes[0], network.sizes[-1]
    estimator.n_layers_ = len(network.sizes)
    estimator.out_activation_ = "logistic" if output == "sigmoid" else output
    estimator.coefs_, estimator.intercepts_ = laid_out(
        [w.T for w in network.weights], [b[:, 0] for b in network.biases]
    )
    estimator.history_ = model.history
    estimator.history_.diagnoses = [None] * len(model.history)
    estimator._memory = _memory(content["memory"], network)
    return estimator


def _with_parameters(kind: type[Kind], content: Any) -> Kind:
    given = _object("parameters", content)
    estimator = kind()
    known = estimator.get_params(deep=False)
    if unknown := sorted(set(given) - set(known)):
        raise ModelFileError(f"its estimator has unknown parameters: {', '.join(unknown)}")
    estimator.set_params(**{name: _as_given(value) for name, value in given.items()})
    check_parameters(estimator)
    return estimator


def _check_network(estimator: BaseMLP, network: Network) -> None:
    """Refuse a network that these parameters do not describe."""
    names = parameters.hidden_activations(estimator.activation, len(network.sizes) - 2)
    wanted = [parameters.get_activation(name) for name in names]
    if network.activations[:-1] != wanted or network.cost != parameters.get_cost(estimator):
        raise ModelFileError("its network is not that of its estimator's parameters")
    outputs = ("softmax", "sigmoid") if is_classifier(estimator) else ("exp", "identity")
    if network.activations[-1].name not in outputs or network.input_scale != 1:
        raise ModelFileError("its network is not that of its estimator's parameters")


def _restore_classes(estimator: BaseMLP, content: dict[str, Any], network: Network) -> None:
    """The classes, and what turns y into desired outputs."""
    classes, y_type, sparse = _array_of_labels(content["classes"]), content["y_type"], content["sparse_y"]
    several = y_type == "multilabel-indicator"
    n_outputs = network.sizes[-1]
    seen = np.zeros((1, n_outputs), np.int64) if several and n_outputs > 1 else classes
    binarizer = LabelBinarizer().fit(csr_matrix(seen) if several and sparse else seen)
    softmax = network.activations[-1].name == "softmax"
    fits = len(classes) == n_outputs if softmax or several else n_outputs == 1 and len(classes) <= 2
    if not fits or not np.array_equal(binarizer.classes_, classes) or binarizer.y_type_ != y_type:
        raise ModelFileError(
            f"its estimator has the classes {describe(content['classes'])} for {n_outputs} outputs"
        )
    if type(sparse) is not bool or (sparse and not several):
        raise ModelFileError(f"its estimator has {describe(sparse)} for whether its labels are sparse")
    if softmax != (y_type == "multiclass"):
        raise ModelFileError(f"its estimator has targets of type {y_type!r} and other outputs")
    estimator.__dict__ |= {"classes_": classes, "_label_binarizer": binarizer}


def _memory(content: Any, network: Network) -> Memory:
    kept = _object("memory", content)
    memory = Memory(**kept)
    plain = type(memory.waited) is int and all(
        value is None or type(value) in _NUMBER for value in (memory.eta, memory.dropout_seed)
    )
    shapes = [p.shape for p in network.weights + network.biases]
    optimizer, best = memory.optimizer, memory.best
    if best is not None:
        plain = plain and isinstance(best, list) and [np.shape(p) for p in best] == shapes
    if optimizer is not None:
        plain = plain and isinstance(optimizer, tuple) and len(optimizer) == 2
        plain = plain and isinstance(optimizer[0], str) and isinstance(optimizer[1], dict)
    if not plain:
        raise ModelFileError(f"its estimator has another memory of training: {describe(content)}")
    return memory


def _object(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ModelFileError(f"its estimator should have an object for {name}, got {describe(value)}")
    return value


def _plain(name: str, value: Any) -> Any:
    """Plain data for a file that holds no code."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(name, item) for item in value)
    if isinstance(value, dict):
        return {_PAIRS: [(_plain(name, key), _plain(name, item)) for key, item in value.items()]}
    if isinstance(value, type) and issubclass(value, np.generic):
        return np.dtype(value).name
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ValueError(
        f"a model file holds no code, and cannot keep {name}={value!r}: set it to plain data before saving, "
        f"as by set_params({name}=None)"
    )


def _as_given(value: Any) -> Any:
    """What `_plain` has made plain, for parameters."""
    if isinstance(value, dict):
        if set(value) != {_PAIRS}:
            raise ModelFileError(f"its estimator has {describe(value)} among its parameters")
        return {_as_given(key): _as_given(item) for key, item in value[_PAIRS]}
    return type(value)(map(_as_given, value)) if isinstance(value, (list, tuple)) else value


def _labels(classes: Array) -> dict[str, Any]:
    kind = "object" if classes.dtype == object else "str" if classes.dtype.kind == "U" else classes.dtype.name
    return {"dtype": kind, "labels": _plain("classes_", classes.tolist())}


def _array_of_labels(content: Any) -> Array:
    kept = _object("classes", content)
    labels, dtype = kept.get("labels"), kept.get("dtype")
    plain = isinstance(labels, list) and labels and all(type(x) in (bool, int, float, str) for x in labels)
    if not plain or not isinstance(dtype, str):
        raise ModelFileError(f"its estimator has no classes, but {describe(content)}")
    if dtype not in _LABELS and not _NUMBERS.fullmatch(dtype):
        raise ModelFileError(f"its estimator has classes of type {dtype!r}")
    return np.array(labels, dtype)
