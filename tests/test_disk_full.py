"""A full disk: an OSError that names the file, the old file whole, nothing beside it."""

from __future__ import annotations

import errno
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import nablanet as nn
from killed import CheckpointSaves, ModelSaves, Saves, bits, in_child, nth_call, train
from nablanet.cli.main import app
from nablanet.files import read_checkpoint

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture(params=[ModelSaves, CheckpointSaves])
def saves(request: pytest.FixtureRequest, tmp_path: Path) -> Saves:
    made: Saves = request.param(tmp_path / "file")
    return made


def with_limit(n_bytes: int, work: Callable[[], object]) -> int:
    """The exit code of a child that may write files of this size; Python ignores the signal that tells it."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))
        work()

    return in_child(limited)


def assert_refused(saves: Saves, number: int = errno.EFBIG) -> None:
    with pytest.raises(OSError) as caught:
        saves.write_new()
    assert caught.value.errno == number
    assert caught.value.filename == str(saves.path)
    assert saves.read(saves.path) == saves.old
    assert list(saves.path.parent.iterdir()) == [saves.path]


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_a_file_that_would_be_too_large(saves: Saves, share: float) -> None:
    size = saves.path.stat().st_size
    saves.write_old()
    assert with_limit(int(share * size), lambda: assert_refused(saves)) == 0
    assert with_limit(size, saves.write_new) == 0
    assert saves.read(saves.path) == saves.new


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_an_error_in_each_call_of_a_save(saves: Saves, number: int) -> None:
    def fail() -> None:
        raise OSError(number, os.strerror(number), "a temporary name")

    saves.write_old()
    with nth_call(0, fail) as made:
        saves.write_new()
    raised = set()
    for n in range(1, len(made) + 1):
        saves.write_old()
        try:
            with nth_call(n, fail):
                saves.write_new()
        except OSError as error:
            raised.add(made[n - 1])
            assert error.filename == str(saves.path)  # noqa: PT017 - the loop goes on without it too
            assert error.errno == number  # noqa: PT017
        assert saves.read(saves.path) in (saves.old, saves.new)
        assert list(saves.path.parent.iterdir()) == [saves.path]
    assert raised >= {"open", "write", "fsync", "chmod", "replace"}


def test_training_on_a_full_disk_keeps_what_it_has_learned(tmp_path: Path) -> None:
    path, full = tmp_path / "run.ckpt", False

    def fail() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a temporary name")

    def fill(epoch: nn.Epoch) -> None:
        nonlocal full
        full = epoch.epoch == 4

    net: list[nn.Network] = []
    original = os.write

    def write(*arguments: Any) -> int:
        if full:
            fail()
        return original(*arguments)

    os.write = write
    try:
        with pytest.raises(OSError, match="No space left") as caught:
            train(0, checkpoint=path, callbacks=[fill], networks=net)
    finally:
        os.write = original
    assert caught.value.filename == str(path)
    assert caught.value.__notes__ == [
        f"The checkpoint {path} holds the first 4 epochs: fit(..., resume={str(path)!r}) goes on from there."
    ]
    reached = train(0, callbacks=[lambda epoch: epoch.epoch == 4], early_stopping=None)
    assert bits(net[0]) == bits(reached)
    assert read_checkpoint(path).state.epoch == 4
    assert list(tmp_path.iterdir()) == [path]
    assert bits(train(9, resume=path)) == bits(train(0))


def test_the_command_says_which_file_and_keeps_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "nablanet.cli.picture", None)  # drawing takes longer than training
    runner = CliRunner()
    command = ["train", "digits", "-q", "--hidden", "30", "--epochs"]
    assert runner.invoke(app, [*command, "1"]).exit_code == 0
    checkpointed = ["-o", "other.nabla", "--checkpoint", "run.ckpt"]
    assert runner.invoke(app, [*command, "3", *checkpointed]).exit_code == 0
    model, checkpoint = Path("digits.nabla").stat().st_size, Path("run.ckpt").stat().st_size
    assert checkpoint > 2 * model
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def refused(name: str, *arguments: str) -> None:
        result = runner.invoke(app, [*command, *arguments])
        said = " ".join(result.stderr.split())
        assert result.exit_code == 1, said
        assert f"nablanet: {name}: File too large" in said
        if name == "run.ckpt":
            assert "run.ckpt holds the run after 3 epochs: the same command with --resume goes on" in said
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before

    assert with_limit(model - 1, lambda: refused("digits.nabla", "2")) == 0
    more = ("6", *checkpointed, "--resume")
    assert with_limit(checkpoint - 1, lambda: refused("run.ckpt", *more)) == 0
    result = runner.invoke(app, [*command, *more])
    assert result.exit_code == 0, result.output
    assert runner.invoke(app, [*command, "6"]).exit_code == 0
    assert bits(nn.load("other.nabla")) == bits(nn.load("digits.nabla"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB; skips where none may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("needs mount")
    if done.returncode:
        pytest.skip("may not mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_disk_that_is_full_indeed(small_disk: Path) -> None:
    path = small_disk / "net.nabla"
    old = nn.Network([40, 40], seed=0)
    old.save(path)
    for attempt in (nn.Network([100, 100]), nn.Network([1000, 10])):
        with pytest.raises(OSError, match="No space left") as caught:
            attempt.save(path)
        assert caught.value.filename == str(path)
        assert bits(nn.load(path)) == bits(old)
        assert list(small_disk.iterdir()) == [path]
    path.unlink()
    # the folder holds one checkpoint, but not the next one beside it
    checkpoint = small_disk / "run.ckpt"
    with pytest.raises(OSError, match="No space left") as caught:
        train(0, checkpoint=checkpoint)
    assert re.search(r"holds the first \d+ epoch", caught.value.__notes__[0])
    assert list(small_disk.iterdir()) == [checkpoint]
    assert bits(train(9, resume=checkpoint)) == bits(train(0))
