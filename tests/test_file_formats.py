"""The files of every released format version: they load, and predict what their tensors say.

One of a new version is made by `python tests/test_file_formats.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

import nablanet
from nablanet import Epoch, History, Network
from nablanet.files import Model, read_model, save_model
from nablanet.files.description import FORMAT
from nablanet.shapes import Array

FOLDER = Path(__file__).parent / "data"
FILES = sorted(FOLDER.glob("format-*.nabla"))
DOTTED = {"m.w2": np.array([[1.5], [-2]], "f4"), "step": np.array(7), "none": np.zeros((0, 3))}

FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "identity": lambda z: z,
    "softmax": lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True),
}


def stored(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """What the library of safetensors finds in a file."""
    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["nablanet"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def predicted(path: Path, X: Array) -> Array:
    """The outputs for rows, from the file's tensors and the names of its activations alone."""
    description, tensors = stored(path)
    a = X * description.get("input_scale", 1.0)
    for layer, name in enumerate(description["activations"], start=2):
        a = FUNCTIONS[name](a @ tensors[f"w{layer}"].T + tensors[f"b{layer}"].T)
    return a


def test_there_is_a_file_of_every_version() -> None:
    assert {int(re.findall(r"\d+", path.name)[0]) for path in FILES} == set(range(1, FORMAT + 1))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_an_old_version_predicts_as_its_tensors_say(path: Path) -> None:
    description, _ = stored(path)
    assert description["format"] == int(re.findall(r"\d+", path.name)[0])
    X = np.random.default_rng(0).standard_normal((20, description["sizes"][0]))
    tolerance = 1e-13 if description["dtype"] == "float64" else 1e-5
    np.testing.assert_allclose(nablanet.load(path).predict(X), predicted(path, X), rtol=tolerance)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_an_old_version_keeps_what_belongs_to_the_network(path: Path) -> None:
    description, _ = stored(path)
    model = read_model(path)
    for name in ("preprocessing", "task", "class_names", "feature_names", "target_name"):
        assert getattr(model, name) == description[name]
    assert [e.cost for e in model.history.epochs] == [e["cost"] for e in description["history"]]
    assert str(model.network.cost.name) == description["cost"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_an_old_version_is_saved_again_as_one_of_the_newest(path: Path, tmp_path: Path) -> None:
    old = read_model(path)
    save_model(old, tmp_path / "new.nabla")
    new = read_model(tmp_path / "new.nabla")
    assert stored(tmp_path / "new.nabla")[0]["format"] == FORMAT
    X = np.random.default_rng(0).standard_normal((20, old.network.sizes[0]))
    assert new.network.predict(X).tobytes() == old.network.predict(X).tobytes()
    assert repr(new.history.epochs) == repr(old.history.epochs)
    assert (new.preprocessing, new.estimator) == (old.preprocessing, old.estimator)


def test_the_estimator_and_the_state_come_back(tmp_path: Path) -> None:
    estimator = {"class": "MLP", "classes": [1, 2.5, "ü", None, True], "deep": {"a": [{"b": []}]}}
    history = History([Epoch(0, 1.0, 0.1), Epoch(1, 0.5, 0.1)], best_epoch=1, stopped="Enough.")
    path = tmp_path / "m.nabla"
    save_model(Model(Network([2, 1], seed=0), history=history, estimator=estimator, state=DOTTED), path)
    model = read_model(path)
    assert model.estimator == estimator
    assert (model.history.best_epoch, model.history.stopped) == (1, "Enough.")
    assert model.state.keys() == DOTTED.keys()
    for name, value in DOTTED.items():
        came = model.state[name]
        assert (came.dtype, came.shape, came.tobytes()) == (value.dtype, value.shape, value.tobytes())
        assert came.flags.writeable
    assert stored(path)[1].keys() == {"w2", "b2", "state.m.w2", "state.step", "state.none"}


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        ({"estimator": {"a": float("inf")}}, ValueError, "JSON"),
        ({"estimator": {"a": 1, 1: 2, "1": 3}}, ValueError, "occurs twice"),
        ({"estimator": {"a": {1, 2}}}, TypeError, "JSON"),
        ({"estimator": {"a": "\ud800"}}, ValueError, "surrogates"),
        ({"estimator": [1]}, ValueError, "estimator should be an object"),
        ({"estimator": {"a": 10**400}}, ValueError, "integer of 401 digits"),
        ({"estimator": json.loads('{"a":' * 70 + "1" + "}" * 70)}, ValueError, "more than 64 levels"),
        ({"state": {"m": np.zeros(2, "f2")}}, TypeError, "state must hold arrays of .* float16 for 'm'"),
        ({"state": {"m": np.zeros(2, ">f8")}}, TypeError, "state must hold arrays of .* for 'm'"),
        ({"state": {"m": [1.0]}}, TypeError, "state must hold arrays"),
        ({"state": {"../m": np.zeros(2)}}, ValueError, "state should be an object of"),
        ({"state": {"m..w": np.zeros(2)}}, ValueError, "state should be an object of"),
        ({"state": {"": np.zeros(2)}}, ValueError, "state should be an object of"),
        ({"history": History([], best_epoch=3)}, ValueError, "no epoch 3"),
        ({"task": "clustering"}, ValueError, "task should be"),
        ({"feature_names": [1]}, ValueError, "feature_names should be"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(
    parts: dict[str, Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        save_model(Model(Network([2, 1]), **parts), tmp_path / "m.nabla")
    assert list(tmp_path.iterdir()) == []


def make() -> Path:
    """A file of the newest version with something in every part."""
    rng = np.random.default_rng(FORMAT)
    network = Network(
        [3, 4, 2],
        activation="sigmoid",
        output="softmax",
        cost=nablanet.cross_entropy(label_smoothing=0.1),
        dtype="float32",
        seed=FORMAT,
        input_scale=0.5,
    )
    X = rng.standard_normal((40, 3))
    y = (X.sum(axis=1) > 0).astype(int)
    history = network.fit(
        X, y, epochs=3, batch_size=8, eta=0.5, validation=(X, y), early_stopping=True, progress=False
    )
    model = Model(
        network,
        {"kind": "table", "columns": [{"name": "größe", "mean": 0.1}]},
        "classification",
        ["nein", "ja"],
        ["größe", 'b "c"', "d"],
        "y",
        history,
        {"class": "Example", "classes": [0, 1]},
        DOTTED,
    )
    path = FOLDER / f"format-{FORMAT}.nabla"
    save_model(model, path)
    return path


if __name__ == "__main__":
    print(make())  # noqa: T201
