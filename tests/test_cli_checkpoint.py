"""`nablanet train --checkpoint --resume`: the saved model has the bits of an uninterrupted run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

import nablanet
from nablanet.cli.main import app
from nablanet.files import read_checkpoint, read_model

runner = CliRunner()
TRAIN = ["train", "digits", "--hidden", "20", "--seed", "3"]
KEEP = ["--checkpoint", "run.ckpt"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "nablanet.cli.picture", None)  # drawing takes longer than training
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # and so does waiting for the disk


def run(*arguments: object, code: int = 0) -> str:
    """What a command in this process says, on both streams, in one line."""
    result = runner.invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return " ".join(result.output.replace("\u2502", " ").split())


def assert_same_model(one: str, other: str) -> None:
    ours, theirs = load_file(one), load_file(other)
    assert ours.keys() == theirs.keys()
    assert all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)
    histories = [read_model(path).history for path in (one, other)]
    assert histories[0].cost == histories[1].cost
    assert histories[0].validation_accuracy == histories[1].validation_accuracy


def test_a_run_in_parts_saves_the_model_of_a_run_at_once() -> None:
    run(*TRAIN, "--epochs", 7, "-o", "whole.nabla")
    said = run(*TRAIN, "--epochs", 2, "-o", "parts.nabla", *KEEP, "--resume")
    assert "There is no run.ckpt yet: starting from the beginning" in said
    said = run(*TRAIN, "--epochs", 5, "-o", "parts.nabla", *KEEP, "--resume", "--every", 2)
    assert "Going on from run.ckpt, after 2 epochs Epoch 2: cost" in said
    run(*TRAIN, "--epochs", 7, "-o", "parts.nabla", *KEEP, "--resume", "--threads", 1)
    assert_same_model("whole.nabla", "parts.nabla")
    # killed after the last epoch, before the model was saved
    Path("parts.nabla").unlink()
    said = run(*TRAIN, "--epochs", 7, "-o", "parts.nabla", *KEEP, "--resume")
    assert "Going on from run.ckpt, after 7 epochs Reached accuracy" in said
    assert_same_model("whole.nabla", "parts.nabla")


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_a_process_that_is_ended_goes_on(sent: signal.Signals) -> None:
    run(*TRAIN, "--epochs", 150, "-o", "whole.nabla")
    arguments = [*TRAIN, "--epochs", "150", *KEEP, "--every", "3", "--resume"]
    with subprocess.Popen(
        [sys.executable, "-m", "nablanet", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Epoch 4:"):
                process.send_signal(sent)
                break
        err = process.communicate(timeout=60)[1]
    done = read_checkpoint("run.ckpt").state.epoch
    assert 3 <= done < 150
    if sent == signal.SIGINT:
        assert process.returncode == 130
        assert f"run.ckpt holds the run after {done} epochs: the same command with --resume goes on" in err
        # it may come after an epoch has been told of, and before that has been kept
        assert len(read_model("digits.nabla").history) - done in (0, 1)
    assert f"after {done} epochs" in run(*arguments)
    assert_same_model("whole.nabla", "digits.nabla")


def test_a_checkpoint_is_not_begun_anew_unasked() -> None:
    run(*TRAIN, "--epochs", 2, *KEEP)
    before = Path("run.ckpt").read_bytes()
    said = run(*TRAIN, "--epochs", 2, *KEEP, code=1)
    assert "run.ckpt exists: with --resume the run goes on from it; to begin anew, remove it" in said
    assert Path("run.ckpt").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "4"], "is the checkpoint of a run with --seed 3, this one has 4; they must agree"),
        (["--hidden", "30,20"], "with --hidden 20, this one has 30,20"),
        (["--hidden", "none"], "with --hidden 20, this one has none"),
        (["--activation", "tanh"], "with --activation relu, this one has tanh"),
        (["--cost", "quadratic"], "with --cost cross_entropy, this one has quadratic"),
        (["--optimizer", "sgd"], "with --optimizer adam, this one has sgd"),
        (["--batch-size", "16"], "with --batch-size 32, this one has 16"),
        (["--eta", "0.01"], "with --eta 0.001, this one has 0.01"),
        (["--epochs", "1"], "of which 2 are done"),
    ],
)
def test_other_settings_are_refused(arguments: list[str], message: str) -> None:
    run(*TRAIN, "--epochs", 2, *KEEP)
    before = {path: path.read_bytes() for path in Path().iterdir()}
    assert message in run(*TRAIN, "--epochs", 4, *KEEP, "--resume", *arguments, code=1)
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_other_data_are_refused() -> None:
    rng = np.random.default_rng(0)

    def table(name: str) -> None:
        rows = "".join(f"{a},{b},{a - b}\n" for a, b in rng.integers(0, 100, (60, 2)) / 10)
        Path(name).write_text("a,b,y\n" + rows)

    table("t.csv")
    train = ["train", "t.csv", "--target", "y", "--hidden", "5", "--epochs"]
    run(*train, 6, "-o", "whole.nabla")
    run(*train, 2, *KEEP)
    Path("t.csv").rename("same.csv")
    train[1] = "same.csv"
    assert "on other columns; --ignore must name the same" in run(
        *train, 6, *KEEP, "--resume", "--ignore", "b", code=1
    )
    assert "on other data: the table with" in run(*TRAIN, *KEEP, "--resume", code=1)
    run(*train, 6, *KEEP, "--resume", "-o", "parts.nabla")
    assert_same_model("whole.nabla", "parts.nabla")
    table("same.csv")
    assert "on other data" in run(*train, 8, *KEEP, "--resume", code=1)


def test_a_file_that_is_no_checkpoint_of_the_command_is_refused() -> None:
    Path("run.ckpt").write_text("mine")
    for more in ([], ["--resume"]):
        assert "run.ckpt exists and is no checkpoint" in run(*TRAIN, *KEEP, *more, code=1)
    assert Path("run.ckpt").read_text() == "mine"
    Path("run.ckpt").unlink()
    X = np.random.default_rng(0).random((20, 64))
    network = nablanet.Network([64, 20, 10], cost="cross_entropy")
    network.fit(X, np.arange(20) % 10, epochs=1, batch_size=5, eta=0.1, checkpoint="run.ckpt", progress=False)
    assert "is no checkpoint of nablanet train" in run(*TRAIN, *KEEP, "--resume", code=1)
    Path("run.ckpt").write_bytes(Path("run.ckpt").read_bytes()[:-1])
    assert "damaged or truncated" in run(*TRAIN, *KEEP, "--resume", code=1)


def test_options_that_need_a_checkpoint_are_refused_without() -> None:
    for option in (["--resume"], ["--every", "2"]):
        assert "goes with --checkpoint FILE" in run(*TRAIN, *option, code=2)
    assert "the model or its picture goes there" in run(*TRAIN, "-o", "a", "--checkpoint", "a", code=1)
    assert "the model or its picture goes there" in run(*TRAIN, "-o", "a", "--checkpoint", "a.png", code=1)
    assert "none/run.ckpt: No such file" in run(*TRAIN, "--checkpoint", "none/run.ckpt", code=1)
    assert list(Path().iterdir()) == []


def test_a_diverged_run_goes_on_with_a_smaller_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    run(*TRAIN, "--epochs", 2, *KEEP)
    original = nablanet.training.run_epoch

    def diverge(trainer: object, epoch: int, *arguments: object) -> float:
        if epoch == 4:
            raise nablanet.training.diverged(epoch, 0.001)
        return original(trainer, epoch, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(nablanet.training, "run_epoch", diverge)
        said = run(*TRAIN, "--epochs", 9, *KEEP, "--resume", code=1)
    assert "diverged in epoch 4" in said
    assert (
        "No model is saved. run.ckpt holds the run after 4 epochs: the same command with --resume and a "
        in said
    )
    said = run(*TRAIN, "--epochs", 9, *KEEP, "--resume", "--eta", "0.0001")
    assert "adam, eta 0.0001" in said
    assert "Going on from run.ckpt, after 4 epochs Epoch 4:" in said
