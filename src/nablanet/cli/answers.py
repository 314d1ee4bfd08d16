"""What `nablanet predict` and `nablanet evaluate` do with a saved model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nablanet.cli.console import Console
from nablanet.cli.inputs import Loaded, open_model, read_answers, read_rows
from nablanet.cli.tasks import Task, digits_task, mnist_task
from nablanet.shapes import Array, check_finite
from nablanet.training import classes


def predict(model: Path, path: Path, threads: int | None, console: Console) -> None:
    """One prediction for each row of a file, in order."""
    loaded = open_model(model)
    X = read_rows(loaded, path)
    outputs = loaded.model.network.predict(X, n_threads=threads)
    check_finite(outputs, "the output of the network")
    if loaded.model.class_names is not None:
        _tell_classes(loaded, loaded.model.class_names, outputs, console)
    elif loaded.target is not None:
        for number in loaded.target.decode(outputs):
            console.result(f"{number:.7g}", {"prediction": float(number)})
    else:
        for row in outputs.tolist():
            console.result(",".join(f"{a:.7g}" for a in row), {"outputs": row})


def evaluate(
    model: Path, what: str, labels: Path | None, data: Path | None, threads: int | None, console: Console
) -> None:
    """How well a model does on a file with answers, on the held-out digits, or on MNIST's test set."""
    loaded = open_model(model)
    if what in ("digits", "mnist"):
        task = digits_task() if what == "digits" else mnist_task(data)
        _check_fits(loaded, task)
        X, Y, rows = task.X_test, task.Y_test, f"held-out images of {what}"
    else:
        X, Y = read_answers(loaded, Path(what), labels)
        rows = f"{'images' if loaded.images else 'rows'} of {what}"
    outputs = loaded.model.network.predict(X, n_threads=threads)
    check_finite(outputs, "the output of the network")
    if loaded.model.class_names is not None:
        right = int(np.sum(classes(outputs) == Y))
        console.result(
            f"accuracy {right} / {len(Y)} ({100 * right / len(Y):.2f} %) on {rows}",
            {"accuracy": right / len(Y), "correct": right, "total": len(Y)},
        )
    elif loaded.target is not None:
        error, r2 = _regression_scores(loaded.target.decode(outputs), loaded.target.decode(Y))
        shown = "undefined (all answers are equal)" if r2 is None else f"{r2:.4f}"
        console.result(
            f"RMSE {error:.6g}, R2 {shown} on {len(Y):,} {rows}", {"rmse": error, "r2": r2, "total": len(Y)}
        )


def _tell_classes(loaded: Loaded, names: list[str], outputs: Array, console: Console) -> None:
    # only softmax outputs are sure to be probabilities of classes
    kind = "probabilities" if loaded.model.network.activations[-1].name == "softmax" else "outputs"
    for place, row in zip(classes(outputs), outputs.tolist(), strict=True):
        name = names[int(place)]
        content: dict[str, Any] = {"prediction": name}
        content[kind] = dict(zip(names, row, strict=True)) if len(row) == len(names) else row
        console.result(name, content)


def _check_fits(loaded: Loaded, task: Task) -> None:
    images = loaded.images
    if (
        images is None
        or (images.height, images.width) != task.image_shape
        or loaded.model.class_names != task.class_names
    ):
        height, width = task.image_shape or (0, 0)
        takes = "no images" if images is None else f"images of {images.height}x{images.width}"
        raise ValueError(
            f"{loaded.path} takes {takes}; {task.name} are images of {height}x{width} of the digits 0-9"
        )


def _regression_scores(predicted: Array, y: Array) -> tuple[float, float | None]:
    """Root mean square error, and the share of the variance explained (None where there is none)."""
    residual = float(np.mean(np.square(predicted - y)))
    variance = float(np.var(y))
    return residual**0.5, 1 - residual / variance if variance > 0 else None
