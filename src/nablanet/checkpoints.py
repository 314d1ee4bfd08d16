"""When `fit` keeps a checkpoint of its run, and which settings another call must share to go on from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from nablanet import engine, reference
from nablanet.resuming import Snapshot, TrainingState, refuse_other
from nablanet.schedules import SCHEDULES, Cosine, OneCycle, Own, Schedule
from nablanet.training import DivergenceError

if TYPE_CHECKING:
    from nablanet.network import Network
    from nablanet.samples import Samples
    from nablanet.stopping import EarlyStopping
    from nablanet.training import Task

# these read how long the run is, so that their rates are others for other `epochs`
_BY_LENGTH = (Cosine, OneCycle, Own)

_WORDS = {"epochs": "epochs (its schedule depends on them)", "validation": "number of held-out samples"}


@dataclass(frozen=True)
class Destination:
    """Where the checkpoints of a run go.

    check: called before the run with the state of its trainer, raises where that could not be saved. save:
    called with a snapshot. name: what messages call the file. every: epochs from one to the next.
    """

    check: Callable[[dict[str, Any]], None]
    save: Callable[[Snapshot], None]
    name: str
    every: int


class Checkpoints:
    """Has snapshots of a run saved: every few epochs, at its end, and where something ends it before.

    Without a destination it does nothing. settings: as `settings_of` gives them.
    """

    def __init__(self, destination: Destination | None, network: Network, settings: dict[str, Any]):
        self._to = destination
        self._network = network
        self._settings = settings
        self._latest: Snapshot | None = None
        self._saved: Snapshot | None = None
        self._failure: BaseException | None = None

    def begin(self, state: TrainingState, resume: object) -> None:
        """Take in the state that a run goes on from, once the network has its parameters."""
        if self._to is None:
            return
        self._latest = self._snapshot(state)
        if isinstance(resume, Snapshot) and resume.source == self._to.name:
            self._saved = self._latest

    def end_epoch(self, state: Callable[[], TrainingState]) -> None:
        """Take in what the file is to hold if the next epoch does not come to its end."""
        if self._to is None:
            return
        self._latest = self._snapshot(state())
        if self._latest.state.epoch % self._to.every == 0:
            self._write(self._latest)

    def end(self, state: TrainingState) -> None:
        """Save how the run ended, unless that is in the file already."""
        if self._to is not None and (self._saved is not self._latest or state.last is not None):
            self._write(self._snapshot(state))

    def rescue(self, error: BaseException) -> None:
        """Save the last whole epoch, and add to the error that ends the run how to go on from there."""
        latest, diverged = self._latest, isinstance(error, DivergenceError)
        if latest is not None and diverged:
            latest = replace(latest, diverged=True)
        if latest is not None and latest is not self._saved and error is not self._failure:
            try:
                self._write(latest)
            except OSError as failure:
                error.add_note(f"The checkpoint could not be written either: {failure}")
        if self._to is not None and self._saved is not None:
            done = self._saved.state.epoch
            error.add_note(
                f"The checkpoint {self._to.name} holds the first {done} epoch{'s' if done > 1 else ''}: "
                f"fit(..., resume={self._to.name!r}) goes on from there"
                f"{', with a smaller eta' if diverged else ''}."
            )

    def _snapshot(self, state: TrainingState) -> Snapshot:
        parameters = [p.copy() for p in self._network.weights + self._network.biases]
        return Snapshot(parameters, state, self._settings)

    def _write(self, snapshot: Snapshot) -> None:
        assert self._to is not None  # noqa: S101 - for the type checker
        try:
            self._to.save(snapshot)
        except OSError as error:
            self._failure = error
            raise
        self._saved = snapshot


def settings_of(
    network: Network,
    task: Task,
    epochs: int,
    rates: tuple[float, ...],
    schedule: Schedule,
    rules: EarlyStopping | None,
    validation: Samples | None,
) -> dict[str, Any]:
    """What the bits of a run depend on beside its data and what `resuming.described` tells, as JSON.

    Python functions are told by their names alone. Left out are epochs, where the rates do not depend
    on them, and what changes no bits: threads, callbacks, metrics.
    """
    optimizer, regularization = task.optimizer, task.regularization
    settings: dict[str, Any] = {
        "activations": [a.name for a in network.activations],
        "cost": str(network.cost),
        "input_scale": network.input_scale,
        **_plain_fields(optimizer),
        "schedule": repr(schedule) if type(schedule) in SCHEDULES.values() else type(schedule).__name__,
        **_plain_fields(regularization),
        "clip_value": task.clipping.value,
        "clip_norm": task.clipping.norm,
        "max_norm": task.max_norm,
        "dropout": rates,
        "average": task.average,
        "weights of samples": task.weights is not None,
        "early_stopping": None if rules is None else repr(rules),
        "validation": None if validation is None else len(validation[0]),
    }
    if type(schedule) not in SCHEDULES.values() or isinstance(schedule, _BY_LENGTH):
        settings["epochs"] = epochs
    return _as_json(settings)


def check_trainer(destination: Destination | None, network: Network, task: Task) -> None:
    """Refuse, before any work, a user's own optimizer whose state no file can hold."""
    if destination is not None:
        own = not engine.knows(task.optimizer)
        destination.check(reference.Trainer(network, task).state() if own else {})


def check_same(resume: Snapshot, settings: Mapping[str, Any]) -> None:
    """Refuse a run with other settings. After a divergence another eta is what it needs."""
    advice = (
        "; to go on with other settings, pass the state of "
        f"nablanet.files.read_checkpoint({resume.source!r}) instead"
    )
    for name in {**settings, **resume.settings}:
        if not (name == "eta" and resume.diverged):
            word = _WORDS.get(name, name)
            refuse_other(word, settings.get(name), resume.settings.get(name), advice)


def _plain_fields(settings: Any) -> dict[str, Any]:
    """The fields of a dataclass that are numbers or texts."""
    values = {f.name: getattr(settings, f.name) for f in fields(settings)}
    return {name: value for name, value in values.items() if isinstance(value, (bool, int, float, str))}


def _as_json(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings as they come back from a file: lists for tuples, numbers of Python."""
    told: dict[str, Any] = json.loads(json.dumps(settings))
    return told
