"""ONNX files against onnxruntime, which knows nothing of this package."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_multilabel_classification, make_regression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

import nablanet as nn
from exported import iris, table_model
from nablanet.data.target import Target
from nablanet.files import Model
from nablanet.shapes import Array
from networks import HIDDEN

onnx = pytest.importorskip("onnx", reason="onnx is not installed (.ci/run installs it)")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (.ci/run installs it)")

# scikit-learn's networks are fitted a little only
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def session(model: object, folder: Path) -> Any:
    path = folder / "model.onnx"
    nn.to_onnx(model, path)
    onnx.checker.check_model(str(path), full_check=True)
    return ort.InferenceSession(path, providers=["CPUExecutionProvider"])


def run(model: object, folder: Path, X: Array) -> dict[str, Array]:
    s = session(model, folder)
    (entry,) = s.get_inputs()
    assert entry.name == "X"
    outputs = [output.name for output in s.get_outputs()]
    dtype = {"tensor(float)": np.float32, "tensor(double)": np.float64}[entry.type]
    return dict(zip(outputs, s.run(outputs, {"X": np.asarray(X, dtype)}), strict=True))


def assert_close(got: Array, wanted: Array) -> None:
    """To 1e-6 of the largest output, or of 1."""
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= 1e-6 * max(1.0, np.abs(wanted).max())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", list(nn.ACTIVATIONS))
def test_every_activation_from_the_least_z_to_the_largest(activation: str, dtype: str, folder: Path) -> None:
    z = np.concatenate([np.linspace(-1, 1, 101), np.linspace(-30, 30, 301), [-1e4, -700, -90, 90, 1e-9, 0]])
    if activation == "exp":
        z = z[np.abs(z) <= 30]
    net = nn.Network([1, 2], activation=activation, dtype=dtype)
    net.weights[0][...], net.biases[0][...] = [[1], [0.5]], 0
    X = z.reshape(-1, 1).astype(dtype)
    got, wanted = run(net, folder, X)["outputs"], net.predict(X)
    assert got.dtype == dtype
    # element by element, so that a large z does not hide a small one
    tolerance = 1e-6 if dtype == "float32" else 1e-14
    assert (np.abs(got - wanted) <= tolerance * np.maximum(1, np.abs(wanted))).all()


@given(
    sizes=st.lists(st.integers(1, 20), min_size=2, max_size=5),
    hidden=st.sampled_from(HIDDEN),
    output=st.sampled_from(list(nn.ACTIVATIONS)),
    dtype=st.sampled_from(["float32", "float64"]),
    scale=st.sampled_from([1.0, 1 / 255]),
    rows=st.integers(1, 40),
)
@settings(max_examples=30)
def test_any_network_and_any_number_of_rows(
    tmp_path_factory: pytest.TempPathFactory,
    sizes: list[int],
    hidden: str,
    output: str,
    dtype: str,
    scale: float,
    rows: int,
) -> None:
    net = nn.Network(
        sizes, activation=hidden, output=output, init="xavier", dtype=dtype, seed=1, input_scale=scale
    )
    X = np.random.default_rng(0).standard_normal((rows, sizes[0])) / scale
    s = session(net, tmp_path_factory.mktemp("onnx"))
    for part in (X, X[:1]):  # one session, batches of several sizes
        (got,) = s.run(None, {"X": part.astype(dtype)})
        assert_close(got, net.predict(part.astype(dtype)))


SCALERS = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    MinMaxScaler((-1, 2)),
    MinMaxScaler(clip=True),
    MaxAbsScaler(),
    RobustScaler(),
    RobustScaler(with_centering=False),
    "passthrough",
]


@pytest.mark.parametrize("scaler", SCALERS, ids=str)
def test_a_pipeline_of_scikit_learn_with_texts_as_classes(scaler: Any, folder: Path) -> None:
    X, _, names = iris()
    mlp = MLPClassifier((8, 6), activation="tanh", solver="lbfgs", max_iter=60, random_state=0)
    pipeline = make_pipeline(scaler, mlp).fit(X[::2], names[::2])
    got = run(pipeline, folder, X * 1.3)  # beyond what the scaler has seen
    assert got["label"].tolist() == pipeline.predict(X * 1.3).tolist()
    assert_close(got["probabilities"], pipeline.predict_proba(X * 1.3))


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_classifier_of_scikit_learn(activation: str, classes: int, dtype: Any, folder: Path) -> None:
    X, y, _ = iris()
    X, y = X[y < classes].astype(dtype), 10 * y[y < classes] - 7
    mlp = MLPClassifier((7,), activation=activation, learning_rate_init=0.1, max_iter=15, random_state=0)
    mlp.fit(X, y)  # by Adam: L-BFGS leaves float64
    got = run(mlp, folder, X)
    assert got["label"].dtype == np.int64
    assert got["label"].tolist() == mlp.predict(X).tolist()
    assert got["probabilities"].dtype == dtype
    assert_close(got["probabilities"], mlp.predict_proba(X))


def test_classes_that_are_true_and_false(folder: Path) -> None:
    X, y, _ = iris()
    mlp = MLPClassifier((3,), solver="lbfgs", max_iter=15, random_state=0).fit(X, y == 1)
    assert run(mlp, folder, X)["label"].tolist() == mlp.predict(X).tolist()


def test_several_labels_at_once(folder: Path) -> None:
    X, Y = make_multilabel_classification(60, 5, n_classes=3, random_state=0)
    mlp = MLPClassifier((9,), solver="lbfgs", max_iter=30, random_state=0).fit(X, Y)
    got = run(mlp, folder, X)
    assert got["label"].tolist() == mlp.predict(X).tolist()
    assert_close(got["probabilities"], mlp.predict_proba(X))


@pytest.mark.parametrize("targets", [1, 3])
def test_a_regressor_of_scikit_learn(targets: int, folder: Path) -> None:
    X, y = make_regression(60, 5, n_targets=targets, noise=1, random_state=0)
    pipeline = make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(9,), solver="lbfgs", max_iter=30, random_state=0)
    )
    pipeline.fit(X, y)
    assert_close(run(pipeline, folder, X)["variable"], pipeline.predict(X).reshape(60, targets))


@pytest.mark.parametrize("activation", ["gelu", ["tanh", "silu"], ("logistic", "leaky_relu")], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_classifier_of_this_package(activation: Any, dtype: Any, folder: Path) -> None:
    X, y, names = iris()
    mlp = nn.MLPClassifier((7, 5), activation=activation, dtype=dtype, max_iter=15, random_state=0)
    pipeline = make_pipeline(StandardScaler(), mlp).fit(X, names)
    got = run(pipeline, folder, X)
    assert got["label"].tolist() == pipeline.predict(X).tolist()
    assert_close(got["probabilities"], pipeline.predict_proba(X))
    Y = np.eye(3, dtype=int)[y] | [1, 0, 0]
    mlp.fit(X, Y)
    assert run(mlp, folder, X)["label"].tolist() == mlp.predict(X).tolist()


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "poisson", "huber"])
def test_the_regressor_of_this_package(loss: str, folder: Path) -> None:
    X, y, _ = iris()
    mlp = nn.MLPRegressor(loss, (6,), activation=["elu"], max_iter=15, random_state=0)
    pipeline = make_pipeline(MinMaxScaler(), mlp).fit(X, y)
    assert_close(run(pipeline, folder, X)["variable"][:, 0], pipeline.predict(X))


def test_names_of_columns_are_in_the_metadata(folder: Path) -> None:
    X, y, _ = iris()
    mlp = MLPClassifier((3,), solver="lbfgs", max_iter=15, random_state=0).fit(X, y)
    mlp.feature_names_in_ = np.array(["a", "b", "c", "größe"], object)
    found = session(mlp, folder).get_modelmeta()
    assert found.producer_name == "nablanet"
    assert json.loads(found.custom_metadata_map["input_names"]) == ["a", "b", "c", "größe"]


def test_a_model_of_a_table_scales_its_inputs_and_its_target(folder: Path) -> None:
    model, raw, X = table_model(folder)
    assert np.isnan(raw).any()
    assert model.preprocessing is not None
    goal = Target.from_dict("price", model.preprocessing["target"])
    wanted = goal.decode(model.network.predict(X)).reshape(-1, 1)
    got = run(model, folder, raw)
    assert_close(got["variable"], wanted)
    names = session(model, folder).get_modelmeta().custom_metadata_map["input_names"]
    assert json.loads(names) == ["x", "y", "side=n", "side=s", "side=w", "constant"]


@pytest.mark.parametrize("names", [["cheap", "dear", "ü"], ["no", "yes"]])
def test_a_model_of_classes_gives_their_names(names: list[str], folder: Path) -> None:
    model, raw, X = table_model(folder, names)
    model.network = nn.Network([6, 8, len(names)], activation="relu", cost="cross_entropy", dtype="float32")
    outputs = model.network.predict(X)
    got = run(model, folder, raw)
    assert got["label"].tolist() == [names[i] for i in outputs.argmax(axis=1)]
    assert_close(got["probabilities"], outputs)


def test_one_output_for_two_classes_becomes_two_columns(folder: Path) -> None:
    net = nn.Network([3, 4, 1], cost="cross_entropy", seed=0)
    X = np.random.default_rng(0).standard_normal((30, 3))
    p = net.predict(X)
    got = run(Model(net, task="classification", class_names=["no", "yes"]), folder, X)
    assert_close(got["probabilities"], np.hstack([1 - p, p]))
    assert got["label"].tolist() == np.where(p[:, 0] > 0.5, "yes", "no").tolist()


def test_sigmoid_outputs_are_not_called_probabilities(folder: Path) -> None:
    net = nn.Network([4, 3], seed=0)  # the chapter's
    model = Model(
        net, {"kind": "image", "height": 2, "width": 2, "largest": 16}, "classification", list("abc")
    )
    pixels = np.random.default_rng(0).integers(0, 17, (9, 4))
    got = run(model, folder, pixels)
    outputs = net.predict(pixels / 16)
    assert_close(got["outputs"], outputs)
    assert got["label"].tolist() == ["abc"[i] for i in outputs.argmax(axis=1)]


def test_without_the_package_the_message_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "nablanet\[onnx\]"'):
        nn.to_onnx(nn.Network([1, 1]), folder / "net.onnx")
    assert not list(folder.iterdir())


def test_parameters_beyond_the_end_of_a_protocol_buffer_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nablanet.files.onnx._MOST_BYTES", 100)
    with pytest.raises(ValueError, match=r"ends at 2 GiB, which the parameters for sizes \[4, 3\] exceed"):
        nn.to_onnx(nn.Network([4, 3]), folder / "net.onnx")
    assert not list(folder.iterdir())


def test_no_rows_give_no_outputs(folder: Path) -> None:
    net = nn.Network([3, 2], cost="cross_entropy")
    model = Model(net, task="classification", class_names=["a", "b"])
    got = run(model, folder, np.empty((0, 3)))
    assert (got["label"].shape, got["probabilities"].shape) == ((0,), (0, 2))
