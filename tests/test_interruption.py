"""Ctrl-C and SIGTERM at any moment: the network is whole, and the command saves it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nablanet as nn
from nablanet.files import read_model
from nablanet.shapes import Array
from odd_inputs import LABELS, N, X
from reliability import Own, bits, posix, run_python

# at which training is interrupted: .ci/run asks for more
MOMENTS = 10 * int(os.environ.get("NABLANET_MOMENTS", "30"))
SIZES = [N, 4, 3]
PACKAGE = str(Path(nn.__file__).parent)


def states_of(net: nn.Network, rows: Array, labels: Array, epochs: int, batch_size: int) -> set[bytes]:
    """All that `fit` passes through, mini-batch by mini-batch."""
    found = {b"".join(bits(net))}
    for _ in range(epochs):
        order = net._rng.permutation(len(rows))
        for begin in range(0, len(rows), batch_size):
            batch = order[begin : begin + batch_size]
            net.update_mini_batch((rows[batch], labels[batch]), 0.5)
            found.add(b"".join(bits(net)))
    return found


class AnyMoment:
    """Raises KeyboardInterrupt before the nth instruction that Python runs within the package."""

    def __init__(self, n: int | None):
        self.left = n
        self.seen = 0

    def __call__(self, frame: Any, event: str, _: object) -> Any:
        if f"{PACKAGE}/" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.seen += 1
            if self.seen == self.left:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self


@pytest.mark.parametrize("kind", [nn.Network, Own])
def test_an_interruption_at_any_instruction_leaves_the_network_whole(kind: type[nn.Network]) -> None:
    """The next best to a signal at any moment: one before each instruction of Python's, or many of them."""
    wanted = states_of(kind(SIZES, seed=0), X, LABELS, 2, 3)

    def fit(moment: AnyMoment) -> nn.Network:
        net = kind(SIZES, seed=0)
        before = sys.gettrace()
        sys.settrace(moment)
        try:
            net.fit(X, LABELS, epochs=2, batch_size=3, eta=0.5, progress=False)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        return net

    whole = AnyMoment(None)
    fit(whole)
    some = np.random.default_rng(0).integers(1, whole.seen, MOMENTS)
    for n in range(1, whole.seen) if whole.seen <= MOMENTS else some:
        assert b"".join(bits(fit(AnyMoment(int(n))))) in wanted, n


SIGNALLED = """
import os, random, signal, sys, threading, time
import numpy as np
import nablanet as nn
from reliability import Own
from test_interruption import states_of
random.seed(int(sys.argv[1]))
rows = np.random.default_rng(0).random((400, 20))
labels = np.arange(400) % 3
for kind, epochs in ((nn.Network, 30), (Own, 3)):
    make = lambda: kind([20, 30, 3], seed=0)
    wanted = states_of(make(), rows, labels, epochs, 8)
    fit = lambda net: net.fit(rows, labels, epochs=epochs, batch_size=8, eta=0.5, progress=False)
    started = time.perf_counter()
    fit(make())
    seconds = time.perf_counter() - started
    hits = 0
    for _ in range(int(sys.argv[2])):
        net = make()
        timer = threading.Timer(random.uniform(0, seconds), os.kill, (os.getpid(), signal.SIGINT))
        try:
            timer.start()
            fit(net)
            timer.join()
            time.sleep(0.01)
        except KeyboardInterrupt:
            hits += 1
        assert b"".join(a.tobytes() for a in net.weights + net.biases) in wanted
    print(hits)
"""


@posix
def test_ctrl_c_at_random_moments_leaves_the_network_whole() -> None:
    rounds = MOMENTS // 10
    done = run_python("-c", SIGNALLED, "0", str(rounds))
    assert done.returncode == 0, done.stderr
    assert all(int(hits) > rounds / 2 for hits in done.stdout.split())


DRIVER = """
import importlib, os, signal, sys
name, place, number, *arguments = sys.argv[1:]
module = importlib.import_module(name)
owner, attribute = module, place
while "." in attribute:
    first, attribute = attribute.split(".", 1)
    owner = getattr(owner, first)
original = getattr(owner, attribute)
def signalled(*args, **kwargs):
    os.kill(os.getpid(), int(number))
    return original(*args, **kwargs)
setattr(owner, attribute, signalled)
sys.argv[1:] = arguments
import nablanet.cli
nablanet.cli.main()
"""
RUN = ("train", "digits", "--epochs", "2", "--hidden", "8", "-o", "m.nabla")


def command_signalled(place: str, number: int, folder: Path) -> Any:
    """The command, to which the signal comes each time that a function is called."""
    module, name = place.split(":")
    return run_python("-c", DRIVER, module, name, str(int(number)), *RUN, folder=folder)


@posix
@pytest.mark.parametrize(
    ("place", "epochs", "number"),
    [
        # before the first epoch, after one, twice, and while the model is written
        ("nablanet.training:run_epoch", 0, signal.SIGTERM),
        ("nablanet.cli.train:describe_epoch", 1, signal.SIGINT),
        ("nablanet.engine:_store", 0, signal.SIGINT),
        ("os:fsync", 2, signal.SIGINT),
        ("os:fsync", 2, signal.SIGTERM),
    ],
)
def test_the_command_saves_when_it_is_stopped(place: str, epochs: int, number: int, tmp_path: Path) -> None:
    done = command_signalled(place, number, tmp_path)
    assert done.returncode == 128 + number, done.stderr
    assert "Traceback" not in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["m.nabla"]
    model = read_model(tmp_path / "m.nabla")
    assert len(model.history) == epochs
    assert np.isfinite(model.network.predict(np.ones((1, 64)))).all()


@posix
def test_a_second_ctrl_c_does_not_end_the_save(tmp_path: Path) -> None:
    code = DRIVER.replace(
        "sys.argv[1:] = arguments",
        "sync = os.fsync\n"
        "def twice(d):\n    os.kill(os.getpid(), signal.SIGINT); return sync(d)\n"
        "os.fsync = twice\nsys.argv[1:] = arguments",
    )
    done = run_python("-c", code, "nablanet.training", "run_epoch", "2", *RUN, folder=tmp_path)
    assert done.returncode == 130, done.stderr
    assert "is saved in m.nabla" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["m.nabla"]
    read_model(tmp_path / "m.nabla")


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_stopped_before_training_saves_nothing(number: int, tmp_path: Path) -> None:
    done = command_signalled("nablanet.data.digits:load_digits", number, tmp_path)
    assert (done.returncode, done.stderr) == (128 + number, "nablanet: interrupted\n")
    assert not list(tmp_path.iterdir())


@posix
def test_a_command_stopped_while_it_draws_has_saved(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    done = command_signalled("nablanet.cli.picture:draw", signal.SIGINT, tmp_path)
    assert done.returncode == 130
    assert "interrupted before there was a picture; the model is saved" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["m.nabla"]


@posix
def test_ctrl_c_to_a_command_at_random_moments(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arguments = ["train", "digits", "--epochs", "1000000", "--hidden", "8", "--json", "-o"]
    trained, seconds = 0, 0.0
    for i in range(max(4, MOMENTS // 75)):
        path = tmp_path / f"{i}.nabla"
        with subprocess.Popen(
            [sys.executable, "-m", "nablanet", *arguments, str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,  # or the first line would be read with some of those after it
        ) as process:
            assert process.stderr is not None
            assert process.stdout is not None
            process.stderr.readline()  # "Reading digits": Python itself has started
            started = time.perf_counter()
            first = process.stdout.readline() if i == 0 else b""
            seconds = seconds or 1.5 * (time.perf_counter() - started)
            time.sleep(rng.uniform(0, seconds if i else 0.1))
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert b"Traceback" not in err
        if b"is saved in" in err:
            told = len((first + out).splitlines())
            # the last epoch may have been over and its line not yet written
            assert told <= len(read_model(path).history) <= told + 1
            trained += 1
        else:
            assert not first + out
            assert not path.exists()
    assert trained > 0
    assert not [p for p in tmp_path.iterdir() if p.suffix != ".nabla"]
