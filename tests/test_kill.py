"""kill -9 at any moment: what is found afterwards is whole, and the run goes on with the same bits.

NABLANET_KILLS sets the number of moments, of which `make test` takes few; at 200 and more the process
is also stopped at each system call of a save, by strace.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import nablanet as nn
from killed import (
    EPOCHS,
    CheckpointSaves,
    ModelSaves,
    Saves,
    bits,
    fork,
    in_child,
    kill_me,
    left_over,
    nth_call,
    train,
)
from nablanet.files import ModelFileError, read_checkpoint

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and signals"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

MOMENTS = int(os.environ.get("NABLANET_KILLS", "20"))


@pytest.fixture(params=[ModelSaves, CheckpointSaves])
def saves(request: pytest.FixtureRequest, tmp_path: Path) -> Saves:
    made: Saves = request.param(tmp_path / "file")
    return made


def test_kill_at_random_moments(tmp_path: Path) -> None:
    path, rng = tmp_path / "run.ckpt", np.random.default_rng(int(time.time_ns()) % 2**32)
    straight = bits(train(0))
    started = time.perf_counter()
    train(0, checkpoint=path)
    seconds = time.perf_counter() - started
    path.unlink()
    found = set()
    for _ in range(MOMENTS):
        # each child goes on from what the one before has left
        resume = path if path.exists() else None
        child = fork(lambda resume=resume: train(0, checkpoint=path, resume=resume))  # type: ignore[misc]
        time.sleep(rng.uniform(0, 0.8 * seconds))
        os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, -signal.SIGKILL)
        if path.exists():
            done = read_checkpoint(path).state.epoch
            found.add(done)
            assert bits(train(99, resume=path)) == straight
            if done == EPOCHS:
                path.unlink()
    assert len(found) >= 2
    train(0, epochs=1, checkpoint=path)
    assert all(p.stat().st_size == 0 for p in left_over(path))


@pytest.mark.parametrize("half", [False, True], ids=["before", "half a write"])
def test_kill_at_each_call_of_a_save(saves: Saves, half: bool) -> None:
    saves.write_old()
    with nth_call(0, kill_me) as made:
        saves.write_new()
    assert {"open", "write", "fsync", "chmod", "replace", "listdir", "close"} <= set(made)
    seen = []
    for n in range(1, len(made) + 1):
        if half and made[n - 1] != "write":
            continue
        saves.write_old()

        def work(n: int = n) -> None:
            with nth_call(n, kill_me, half):
                saves.write_new()

        assert in_child(work) == -signal.SIGKILL
        seen.append(is_new(saves))
    if not half:
        # old as long as it is not renamed, new from then on
        assert seen == sorted(seen)
        assert seen.index(True) == len(made) - made[::-1].index("replace")


def is_new(saves: Saves) -> bool:
    """Whether the file holds the new content; else it is the old one, and what lies beside it goes."""
    found = saves.read(saves.path)
    assert found in (saves.old, saves.new)
    for path in left_over(saves.path):
        with contextlib.suppress(ModelFileError):  # a part is never taken for a whole one
            assert saves.read(path) == saves.new
    saves.write_old()
    for path in left_over(saves.path):
        assert path.stat().st_size == 0
        os.utime(path, (0, 0))  # an empty one goes once it is old
    saves.write_old()
    assert left_over(saves.path) == []
    return found == saves.new


def test_the_order_of_the_calls_is_what_makes_a_file_safe(tmp_path: Path) -> None:
    path = tmp_path / "net.nabla"
    nn.Network([2, 2]).save(path)
    with nth_call(0, kill_me) as made:
        nn.Network([2, 2]).save(path)
    folder = ["open", "fsync", "close"]
    assert made == ["listdir", "open", "flock", "write", "fsync", "chmod", "replace", "close", *folder]


def test_what_a_living_process_writes_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "net.nabla"
    net = nn.Network([2, 2], seed=0)
    net.save(path)
    beside: list[list[Path]] = []

    def save_once_more() -> None:
        beside.append(left_over(path))
        if len(beside) == 1:
            nn.Network([2, 2], seed=1).save(path)
            assert left_over(path) == beside[0]

    with nth_call(0, kill_me) as made:
        net.save(path)
    with nth_call(made.index("replace") + 1, save_once_more):
        net.save(path)
    assert len(beside[0]) == 1
    assert bits(nn.load(path)) == bits(net)
    assert left_over(path) == []


def test_many_threads_save_one_file(tmp_path: Path) -> None:
    path = tmp_path / "net.nabla"
    nets = [nn.Network([5, 5], seed=seed) for seed in range(8)]

    def save(net: nn.Network) -> list[bytes]:
        for _ in range(10):
            net.save(path)
        return bits(nn.load(path))

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(save, nets))
    assert all(content in [bits(net) for net in nets] for content in found)
    assert left_over(path) == []


def test_another_file_with_such_a_name_is_left_alone(tmp_path: Path) -> None:
    names = [".net.nabla.tmp", ".net.nabla.0123.tmp", ".other.0123456789ab.tmp", "net.nabla.0123456789ab.tmp"]
    for name in names:
        (tmp_path / name).write_text("mine")
    nn.Network([2, 2]).save(tmp_path / "net.nabla")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*names, "net.nabla"])


@pytest.mark.skipif(MOMENTS < 200, reason="needs strace: NABLANET_KILLS=200")
def test_kill_at_each_system_call_of_a_save(saves: Saves) -> None:
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    saves.write_old()
    listed = traced(saves.write_new, "-e", "trace=all")
    if listed is None:
        pytest.skip("strace may not attach to a child here")
    made = re.findall(r"^(?:\[pid +\d+\] )?(\w+)\(", listed, re.M)
    assert {"openat", "write", "fsync", "close"} <= set(made)
    assert {"rename", "renameat", "renameat2"} & set(made)
    counts: dict[str, int] = {}
    for name in made:
        if name in ("exit_group", "rt_sigreturn"):
            continue
        n = counts[name] = counts.get(name, 0) + 1
        saves.write_old()
        said = traced(saves.write_new, "-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={n}")
        assert said is not None
        assert "killed by SIGKILL" in said
        is_new(saves)


def traced(work: Callable[[], object], *options: str) -> str | None:
    """What strace says of a child that does this work; None where it may not attach."""

    def stopped() -> None:
        os.kill(os.getpid(), signal.SIGSTOP)
        work()

    child = fork(stopped)
    os.waitpid(child, os.WUNTRACED)
    with subprocess.Popen(
        ["strace", "-f", "-p", str(child), *options], stderr=subprocess.PIPE, text=True
    ) as strace:
        assert strace.stderr is not None
        attached = "attached" in strace.stderr.readline()
        os.kill(child, signal.SIGCONT if attached else signal.SIGKILL)
        said = strace.stderr.read()
        os.waitpid(child, 0)
    return said if attached else None
