"""`nablanet explain` and `nablanet check`, from the options to the numbers and the exit codes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nablanet import Network, explain
from nablanet.cli.blocks import plain, render
from nablanet.cli.main import app
from nablanet.data.digits import load_digits
from nablanet.explain.document import Block, Figure, Formula, Heading, Paragraph, Table
from nablanet.files import Model, read_model, save_model

runner = CliRunner()
IMAGES = {"kind": "image", "height": 8, "width": 8, "largest": 16}
TEN = [str(digit) for digit in range(10)]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: object, code: int = 0) -> str:
    """Run a command in this process; its standard output, or what it refuses with."""
    result = runner.invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.stdout if code == 0 else " ".join(result.stderr.replace("\u2502", " ").split())


@pytest.fixture
def digits() -> Path:
    network = Network([64, 12, 10], activation="relu", cost="cross_entropy", dtype="float32", seed=0)
    save_model(Model(network, IMAGES, "classification", TEN), "digits.nabla")
    return Path("digits.nabla")


@pytest.fixture
def plain_model() -> Path:
    save_model(Network([2, 3, 1], seed=1), "xor.nabla")
    Path("xor.csv").write_text("a,b,y\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n")
    return Path("xor.nabla")


def test_explains_a_held_out_digit(digits: Path) -> None:
    text = run("explain", digits, "--sample", 3, "--layer", 2, "--neuron", 5)
    data = load_digits()
    label, got = data.y_test[2], int(np.argmax(read_model(digits).network.predict(data.X_test[2:3])))
    wanted = (
        "digits.nabla: sample 3 of 360 held-out images of digits, "
        f"desired {label} (output neuron {label + 1}), answer {got} (output neuron {got + 1})"
    )
    assert wanted in " ".join(text.split())
    trace = read_model(digits).network.trace(data.X_test[2], int(data.y_test[2]))
    assert explain.notation.number(trace.cost) in text
    assert "neuron 5 of layer 2" in text
    assert "<svg" not in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert run("explain", digits, "digits", "--sample", 3, "--layer", 2, "--neuron", 5) == text


def test_json_has_every_number(digits: Path) -> None:
    content = json.loads(run("explain", digits, "--sample", 2, "--layer", 3, "--json"))
    assert isinstance(content["saturation"]["findings"], list)
    bp4 = content["equations"]["bp4"]
    assert bp4["value"] == pytest.approx(bp4["engine_value"], rel=1e-4, abs=1e-6)
    data = load_digits()
    network = read_model(digits).network
    nabla_b, nabla_w = network.backprop(data.X_test[1], int(data.y_test[1]))
    layers = content["trace"]["layers"]
    np.testing.assert_allclose(layers[1]["nabla_w"], nabla_w[0], rtol=1e-6)
    np.testing.assert_allclose(layers[2]["delta"], nabla_b[1], rtol=1e-6)
    assert (content["sample"], content["layer"]) == (2, 3)
    assert content["neuron"] == int(np.argmax(np.abs(nabla_b[1]))) + 1
    assert {"trace", "equations", "demon", "paths", "saturation", "decision"} < set(content)


def test_page(digits: Path) -> None:
    assert run("explain", digits, "--sample", 3, "--html", "page.html").split() == ["Page:", "page.html"]
    page = Path("page.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert "sample 3 of 360 held-out images of digits" in page
    assert run("check", digits, "--html", "page.html", "--json") == '{"page": "page.html"}\n'
    assert "Gradient check" in Path("page.html").read_text("utf-8")
    assert not list(Path().glob(".*"))


def test_a_file_of_inputs_and_desired_outputs(plain_model: Path) -> None:
    text = run("explain", plain_model, "xor.csv", "--sample", 2)
    trace = read_model(plain_model).network.trace([0, 1], [1])
    assert f"C = {explain.notation.number(trace.cost)}" in text
    assert f"sample 2 of 4 lines of xor.csv, desired 1; output {trace[3].a[0, 0]:.7g}" in " ".join(
        text.split()
    )


def test_a_table_that_the_model_knows() -> None:
    rng = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{a + b:.3f}" for a, b in rng.normal(size=(60, 2))]
    Path("sums.csv").write_text("\n".join(["a,b,sum", *rows]))
    run("train", "sums.csv", "--target", "sum", "--epochs", 1, "--hidden", 4, "-q")
    text = run("explain", "sums.nabla", "sums.csv", "--sample", 2)
    desired = rows[5].rpartition(",")[2]  # every fifth row is held out
    assert f"desired {float(desired):.6g}" in text
    assert "Passed" in run("check", "sums.nabla", "sums.csv")
    assert "give TABLE.csv after it" in run("explain", "sums.nabla", code=1)


def test_check(digits: Path) -> None:
    text = run("check", digits, "--sample", 4)
    assert "sample 4 of 360 held-out images" in text
    assert "Passed" in text
    content = json.loads(run("check", digits, "--json"))
    assert content["passed"] is True
    assert content["m"] == 10


def test_check_fails_with_a_wrong_gradient(digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = explain.check_gradients(Network([2, 1], seed=0), [1, 1], [1])
    object.__setattr__(found, "wrong", np.ones_like(found.wrong))
    monkeypatch.setattr("nablanet.cli.explain.check_gradients", lambda *_: found)
    result = runner.invoke(app, ["check", str(digits)])
    assert result.exit_code == 1
    assert "Failed" in result.stdout


def test_refusals_say_what_exists(digits: Path, plain_model: Path) -> None:
    refused: list[tuple[tuple[object, ...], str]] = [
        (
            ("--sample", 361),
            "--sample must be from 1 to 360, got 361: there are 360 held-out images of digits",
        ),
        (("--layer", 4), "layer must be from 2 to 3, got 4"),
        (("--layer", 1), "layer must be from 2 to"),
        (("--layer", 2, "--neuron", 13), "neuron must be from 1 to 12 in layer 2, got 13"),
        (("none.csv",), "none.csv"),
        (("--html", "no/page.html"), "there is no folder"),
        (("--html", "."), "is a folder"),
        (("--html", digits), "is no HTML page, so it is not replaced"),
    ]
    for arguments, message in refused:
        assert message in run("explain", digits, *arguments, code=1)
    assert read_model(digits)  # still there
    message = run("explain", plain_model, code=1)
    assert "give digits, mnist, or a file after it, in each line 2 inputs and 1 desired output" in message
    Path("wide.csv").write_text("1,2,3,4\n")
    assert "wanted 3: 2 inputs and 1 desired output" in run("check", plain_model, "wide.csv", code=1)
    wrong_usage: list[tuple[tuple[object, ...], str]] = [
        (("--sample", 0), "wanted a whole number of at least 1, got 0"),
        (("--layer", "two"), "wanted a whole number"),
        (("--neuron", 1), "goes with --layer"),
        (("digits", "--labels", "y"), "digits brings its own labels"),
        (("--labels", "y"), "goes with a file of images"),
        (("digits", "--data", "."), "goes with mnist only"),
    ]
    for arguments, message in wrong_usage:
        assert message in run("explain", digits, *arguments, code=2)


def test_help_says_from_where_numbers_count() -> None:
    text = " ".join(run("explain", "--help").replace("\u2502", " ").split())
    assert text.count("counting from 1") == 3


def test_one_sample_is_explained_at_once() -> None:
    network = Network([784, 30, 10], seed=0)
    X = np.random.default_rng(0).random((2, 784))
    save_model(Model(network, None), "m.nabla")
    np.savetxt("m.csv", np.hstack([X, np.eye(10)[:2]]), delimiter=",")

    def fastest(act: Callable[[], object]) -> float:
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            act()
            seconds.append(time.perf_counter() - start)
        return min(seconds)

    assert fastest(lambda: explain.page(network, X[0], 3)) < 0.2
    assert fastest(lambda: run("explain", "m.nabla", "m.csv")) < 0.5  # with the file read


def test_blocks_in_a_terminal() -> None:
    blocks: list[Block] = [
        Heading("Title"),
        Paragraph("word " * 40),
        Formula("a = b\nc = d", "<mi>a</mi>"),
        Table(
            ("n", "what is told of it"), (("−1.2345·10⁻⁵", "long words " * 20),), "Caption", text=("what",)
        ),
        Table(tuple("abcdefgh"), (("−1.2345678·10⁻⁵",) * 8,)),
        Table(("nothing",), ()),
        Figure("<svg></svg>", "a picture"),
    ]
    text = render(blocks, 80, styled=False)
    assert max(map(len, text.splitlines())) <= 80
    assert "    a = b\n    c = d" in text
    assert "−1.2345·10⁻⁵" in text
    assert "picture" not in text
    assert "\x1b[1m" in render(blocks, 80, styled=True)


def test_plain_values_are_json() -> None:
    value = {
        "a": np.array([[1.5, np.nan]]),
        "b": (np.float32(2), np.bool_(True), None, "x"),
        "c": float("inf"),
    }
    assert json.loads(json.dumps(plain(value))) == {"a": [[1.5, None]], "b": [2, True, None, "x"], "c": None}
