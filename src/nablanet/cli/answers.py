"""What `nablanet predict` and `nablanet evaluate` do with a saved model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nablanet.cli.console import Console
from nablanet.cli.inputs import Answers, Loaded, open_model, read_answers, read_rows
from nablanet.cli.tasks import Task, digits_task, mnist_task
from nablanet.cli.words import count_of, measure
from nablanet.shapes import Array, check_finite
from nablanet.training import classes


def predict(model: Path, path: Path, threads: int | None, console: Console) -> None:
    """One prediction for each row of a file, in order."""
    loaded = open_model(model)
    if path.name in ("digits", "mnist") and not path.exists():
        raise ValueError(f"there is no file {path}: predict takes a file; evaluate takes {path}")
    X = read_rows(loaded, path, console)
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
    answers = find_answers(loaded, what, labels, data, console)
    outputs = loaded.model.network.predict(answers.X, n_threads=threads)
    check_finite(outputs, "the output of the network")
    about = {"total": len(answers.Y), "held_out": answers.held_out}
    if loaded.target is not None and loaded.target.class_names is None:
        error, r2 = _regression_scores(loaded.target.decode(outputs), loaded.target.decode(answers.Y))
        shown = "undefined (all answers are equal)" if r2 is None else f"{r2:.4f}"
        console.result(
            f"RMSE {measure(error)}, R2 {shown} on {answers.where}", {"rmse": error, "r2": r2, **about}
        )
    else:
        right, total = int(np.sum(classes(outputs) == answers.Y)), len(answers.Y)
        console.result(
            f"accuracy {right} / {total} ({100 * right / total:.2f} %) on {answers.where}",
            {"accuracy": right / total, "correct": right, **about},
        )


def find_answers(
    loaded: Loaded, what: str, labels: Path | None, data: Path | None, console: Console
) -> Answers:
    """The rows with answers of a file, of the held-out digits, or of MNIST's test set."""
    if what not in ("digits", "mnist"):
        return read_answers(loaded, Path(what), labels, console)
    task = digits_task() if what == "digits" else mnist_task(data)
    _check_fits(loaded, task, console)
    where = f"{count_of(len(task.Y_test), 'held-out image')} of {what}"
    return Answers(task.X_test, task.Y_test, where, held_out=True)


def _tell_classes(loaded: Loaded, names: list[str], outputs: Array, console: Console) -> None:
    # only softmax outputs are sure to be probabilities of classes
    kind = "probabilities" if loaded.model.network.activations[-1].name == "softmax" else "outputs"
    for place, row in zip(classes(outputs), outputs.tolist(), strict=True):
        name = names[int(place)]
        content: dict[str, Any] = {"prediction": name}
        content[kind] = dict(zip(names, row, strict=True)) if len(row) == len(names) else row
        console.result(name, content)


def _check_fits(loaded: Loaded, task: Task, console: Console) -> None:
    images = loaded.images
    if loaded.model.preprocessing is None:
        _check_sizes(loaded, task)
        console.warn(
            f"{loaded.path} was saved from Python and does not say what its inputs are: it is given the "
            "pixels divided by their largest value, and output j is taken as the digit j"
        )
        return
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


def _check_sizes(loaded: Loaded, task: Task) -> None:
    wanted = (task.X_test.shape[1], len(task.class_names or []))
    sizes = loaded.model.network.sizes
    if (sizes[0], sizes[-1]) != wanted:
        raise ValueError(
            f"{loaded.path} was saved from Python and does not say that its inputs are images; "
            f"{task.name} needs {wanted[0]} inputs and {wanted[1]} outputs, it has {sizes[0]} and {sizes[-1]}"
        )


def _regression_scores(predicted: Array, y: Array) -> tuple[float, float | None]:
    """Root mean square error, and the share of the variance explained (None where there is none)."""
    residual = float(np.mean(np.square(predicted - y)))
    variance = float(np.var(y))
    return residual**0.5, 1 - residual / variance if variance > 0 else None
