"""Which number of an epoch is watched, and for how long it has not got better."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nablanet.shapes import describe

if TYPE_CHECKING:
    from nablanet.training import Epoch

# what every epoch may hold, and which way is better
MODES = {"cost": "min", "validation_cost": "min", "validation_accuracy": "max"}


def check_mode(metric: object, mode: object) -> None:
    """Refuse a metric that has no name, and a direction that is none or that nobody has told."""
    if not isinstance(metric, str):
        raise TypeError(f"metric must be a name such as 'validation_cost', got {describe(metric)}")
    if mode not in (None, "min", "max"):
        raise ValueError(f"mode must be 'min', 'max' or None, got {describe(mode)}")
    if mode is None and metric not in MODES:
        raise ValueError(
            f"{metric!r} is a metric of your own: pass mode='max' if more of it is better, else mode='min'"
        )


def value_of(epoch: Epoch, metric: str) -> float | None:
    """The metric in an epoch; None where it was not measured."""
    if metric in MODES:
        value: float | None = getattr(epoch, metric)
        return value
    return epoch.metrics.get(metric)


class Watch:
    """The best value of a metric so far, and the number of epochs since.

    A value is better if it is more than `min_delta` below the best (above, in mode "max"); NaN never
    is. mode None: "max" for an accuracy, "min" for a cost.
    """

    def __init__(self, metric: str, mode: str | None, min_delta: float):
        self.metric = metric
        self.best: float | None = None
        self.best_epoch: int | None = None
        self.waited = 0
        self._sign = -1 if (mode or MODES[metric]) == "max" else 1
        self._min_delta = min_delta

    def see(self, epoch: Epoch) -> bool:
        """Whether this epoch is the best so far; one without the metric is passed over."""
        value = value_of(epoch, self.metric)
        if value is None:
            return False
        if self.best is None:
            better = value == value  # not NaN
        else:
            better = self._sign * value < self._sign * self.best - self._min_delta
        if better:
            self.best, self.best_epoch, self.waited = value, epoch.epoch, 0
        else:
            self.waited += 1
        return better
