"""Child processes that end in the middle of their work, and system calls that fail."""

from __future__ import annotations

import fcntl
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nablanet as nn
from nablanet.files import read_checkpoint
from networks import problem

EPOCHS = 30

# every call by which a file is written; close, before it is done, stands for the end of the call before it
CALLS = ("open", "write", "fsync", "chmod", "replace", "listdir", "unlink", "close")


def fork(work: Callable[[], object]) -> int:
    """The id of a child that does this work, and ends with 0 if nothing was raised; it needs no import."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def in_child(work: Callable[[], object]) -> int:
    """The exit code of such a child, negative for the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(fork(work), 0)[1])


def kill_me() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def nth_call(n: int, action: Callable[[], object], half: bool = False) -> Iterator[list[str]]:
    """The n-th call of `CALLS` and of flock does this instead; with `half`, after half of a write.

    Gives the names of the calls that were made.
    """
    made: list[str] = []

    def replaced(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            made.append(name)
            if len(made) == n:
                if half and name == "write":
                    original(arguments[0], arguments[1][: len(arguments[1]) // 2])
                action()
            return original(*arguments, **named)

        return call

    kept = {name: getattr(os, name) for name in CALLS}
    flock = fcntl.flock
    try:
        for name, original in kept.items():
            setattr(os, name, replaced(name, original))
        fcntl.flock = replaced("flock", flock)
        yield made
    finally:
        for name, original in kept.items():
            setattr(os, name, original)
        fcntl.flock = flock


def bits(net: nn.Network) -> list[bytes]:
    return [p.tobytes() for p in net.weights + net.biases]


def train(
    seed: int, epochs: int = EPOCHS, networks: list[nn.Network] | None = None, **arguments: Any
) -> nn.Network:
    """A training that uses all that a checkpoint keeps; its initial parameters are those of `seed`.

    networks: gets the network before it is trained.
    """
    p = problem([12, 40, 3], "tanh", "cross_entropy", "softmax", m=200)
    net = nn.Network([12, 40, 3], activation="tanh", cost="cross_entropy", seed=seed)
    if networks is not None:
        networks.append(net)
    given: dict[str, Any] = {"early_stopping": nn.EarlyStopping(patience=1000)} | arguments
    net.fit(
        p.X,
        p.Y,
        epochs=epochs,
        batch_size=10,
        optimizer=nn.Adam(0.01),
        schedule="inverse_scaling",
        dropout=0.2,
        average=0.9,
        validation=(p.X[:50], p.Y[:50]),
        n_threads=1,
        progress=False,
        **given,
    )
    return net


def left_over(path: Path) -> list[Path]:
    return list(path.parent.glob(f".{path.name}.*.tmp"))


class Saves:
    """A file with an old content, and a call that replaces it."""

    def __init__(self, path: Path):
        self.path = path
        self.write_old()
        self.old = self.read(path)
        self.write_new()
        self.new = self.read(path)
        assert self.old != self.new

    def write_old(self) -> None:
        raise NotImplementedError

    def write_new(self) -> None:
        raise NotImplementedError

    def read(self, path: Path) -> list[bytes]:
        raise NotImplementedError


class ModelSaves(Saves):
    def write_old(self) -> None:
        nn.Network([3, 4, 2], seed=0).save(self.path)

    def write_new(self) -> None:
        nn.Network([3, 40, 2], seed=1).save(self.path)

    def read(self, path: Path) -> list[bytes]:
        return bits(nn.load(path))


class CheckpointSaves(Saves):
    def write_old(self) -> None:
        train(0, epochs=2, checkpoint=self.path, every=2)

    def write_new(self) -> None:
        train(0, epochs=3, resume=self.path, checkpoint=self.path)

    def read(self, path: Path) -> list[bytes]:
        return bits(read_checkpoint(path).network)
