"""Pictures of an estimator: its learning curves, and which classes it takes for which. Needs matplotlib."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.utils.multiclass import type_of_target

from nablanet.training import History

if TYPE_CHECKING:
    from nablanet.estimators.classifier import MLPClassifier

# matplotlib's, which nobody needs to have installed
Axes = Any

_BLUE, _ORANGE, _GREY = "#2f6db3", "#d98324", "#5c6470"
_FEW = 15  # epochs that are marked one by one
_RANGE = 20  # from which losses are drawn by their logarithm
_MOST_COUNTED = 15  # classes whose numbers of samples are written into the picture
_MOST_NAMED = 20  # classes that still fit along an axis
_LONG = 40  # characters of all names together that fit under the picture side by side


def learning_curves(history: History, ax: Axes | None, *, unit: str) -> Axes:
    """The loss by epoch, that of held-out samples beside it, and the best epoch.

    unit: what an epoch is called. Raises ValueError where there is none yet, ImportError without matplotlib.
    """
    if not history.epochs:
        raise ValueError("no learning curves yet: fit ended before its first epoch did")
    ax = _axes(ax)
    epochs = [epoch.epoch for epoch in history.epochs]
    held_out = [math.nan if cost is None else cost for cost in history.validation_cost]
    style = {"linewidth": 1.8, "marker": "o" if len(epochs) <= _FEW else "", "markersize": 4}
    ax.plot(epochs, history.cost, color=_BLUE, label="training", **style)
    if any(cost is not None for cost in history.validation_cost):
        ax.plot(epochs, held_out, color=_ORANGE, label="validation", **style)
    if history.best_epoch is not None:
        label = f"best score: {unit} {history.best_epoch}"
        best = history.best_epoch, held_out[history.best_epoch]
        ax.axvline(history.best_epoch, color=_GREY, linewidth=1, linestyle="--", zorder=1)
        ax.plot(*best, "o", color="white", markeredgecolor=_GREY, markeredgewidth=1.8, label=label)
    drawn = [loss for loss in [*history.cost, *held_out] if math.isfinite(loss)]
    if drawn and min(drawn) > 0 and max(drawn) > _RANGE * min(drawn):
        ax.set_yscale("log")
    if len(ax.get_legend_handles_labels()[0]) > 1:
        ax.legend(frameon=False)
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(unit)
    ax.set_ylabel("loss")
    ax.grid(color="#e3e6ea", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def confusion(classifier: MLPClassifier, X: Any, y: npt.ArrayLike, ax: Axes | None) -> ConfusionMatrixDisplay:
    """Samples by true and predicted class, coloured by the share of their true class.

    Raises ValueError for several labels at once, ImportError without matplotlib.
    """
    if type_of_target(y).startswith("multilabel"):
        raise ValueError("plot_confusion is for one class per sample, and y has several labels")
    ax = _axes(ax)
    display = ConfusionMatrixDisplay.from_predictions(
        y, classifier.predict(X), ax=ax, include_values=False, colorbar=False
    )
    counts, names = display.confusion_matrix, [str(name) for name in display.display_labels]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    display.im_.set(data=share, cmap="Blues", clim=(0, 1))
    ax.set(xlabel="predicted class", ylabel="true class")
    if len(names) > _MOST_NAMED:
        _thin_out(ax, names)
    elif sum(map(len, names)) > _LONG:
        ax.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    if len(names) <= _MOST_COUNTED:
        for (true, predicted), count in np.ndenumerate(counts):
            color = "white" if share[true, predicted] > 0.5 else _GREY
            ax.text(predicted, true, str(count), ha="center", va="center", color=color)
    return display


def _thin_out(ax: Axes, names: list[str]) -> None:
    shown = range(0, len(names), -(-len(names) // _MOST_NAMED))
    ax.set_xticks(shown, [names[i] for i in shown], rotation=90)
    ax.set_yticks(shown, [names[i] for i in shown])


def _axes(ax: Axes | None) -> Axes:
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError:
        raise ImportError('pictures need matplotlib: pip install "nablanet[plot]"') from None
    return pyplot.subplots(layout="constrained")[1] if ax is None else ax
