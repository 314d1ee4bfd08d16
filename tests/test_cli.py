"""The command line, from the options to the files, the lines and the exit codes."""

from __future__ import annotations

import csv
import gzip
import json
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits as sklearn_digits
from sklearn.datasets import load_iris
from sklearn.metrics import r2_score
from typer.testing import CliRunner

import nablanet
from data_paths import housing_csv, mnist_dir
from nablanet.cli.main import app
from nablanet.cli.words import duration, measure
from nablanet.data.encoding import held_out_rows
from nablanet.files import read_model, save_model

runner = CliRunner()


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: object, code: int = 0) -> str:
    """Run a command in this process; its standard output."""
    result = runner.invoke(app, [str(a) for a in arguments])
    if result.exit_code != code and result.exception is not None:
        raise AssertionError(f"exit code {result.exit_code}\n{result.output}") from result.exception
    assert result.exit_code == code, result.output
    if code == 0:
        return result.stdout
    assert "Traceback" not in result.output
    return " ".join(result.stderr.replace("\u2502", " ").split())


def write_csv(name: str, header: list[str], rows: Iterable[Iterable[object]]) -> Path:
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return Path(name)


def iris_csv() -> tuple[Path, list[str]]:
    iris = load_iris()
    names = [str(iris.target_names[y]) for y in iris.target]
    rows = [[*x, name] for x, name in zip(iris.data, names, strict=True)]
    return write_csv("iris.csv", ["a", "b", "c", "d", "species"], rows), names


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.astype(np.uint8).tobytes()


def fake_mnist(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images of 28x28 in which the class is a bright column, as MNIST's four files; the test part."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for part, n in (("train", 300), ("t10k", 50)):
        labels = np.arange(n) % 10
        images = rng.integers(0, 60, (n, 28, 28))
        images[np.arange(n), :, 2 * labels] = 255
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    return images, labels


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_defaults_learn_the_digits(seed: int) -> None:
    out = run("train", "digits", "--seed", seed)
    found = re.search(r"Reached accuracy (\d+) / 360", out)
    assert found is not None
    right = int(found[1])
    assert right / 360 > 0.97
    assert "Model: digits.nabla" in out
    assert Path("digits.nabla").is_file()

    pixels, labels = sklearn_digits(return_X_y=True)
    outputs = nablanet.load("digits.nabla").predict((pixels[::5] / 16).astype(np.float32))
    assert int((outputs.argmax(axis=1) == labels[::5]).sum()) == right
    assert json.loads(run("evaluate", "digits.nabla", "digits", "--json"))["correct"] == right


def test_each_epoch_has_a_line() -> None:
    out = run("train", "digits", "--epochs", 3)
    lines = re.findall(
        r"^Epoch (\d): cost \d\.\d{4}, accuracy \d+ / 360 \(\d+\.\d\d %\), (?:\d+|<1|\d+\.\d\d) m?s$",
        out,
        re.M,
    )
    assert lines == ["0", "1", "2"]


def test_json_is_alone_on_standard_output() -> None:
    result = runner.invoke(app, ["train", "digits", "--epochs", "3", "--json"])
    epochs = [json.loads(line) for line in result.stdout.splitlines()]
    assert [epoch["epoch"] for epoch in epochs] == [0, 1, 2]
    history = read_model("digits.nabla").history
    assert [epoch["cost"] for epoch in epochs] == history.cost
    assert [epoch["validation_accuracy"] for epoch in epochs] == history.validation_accuracy
    assert "Model: digits.nabla" in result.stderr


def test_quiet_says_nothing() -> None:
    result = runner.invoke(app, ["train", "digits", "--epochs", "2", "--quiet"])
    assert (result.exit_code, result.output) == (0, "")
    result = runner.invoke(app, ["train", "digits", "--epochs", "2", "--quiet", "--json"])
    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == 2


def test_the_options_reach_the_network() -> None:
    options = ["--hidden", "12,7", "--activation", "tanh", "--cost", "quadratic", "--optimizer", "sgd"]
    run("train", "digits", *options, "--eta", 0.5, "--batch-size", 50, "--epochs", 1, "-o", "my.nabla")
    network = nablanet.load("my.nabla")
    assert network.sizes == [64, 12, 7, 10]
    assert [a.name for a in network.activations] == ["tanh", "tanh", "identity"]
    assert network.cost.name == "quadratic"
    run("train", "digits", "--hidden", "none", "--epochs", 1)
    assert nablanet.load("digits.nabla").sizes == [64, 10]


@pytest.mark.parametrize("name", nablanet.OPTIMIZERS)
def test_every_optimizer_learns_at_its_default_rate(name: str) -> None:
    eta = {"sgd": 0.1, "momentum": 0.01, "nesterov": 0.01}.get(name, 0.001)
    assert f"; {name}, eta {eta:g};" in run("train", "digits", "--optimizer", name, "--epochs", 3)
    accuracy = read_model("digits.nabla").history.validation_accuracy[-1]
    assert accuracy is not None
    assert accuracy > 0.9


def test_the_same_seed_gives_the_same_bits_with_any_number_of_threads() -> None:
    weights = []
    for seed, threads in ((1, 1), (1, 2), (2, 1)):
        run("train", "digits", "--epochs", 2, "--seed", seed, "--threads", threads, "--quiet")
        weights.append(nablanet.load("digits.nabla").weights[0].tobytes())
    assert weights[0] == weights[1] != weights[2]


def test_there_is_a_picture_with_matplotlib_and_a_hint_without(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    Path("digits.png").write_text("my own")
    assert "Picture: digits.nabla.png" in run("train", "digits", "--epochs", 2)
    assert Path("digits.nabla.png").read_bytes().startswith(b"\x89PNG")
    assert Path("digits.png").read_text() == "my own"
    Path("digits.nabla.png").unlink()
    monkeypatch.delitem(sys.modules, "nablanet.cli.picture")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert 'pip install "nablanet[plot]"' in run("train", "digits", "--epochs", 2)
    assert not Path("digits.nabla.png").exists()


def test_a_table_of_classes() -> None:
    path, names = iris_csv()
    out = run("train", path, "--target", "species")
    assert "3 classes" in out
    model = read_model("iris.nabla")
    assert model.class_names == ["setosa", "versicolor", "virginica"]
    assert (model.feature_names, model.target_name) == (["a", "b", "c", "d"], "species")
    predicted = run("predict", "iris.nabla", path).splitlines()
    right = sum(p == t for p, t in zip(predicted, names, strict=True))
    assert right >= 140
    held_out = np.flatnonzero(held_out_rows(150))
    right_held_out = sum(predicted[i] == names[i] for i in held_out)
    scores = json.loads(run("evaluate", "iris.nabla", path, "--json"))
    assert (scores["correct"], scores["total"], scores["held_out"]) == (right_held_out, len(held_out), True)

    first = json.loads(run("predict", "iris.nabla", path, "--json").splitlines()[0])
    assert first["prediction"] == "setosa"
    assert sum(first["probabilities"].values()) == pytest.approx(1, abs=1e-6)
    assert max(first["probabilities"], key=first["probabilities"].get) == "setosa"


def test_predict_needs_neither_the_target_nor_the_order_of_the_columns() -> None:
    path, _ = iris_csv()
    run("train", path, "--target", "species", "--epochs", 5, "-q")
    with path.open() as file:
        rows = list(csv.DictReader(file))
    other = write_csv(
        "other.csv", ["d", "b", "more", "a", "c"], [[r["d"], r["b"], "x", r["a"], r["c"]] for r in rows]
    )
    assert run("predict", "iris.nabla", other) == run("predict", "iris.nabla", path)
    assert "no column 'species'" in run("evaluate", "iris.nabla", other, code=1)


def test_a_table_of_numbers_in_the_unit_of_the_target() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2))
    colour = rng.choice(["red", "blue"], 400)
    y = 5e5 + 1e4 * (x[:, 0] - 2 * x[:, 1] + 3 * (colour == "red"))
    cells = [
        ["" if i % 50 == 0 else a, b, c, t] for i, ((a, b), c, t) in enumerate(zip(x, colour, y, strict=True))
    ]
    path = write_csv("house.csv", ["x0", "x1", "colour", "price"], cells)
    out = run("train", path, "--target", "price")
    assert "missing numbers" in out
    predicted = np.array([float(line) for line in run("predict", "house.nabla", path).splitlines()])
    assert r2_score(y, predicted) > 0.95
    held_out = held_out_rows(400)
    wanted = np.sqrt(np.mean((y - predicted)[held_out] ** 2))
    scores = json.loads(run("evaluate", "house.nabla", path, "--json"))
    assert scores["r2"] == pytest.approx(r2_score(y[held_out], predicted[held_out]), rel=1e-4)
    assert scores["rmse"] == pytest.approx(wanted, rel=1e-3)

    history = read_model("house.nabla").history
    reached = re.search(r"Reached RMSE (\d+(?:\.\d+)?) on", out)
    assert reached is not None
    assert float(reached[1]) == pytest.approx(wanted, rel=1e-3)
    assert len(reached[1].replace(".", "")) >= 4
    assert history.validation_accuracy[-1] is None
    exact = [
        json.loads(line)["prediction"] for line in run("predict", "house.nabla", path, "--json").splitlines()
    ]
    np.testing.assert_allclose(predicted, exact, rtol=1e-6)


def test_columns_can_be_left_out_and_the_task_chosen() -> None:
    rows = [[f"name {i}", i % 7, i % 3] for i in range(60)]
    path = write_csv("t.csv", ["name", "x", "y"], rows)
    assert "'name' has" in run("train", path, "--target", "y", code=1)
    run("train", path, "--target", "y", "--ignore", "name", "--task", "regression", "--epochs", 2)
    model = read_model("t.nabla")
    assert (model.feature_names, model.task, model.class_names) == (["x"], "regression", None)


def test_mnist_files_train_predict_and_evaluate() -> None:
    images, labels = fake_mnist(Path("data"))
    run("train", "mnist", "--data", "data", "--epochs", 20, "--hidden", 32)
    scores = json.loads(run("evaluate", "mnist.nabla", "mnist", "--data", "data", "--json"))
    assert scores == {"accuracy": 1.0, "correct": 50, "total": 50, "held_out": True}
    test_images = "data/t10k-images-idx3-ubyte.gz"
    assert run("predict", "mnist.nabla", test_images).split() == [str(y) for y in labels]
    by_file = run("evaluate", "mnist.nabla", test_images, "--labels", "data/t10k-labels-idx1-ubyte")
    assert by_file.startswith("accuracy 50 / 50 (100.00 %)")

    np.savetxt("pixels.csv", images.reshape(50, -1), fmt="%d", delimiter=",")
    Path("labels.txt").write_text("\n".join(map(str, labels)))
    assert run("predict", "mnist.nabla", "pixels.csv").split() == [str(y) for y in labels]
    assert run("evaluate", "mnist.nabla", "pixels.csv", "--labels", "labels.txt").startswith(
        "accuracy 50 / 50"
    )

    assert "--labels FILE" in run("evaluate", "mnist.nabla", test_images, code=1)
    Path("labels.txt").write_text("1\n2\n")
    assert "50 images" in run("evaluate", "mnist.nabla", test_images, "--labels", "labels.txt", code=1)
    Path("labels.txt").write_text("11\n")
    assert "'11'" in run("evaluate", "mnist.nabla", test_images, "--labels", "labels.txt", code=1)
    np.savetxt("pixels.csv", images.reshape(50, -1) / 255, delimiter=",")
    assert "pixels from 0 to 255" in run("predict", "mnist.nabla", "pixels.csv", code=1)
    assert "28x28" in run("predict", "mnist.nabla", "data/t10k-labels-idx1-ubyte", code=1)
    assert "takes images of 28x28" in run("evaluate", "mnist.nabla", "digits", code=1)


def test_a_network_saved_without_a_task_gives_its_outputs() -> None:
    network = nablanet.Network([2, 3, 2], seed=1)
    save_model(network, "plain.nabla")
    Path("x.csv").write_text("1,2\n-1,0.5\n")
    outputs = [
        json.loads(line)["outputs"] for line in run("predict", "plain.nabla", "x.csv", "--json").splitlines()
    ]
    np.testing.assert_array_equal(outputs, network.predict(np.array([[1, 2], [-1, 0.5]])))
    assert "cannot be evaluated" in run("evaluate", "plain.nabla", "x.csv", code=1)
    Path("x.csv").write_text("1,2,3\n")
    assert "the model takes 2" in run("predict", "plain.nabla", "x.csv", code=1)


def test_a_model_whose_preprocessing_does_not_fit_is_refused() -> None:
    Path("x.csv").write_text("1,2\n")
    for preprocessing in ({"kind": "magic"}, {"kind": "image", "height": 3, "width": 3, "largest": 16}, {}):
        model = nablanet.files.Model(nablanet.Network([2, 2]), preprocessing=preprocessing)
        save_model(model, "odd.nabla")
        assert "odd.nabla" in run("predict", "odd.nabla", "x.csv", code=1)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "nothing.csv"], 2, "no file nothing.csv"),
        (["train", "iris.csv"], 2, "It has: a, b, c, d, species"),
        (["train", "iris.csv", "--target", "kind"], 1, "no column 'kind'; it has: a, b, c, d, species"),
        (["train", "iris.csv", "--target", "species", "--ignore", "x"], 1, "no column 'x'"),
        (
            ["train", "iris.csv", "--target", "species", "--task", "regression"],
            1,
            "needs a target of numbers, but column 'species' has 'setosa'",
        ),
        (
            ["train", "iris.csv", "--target", "a", "--cost", "cross_entropy", "--task", "regression"],
            1,
            "between 0 and 1",
        ),
        (["train", "digits", "--target", "x"], 2, "table only"),
        (["train", "digits", "--data", "."], 2, "mnist only"),
        (["train", "digits", "--epochs", "0"], 2, "'--epochs': wanted a whole number of at least 1, got 0"),
        (["train", "digits", "--batch-size", "0"], 2, "--batch-size"),
        (["train", "digits", "--threads", "0"], 2, "'--threads': wanted a whole number of at least 1, got 0"),
        (["train", "digits", "--seed", "-1"], 2, "--seed"),
        (["train", "digits", "--eta", "-1"], 2, "wanted a number above 0, such as 0.01, got -1"),
        (["train", "digits", "--eta", "nan"], 2, "got nan"),
        (["train", "digits", "--eta", "0,5"], 2, "got 0,5"),
        (["train", "digits", "--hidden", "10,x"], 2, "such as 100,50"),
        (["train", "digits", "--hidden", "10,0"], 2, "such as 100,50"),
        (["train", "digits", "--activation", "step"], 2, "'step'; there are: sigmoid, tanh, relu"),
        (["train", "digits", "--activation", "softmax"], 2, "no activation of hidden layers 'softmax'"),
        (
            ["train", "digits", "--cost", "absolute"],
            2,
            "no cost 'absolute'; there are: quadratic, cross_entropy",
        ),
        (
            ["train", "digits", "--optimizer", "magic"],
            2,
            "no optimizer 'magic'; there are: sgd, adam, momentum",
        ),
        (["train", "digits", "--output", "none/x.nabla"], 1, "no folder"),
        (["train", "digits", "--output", "."], 1, "is a folder"),
        (["train", "mnist", "--data", "none"], 1, "there is no folder none"),
        (["train", "MNIST", "--data", "."], 2, "there is no file MNIST; did you mean mnist?"),
        (["train", "."], 2, ". is a folder; train takes digits, mnist or a CSV file"),
        (["train", "iris.csv", "--target", "a", "--ignore", "a"], 2, "a is what is to be predicted"),
        (["train", "mnist", "--data", "."], 1, "train-images-idx3-ubyte"),
        (["predict", "none.nabla", "iris.csv"], 1, "none.nabla: No such file"),
        (["predict", "iris.csv", "iris.csv"], 1, "iris.csv is not a nablanet model file"),
        (["evaluate", "iris.csv", "digits", "--data", "."], 2, "mnist only"),
        (["evaluate", "iris.csv", "digits", "--labels", "x"], 2, "brings its own labels"),
    ],
)
def test_mistakes_get_one_clean_message(arguments: list[str], code: int, message: str) -> None:
    iris_csv()
    assert message in run(*arguments, code=code)
    assert [p.name for p in Path().iterdir()] == ["iris.csv"]


def test_a_diverging_run_keeps_the_old_model() -> None:
    run("train", "digits", "--epochs", 1, "-q")
    before = Path("digits.nabla").read_bytes()
    message = run(
        "train", "digits", "--eta", "1e30", "--optimizer", "sgd", "--activation", "identity", code=1
    )
    assert "diverged in epoch 0" in message
    assert "smaller eta" in message
    assert "No model is saved" in message
    assert Path("digits.nabla").read_bytes() == before


def test_info_tells_what_runs() -> None:
    out = run("info")
    assert nablanet.__version__ in out
    assert np.__version__ in out
    assert json.loads(run("info", "--json"))["isa"] == nablanet.build_info()["isa"]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "nablanet", *arguments]


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_saves_the_network() -> None:
    with subprocess.Popen(
        command("train", "digits", "--epochs", "1000000", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "is saved in digits.nabla" in err
    model = read_model("digits.nabla")
    told = 3 + len(out.splitlines())
    assert told <= len(model.history) <= told + 1  # the last line may not have been written yet
    pixels, labels = sklearn_digits(return_X_y=True)
    assert np.mean(model.network.predict(pixels / 16).argmax(axis=1) == labels) > 0.8


def test_the_command_starts_without_the_heavy_libraries() -> None:
    code = (
        "import sys\nfrom nablanet.cli.main import app\n"
        "print([m for m in ('sklearn', 'scipy', 'matplotlib', 'safetensors') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    helped = subprocess.run(command("--help"), capture_output=True, text=True, check=True)
    assert "train" in helped.stdout


def test_a_reader_that_leaves_early_is_no_error_to_report() -> None:
    path, _ = iris_csv()
    run("train", path, "--target", "species", "--epochs", 1, "-q")
    write_csv("long.csv", ["a", "b", "c", "d"], [[1, 2, 3, 4]] * 50_000)
    with subprocess.Popen(
        command("predict", "iris.nabla", "long.csv"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
    assert b"Traceback" not in err


def test_mnist_beyond_98_percent() -> None:
    folder = mnist_dir()
    run("train", "mnist", "--data", folder, "-q")
    scores = json.loads(run("evaluate", "mnist.nabla", "mnist", "--data", folder, "--json"))
    assert scores["total"] == 10000
    assert scores["accuracy"] > 0.98


def test_the_housing_table_from_end_to_end() -> None:
    out = run("train", housing_csv(), "--target", "median_house_value")
    assert "8 columns of numbers and 1 of text make 13 inputs" in out
    scores = json.loads(run("evaluate", "housing.nabla", housing_csv(), "--json"))
    assert scores["r2"] > 0.75


def test_a_model_is_replaced_and_nothing_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    iris, _ = iris_csv()
    Path("notes.txt").write_text("mine")
    Path("x.csv.nabla.png").mkdir()
    before = {path: path.read_bytes() for path in (iris, Path("notes.txt"))}
    table = ["train", "iris.csv", "--target", "species", "--epochs", 1, "-o"]
    for path in before:
        assert f"{path} exists and is no nablanet model" in run(*table, path, code=1)
    assert "not a regular file" in run(*table, "x.csv.nabla", code=1)
    if hasattr(os, "mkfifo"):
        os.mkfifo("pipe")
        assert "not a regular file" in run(*table, "pipe", code=1)
        assert Path("pipe").is_fifo()
    assert {path: path.read_bytes() for path in before} == before
    assert "Model: m.nabla\n" in run(*table, "m.nabla")
    assert "Model: m.nabla (replaced)\n" in run(*table, "m.nabla")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "does not let new.nabla be written" in run(*table, "new.nabla", code=1)


def test_the_table_of_the_training_is_known_again() -> None:
    path, _ = iris_csv()
    run("train", path, "--target", "species", "--epochs", 5, "-q")
    packed = Path("renamed.csv.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert "on the table it was trained on: its 31 held-out rows" in run("evaluate", "iris.nabla", packed)
    path.write_bytes(path.read_bytes().replace(b"5.1", b"5.2", 1))
    assert "on 150 rows of iris.csv" in run("evaluate", "iris.nabla", path)

    model = read_model("iris.nabla")
    assert model.preprocessing is not None
    del model.preprocessing["table_sha256"]  # as an older model file
    save_model(model, "old.nabla")
    assert json.loads(run("evaluate", "old.nabla", packed, "--json"))["total"] == 150


def test_plain_numbers_come_in_several_ways() -> None:
    network = nablanet.Network([3, 2], seed=1)
    save_model(network, "plain.nabla")
    wanted = network.predict(np.array([[1, 2, 3], [4, 5, 6]])).tolist()
    for text in ("1 2 3\n4 5 6\n", "1\t2\t3\n4\t5\t6\n", "1;2;3\n4;5;6", "a b c\n1 2 3\n4 5 6\n"):
        Path("x.txt").write_text(text)
        result = runner.invoke(app, ["predict", "plain.nabla", "x.txt", "--json"])
        assert [json.loads(line)["outputs"] for line in result.stdout.splitlines()] == wanted
        said = "nablanet: x.txt: the first line is taken as a header, not as numbers: a, b, c\n"
        assert result.stderr == (said if text.startswith("a") else "")


def test_a_model_of_a_table_names_the_columns_it_wants() -> None:
    path, _ = iris_csv()
    run("train", path, "--target", "species", "--epochs", 1, "-q")
    Path("x.csv").write_text("1,2,3\n")
    for command_name in ("predict", "evaluate"):
        message = run(command_name, "iris.nabla", "x.csv", code=1)
        assert "no header" in message
        assert "the model takes a table with the columns a, b, c, d" in message
    assert "predict takes a file; evaluate takes digits" in run("predict", "iris.nabla", "digits", code=1)


def test_a_network_saved_from_python_is_evaluated_where_it_fits() -> None:
    pixels, labels = sklearn_digits(return_X_y=True)
    network = nablanet.Network([64, 30, 10], cost="cross_entropy", seed=1)
    network.fit(pixels / 16, labels, epochs=5, batch_size=10, eta=0.5, progress=False)
    network.save("mine.nabla")
    result = runner.invoke(app, ["evaluate", "mine.nabla", "digits", "--json"])
    right = int((network.predict(pixels[::5] / 16).argmax(axis=1) == labels[::5]).sum())
    assert json.loads(result.stdout)["correct"] == right
    assert "does not say what its inputs are" in result.stderr
    nablanet.Network([784, 10]).save("mine.nabla")
    assert "does not say that its inputs are images" in run("evaluate", "mine.nabla", "digits", code=1)


def test_mnist_is_found_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("data").mkdir()
    fake_mnist(Path("data/mnist"))
    monkeypatch.setenv("NABLANET_DATA", "data")
    run("train", "mnist", "--epochs", 1, "-q")
    assert json.loads(run("evaluate", "mnist.nabla", "mnist", "--json"))["total"] == 50


def test_one_epoch_is_told_as_one() -> None:
    path, _ = iris_csv()
    out = run("train", path, "--target", "species", "--epochs", 1, "--batch-size", 1000)
    assert "1 epoch of mini-batches of 119; seed 0" in out
    assert "after 1 epoch, " in out


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.0004, "<1 ms"), (0.0042, "4 ms"), (0.1, "0.10 s"), (75.126, "75.13 s")]
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (69123.4, "69123"),
        (1.5, "1.500"),
        (0.05, "0.05000"),
        (123.456, "123.5"),
        (2e-7, "2.000e-07"),
        (0.0, "0"),
        (math.inf, "inf"),
    ],
)
def test_errors_have_four_digits(x: float, words: str) -> None:
    assert measure(x) == words


def test_the_help_tells_the_defaults_and_the_version() -> None:
    assert run("--version") == f"nablanet {nablanet.__version__}\n"
    helped = " ".join(run("train", "--help").replace("\u2502", " ").split())
    for part in (
        "30 for digits",
        "256,128 for digits",
        "0.001 for adam",
        "64 for mnist",
        "softplus",
        "nesterov, rmsprop",
    ):
        assert part in helped


def test_an_import_that_fails_is_told_in_one_line() -> None:
    code = "import sys, nablanet.cli\nsys.modules['nablanet.cli.main'] = None\nnablanet.cli.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("nablanet: ")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="exit code of a signal")
def test_ctrl_c_before_the_training_is_no_traceback() -> None:
    code = (
        "import sys, nablanet.cli\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'nablanet.cli.main': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Finder())\n"
        "nablanet.cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")


def test_ctrl_c_while_predicting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nablanet.cli.answers.open_model", interrupt)
    assert run("predict", "m", "x", code=130) == "nablanet: interrupted"
