"""The book's JSON, Keras's order of weights, npz, and scikit-learn's networks as ours."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler

import book_program
import nablanet as nn
from exported import iris, table_model
from nablanet.book import network2
from nablanet.data.target import Target
from nablanet.shapes import Array

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")


def program_of(path: Path) -> Any:
    """The book's program with the network of a JSON file, read as its `load` reads it."""
    data = json.loads(path.read_text())
    costs = {"QuadraticCost": book_program.Quadratic, "CrossEntropyCost": book_program.CrossEntropy}
    program = book_program.Program(data["sizes"], cost=costs[data["cost"]])
    program.w = [np.array(w) for w in data["weights"]]
    program.b = [np.array(b) for b in data["biases"]]
    return program


def book_network(dtype: str = "float64", cost: Any = "quadratic", **given: Any) -> nn.Network:
    return nn.Network([5, 4, 3], output="sigmoid", cost=cost, dtype=dtype, seed=1, **given)


class TestBook:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("cost", ["quadratic", "cross_entropy"])
    @pytest.mark.parametrize("scale", [1.0, 0.25])
    def test_the_program_gives_the_same_outputs_and_gradients(
        self, dtype: str, cost: str, scale: float, tmp_path: Path
    ) -> None:
        net = book_network(dtype, cost, input_scale=scale)
        nn.to_book_json(net, tmp_path / "net.json")
        program = program_of(tmp_path / "net.json")
        x, y = np.random.default_rng(0).random((5, 1)), np.array([[0.0], [1], [0]])
        tolerance = 1e-6 if dtype == "float32" else 1e-14
        np.testing.assert_allclose(program.output(x), net.feedforward(x), rtol=0, atol=tolerance)
        ours, theirs = net.backprop(x, y)[0], program.gradient(x, y)[0]
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, other, rtol=0, atol=tolerance)

    @pytest.mark.parametrize("cost", [network2.QuadraticCost, network2.CrossEntropyCost])
    def test_what_the_books_program_saves_comes_in(self, cost: Any, tmp_path: Path) -> None:
        book_program.seed(3)
        theirs = book_program.Program([4, 6, 2])
        lists = ([m.tolist() for m in theirs.w], [m.tolist() for m in theirs.b])
        content = {"sizes": [4, 6, 2], "weights": lists[0], "biases": lists[1], "cost": cost.__name__}
        path = tmp_path / "saved.json"
        path.write_text(json.dumps(content))
        net = nn.from_book_json(path)
        assert str(net.cost) == {"QuadraticCost": "quadratic"}.get(cost.__name__, "cross_entropy")
        for mine, other in zip(net.weights + net.biases, theirs.w + theirs.b, strict=True):
            assert mine.tobytes() == other.tobytes()
        x = np.random.default_rng(0).random((4, 1))
        np.testing.assert_allclose(net.feedforward(x), theirs.output(x), rtol=0, atol=1e-15)
        assert network2.load(path).cost is cost

    def test_both_ways_keep_every_bit(self, tmp_path: Path) -> None:
        net = book_network(cost="cross_entropy")
        nn.to_book_json(net, tmp_path / "net.json")
        again = nn.from_book_json(tmp_path / "net.json")
        for ours, theirs in zip(net.weights + net.biases, again.weights + again.biases, strict=True):
            assert ours.tobytes() == theirs.tobytes()

    @pytest.mark.parametrize(
        ("net", "message"),
        [
            (
                nn.Network([2, 3, 2], activation="tanh"),
                "sigmoid neurons only, this network has identity, tanh",
            ),
            (nn.Network([2, 2], cost="cross_entropy"), "this network has softmax"),
            (
                nn.Network([2, 2], output="sigmoid", cost=nn.huber(2.0)),
                r"this network has huber\(delta=2.0\)",
            ),
            (
                nn.Network([2, 2], output="sigmoid", cost=nn.cross_entropy(label_smoothing=0.1)),
                "label_smoothing",
            ),
        ],
        ids=["tanh", "softmax", "huber", "smoothing"],
    )
    def test_what_the_book_does_not_know_is_refused(
        self, net: nn.Network, message: str, tmp_path: Path
    ) -> None:
        with pytest.raises(ValueError, match=message):
            nn.to_book_json(net, tmp_path / "net.json")
        assert not list(tmp_path.iterdir())

    def test_a_cost_class_of_ones_own_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "net.json"
        nn.to_book_json(book_network(), path)
        path.write_text(path.read_text().replace("QuadraticCost", "MyCost"))
        with pytest.raises(ValueError, match=r"net.json holds no network .* 'MyCost' .* neither Quadratic"):
            nn.from_book_json(path)


class TestKeras:
    @given(st.lists(st.integers(1, 9), min_size=2, max_size=4), st.sampled_from(["float32", "float64"]))
    def test_a_dense_layer_is_x_times_kernel_plus_bias(self, sizes: list[int], dtype: str) -> None:
        net = nn.Network(sizes, activation="tanh", dtype=dtype, seed=0, input_scale=0.5)
        weights = nn.to_keras_weights(net)
        assert [w.shape for w in weights[::2]] == list(pairwise(sizes))
        assert [b.shape for b in weights[1::2]] == [(n,) for n in sizes[1:]]
        X = np.random.default_rng(0).standard_normal((6, sizes[0])).astype(dtype)
        a = X
        for i in range(0, len(weights), 2):
            z = a @ weights[i] + weights[i + 1]
            a = np.tanh(z)
        tolerance = 1e-5 if dtype == "float32" else 1e-13
        np.testing.assert_allclose(net.predict(X), z, rtol=0, atol=tolerance)
        back = nn.from_keras_weights(weights, activation="tanh", output="identity")
        assert (back.sizes, back.dtype) == (sizes, np.dtype(dtype))
        np.testing.assert_allclose(back.predict(X), z, rtol=0, atol=tolerance)

    def test_the_arrays_are_copies(self) -> None:
        net = nn.Network([2, 2])
        nn.to_keras_weights(net)[0][...] = 7
        nn.to_keras_weights(net)[1][...] = 7
        assert not (net.weights[0] == 7).any()
        assert not (net.biases[0] == 7).any()

    @pytest.mark.parametrize(
        ("weights", "message"),
        [
            ([], "two arrays for each layer, got 0 arrays"),
            ([np.zeros((2, 3))], "two arrays for each layer, got 1 arrays"),
            ([np.zeros((2, 3)), np.zeros(2)], r"layer 2 .* got shapes \(3, 2\) .* and \(2,\)"),
            ([np.zeros((2, 3)), np.zeros(3), np.zeros((2, 1)), np.zeros(1)], "layer 3"),
            ([np.zeros((2, 3, 3, 1)), np.zeros(1)], "layer 2"),
            ([np.zeros((2, 1), np.float16), np.zeros(1, np.float16)], "got 'float16'"),
            ([np.full((2, 1), np.nan), np.zeros(1)], "NaN|nan|finite"),
        ],
    )
    def test_other_shapes_are_refused(self, weights: list[Array], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            nn.from_keras_weights(weights)


def outputs_of(path: Path, x: Array) -> tuple[Array, dict[str, Array]]:
    """What the file's own `readme` says is to be done, in NumPy."""
    with np.load(path) as file:  # which refuses pickles by default
        arrays = dict(file)
    steps: dict[str, Any] = {
        "subtract": lambda x, v: x - v,
        "divide": lambda x, v: x / v,
        "multiply": lambda x, v: x * v,
        "add": lambda x, v: x + v,
        "at_least": np.maximum,
        "at_most": np.minimum,
        "if_missing": lambda x, v: np.where(np.isnan(x), v, x),
    }
    functions: dict[str, Any] = {
        "relu": lambda z: np.maximum(z, 0),
        "tanh": np.tanh,
        "identity": lambda z: z,
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "softmax": lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True),
    }

    def through(side: str, x: Array) -> Array:
        for name in sorted(name for name in arrays if name.startswith(f"{side}_") and name != "input_names"):
            x = steps[name.split("_", 2)[2]](x, arrays[name])
        return x

    a = through("inputs", x)
    for layer, name in enumerate(arrays["activations"].tolist(), start=2):
        a = functions[name](a @ arrays[f"w{layer}"].T + arrays[f"b{layer}"])
    return through("outputs", a), arrays


class TestNpz:
    def test_a_table_with_its_scaling(self, tmp_path: Path) -> None:
        model, raw, X = table_model(tmp_path)
        nn.to_npz(model, tmp_path / "m.npz")
        got, arrays = outputs_of(tmp_path / "m.npz", raw)
        assert model.preprocessing is not None
        wanted = Target.from_dict("price", model.preprocessing["target"]).decode(model.network.predict(X))
        np.testing.assert_allclose(got[:, 0], wanted, rtol=1e-5)
        assert arrays["input_names"].tolist() == ["x", "y", "side=n", "side=s", "side=w", "constant"]
        assert arrays["meaning"] == "numbers"
        assert "a @ wl.T + bl" in str(arrays["readme"])

    def test_a_pipeline_with_its_classes(self, tmp_path: Path) -> None:
        X, _, names = iris()
        mlp = MLPClassifier((8,), activation="tanh", solver="lbfgs", max_iter=30, random_state=0)
        pipeline = make_pipeline(StandardScaler(), MinMaxScaler(clip=True), mlp).fit(X, names)
        nn.to_npz(pipeline, tmp_path / "m.npz")
        got, arrays = outputs_of(tmp_path / "m.npz", 2 * X)
        np.testing.assert_allclose(got, pipeline.predict_proba(2 * X), rtol=0, atol=1e-12)
        assert arrays["classes"].tolist() == ["setosa", "versicolor", "virginica"]

    def test_the_same_model_gives_the_same_bytes(self, tmp_path: Path) -> None:
        net = nn.Network([3, 2], seed=0)
        nn.to_npz(net, tmp_path / "a")
        nn.to_npz(net, tmp_path / "b")
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


class TestSklearn:
    @pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("classes", [2, 3])
    def test_a_classifier(self, activation: str, dtype: Any, classes: int) -> None:
        X, y, _ = iris()
        X, y = X[y < classes].astype(dtype), y[y < classes]
        mlp = MLPClassifier((6, 5), activation=activation, max_iter=5, random_state=0).fit(X, y)
        net = nn.from_sklearn(mlp)
        wanted = mlp.predict_proba(X)
        assert net.dtype == dtype
        assert net.sizes == [4, 6, 5, 1 if classes == 2 else 3]
        assert str(net.cost) == "cross_entropy"
        tolerance = 1e-6 if dtype == np.float32 else 1e-14
        np.testing.assert_allclose(net.predict(X), wanted[:, -net.sizes[-1] :], rtol=0, atol=tolerance)
        if classes == 3:
            assert net.predict(X).argmax(axis=1).tolist() == mlp.predict(X).tolist()

    def test_several_labels(self) -> None:
        X, Y = make_multilabel_classification(60, 5, n_classes=3, random_state=0)
        mlp = MLPClassifier((9,), max_iter=5, random_state=0).fit(X, Y)
        np.testing.assert_allclose(nn.from_sklearn(mlp).predict(X), mlp.predict_proba(X), rtol=0, atol=1e-14)

    @pytest.mark.parametrize("targets", [1, 2])
    def test_a_regressor(self, targets: int) -> None:
        X, y = make_regression(60, 5, n_targets=targets, random_state=0)
        mlp = MLPRegressor(hidden_layer_sizes=(), max_iter=5, random_state=0).fit(X, y)
        net = nn.from_sklearn(mlp)
        assert str(net.cost) == "quadratic"
        np.testing.assert_allclose(net.predict(X), mlp.predict(X).reshape(60, targets), rtol=1e-13)

    def test_a_regressor_of_counts(self) -> None:
        X, y = make_regression(60, 5, random_state=0)
        try:
            mlp = MLPRegressor(loss="poisson", max_iter=5, random_state=0).fit(X, np.abs(y) // 10)
        except TypeError:
            pytest.skip("this scikit-learn has no poisson loss")
        net = nn.from_sklearn(mlp)
        assert str(net.cost) == "poisson"
        np.testing.assert_allclose(net.predict(X)[:, 0], mlp.predict(X), rtol=1e-13)

    def test_the_parameters_are_copies(self) -> None:
        X, y, _ = iris()
        mlp = MLPClassifier((3,), max_iter=2, random_state=0).fit(X, y)
        nn.from_sklearn(mlp).weights[0][...] = 7
        assert not (mlp.coefs_[0] == 7).any()

    def test_what_is_not_a_fitted_network_is_refused(self, tmp_path: Path) -> None:
        X, y, _ = iris()
        with pytest.raises(ValueError, match="this MLPClassifier is not fitted: it has no coefs_"):
            nn.from_sklearn(MLPClassifier())
        with pytest.raises(TypeError, match="wanted a fitted MLPClassifier or MLPRegressor, got"):
            nn.from_sklearn(StandardScaler())
        pipeline = make_pipeline(Normalizer(), MLPClassifier((3,), max_iter=2)).fit(X, y)
        with pytest.raises(TypeError, match="give the last step"):
            nn.from_sklearn(pipeline)
        for write in (nn.to_npz, nn.to_c):
            with pytest.raises(ValueError, match=r"StandardScaler, .* can be exported, got a Normalizer"):
                write(pipeline, tmp_path / "m")
            with pytest.raises(TypeError, match=r"wanted a nablanet\.Network, a Model, .* got 3"):
                write(3, tmp_path / "m")
        assert not list(tmp_path.iterdir())


def test_python_functions_of_ones_own_are_not_exported(tmp_path: Path) -> None:
    own = nn.Activation("cube", lambda z: z**3, lambda z: 3 * z**2)

    class Mine(nn.Network):
        def feedforward(self, a: Any) -> Array:
            return super().feedforward(a) + 1

    for net, part in ((nn.Network([2, 2], output=own), "activation 'cube'"), (Mine([2, 2]), "'feedforward'")):
        for write in (nn.to_npz, nn.to_c, nn.to_book_json):
            with pytest.raises(ValueError, match=f"cannot be exported: it has its own .*{part}"):
                write(net, tmp_path / "m")
        with pytest.raises(ValueError, match=part):
            nn.to_keras_weights(net)


def test_an_input_scale_that_overflows_the_weights_is_refused() -> None:
    net = nn.Network([2, 2], dtype="float32", input_scale=1e38)
    net.weights[0][...] = 1e9
    with pytest.raises(ValueError, match="times input_scale 1e\\+38 overflow float32"):
        nn.to_keras_weights(net)
