"""Early stopping: the end of training once a metric no longer gets better (Prechelt 1998)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nablanet.monitoring import Watch, check_mode
from nablanet.shapes import Array, count, describe, positive

if TYPE_CHECKING:
    from nablanet.training import Epoch


@dataclass(frozen=True)
class EarlyStopping:
    """Stops training when a metric has not got better for `patience` epochs in a row.

    metric: "cost", "validation_cost", "validation_accuracy" or a name in the `metrics` of `fit`. A
    value is better if it is more than min_delta below the best so far; above it, for the accuracy
    and with mode="max". For a metric of your own, mode must be given. restore_best: the network ends
    with the parameters of its best epoch, also where all epochs ran.
    """

    metric: str = "validation_cost"
    patience: int = 10
    min_delta: float = 0.0
    restore_best: bool = True
    mode: str | None = None

    def __post_init__(self) -> None:
        check_mode(self.metric, self.mode)
        object.__setattr__(self, "patience", count(self.patience, "patience"))
        object.__setattr__(self, "min_delta", positive(self.min_delta, "min_delta", zero=True))
        if not isinstance(self.restore_best, bool):
            raise TypeError(f"restore_best must be True or False, got {describe(self.restore_best)}")


def get_early_stopping(value: object) -> EarlyStopping | None:
    """`EarlyStopping()` for True, None for None and False, or the object itself."""
    if value is None or value is False:
        return None
    if value is True:
        return EarlyStopping()
    if not isinstance(value, EarlyStopping):
        raise TypeError(
            f"early_stopping is True or an object such as nablanet.EarlyStopping(patience=5), "
            f"got {describe(value)}"
        )
    return value


class Stopper:
    """Early stopping during one run; with no rules it does nothing.

    best: the best epoch and copies of its parameters, where they are to be restored.
    """

    def __init__(self, rules: EarlyStopping | None):
        self.best: tuple[int, list[Array]] | None = None
        self._rules = rules
        self._watch = None if rules is None else _watch(rules)

    @property
    def best_epoch(self) -> int | None:
        """The number of the best epoch so far."""
        return None if self._watch is None else self._watch.best_epoch

    def replay(self, past: Iterable[Epoch], best: tuple[int, list[Array]] | None) -> None:
        """Take in the epochs of a run that is resumed, and the best of them as that run kept it.

        Where that run kept another epoch than the best, or none of it, as other rules make it, the count
        starts anew: the parameters of the best epoch are gone.
        """
        if self._rules is None or self._watch is None:
            return
        for epoch in past:
            self._watch.see(epoch)
        if self._rules.restore_best:
            kept = None if best is None else best[0]
            if kept == self._watch.best_epoch:
                self.best = best
            else:
                self._watch = _watch(self._rules)

    def see(self, epoch: Epoch, parameters: Iterable[Array]) -> None:
        """Take in what an epoch came to, and copy the parameters that it led to if it is the best."""
        if self._rules is None or self._watch is None:
            return
        if self._watch.see(epoch) and self._rules.restore_best:
            self.best = epoch.epoch, [p.copy() for p in parameters]

    def verdict(self) -> str | None:
        """Why training is over, as a sentence; None while it is not."""
        if self._rules is None or self._watch is None or self._watch.waited < self._rules.patience:
            return None
        name, waited = self._watch.metric, self._watch.waited
        epochs = f"{waited} epoch{'s' if waited > 1 else ''}"
        if self._watch.best_epoch is None:
            return f"Early stopping: {name} was not a number for {epochs}."
        return (
            f"Early stopping: {name} has not got better for {epochs}; "
            f"it was {self._watch.best:.6g} in epoch {self._watch.best_epoch}."
        )


def _watch(rules: EarlyStopping) -> Watch:
    return Watch(rules.metric, rules.mode, rules.min_delta)
