"""The picture of a training run: learning curves, and where the network is wrong. Needs matplotlib."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nablanet.cli.tasks import Task
from nablanet.cli.words import count_of, measure
from nablanet.files import Model
from nablanet.files.atomic import write_atomically
from nablanet.shapes import Array
from nablanet.training import History, classes

BLUE, ORANGE, RED, GREY = "#2f6db3", "#d98324", "#b3372f", "#5c6470"
_STYLE = {"linewidth": 1.8, "solid_capstyle": "round"}
_ACROSS, _DOWN = 8, 3  # misclassified images
_MOST_NAMED = 20  # classes that still fit along an axis
_MOST_POINTS = 5000


def draw(task: Task, model: Model, path: Path) -> None:
    """Write a PNG. Raises OSError, which names the file."""
    # the first use on a machine warns that it builds a cache of fonts
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    outputs = model.network.predict(task.X_test)
    shown = _surest_mistakes(task, outputs)
    below = 1.3 * max(1, -(-len(shown) // _ACROSS)) + 0.8 if task.image_shape else 4.2
    figure = Figure(figsize=(11, 4 + below), dpi=110, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.1)
    parts: Any = figure.subfigures(2, 1, height_ratios=[4, below])
    parts[0].suptitle(_title(task, model), fontsize=13)
    _learning_curves(parts[0], model.history, task)
    if task.class_names is None:
        _predicted_and_true(parts[1], task, outputs)
    elif task.image_shape is not None:
        _misclassified(parts[1], task, outputs, shown, task.image_shape)
    else:
        _confusion(parts[1], task, task.class_names, outputs)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    write_atomically(path, content.getvalue())


def _title(task: Task, model: Model) -> str:
    sizes = "-".join(map(str, model.network.sizes))
    return f"{task.name}: network {sizes}, {count_of(len(model.history), 'epoch')}"


def _learning_curves(figure: Any, history: History, task: Task) -> None:
    left, right = figure.subplots(1, 2)
    epochs = [epoch.epoch for epoch in history.epochs]
    left.plot(epochs, history.cost, color=BLUE, label="training (while learning)", **_marked(epochs))
    left.plot(epochs, _numbers(history.validation_cost), color=ORANGE, label="held out", **_marked(epochs))
    positive = [c for c in [*history.cost, *_numbers(history.validation_cost)] if c > 0]
    if positive and max(positive) > 20 * min(positive):
        left.set_yscale("log")
    _dress(left, "Cost", "epoch", "mean cost")
    left.legend(frameon=False)
    if task.class_names is not None:
        accuracy = 100 * _numbers(history.validation_accuracy)
        right.plot(epochs, accuracy, color=ORANGE, **_marked(epochs))
        _dress(right, f"Accuracy on held-out data: {accuracy[-1]:.2f} %", "epoch", "%")
    else:
        rmse = task.unit * np.sqrt(2 * _numbers(history.validation_cost))
        right.plot(epochs, rmse, color=ORANGE, **_marked(epochs))
        _dress(right, f"Error on held-out data: {measure(rmse[-1])}", "epoch", f"RMSE of {task.target_name}")
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _surest_mistakes(task: Task, outputs: Array) -> Array:
    """The held-out rows that the network is wrong about, the surest first, at most a grid of them."""
    if task.class_names is None:
        return np.array([], dtype=int)
    wrong = np.flatnonzero(classes(outputs) != task.Y_test)
    surest_first: Array = wrong[np.argsort(-outputs[wrong].max(axis=1), kind="stable")]
    return surest_first[: _ACROSS * _DOWN]


def _misclassified(figure: Any, task: Task, outputs: Array, shown: Array, shape: tuple[int, int]) -> None:
    """Each mistake with what it is and what it was taken for."""
    names = task.class_names or []
    taken_for = classes(outputs)
    wrong = int(np.sum(taken_for != task.Y_test))
    if wrong == 0:
        figure.suptitle("No held-out image is misclassified", fontsize=11)
        return
    which = "the surest mistakes" if len(shown) < wrong else "all of them"
    figure.suptitle(
        f"{wrong} of {len(task.Y_test):,} held-out images are misclassified; "
        f"{which}, as true \u2192 predicted",
        fontsize=11,
    )
    grid = figure.subplots(-(-len(shown) // _ACROSS), _ACROSS, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, i in zip(grid.flat, shown, strict=False):
        axes.imshow(task.X_test[i].reshape(shape), cmap="gray_r", vmin=0, vmax=1)
        axes.set_title(f"{names[task.Y_test[i]]} \u2192 {names[taken_for[i]]}", fontsize=11, color=RED, pad=3)


def _confusion(figure: Any, task: Task, names: list[str], outputs: Array) -> None:
    counts = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(counts, (task.Y_test, classes(outputs)), 1)
    total = np.maximum(counts.sum(axis=1), 1)
    share = counts / total[:, np.newaxis]
    shown = [_shortened(name) for name in names]
    left, right = figure.subplots(1, 2)
    left.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    _dress(left, "Held-out rows by class", "predicted", "true")
    right.barh(range(len(names)), 100 * share.diagonal(), color=BLUE, height=0.7)
    right.invert_yaxis()
    right.set_xlim(0, 100)
    _dress(right, "Right, by true class", "%", "")
    left.grid(False)
    if len(names) > _MOST_NAMED:
        return
    long = max(map(len, shown)) * len(names) > 50
    left.set_xticks(range(len(names)), shown, rotation=30 if long else 0, ha="right" if long else "center")
    left.set_yticks(range(len(names)), shown)
    right.set_yticks(range(len(names)), shown)
    for (i, j), count in np.ndenumerate(counts):
        color = "white" if share[i, j] > 0.5 else GREY
        left.text(j, i, str(count), ha="center", va="center", color=color)


def _predicted_and_true(figure: Any, task: Task, outputs: Array) -> None:
    """A point for each held-out row (some of them, where there are very many)."""
    chosen = slice(None, None, -(-len(outputs) // _MOST_POINTS))
    predicted, true = (task.mean + task.unit * a[chosen, 0].astype(float) for a in (outputs, task.Y_test))
    known = np.isfinite(predicted)  # an outlier's prediction may overflow
    predicted, true = predicted[known], true[known]
    if not len(predicted):
        figure.suptitle("No prediction of a held-out row is finite", fontsize=11)
        return
    left, right = figure.subplots(1, 2)
    left.scatter(true, predicted, s=9, alpha=0.35, color=BLUE, linewidths=0)
    ends = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
    left.plot(ends, ends, color=GREY, linewidth=1, linestyle="--", label="predicted = true")
    left.legend(frameon=False)
    _dress(left, "Held-out rows", f"true {task.target_name}", "predicted")
    right.hist(predicted - true, bins=60, color=BLUE)
    right.axvline(0, color=GREY, linewidth=1, linestyle="--")
    _dress(right, "Errors", "predicted - true", "held-out rows")
    for axis in (left.xaxis, left.yaxis, right.xaxis):
        axis.set_major_locator(MaxNLocator(5))


def _dress(axes: Any, title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=11)
    axes.set_xlabel(x, color=GREY)
    axes.set_ylabel(y, color=GREY)
    axes.grid(color="#e3e6ea", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(color=GREY, labelcolor=GREY)


def _marked(epochs: list[int]) -> dict[str, Any]:
    """Markers where there are few points, so that a single epoch can be seen."""
    return {**_STYLE, "marker": "o" if len(epochs) <= 15 else "", "markersize": 4}


def _numbers(values: list[float | None]) -> Array:
    return np.array([np.nan if value is None else value for value in values])


def _shortened(name: str) -> str:
    return name if len(name) <= 16 else name[:15] + "\u2026"
