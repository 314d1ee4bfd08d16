"""Checkpoints: a run that goes on from a file has the bits of one that was never interrupted."""

from __future__ import annotations

import contextlib
import copy
import errno
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import nablanet as nn
from nablanet.files import CheckpointFile, ModelFileError, container, read_checkpoint, save_model
from nablanet.files.tree import grow, plant, tensors_of
from nablanet.optimizers import OPTIMIZERS, Optimizer
from nablanet.shapes import Array
from networks import Problem, problem


@pytest.fixture(autouse=True, scope="module")
def _no_waiting_for_the_disk() -> Iterator[None]:
    """Flushing is what takes most of the time; test_kill.py looks at it."""
    original = os.fsync
    os.fsync = lambda fd: None
    yield
    os.fsync = original


def make(dtype: str = "float64", python: bool = False, seed: int = 0) -> Problem:
    """The problem of seed 0, its network with the parameters and random numbers of `seed`."""
    p = problem([3, 5, 2], "tanh", "quadratic", "identity", m=23, dtype=dtype)
    p.network = nn.Network([3, 5, 2], activation="tanh", output="identity", dtype=dtype, seed=seed)
    if python:
        p.network.cost = nn.Cost("mine", p.network.cost.function, p.network.cost.derivative)
    return p


def fit(p: Problem, epochs: int, net: nn.Network | None = None, **arguments: Any) -> nn.History:
    given: dict[str, Any] = {"batch_size": 5, "validation": (p.X, p.Y)} | arguments
    if "optimizer" not in given:
        given.setdefault("eta", 0.05)
    return (net or p.network).fit(p.X, p.Y, epochs=epochs, progress=False, **given)


def bits(net: nn.Network) -> list[bytes]:
    return [p.tobytes() for p in net.weights + net.biases]


def told(history: nn.History) -> list[str]:
    """All but the time that it took; as text, in which NaN is equal to NaN."""
    return [repr(replace(epoch, seconds=0.0)) for epoch in history.epochs]


def ends(number: int, how: type[BaseException] | None = None) -> Callable[[nn.Epoch], bool]:
    def callback(epoch: nn.Epoch) -> bool:
        if epoch.epoch == number and how is not None:
            raise how
        return epoch.epoch == number

    return callback


def assert_goes_on(
    path: Path, dtype: str = "float64", python: bool = False, stop: int = 3, epochs: int = 8, **arguments: Any
) -> None:
    """Break a run off in three ways; from each file another network goes on as if nothing had been."""
    straight = make(dtype, python)
    whole = fit(straight, epochs, **arguments)
    for how, every in ((None, 1), (None, 3), (KeyboardInterrupt, 1), (KeyboardInterrupt, 100)):
        first = make(dtype, python)
        broken = {"callbacks": [ends(stop, how)], "checkpoint": path, "every": every, **arguments}
        if how is KeyboardInterrupt and stop == 0:
            continue  # there is no checkpoint yet
        if how is None:
            fit(first, epochs, **broken)
        else:
            with pytest.raises(KeyboardInterrupt):
                fit(first, epochs, **broken)
        other = make(dtype, python, seed=99)
        rest = fit(other, epochs, resume=path, checkpoint=path, every=2, **arguments)
        assert told(rest) == told(whole)
        assert bits(other.network) == bits(straight.network)
        assert (rest.best_epoch, rest.stopped) == (whole.best_epoch, whole.stopped)
        theirs, ours = straight.network._rng.bit_generator.state, other.network._rng.bit_generator.state
        assert repr(theirs) == repr(ours)
        # and the last one holds the end
        again = fit(make(dtype, python, seed=98), epochs, resume=path, **arguments)
        assert (told(again), again.stopped) == (told(whole), whole.stopped)
        path.unlink()


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("python", [False, True], ids=["engine", "python"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_optimizer_goes_on_with_the_same_bits(
    name: str, python: bool, dtype: str, tmp_path: Path
) -> None:
    assert_goes_on(tmp_path / "run.ckpt", dtype, python, optimizer=OPTIMIZERS[name](eta=0.01))


@pytest.mark.parametrize(
    "schedule",
    [*nn.SCHEDULES, nn.Plateau(0.5, patience=1, min_delta=0.01), lambda step, n_steps: 1 - step / n_steps],
)
def test_every_schedule_goes_on_with_the_same_rates(schedule: Any, tmp_path: Path) -> None:
    assert_goes_on(tmp_path / "run.ckpt", schedule=schedule)


@pytest.mark.parametrize("python", [False, True], ids=["engine", "python"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_whole_of_a_step_goes_on_with_the_same_bits(python: bool, dtype: str, tmp_path: Path) -> None:
    assert_goes_on(
        tmp_path / "run.ckpt",
        dtype,
        python,
        optimizer="adam",
        dropout=[0.1, 0.5],
        average=0.9,
        max_norm=1.5,
        clip_norm=0.7,
        alpha=0.01,
        sample_weight=np.random.default_rng(0).random(23),
        metrics={"mine": lambda Y, a: float("nan") if Y[0, 0] > a[0, 0] else float("inf")},
    )


@pytest.mark.parametrize("stop", range(8))
@pytest.mark.parametrize("restore_best", [False, True])
def test_early_stopping_goes_on_where_it_was(stop: int, restore_best: bool, tmp_path: Path) -> None:
    p = make()
    halfway = 0.4 * p.network.predict(p.X) + 0.6 * p.Y
    rules = nn.EarlyStopping(patience=3, restore_best=restore_best)
    arguments: dict[str, Any] = {"validation": (p.X, halfway), "early_stopping": rules, "eta": 0.02}
    assert_goes_on(tmp_path / "run.ckpt", stop=stop, epochs=40, **arguments)


def test_a_run_that_ctrl_c_ends_within_an_epoch_goes_on_from_the_epoch_before(tmp_path: Path) -> None:
    calls = 0

    def interrupting(a: Array, y: Array) -> Array:
        nonlocal calls
        calls += 1
        if calls == 25:
            raise KeyboardInterrupt
        return a - y

    def net(derivative: Callable[[Array, Array], Array]) -> nn.Network:
        cost = nn.Cost("mine", lambda a, y: 0.5 * np.square(a - y).sum(axis=0), derivative)
        return nn.Network([3, 5, 2], cost=cost, output="identity", seed=1)

    p, path = make(), tmp_path / "run.ckpt"
    straight, broken = net(lambda a, y: a - y), net(interrupting)
    fit(p, 8, straight)
    with pytest.raises(KeyboardInterrupt) as caught:
        fit(p, 8, broken, checkpoint=path, every=100)
    assert caught.value.__notes__ == [
        f"The checkpoint {path} holds the first 4 epochs: fit(..., resume={str(path)!r}) goes on from there."
    ]
    rest = net(lambda a, y: a - y)
    fit(p, 8, rest, resume=path)
    assert bits(rest) == bits(straight)
    with pytest.raises(ValueError, match=r"cost 'mine'\): make the network as the run did"):
        read_checkpoint(path)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_file_alone_is_enough(dtype: str, tmp_path: Path) -> None:
    p, path = make(dtype), tmp_path / "run.ckpt"
    whole = fit(p, 8, optimizer="adam", dropout=0.5)
    first = make(dtype)
    fit(first, 8, optimizer="adam", dropout=0.5, callbacks=[ends(4)], checkpoint=path)
    checkpoint = read_checkpoint(path)
    assert bits(checkpoint.network) == bits(first.network)
    assert repr(checkpoint.network) == repr(first.network)
    assert checkpoint.state.epoch == 5
    assert (checkpoint.settings["eta"], checkpoint.diverged, checkpoint.about) == (0.001, False, {})
    rest = fit(p, 8, checkpoint.network, resume=checkpoint.state, optimizer="adam", dropout=0.5)
    assert told(rest) == told(whole)
    assert bits(checkpoint.network) == bits(p.network)


def test_the_state_comes_back_as_it_was(tmp_path: Path) -> None:
    p, path = make(), tmp_path / "run.ckpt"
    rules = nn.EarlyStopping("cost", patience=2, min_delta=1e9)
    history = fit(p, 8, optimizer="adam", average=0.9, dropout=0.5, early_stopping=rules, checkpoint=path)
    came = read_checkpoint(path).state
    assert history.state is not None
    for name in (
        "epochs",
        "generator",
        "dropout_seed",
        "sizes",
        "dtype",
        "optimizer",
        "batch_size",
        "n_samples",
    ):
        assert getattr(came, name) == getattr(history.state, name), name
    for one, other in ((came.trainer, history.state.trainer), (came.best, history.state.best)):
        np.testing.assert_equal(one, other)
    assert came.best is not None
    np.testing.assert_equal(came.last, history.state.last)


def test_diagnoses_come_back_too(tmp_path: Path) -> None:
    p, path = make(), tmp_path / "run.ckpt"
    fit(p, 2)
    history = fit(p, 4, resume=fit(p, 2), diagnose=True, checkpoint=path)
    came = read_checkpoint(path).state.diagnoses
    assert history.diagnoses[:2] == [None, None]
    assert list(came) == history.diagnoses
    assert [repr(d) for d in came] == [repr(d) for d in history.diagnoses]
    rest = fit(make(), 6, resume=path, diagnose=True)
    assert rest.diagnoses[:4] == history.diagnoses
    assert None not in rest.diagnoses[4:]


def test_every_says_how_often(tmp_path: Path) -> None:
    path, seen = tmp_path / "run.ckpt", []

    def look(epoch: nn.Epoch) -> None:
        seen.append(read_checkpoint(path).state.epoch if path.exists() else 0)

    fit(make(), 8, checkpoint=path, every=3, callbacks=[look])
    assert seen == [0, 0, 0, 3, 3, 3, 6, 6]
    assert read_checkpoint(path).state.epoch == 8
    assert [p.name for p in tmp_path.iterdir()] == ["run.ckpt"]


def test_a_run_that_is_over_is_only_read(tmp_path: Path) -> None:
    p, path = make(), tmp_path / "run.ckpt"
    history = fit(p, 4, checkpoint=path)
    other = make(seed=9)
    assert told(fit(other, 4, resume=path)) == told(history)
    assert bits(other.network) == bits(p.network)
    with pytest.raises(ValueError, match="of which 4 are done"):
        fit(other, 3, resume=path)
    # an eta that does not depend on the length of the run lets it go on
    fit(p, 6, resume=history)
    fit(other, 6, resume=path)
    assert bits(other.network) == bits(p.network)


def test_a_divergence_leaves_the_last_epoch_and_another_eta_goes_on(tmp_path: Path) -> None:
    path, arguments = tmp_path / "run.ckpt", {"optimizer": nn.SGD(0.01), "schedule": None}
    p = make()
    explode: dict[str, Any] = {"schedule": lambda step, n_steps: 1e200 if step >= 15 else 1.0}
    with pytest.raises(nn.DivergenceError, match="epoch 3") as caught:
        fit(p, 8, **arguments | explode, checkpoint=path, every=2)
    assert "holds the first 3 epochs" in caught.value.__notes__[0]
    assert caught.value.__notes__[0].endswith("goes on from there, with a smaller eta.")
    checkpoint = read_checkpoint(path)
    assert (checkpoint.state.epoch, checkpoint.diverged) == (3, True)
    assert bits(checkpoint.network) == bits(p.network)
    smaller = {"optimizer": nn.SGD(1e-205)}
    other = make(seed=3)
    assert len(fit(other, 8, **explode | smaller, resume=path, checkpoint=path)) == 8
    assert not read_checkpoint(path).diverged
    with pytest.raises(
        ValueError, match=r"the eta of this call, 0.01; its run had 1e-205; to go on with other"
    ):
        fit(other, 8, **arguments | explode, resume=path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 4}, "resume must have the batch_size of this call, 4; its run had 5"),
        ({"optimizer": nn.Adam()}, "the optimizer of this call, 'Adam'; its run had 'Momentum'"),
        ({"optimizer": nn.Momentum(0.02)}, "the eta of this call, 0.02; its run had 0.01"),
        ({"optimizer": nn.Momentum(0.01, 0.8)}, "the mu of this call, 0.8; its run had 0.9"),
        ({"schedule": "step"}, "the schedule of this call, 'Step.*; its run had 'Cosine"),
        ({"epochs": 20}, r"the epochs \(its schedule depends on them\) of this call, 20; its run had 8"),
        ({"lmbda": 0.1}, "the lmbda of this call, 0.1; its run had 0.0"),
        ({"l1": 0.1}, "the l1 of this call"),
        ({"clip_norm": 1}, "the clip_norm of this call, 1.0; its run had None"),
        ({"max_norm": 1}, "the max_norm of this call"),
        ({"dropout": 0.2}, r"the dropout of this call, \[0.0, 0.2\]; its run had \[0.0, 0.5\]"),
        ({"average": 0.5}, "the average of this call"),
        ({"sample_weight": np.ones(23)}, "the weights of samples of this call, True; its run had False"),
        ({"early_stopping": nn.EarlyStopping(patience=4)}, "the early_stopping of this call"),
        ({"validation": None, "early_stopping": None}, "the early_stopping of this call, None"),
        ({"rows": 22}, "the number of samples of this call, 22; its run had 23"),
        ({"net": nn.Network([3, 4, 2])}, "the sizes of this call"),
        ({"net": nn.Network([3, 5, 2], output="identity")}, "the activations of this call"),
        ({"net": nn.Network([3, 5, 2], activation="tanh", cost="huber")}, r"the cost of this call, 'huber\("),
        (
            {"net": nn.Network([3, 5, 2], activation="tanh", output="identity", input_scale=2.0)},
            "the input_scale of this call, 2.0; its run had 1.0",
        ),
    ],
)
def test_another_run_is_refused_before_anything_changes(
    arguments: dict[str, Any], message: str, tmp_path: Path
) -> None:
    p, path = make(), tmp_path / "run.ckpt"
    usual: dict[str, Any] = {
        "optimizer": nn.Momentum(0.01),
        "schedule": "cosine",
        "dropout": 0.5,
        "early_stopping": nn.EarlyStopping(),
        "epochs": 8,
    }
    fit(p, **usual, callbacks=[ends(3)], checkpoint=path)
    given = usual | arguments
    rows, net = given.pop("rows", 23), given.pop("net", p.network)
    before, content = (bits(net), repr(net._rng.bit_generator.state)), path.read_bytes()
    with pytest.raises(ValueError, match=message):
        fit(replace(p, X=p.X[:rows], Y=p.Y[:rows]), net=net, resume=path, checkpoint=path, **given)
    assert (bits(net), repr(net._rng.bit_generator.state)) == before
    assert path.read_bytes() == content


def test_what_cannot_be_kept_or_written_is_refused_before_training(tmp_path: Path) -> None:
    p = make()
    before = bits(p.network), repr(p.network._rng.bit_generator.state)

    def refused(error: type[Exception], message: str, **arguments: Any) -> None:
        with pytest.raises(error, match=message):
            fit(p, 3, dropout=0.5, **arguments)
        assert (bits(p.network), repr(p.network._rng.bit_generator.state)) == before

    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    model = tmp_path / "m.nabla"
    save_model(p.network, model)
    kept = model.read_bytes()
    refused(FileNotFoundError, "run.ckpt", checkpoint=tmp_path / "none" / "run.ckpt")
    refused(FileExistsError, "not a regular file", checkpoint=tmp_path)
    refused(ValueError, "notes.txt exists and is no checkpoint", checkpoint=notes)
    refused(ValueError, "m.nabla exists and is no checkpoint", checkpoint=model)
    refused(OSError, "File name too long", checkpoint=tmp_path / ("x" * 255))
    refused(TypeError, "checkpoint must be the path of a file, got 3", checkpoint=3)
    refused(ValueError, "every", checkpoint=tmp_path / "run.ckpt", every=0)
    refused(ValueError, "every goes with checkpoint", every=2)
    refused(FileNotFoundError, "run.ckpt", resume=tmp_path / "run.ckpt")
    refused(ModelFileError, "notes.txt is not a nablanet checkpoint", resume=str(notes))
    refused(ModelFileError, r"m.nabla is not a checkpoint .* is a nablanet model file", resume=model)
    assert (notes.read_text(), model.read_bytes()) == ("mine", kept)
    with pytest.raises(ValueError, match=r"L-BFGS .* goes without checkpoint"):
        p.network.fit(p.X, p.Y, epochs=3, optimizer="lbfgs", checkpoint=tmp_path / "run.ckpt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.nabla", "notes.txt"]
    fit(p, 1, checkpoint=tmp_path / "run.ckpt")
    with pytest.raises(ModelFileError, match=r"run.ckpt is not a model file .* is a nablanet checkpoint"):
        nn.load(tmp_path / "run.ckpt")


def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> int:
        raise PermissionError(errno.EROFS, "Read-only file system", "a temporary name")

    monkeypatch.setattr(os, "open", refuse)
    p = make()
    before = bits(p.network)
    with pytest.raises(OSError, match="Read-only") as caught:
        fit(p, 3, checkpoint=tmp_path / "run.ckpt")
    assert caught.value.filename == str(tmp_path / "run.ckpt")
    assert bits(p.network) == before


@dataclass(frozen=True)
class Own(Optimizer):
    """Momentum whose state is what `start` is told to make of its velocities."""

    name: ClassVar[str] = "own"
    form: str = "dict"

    def __post_init__(self) -> None:
        pass

    def start(self, parameters: Sequence[Array]) -> Any:
        v = [np.zeros_like(p) for p in parameters]
        return {"dict": {"v": v, "t": (0, np.float32(0.5), None, "x")}, "list": [v], "object": {1: v}}[
            self.form
        ]

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array], state: Any, eta: float) -> None:
        vs = state["v"] if self.form == "dict" else state[0]
        for parameter, gradient, v in zip(parameters, gradients, vs, strict=True):
            v *= 0.9
            v -= eta * gradient
            parameter += v


@pytest.mark.parametrize("form", ["dict", "list"])
def test_an_own_optimizer_goes_on_where_its_state_is_arrays(form: str, tmp_path: Path) -> None:
    assert_goes_on(tmp_path / "run.ckpt", optimizer=Own(0.01, form))


def test_an_own_optimizer_with_another_state_is_refused(tmp_path: Path) -> None:
    p = make()
    with pytest.raises(ValueError, match=r"what the optimizer remembers has more: state.1 is .*1: "):
        fit(p, 3, optimizer=Own(0.01, "object"), checkpoint=tmp_path / "run.ckpt")
    assert list(tmp_path.iterdir()) == []


def test_what_a_program_notes_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    fit(make(), 2, checkpoint=CheckpointFile(str(path), {"seed": 3, "names": ["ü"]}))
    assert read_checkpoint(path).about == {"seed": 3, "names": ["ü"]}


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats()
    | st.text()
    | hnp.arrays(
        st.sampled_from(["?", "i1", "i4", "i8", "u1", "u8", "f2", "f4", "f8"]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0),
    ),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(plain)
@settings(max_examples=150)
def test_plain_data_comes_back_from_the_file(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    tensors: dict[str, Array] = {}
    try:
        text = json.dumps({"it": plant(value, "it", tensors)})
        text.encode()
    except ValueError:  # half of a surrogate pair, or too many levels
        return
    path = tmp_path_factory.getbasetemp() / "tree"
    container.write(path, "nablanet.checkpoint", text, tensors)
    text, tensors = container.read(
        path, "nablanet.checkpoint", lambda text: dict(tensors_of(json.loads(text)["it"]))
    )
    assert_alike(grow(json.loads(text)["it"], tensors), value)


def assert_alike(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_alike(a, b)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for name in one:
            assert_alike(one[name], other[name])
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    else:
        np.testing.assert_equal(one, other)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("written") / "run.ckpt"
    rules = nn.EarlyStopping("cost", patience=2, min_delta=1e9)
    fit(make(), 8, optimizer="adam", dropout=0.5, early_stopping=rules, checkpoint=path)
    return path.read_bytes()


def change(raw: bytes, path: Path, edit: Callable[[dict[str, Any], dict[str, Array]], object]) -> None:
    """Edit the description and the tensors, and give the file a checksum that fits again."""
    path.write_bytes(raw)
    text, tensors = container.read(
        path, "nablanet.checkpoint", lambda text: dict(tensors_of(json.loads(text)["run"]))
    )
    content = json.loads(text)
    edit(content, tensors)
    with contextlib.suppress(KeyError, ModelFileError):  # then their order is no matter
        tensors = {name: tensors[name] for name, _ in tensors_of(content["run"])}
    container.write(path, "nablanet.checkpoint", json.dumps(content), tensors)


def entry(content: dict[str, Any], name: str) -> list[Any]:
    """The pair of name and value in the description of the run."""
    found: list[Any] = next(pair for pair in content["run"]["dict"] if pair[0] == name)
    return found


def put(name: str, value: Any) -> Callable[[dict[str, Any], dict[str, Array]], object]:
    def edit(content: dict[str, Any], tensors: dict[str, Array]) -> None:
        for tensor in [t for t, _ in tensors_of(entry(content, name)[1])]:
            del tensors[tensor]
        entry(content, name)[1] = plant(value, f"put.{name}", tensors)

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c, t: c.update(format=2), "format version 2"),
        (lambda c, t: c.pop("run"), "other entries"),
        (lambda c, t: c.update(more=1), "other entries"),
        (lambda c, t: c.update(settings=[]), "settings should be a dict"),
        (lambda c, t: c["network"].update(sizes=[3, 4, 2]), "do not go with sizes"),
        (lambda c, t: c["network"].update(sizes=[3, -4, 2]), "at least 1"),
        (lambda c, t: c["network"].update(sizes=[3, 10**12, 2]), "at most 2147483647"),
        (lambda c, t: c["network"].update(sizes=[3, 10**9, 2]), "do not go with sizes"),
        (lambda c, t: c["network"].update(dtype="float32"), "do not go with sizes"),
        (lambda c, t: c["network"].update(dtype="int8"), "no training"),
        (lambda c, t: c["network"].update(dtype="a"), "dtype should be float32 or float64"),
        (lambda c, t: c["network"].update(dtype=["float64"]), "dtype should be float32 or float64"),
        (lambda c, t: c["network"].update(activations=["tanh", "evil"]), "no such activation"),
        (lambda c, t: c["network"].update(activations=["tanh"]), "activation"),
        (lambda c, t: c["network"].update(activations=[["tanh"], "tanh"]), "should be texts"),
        (lambda c, t: c["network"].update(activations=[]), "no training"),
        (lambda c, t: c["network"].update(cost="absolute"), "no such activation or cost"),
        (lambda c, t: c["network"].update(input_scale=-1.0), "input_scale"),
        (lambda c, t: c["network"].pop("cost"), "lacks 'cost'"),
        (lambda c, t: c["network"].update(more=1), "network has unknown entries"),
        (lambda c, t: c["run"]["dict"].append(["more", 1]), "run has unknown entries"),
        (lambda c, t: c.update(own=[3]), "should be texts"),
        (lambda c, t: c.update(run={"dict": [["a", 1], ["a", 1]]}), "unknown|twice"),
        (lambda c, t: c.update(run={"exec": "print(1)"}), "unknown data"),
        (
            lambda c, t: c["run"]["dict"].append(["x", {"array": ["x", "object", [1]]}]),
            "should have an array",
        ),
        (
            lambda c, t: c["run"]["dict"].append(["x", {"array": ["x", "float64", [-1]]}]),
            "should have an array",
        ),
        (lambda c, t: c["run"]["dict"].append(["x", {"scalar": ["x", "int64", [2]]}]), "a number of shape"),
        (lambda c, t: c["run"]["dict"].append(["x", {"float": "1"}]), "unknown data"),
        (lambda c, t: c["run"]["dict"].append(entry(c, "parameters")), "a name twice|a tensor twice"),
        (lambda c, t: c["run"]["dict"].append(["x", entry(c, "parameters")[1]]), "a tensor twice"),
        (lambda c, t: t["run.0.0"].fill(np.nan), "NaN or infinity"),
        (put("parameters", None), "no training"),
        (put("parameters", [1.0]), "no training"),
        (put("best", [99, []]), "no training"),
        (put("best", "x"), "no training"),
        (put("trainer", [1]), "no state of a trainer"),
        (put("generator", {"bit_generator": "PCG64", "state": 1}), "no training"),
        (put("generator", None), "no training"),
        (put("dropout_seed", 2**64), "dropout_seed"),
        (put("dropout_seed", -1), "dropout_seed"),
        (put("batch_size", 0), "batch_size"),
        (put("n_samples", 2.5), "n_samples"),
        (put("optimizer", 1), "name of an optimizer"),
        (put("diverged", 1), "no training"),
        (put("diagnoses", [None]), "3 diagnoses are wanted"),
        (put("diagnoses", [{"sizes": (1, 2)}] * 3), "lacks 'inputs'"),
        (
            put("diagnoses", [{"inputs": {"n": 0.5}, "layers": (), "eta": None}] * 3),
            "n should be int, got 0.5",
        ),
        (put("diagnoses", [{"inputs": {"evil": 1}, "layers": ()}] * 3), "lacks 'evil'"),
        (put("epochs", None), "no training"),
        (put("epochs", {"cost": np.zeros((2, 2))}), "no training"),
        (put("last", [np.zeros(2)]), "do not go with sizes"),
    ],
)
def test_every_part_of_a_checkpoint_is_checked(
    written: bytes,
    edit: Callable[[dict[str, Any], dict[str, Array]], object],
    message: str,
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.ckpt"
    change(written, path, edit)
    p = make()
    before = bits(p.network)
    for call in (lambda: read_checkpoint(path), lambda: fit(p, 8, resume=path)):
        with pytest.raises(ModelFileError, match=message) as caught:
            call()
        assert "run.ckpt" in str(caught.value)
    assert bits(p.network) == before


@pytest.mark.parametrize("own", [[], ["x"] * 10_000])
def test_a_message_is_short_however_much_the_file_says(
    written: bytes, own: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "run.ckpt"
    many = {str(n): 1.0 for n in range(10_000)}
    change(written, path, lambda c, t: c.update(own=own, network=c["network"] | {"cost_parameters": many}))
    with pytest.raises(ValueError, match=r"run\.ckpt") as caught:
        read_checkpoint(path)
    assert len(str(caught.value)) < 1000 + len(str(path))


def test_a_state_of_another_trainer_is_refused_before_anything_changes(
    written: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "run.ckpt"
    rules = nn.EarlyStopping("cost", patience=2, min_delta=1e9)
    for trainer in ({}, {"steps": 1}, {"steps": 1, "first": [np.zeros(3)], "second": 3}):
        change(written, path, put("trainer", trainer))
        p = make()
        before = bits(p.network), repr(p.network._rng.bit_generator.state)
        with pytest.raises((ValueError, TypeError), match="state"):
            fit(p, 8, optimizer="adam", dropout=0.5, early_stopping=rules, resume=path)
        assert (bits(p.network), repr(p.network._rng.bit_generator.state)) == before


def test_truncated_and_flipped_checkpoints_are_refused(written: bytes, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    rng = np.random.default_rng(0)
    for length in [*range(0, len(written), 97), len(written) - 1]:
        path.write_bytes(written[:length])
        with pytest.raises(ModelFileError, match=r"run\.ckpt"):
            read_checkpoint(path)
    for place in rng.integers(0, len(written), 300):
        raw = bytearray(written)
        raw[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(raw)
        with pytest.raises(ModelFileError, match=r"run\.ckpt"):
            read_checkpoint(path)


def test_a_network_is_not_shared_with_its_checkpoints(tmp_path: Path) -> None:
    p, path = make(), tmp_path / "run.ckpt"

    def spoil(epoch: nn.Epoch) -> None:
        if epoch.epoch == 2:
            p.network.weights[0][...] = 7.0
            raise KeyboardInterrupt

    kept: list[list[bytes]] = []
    with pytest.raises(KeyboardInterrupt):
        fit(p, 5, checkpoint=path, every=9, callbacks=[lambda e: kept.append(bits(p.network)), spoil])
    assert bits(read_checkpoint(path).network) == kept[1]
    assert bits(copy.deepcopy(p.network)) != kept[1]
