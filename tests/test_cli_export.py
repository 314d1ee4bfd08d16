"""`nablanet export`, from the options to the files and the exit codes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nablanet as nn
from exported import table_model
from nablanet.cli.main import app
from nablanet.files import Model, save_model
from test_cli import run, runner


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model of a table, two folders away from where the command runs."""
    made, _, _ = table_model(tmp_path)
    Path("models").mkdir()
    save_model(made, "models/prices.nabla")
    return Path("models/prices.nabla")


@pytest.mark.parametrize("to", ["npz", "c"])
def test_the_file_lies_in_this_folder_and_is_replaced_by_its_like_only(model: Path, to: str) -> None:
    path = Path(f"prices.{to}")
    assert run("export", model, "--to", to) == f"{to}: prices.{to}\n"
    first = path.read_bytes()
    assert run("export", model, "--to", to) == f"{to}: prices.{to} (replaced)\n"
    assert path.read_bytes() == first
    assert run("export", model, "--to", to, "--quiet") == ""
    path.write_text("my notes")
    assert "prices." in run("export", model, "--to", to, code=1)
    assert path.read_text() == "my notes"
    assert run("export", model, "--to", to, "--output", f"other.{to}") == f"{to}: other.{to}\n"


def test_onnx_has_the_scaling_of_the_model(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed (.ci/run installs it)")
    ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (.ci/run installs it)")
    run("export", model, "--to", "onnx")
    assert run("export", model, "--to", "onnx") == "onnx: prices.onnx (replaced)\n"
    (got,) = ort.InferenceSession("prices.onnx").run(None, {"X": table_model(tmp_path)[1]})
    printed = run("predict", model, "table.csv").split()
    np.testing.assert_allclose(got[:, 0], np.array(printed, float), rtol=2e-6)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_an_estimators_labels_stay_numbers() -> None:
    X = np.random.default_rng(0).random((30, 4))
    y = np.repeat([5, 10, 25], 10)
    clf = nn.MLPClassifier((6,), max_iter=3, random_state=0).fit(X, y)
    clf.save_model("coins.nabla")
    run("export", "coins.nabla", "--to", "npz")
    with np.load("coins.npz", allow_pickle=False) as arrays:
        assert arrays["classes"].tolist() == [5, 10, 25]
    pytest.importorskip("onnx", reason="onnx is not installed (.ci/run installs it)")
    ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (.ci/run installs it)")
    run("export", "coins.nabla", "--to", "onnx")
    labels, probabilities = ort.InferenceSession("coins.onnx").run(None, {"X": X})
    assert labels.tolist() == clf.predict(X).tolist()
    np.testing.assert_allclose(probabilities, clf.predict_proba(X), rtol=1e-6)


def test_c_is_named_after_the_file_or_as_asked(model: Path) -> None:
    run("export", model, "--to", "c", "-o", "my-net.c")
    assert "void my_net_predict(const float *x, float *y);" in Path("my-net.c").read_text()
    run("export", model, "--to", "c", "-o", "my-net.c", "--name", "price")
    assert "void price_predict(const float *x, float *y);" in Path("my-net.c").read_text()
    if compiler := shutil.which("cc"):
        command = [compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-c", "my-net.c"]
        subprocess.run(command, check=True)


def test_the_books_json(tmp_path: Path) -> None:
    nn.Network([3, 4, 2], seed=0).save("book.nabla")
    assert run("export", "book.nabla", "--to", "json") == "json: book.json\n"
    assert run("export", "book.nabla", "--to", "json") == "json: book.json (replaced)\n"
    content = json.loads(Path("book.json").read_text())
    assert content["sizes"] == [3, 4, 2]
    assert content["cost"] == "QuadraticCost"


def test_what_the_books_program_does_not_know_is_told(model: Path) -> None:
    told = run("export", model, "--to", "json", code=1)
    assert told == "nablanet: the book's program knows sigmoid neurons only, this network has identity, relu"
    assert not Path("prices.json").exists()


def test_that_the_json_lacks_the_scaling_is_told() -> None:
    image = {"kind": "image", "height": 2, "width": 2, "largest": 16}
    save_model(Model(nn.Network([4, 2]), image, "classification", ["a", "b"]), "image.nabla")
    done = runner.invoke(app, ["export", "image.nabla", "--to", "json"])
    assert done.stderr == (
        "nablanet: the book's format holds the network alone, not the scaling of its inputs\n"
    )


def test_without_onnx_the_command_says_what_to_install(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    told = run("export", model, "--to", "onnx", code=1)
    assert told == 'nablanet: ONNX needs the package onnx: pip install "nablanet[onnx]"'


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["export", "models/prices.nabla"], 2, "Missing option '--to'"),
        (["export", "models/prices.nabla", "--to", "pmml"], 2, "'pmml' is not one of"),
        (["export", "models/prices.nabla", "--to", "npz", "--name", "a"], 2, "goes with --to c"),
        (["export", "models/prices.nabla", "--to", "c", "--name", "8"], 2, "a letter first, got '8'"),
        (["export", "models/prices.nabla", "--to", "c", "-o", "models"], 1, "models is a folder"),
        (["export", "models/prices.nabla", "--to", "c", "-o", "no/a.c"], 1, "there is no folder"),
        (["export", "table.csv", "--to", "c"], 1, "table.csv is not a nablanet model file"),
        (["export", "none.nabla", "--to", "c"], 1, "none.nabla: No such file"),
    ],
)
def test_mistakes_get_one_clean_message(model: Path, arguments: list[str], code: int, message: str) -> None:
    assert message in run(*arguments, code=code)
