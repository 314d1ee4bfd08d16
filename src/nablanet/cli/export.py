"""What `nablanet export` does with a saved model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nablanet.cli.console import Console
from nablanet.cli.inputs import Loaded, open_model
from nablanet.cli.output import check_export
from nablanet.files.c import BEGINNING, to_c
from nablanet.files.network2 import to_book_json
from nablanet.files.npz import to_npz
from nablanet.files.onnx import to_onnx


def export(model: Path, to: str, output: Path | None, name: str | None, console: Console) -> None:
    """Write a model in another format."""
    loaded = open_model(model)
    path = output or Path(f"{model.stem}.{to}")
    replaces = check_export(path, _is_ours[to])
    try:
        _write(loaded, _whole(loaded, model), to, path, name)
    except ModuleNotFoundError as error:
        raise ValueError(str(error)) from None  # which says what to install
    console.say(f"{to}: {path}{' (replaced)' if replaces else ''}")
    if to == "json" and loaded.model.preprocessing is not None:
        console.warn("the book's format holds the network alone, not the scaling of its inputs")


def _whole(loaded: Loaded, path: Path) -> object:
    """The model, or the estimator in its file, whose classes are not texts alone."""
    if loaded.model.estimator is None:
        return loaded.model
    from nablanet.estimators import MLPClassifier, MLPRegressor  # not quick to load

    kind = MLPClassifier if loaded.model.task == "classification" else MLPRegressor
    return kind.load_model(path)


def _write(loaded: Loaded, model: object, to: str, path: Path, name: str | None) -> None:
    match to:
        case "onnx":
            to_onnx(model, path)
        case "npz":
            to_npz(model, path)
        case "c":
            to_c(model, path, name=name)
        case "json":
            to_book_json(loaded.model.network, path)


# how the beginning of a file tells that it may be replaced by another export
_is_ours: dict[str, Callable[[bytes], Any]] = {
    "onnx": lambda start: b"nablanet" in start,  # the producer
    "npz": lambda start: start.startswith(b"PK") and b"readme.npy" in start,
    "c": lambda start: start.startswith(BEGINNING.encode()),
    "json": lambda start: start.startswith(b'{"sizes": ['),
}
