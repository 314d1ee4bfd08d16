"""Checkpoints: a training between two epochs, in a file from which another process goes on with it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nablanet.checkpoints import Destination
from nablanet.files import container
from nablanet.files.atomic import check_writable
from nablanet.files.container import ModelFileError
from nablanet.files.snapshots import Contents, from_file, to_file, wanted_tensors
from nablanet.files.tree import plant
from nablanet.network import Network
from nablanet.resuming import Snapshot, TrainingState
from nablanet.shapes import count, describe

_KIND = "nablanet.checkpoint"


@dataclass(frozen=True)
class Checkpoint:
    """A network in the middle of its training.

    network: with the parameters of the last epoch, or the best ones where the run was over and early stopping
    gave them back. state: what `network.fit(..., resume=state)` goes on from. settings: what the run was
    told, by name. diverged: whether the epoch after these did. about: what the program that wrote it
    kept in it.
    """

    network: Network
    state: TrainingState
    settings: dict[str, Any]
    diverged: bool
    about: dict[str, Any]


@dataclass(frozen=True)
class CheckpointFile(os.PathLike[str]):
    """A path for `fit(checkpoint=...)`, and what else the file is to hold: a JSON object."""

    path: str
    about: dict[str, Any] = field(default_factory=dict)

    def __fspath__(self) -> str:
        return self.path


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """The network in a checkpoint and the state of its training, to look at or to go on from.

    Raises ModelFileError, a ValueError, for anything but a whole checkpoint, OSError, and ValueError for a
    network with Python functions of the user's own.
    """
    contents = _read(Path(path))
    try:
        network = contents.build()
    except ValueError as error:
        raise ValueError(f"{path} cannot be read alone: {container.shortened(error)}") from None
    snapshot = contents.snapshot
    return Checkpoint(network, snapshot.state, snapshot.settings, snapshot.diverged, contents.about)


def read_snapshot(path: str | os.PathLike[str]) -> Snapshot:
    """What `fit(resume=path)` goes on from. Raises ModelFileError and OSError."""
    return _read(Path(path)).snapshot


def is_checkpoint(path: str | os.PathLike[str]) -> bool:
    """Whether a file says that it is a checkpoint; looks at its beginning only."""
    return container.is_kind(Path(path), _KIND)


def destination(network: Network, checkpoint: object, every: object) -> Destination:
    """Where `fit(checkpoint=..., every=...)` writes to. Raises TypeError or ValueError."""
    if not isinstance(checkpoint, (str, os.PathLike)):
        raise TypeError(f"checkpoint must be the path of a file, got {describe(checkpoint)}")
    path = Path(checkpoint)
    about = checkpoint.about if isinstance(checkpoint, CheckpointFile) else {}

    def check(trainer: dict[str, Any]) -> None:
        try:
            plant(trainer, "state", {})
        except (TypeError, ValueError) as error:
            raise ValueError(
                "a checkpoint holds arrays, numbers, texts, and lists, tuples and dicts of them, but what "
                f"the optimizer remembers has more: {error}"
            ) from None
        check_target(path)

    def save(snapshot: Snapshot) -> None:
        container.write(path, _KIND, *to_file(network, about, snapshot))

    return Destination(check, save, str(path), count(every, "every"))


def check_target(path: Path) -> None:
    """Refuse to replace a file that is no checkpoint, and a place that cannot be written to."""
    if path.is_file() and path.stat().st_size and not is_checkpoint(path):
        raise ValueError(f"{path} exists and is no checkpoint, so it is not replaced; pass another path")
    check_writable(path)


def _read(path: Path) -> Contents:
    text, tensors = container.read(path, _KIND, wanted_tensors)
    try:
        return from_file(text, tensors, str(path))
    except ModelFileError as error:
        raise ModelFileError(
            f"{path} is not a checkpoint that can be used: {container.shortened(error)}"
        ) from None
