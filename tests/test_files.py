"""Model files: what is saved comes back bit by bit, and nothing else is taken for a model."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

import nablanet
from nablanet import ACTIVATIONS, COSTS, Activation, Cost, Epoch, History, Network
from nablanet.files import Model, ModelFileError, is_model_file, load, read_model, save_model

FULL = {
    "preprocessing": {"kind": "table", "columns": [{"name": "größe", "mean": 0.1}]},
    "task": "classification",
    "class_names": ["a", 'b "quoted"', "ü"],
    "feature_names": ["größe"],
    "target_name": "y",
}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    network = Network([2, 3, 3], activation="tanh", cost="cross_entropy", seed=5)
    history = History([Epoch(0, 1.5, 0.25, 1.25, 0.5), Epoch(1, 0.1, 0.25)])
    path = tmp_path / "model.nabla"
    save_model(Model(network, history=history, **FULL), path)  # type: ignore[arg-type]
    return path


def metadata(path: Path) -> dict[str, str]:
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    result: dict[str, str] = header["__metadata__"]
    return result


def rewrite(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    """Change the description and the tensors, and give the file a checksum that fits again."""
    tensors = load_tensors(path.read_bytes())
    description = json.loads(metadata(path)["nablanet"])
    change(description, tensors)
    text = json.dumps(description)
    digest = hashlib.sha256(text.encode())
    for layer in range(2, 2 + len(tensors) // 2):
        for name in (f"w{layer}", f"b{layer}"):
            digest.update(tensors[name].tobytes() if name in tensors else b"")
    path.write_bytes(save_tensors(tensors, {"nablanet": text, "sha256": digest.hexdigest()}))


def as_format_1(description: dict[str, Any], *lacks: str) -> None:
    """Make it one that the first format could have, without what its early files lack too."""
    description["format"] = 1
    for name in ("estimator", "state", "best_epoch", "stopped", *lacks):
        del description[name]


@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    hidden=st.sampled_from([name for name in ACTIVATIONS if name != "softmax"]),
    output=st.sampled_from(list(ACTIVATIONS)),
    cost=st.sampled_from(list(COSTS)),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_every_network_comes_back_with_the_same_bits(
    tmp_path_factory: pytest.TempPathFactory,
    sizes: list[int],
    hidden: str,
    output: str,
    cost: str,
    dtype: str,
    seed: int,
) -> None:
    if cost in ("cross_entropy", "poisson") and output not in ("sigmoid", "softmax"):
        output = "sigmoid"
    network = Network(sizes, activation=hidden, output=output, cost=cost, dtype=dtype, seed=seed)
    path = tmp_path_factory.mktemp("model") / "net.nabla"
    save_model(network, path)
    loaded = load(path)
    assert loaded.sizes == sizes
    assert loaded.activations == network.activations
    assert loaded.cost == network.cost
    for ours, theirs in zip(network.weights + network.biases, loaded.weights + loaded.biases, strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        assert ours.tobytes() == theirs.tobytes()
        assert theirs.flags.writeable
    X = np.random.default_rng(seed).standard_normal((7, sizes[0]))
    assert network.predict(X).tobytes() == loaded.predict(X).tobytes()


@pytest.mark.parametrize(
    "cost",
    [nablanet.huber(2.5), nablanet.quantile(0.9), nablanet.cross_entropy(label_smoothing=0.1)],
    ids=str,
)
def test_a_cost_comes_back_with_its_parameters(cost: Cost, tmp_path: Path) -> None:
    network = Network([2, 3], output="softmax", cost=cost, seed=0)
    path = tmp_path / "net.nabla"
    save_model(network, path)
    loaded = load(path)
    assert loaded.cost == cost
    X, Y = [[0.5, 2.0]], [1]
    assert loaded.mean_cost(X, Y) == network.mean_cost(X, Y)
    rewrite(path, lambda d, t: as_format_1(d, "cost_parameters"))
    assert load(path).cost == COSTS[cost.name]


def test_a_loaded_network_predicts_what_its_stored_tensors_say(saved: Path) -> None:
    tensors = load_tensors(saved.read_bytes())
    X = np.random.default_rng(1).standard_normal((10, 2))
    hidden = np.tanh(X @ tensors["w2"].T + tensors["b2"].T)
    z = hidden @ tensors["w3"].T + tensors["b3"].T
    softmax = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(nablanet.load(saved).predict(X), softmax, rtol=1e-13)


def test_what_belongs_to_the_network_comes_back(saved: Path) -> None:
    model = read_model(saved)
    for name, value in FULL.items():
        assert getattr(model, name) == value
    assert model.history.epochs == [Epoch(0, 1.5, 0.25, 1.25, 0.5), Epoch(1, 0.1, 0.25)]


def test_a_history_without_rates_and_metrics_is_read_too(saved: Path) -> None:
    def strip(description: dict[str, Any], tensors: object) -> None:
        for epoch in description["history"]:
            del epoch["eta"], epoch["metrics"]

    rewrite(saved, strip)
    assert read_model(saved).history.epochs == [Epoch(0, 1.5, 0.25, 1.25, 0.5), Epoch(1, 0.1, 0.25)]


def test_the_file_can_be_read_without_nablanet(saved: Path) -> None:
    tensors = load_tensors(saved.read_bytes())
    assert {name: t.shape for name, t in tensors.items()} == {
        "w2": (3, 2),
        "b2": (3, 1),
        "w3": (3, 3),
        "b3": (3, 1),
    }
    description = json.loads(metadata(saved)["nablanet"])
    assert description["sizes"] == [2, 3, 3]
    assert description["package_version"] == nablanet.__version__


def test_a_loaded_network_trains(saved: Path) -> None:
    network = load(saved)
    X = np.random.default_rng(2).standard_normal((20, 2))
    before = network.mean_cost(X, np.zeros(20, int))
    network.fit(X, np.zeros(20, int), epochs=5, batch_size=5, eta=0.5, progress=False)
    assert network.mean_cost(X, np.zeros(20, int)) < before


def test_infinite_held_out_costs_do_not_spoil_the_file(tmp_path: Path) -> None:
    path = tmp_path / "m"
    save_model(Model(Network([1, 1]), history=History([Epoch(0, 1.0, 0.1, float("inf"))])), path)
    assert read_model(path).history.epochs[0].validation_cost is None


def test_truncation_at_every_byte_is_refused(saved: Path) -> None:
    raw = saved.read_bytes()
    for length in range(len(raw)):
        saved.write_bytes(raw[:length])
        with pytest.raises(ModelFileError, match=r"model\.nabla"):
            load(saved)
    saved.write_bytes(raw + b"\0")
    with pytest.raises(ModelFileError):
        load(saved)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_other_bytes_are_no_model(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.nabla"
    path.write_bytes(raw)
    with pytest.raises(ModelFileError):
        load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d, t: d.update(format=3), "format version 3 .*newer.* reads versions 1 to 2"),
        (lambda d, t: d.update(format=0), "format version 0, this nablanet reads versions 1 to 2"),
        (lambda d, t: d.update(format=1), "unknown.*best_epoch.*estimator"),
        (lambda d, t: d.update(format=True), "format version"),
        (lambda d, t: d.pop("format"), "format version"),
        (lambda d, t: d.pop("cost"), "lacks cost"),
        (lambda d, t: d.update(surprise=1), "unknown.*surprise"),
        (lambda d, t: d.update(sizes=[2, 3]), "activations must be a list of 1 .* got 2"),
        (
            lambda d, t: d.update(sizes=[2, 4, 3]),
            r"w2 should be F64 of shape \[4, 2\], got F64 of shape \[3, 2\]",
        ),
        (lambda d, t: d.update(sizes=[2, 10**9, 3]), "w2 should be"),
        (lambda d, t: d.update(sizes=[2, -3, 3]), "at least 1"),
        (lambda d, t: d.update(sizes=[2, 3.0, 3]), "integer"),
        (lambda d, t: d.update(sizes="233"), "sizes should be a list"),
        (lambda d, t: d.update(activations=["tanh", "evil"]), "activations should be"),
        (lambda d, t: d.update(activations=["softmax", "softmax"]), "softmax is an output activation"),
        (lambda d, t: d.update(activations=["tanh", "identity"]), "cross_entropy"),
        (lambda d, t: d.update(activations=[]), "no network"),
        (lambda d, t: d.update(cost="absolute"), "cost should be one of"),
        (lambda d, t: d.update(cost=[]), "cost should be one of"),
        (
            lambda d, t: d.update(cost_parameters={"delta": 1.0}),
            "has the parameter 'label_smoothing', got 'delta'",
        ),
        (lambda d, t: d.update(cost_parameters={"label_smoothing": 1}), "from 0 to below 1, got 1"),
        (
            lambda d, t: d.update(cost_parameters={"label_smoothing": "1"}),
            "cost_parameters should be an object",
        ),
        (lambda d, t: d.update(cost_parameters=[0.1]), "cost_parameters should be an object of numbers"),
        (
            lambda d, t: d.update(cost="quadratic", cost_parameters={"delta": 1}),
            "'quadratic' has no parameters, got 'delta'",
        ),
        (lambda d, t: d.update(dtype="float32"), "should be F32"),
        (lambda d, t: d.update(dtype="int8"), "dtype should be"),
        (lambda d, t: d.update(task="clustering"), "task should be"),
        (lambda d, t: d.update(class_names=["a", "b"]), "needs 3 class names"),
        (lambda d, t: d.update(class_names=["a", "b", "a"]), "twice"),
        (lambda d, t: d.update(class_names=["a", "b", 3]), "class_names should be"),
        (lambda d, t: d.update(preprocessing=[]), "preprocessing should be"),
        (lambda d, t: d.update(history=[{"epoch": 0}]), "history lacks"),
        (lambda d, t: d.update(best_epoch=2), "no epoch 2, which should be the best"),
        (lambda d, t: d.update(best_epoch=True), "best_epoch should be a number from 0, or null"),
        (lambda d, t: d.update(stopped=1), "stopped should be a text or null"),
        (lambda d, t: d.update(estimator=[]), "estimator should be an object or null"),
        (lambda d, t: d.update(state=[]), "state should be an object of"),
        (lambda d, t: d.update(state={"m": ["float16", [1]]}), "state should be an object of"),
        (lambda d, t: d.update(state={"m": ["int64", [-1]]}), "state should be an object of"),
        (lambda d, t: d.update(state={"m": ["int64", [True]]}), "state should be an object of"),
        (lambda d, t: d.update(state={"m": ["int64", [2**64]]}), "state should be an object of"),
        (lambda d, t: d.update(state={"m": ["int64", [1] * 65]}), "state should be an object of"),
        (lambda d, t: d.update(state={"m": ["int64", [1]]}), r"missing \['state.m'\]"),
        (lambda d, t: d.update(state={"../m": ["int64", [1]]}), "state should be an object of"),
        (lambda d, t: d["history"][0].update(cost="low"), "number for cost"),
        (lambda d, t: d["history"][0].update(epoch=-1), "history has an epoch -1"),
        (lambda d, t: d["history"][0].update(eta="low"), "number for eta"),
        (lambda d, t: d["history"][0].update(metrics=[1]), "metrics by name"),
        (lambda d, t: d["history"][0].update(metrics={"f1": "low"}), "number for f1"),
        (lambda d, t: t.pop("b3"), r"missing \['b3'\]"),
        (lambda d, t: t.update(w4=t["w3"]), r"unknown \['w4'\]"),
        (lambda d, t: t.update({"../w3": t.pop("w3")}), r"unknown \['../w3'\]"),
        (lambda d, t: t.update(w3=t["w3"].astype("f4")), "w3 should be F64 .* got F32"),
        (lambda d, t: t.update(w3=t["w3"].view("i8")), "w3 should be F64 .* got I64"),
        (lambda d, t: t["w3"].fill(np.nan), "w3 holds NaN"),
    ],
)
def test_every_part_of_the_description_is_checked(
    saved: Path, change: Callable[[dict[str, Any], dict[str, Any]], object], message: str
) -> None:
    rewrite(saved, change)
    with pytest.raises(ModelFileError, match=message) as caught:
        load(saved)
    assert "model.nabla" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"format": NaN}',
        "[" * 100_000,
        '{"format": 1, "format": 1}',
        "1" * 5000,
        '{"format": 1e999}',
    ],
)
def test_bad_json_is_refused(saved: Path, text: str) -> None:
    checksum = hashlib.sha256(text.encode()).hexdigest()
    saved.write_bytes(save_tensors({}, {"nablanet": text, "sha256": checksum}))
    with pytest.raises(ModelFileError, match=r"model\.nabla"):
        load(saved)


def test_another_program_s_safetensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(save_tensors({"w2": np.zeros((2, 2))}))
    with pytest.raises(ModelFileError, match="nablanet did not write it"):
        load(path)


def test_a_length_bomb_allocates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    header = b'{"w2":{"dtype":"F64","shape":[4611686018427387904,4],"data_offsets":[0,8]}}'
    for length in (len(header), 2**63, 2**64 - 1):
        path.write_bytes(length.to_bytes(8, "little") + header + bytes(8))
        with pytest.raises(ModelFileError):
            load(path)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load(tmp_path / "nowhere")
    with pytest.raises(ModelFileError, match="no regular file"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"model\.nabla") as caught:
        save_model(Network([1, 1]), tmp_path / "none" / "model.nabla")
    assert "tmp" not in Path(caught.value.filename).suffix


def test_what_cannot_be_saved_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "m.nabla"
    own = Activation("double", lambda z: 2 * z, lambda z: 2 + 0 * z)
    with pytest.raises(ValueError, match="own activation 'double'"):
        save_model(Network([1, 2, 1], activation=own), path)
    cost = Cost("quadratic", lambda a, y: (a - y).sum(axis=0), lambda a, y: 1 + 0 * a)
    with pytest.raises(ValueError, match="own cost 'quadratic'"):
        save_model(Network([1, 1], cost=cost), path)

    class Reversed(Network):
        def feedforward(self, a: Any) -> Any:
            return -super().feedforward(a)

    with pytest.raises(ValueError, match="own method 'feedforward'"):
        save_model(Reversed([1, 1]), path)
    broken = Network([1, 1])
    broken.weights[0][0, 0] = np.nan
    with pytest.raises(ValueError, match=r"weights\[0\] must be finite"):
        save_model(broken, path)
    with pytest.raises(ValueError, match="JSON"):
        save_model(Model(Network([1, 1]), preprocessing={"mean": float("nan")}), path)
    with pytest.raises(ValueError, match="2 class names"):
        save_model(Model(Network([1, 1]), class_names=["one"]), path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    saved: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    before = saved.read_bytes()

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space left") as caught:
        save_model(Network([5, 5]), saved)
    assert caught.value.filename == str(saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_an_interrupted_write_leaves_the_old_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_model(Network([5, 5]), saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_saving_over_a_link_keeps_the_link(saved: Path) -> None:
    link = saved.parent / "latest.nabla"
    link.symlink_to(saved)
    save_model(Network([4, 4]), link)
    assert link.is_symlink()
    assert load(saved).sizes == [4, 4]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    for name in (path, tmp_path):
        with pytest.raises(FileExistsError, match="not a regular file"):
            save_model(Network([1, 1]), name)
    assert path.is_fifo()
    assert list(tmp_path.iterdir()) == [path]


def test_a_model_file_is_known_by_its_beginning(saved: Path) -> None:
    raw = saved.read_bytes()
    assert is_model_file(saved)
    header = 8 + int.from_bytes(raw[:8], "little")
    others = (b"", b"a,b\n1,2\n", raw[: header // 2], save_tensors({"w2": np.zeros((2, 2))}), b"[" * 50_000)
    for other in others:
        saved.write_bytes(other)
        assert not is_model_file(saved)
    saved.write_bytes((10).to_bytes(8, "little") + b"[" * 10)
    assert not is_model_file(saved)
    assert not is_model_file(saved.parent)
    assert not is_model_file(saved.parent / "nothing")


def test_a_damaged_model_is_told_from_another_file(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-1])
    with pytest.raises(ModelFileError, match=r"is a damaged or truncated nablanet model file$"):
        load(saved)
    saved.write_text("a,b\n")
    with pytest.raises(ModelFileError, match=r"is not a nablanet model file, or not a whole one$"):
        load(saved)


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "private.nabla"
    net = nablanet.Network([2, 2], seed=0)
    net.save(path)
    path.chmod(0o600)
    net.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
