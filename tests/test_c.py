"""Models as C: compiled as strictly as C99 allows, and compared with the network."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import nablanet as nn
from exported import iris, table_model
from nablanet.data.target import Target
from nablanet.files import Model
from nablanet.files.c import c_name, c_number, c_text
from nablanet.shapes import Array
from networks import HIDDEN

CC = shutil.which("cc")
needs_a_compiler = pytest.mark.skipif(CC is None, reason="there is no C compiler")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wmissing-prototypes", "-Wshadow"]
# Of the values themselves, and of the largest where that is more
TOLERANCES = {"float32": 1e-5, "float64": 1e-12}


def compiled(folder: Path, models: dict[str, Any]) -> ctypes.CDLL:
    """One library of several models, under their names."""
    sources = []
    for name, model in models.items():
        sources.append(folder / f"{name}.c")
        nn.to_c(model, sources[-1])
    library = folder / "models.so"
    assert CC is not None
    command = [CC, *STRICT, "-O1", "-fPIC", "-shared", "-o", str(library), *map(str, sources), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(library))


def predict(library: ctypes.CDLL, name: str, X: Array, n_out: int) -> Array:
    """Row by row, X in the dtype of the model."""
    function = library[f"{name}_predict"]
    function.restype = None
    X, Y = np.ascontiguousarray(X), np.full((len(X), n_out), np.nan, X.dtype)
    real = ctypes.POINTER(ctypes.c_float if X.dtype == np.float32 else ctypes.c_double)
    for x, y in zip(X, Y, strict=True):
        function(x.ctypes.data_as(real), y.ctypes.data_as(real))
    return Y


def class_names(library: ctypes.CDLL, name: str, n: int) -> list[str]:
    texts = (ctypes.c_char_p * n).in_dll(library, f"{name}_classes")
    return [(text or b"").decode() for text in texts]


def assert_close(got: Array, wanted: Array, dtype: str) -> None:
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= TOLERANCES[dtype] * max(1.0, np.abs(wanted).max())


@needs_a_compiler
def test_every_activation_from_the_least_z_to_the_largest(tmp_path: Path) -> None:
    nets = {}
    for activation in nn.ACTIVATIONS:
        for dtype in ("float32", "float64"):
            net = nn.Network([1, 2], activation=activation, dtype=dtype)
            net.weights[0][...], net.biases[0][...] = [[1], [0.5]], 0
            nets[f"{activation}_{dtype}"] = net
    library = compiled(tmp_path, nets)
    z = np.concatenate([np.linspace(-1, 1, 101), np.linspace(-30, 30, 301), [-1e4, -700, -90, 1e-9, 0, 90]])
    for name, net in nets.items():
        X = z[:-1].reshape(-1, 1).astype(net.dtype) if "exp" in name else z.reshape(-1, 1).astype(net.dtype)
        # of each value, however small: the formulas are as stable as the package's
        rtol = 1e-5 if net.dtype == np.float32 else 1e-12
        got = predict(library, name, X, 2)
        np.testing.assert_allclose(
            got, net.predict(X), rtol=rtol, atol=np.finfo(net.dtype).tiny, err_msg=name
        )


@st.composite
def networks(draw: st.DrawFn) -> nn.Network:
    sizes = draw(st.lists(st.integers(1, 12), min_size=2, max_size=6))
    return nn.Network(
        sizes,
        activation=[draw(st.sampled_from(HIDDEN)) for _ in sizes[1:-1]],
        output=draw(st.sampled_from(list(nn.ACTIVATIONS))),
        init="xavier",
        dtype=draw(st.sampled_from(["float32", "float64"])),
        seed=draw(st.integers(0, 100)),
        input_scale=draw(st.sampled_from([1.0, 1 / 255])),
    )


@needs_a_compiler
@given(st.lists(networks(), min_size=6, max_size=8))
@settings(max_examples=6)
def test_any_network(tmp_path_factory: pytest.TempPathFactory, nets: list[nn.Network]) -> None:
    library = compiled(tmp_path_factory.mktemp("c"), {f"net{i}": net for i, net in enumerate(nets)})
    for i, net in enumerate(nets):
        X = np.random.default_rng(i).standard_normal((5, net.sizes[0])) / net.input_scale
        X = X.astype(net.dtype)
        assert_close(predict(library, f"net{i}", X, net.sizes[-1]), net.predict(X), str(net.dtype))


@needs_a_compiler
def test_models_with_scaling_and_classes(tmp_path: Path) -> None:
    X, _, names = iris()
    mlp = MLPClassifier((8,), activation="tanh", solver="lbfgs", max_iter=40, random_state=0)
    flowers = make_pipeline(StandardScaler(), MinMaxScaler((-1, 1), clip=True), mlp).fit(X, names)
    two = MLPClassifier((4,), solver="lbfgs", max_iter=40, random_state=0).fit(
        X[:100], names[:100] == "setosa"
    )
    prices, raw, rows = table_model(tmp_path)
    digits = nn.Network([4, 3], cost="cross_entropy", dtype="float32", seed=0)
    odd = ['quo"te', "back\\slash", "größe ??/ */ % \n 1"]
    image = {"kind": "image", "height": 2, "width": 2, "largest": 16}
    library = compiled(
        tmp_path,
        {
            "flowers": flowers,
            "two": two,
            "prices": prices,
            "digits": Model(digits, image, "classification", odd),
        },
    )
    assert_close(predict(library, "flowers", 2 * X, 3), flowers.predict_proba(2 * X), "float64")
    assert class_names(library, "flowers", 3) == ["setosa", "versicolor", "virginica"]
    assert_close(predict(library, "two", X, 2), two.predict_proba(X), "float64")
    assert class_names(library, "two", 2) == ["False", "True"]
    assert class_names(library, "digits", 3) == odd
    pixels = np.random.default_rng(0).integers(0, 17, (9, 4)).astype(np.float32)
    assert_close(predict(library, "digits", pixels, 3), digits.predict(pixels / 16), "float32")
    assert prices.preprocessing is not None
    wanted = Target.from_dict("price", prices.preprocessing["target"]).decode(prices.network.predict(rows))
    # numbers of 10000 +- 1 are no better than that in float32, of which a network makes this much
    got = predict(library, "prices", raw.astype(np.float32), 1)
    np.testing.assert_allclose(got[:, 0], wanted, rtol=1e-3)


@needs_a_compiler
def test_nothing_is_allocated_and_the_memory_is_as_told(tmp_path: Path) -> None:
    if shutil.which("nm") is None:
        pytest.skip("there is no nm")
    net = nn.Network(
        [30, 20, 40, 9], activation="gelu", cost="cross_entropy", dtype="float32", input_scale=0.5
    )
    nn.to_c(net, tmp_path / "net.c")
    assert CC is not None
    subprocess.run([CC, *STRICT, "-c", "-o", tmp_path / "net.o", tmp_path / "net.c"], check=True)
    done = subprocess.run(["nm", "-S", tmp_path / "net.o"], capture_output=True, text=True, check=True)
    symbols = [line.split() for line in done.stdout.splitlines()]
    needed = {words[-1] for words in symbols if words[-2] == "U"}
    assert needed - {"_GLOBAL_OFFSET_TABLE_"} == {"erfcf", "expf"}
    room = {
        kind: sum(int(w[1], 16) for w in symbols if len(w) == 4 and w[2].lower() == kind) for kind in "br"
    }
    told = re.search(
        r"\(flash\): ([\d,]+) bytes\. Static memory \(RAM\): ([\d,]+) bytes", (tmp_path / "net.c").read_text()
    )
    assert told is not None
    flash, ram = (int(number.replace(",", "")) for number in told.groups())
    assert flash == room["r"] == 4 * sum(a.size for a in net.weights + net.biases)
    assert ram == room["b"] == 4 * (40 + 20)  # layers 1 and 3 share theirs


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_numbers_of_float32_are_read_back_as_they_were(value: float) -> None:
    text = c_number(np.float32(value))
    assert text.endswith("f")
    assert re.search("[.e]", text)
    assert np.float32(text[:-1]).tobytes() == np.float32(value).tobytes()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_of_float64_are_read_back_as_they_were(value: float) -> None:
    text = c_number(np.float64(value))
    assert re.search("[.e]", text)
    assert np.float64(text).tobytes() == np.float64(value).tobytes()


@needs_a_compiler
def test_the_compiler_reads_the_same_bits(tmp_path: Path) -> None:
    numbers: dict[str, Array] = {
        "float32": np.array([1 / 3, -0.0, 1e-45, 1.17549435e-38, 3.4028235e38, 16777217], np.float32),
        "float64": np.array([1 / 3, -0.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1]),
    }
    nets = {}
    for dtype, values in numbers.items():
        nets[f"net_{dtype}"] = net = nn.Network([1, len(values)], output="identity", dtype=dtype)
        net.weights[0][...], net.biases[0][...] = values.reshape(-1, 1), 0
        net.biases[0][values == 0] = -0.0
    library = compiled(tmp_path, nets)
    for dtype, values in numbers.items():
        got = predict(library, f"net_{dtype}", np.ones((1, 1), dtype), len(values))
        assert got.tobytes() == values.tobytes()


@given(st.text())
def test_texts_are_safe_in_strings_and_comments(text: str) -> None:
    written = c_text(text.replace("\ud800", ""))
    assert written.isascii()
    assert not re.search(r'\?|\*/|/\*|[\x00-\x1f]|(?<!\\)\\(?![0-7]{3})|.".', written[0] + written[1:-1])


def test_names_are_names_of_c(tmp_path: Path) -> None:
    assert [c_name(text) for text in ("digits", "my model-2", "8bit", "größe", "_x")] == [
        "digits",
        "my_model_2",
        "net_8bit",
        "gr__e",
        "net__x",
    ]
    net = nn.Network([1, 1])
    nn.to_c(net, tmp_path / "a.c", name="REAL_NAME")
    assert "void REAL_NAME_predict(const double *x, double *y)" in (tmp_path / "a.c").read_text()
    for name in ("8bit", "a-b", "", "größe"):
        with pytest.raises(ValueError, match="name must be letters, digits and _"):
            nn.to_c(net, tmp_path / "b.c", name=name)
    with pytest.raises(TypeError, match="name must be a text, got 3"):
        nn.to_c(net, tmp_path / "b.c", name=3)  # type: ignore[arg-type]


def test_a_scaling_that_float32_does_not_hold_is_refused(tmp_path: Path) -> None:
    model, _, _ = table_model(tmp_path)
    assert model.preprocessing is not None
    for name, value in (("mean", 1e300), ("scale", 1e-60)):
        content = {**model.preprocessing}
        content["columns"] = [{**content["columns"][0], name: value}, *content["columns"][1:]]
        changed = Model(model.network, content, model.task, target_name="price")
        with pytest.raises(ValueError, match="numbers that float32 does not hold"):
            nn.to_c(changed, tmp_path / "m.c")
