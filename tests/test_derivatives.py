"""gradient, input_gradient, jacobian and hidden against the reference, differences and PyTorch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nablanet as nn
from nablanet import backprop, reference
from nablanet.shapes import Array
from networks import HIDDEN, PAIRS, Problem, assert_is_gradient, norm_difference, problem, problems


def parts(net: nn.Network) -> tuple[list[Array], list[Array], list[nn.Activation]]:
    return net.weights, net.biases, net.activations


@given(problems())
@settings(max_examples=100)
def test_they_agree_with_the_reference(p: Problem) -> None:
    net, x, y = p.network, p.X.T, p.Y.T
    m = len(p.X)
    nabla_b, nabla_w, costs = reference.gradient_sums(net, x, y)
    gradient = net.gradient(p.X, p.Y)
    assert gradient.cost == pytest.approx(costs.mean(), rel=1e-12)
    for ours, theirs in zip(gradient.nabla_b + gradient.nabla_w, nabla_b + nabla_w, strict=True):
        assert norm_difference(ours, theirs / m) < 1e-12
    exact = backprop.input_gradient(*parts(net), net.cost, x, y).T
    assert norm_difference(net.input_gradient(p.X, p.Y), exact) < 1e-12
    assert norm_difference(net.jacobian(p.X), backprop.jacobian(*parts(net), x)) < 1e-12
    activated = backprop.feed_forward(*parts(net), x)[1]
    for layer, a in enumerate(activated, start=1):
        assert norm_difference(net.hidden(p.X, layer), a.T) < 1e-12
        assert np.array_equal(net.hidden(p.X, layer - net.num_layers - 1), net.hidden(p.X, layer))
    assert np.array_equal(net.hidden(p.X, -1), net.predict(p.X))


@given(problems(), st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_a_weighted_gradient_is_that_of_the_weighted_mean_cost(p: Problem, seed: int) -> None:
    weights = np.random.default_rng(seed).random(len(p.X))
    gradient = p.network.gradient(p.X, p.Y, weights)
    assert gradient.cost == pytest.approx(p.network.mean_cost(p.X, p.Y, weights), rel=1e-12)
    single = [p.network.backprop(x, y) for x, y in zip(p.X, p.Y, strict=True)]
    for i, ours in enumerate(gradient.nabla_b + gradient.nabla_w):
        wanted = sum(w * [*nb, *nw][i] for w, (nb, nw) in zip(weights, single, strict=True)) / weights.sum()
        assert norm_difference(ours, wanted) < 1e-11


@pytest.mark.parametrize("python", [False, True])
def test_an_integer_weight_is_a_sample_repeated_in_many_blocks(python: bool) -> None:
    p = problem([6, 9, 3], "tanh", "cross_entropy", "softmax", m=1100)
    if python:
        tanh = nn.ACTIVATIONS["tanh"]
        p.network.activations[0] = nn.Activation("mine", tanh.function, tanh.derivative)
    repeats = np.random.default_rng(0).integers(0, 4, 1100)
    ours = p.network.gradient(p.X, p.Y, sample_weight=repeats)
    theirs = p.network.gradient(np.repeat(p.X, repeats, axis=0), np.repeat(p.Y, repeats, axis=0))
    assert ours.cost == pytest.approx(theirs.cost, rel=1e-12)
    for a, b in zip(ours.nabla_b + ours.nabla_w, theirs.nabla_b + theirs.nabla_w, strict=True):
        assert norm_difference(a, b) < 1e-12


def numerical_jacobian(net: nn.Network, X: Array, step: float = 1e-5) -> Array:
    columns = []
    for k in range(X.shape[1]):
        moved = np.zeros_like(X)
        moved[:, k] = step
        columns.append((net.predict(X + moved) - net.predict(X - moved)) / (2 * step))
    return np.stack(columns, axis=2)


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize(("cost", "output"), PAIRS)
def test_they_agree_with_central_differences(hidden: str, cost: str, output: str) -> None:
    p = problem([3, 4, 3, 2], hidden, cost, output, m=3, seed=6)
    net, step = p.network, 1e-5
    gradient = net.gradient(p.X, p.Y)
    assert_is_gradient([3 * g for g in gradient.nabla_b + gradient.nabla_w], p)
    assert gradient.cost == pytest.approx(net.mean_cost(p.X, p.Y), rel=1e-14)
    assert norm_difference(net.jacobian(p.X), numerical_jacobian(net, p.X)) < 1e-7
    numerical = np.empty_like(p.X)
    for place in np.ndindex(p.X.shape):
        row, moved = place[0], np.zeros_like(p.X)
        moved[place] = step
        above, below = p.X + moved, p.X - moved
        rows = slice(row, row + 1)
        difference = net.mean_cost(above[rows], p.Y[rows]) - net.mean_cost(below[rows], p.Y[rows])
        numerical[place] = difference / (2 * step)
    assert norm_difference(net.input_gradient(p.X, p.Y), numerical) < 1e-7


@pytest.mark.parametrize("output", ["sigmoid", "softmax", "identity"])
def test_they_agree_with_autograd(output: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (.ci/run installs it)")
    from test_torch import FUNCTIONS, cost_in_torch

    p = problem([7, 21, 17, 5], "gelu", "quadratic", output, m=11)
    parameters = [torch.tensor(v) for v in p.network.biases + p.network.weights]
    X = torch.tensor(p.X, requires_grad=True)
    cost_in_torch(p, parameters, X, torch.tensor(p.Y)).backward()
    assert norm_difference(p.network.input_gradient(p.X, p.Y), X.grad.numpy()) < 1e-12

    def outputs(x: Any) -> Any:
        for b, w, activation in zip(parameters[:3], parameters[3:], p.network.activations, strict=True):
            x = FUNCTIONS[activation.name](x @ w.T + b.T)
        return x

    theirs = [torch.autograd.functional.jacobian(outputs, row[None])[0, :, 0] for row in torch.tensor(p.X)]
    assert norm_difference(p.network.jacobian(p.X), torch.stack(theirs).numpy()) < 1e-12


def test_a_jacobian_by_hand() -> None:
    net = nn.Network([2, 1], activation="sigmoid", seed=0)
    net.weights[0][...] = [[3, -2]]
    net.biases[0][...] = 0
    # sigma'(0) = 1/4
    assert net.jacobian([[2.0, 3.0]]).tolist() == [[[0.75, -0.5]]]
    assert net.input_gradient([[2.0, 3.0]], [[0.0]]).tolist() == [[0.375, -0.25]]


@pytest.mark.parametrize("m", [511, 512, 513, 5000])
def test_a_gradient_over_many_rows_is_the_sum_of_its_parts(m: int) -> None:
    p = problem([20, 33, 6], "tanh", "cross_entropy", "softmax", m=m)
    p.X[:, :5] = 0
    nabla_b, nabla_w, costs = reference.gradient_sums(p.network, p.X.T, p.Y.T)
    gradient = p.network.gradient(p.X, p.Y)
    assert gradient.cost == pytest.approx(costs.mean(), rel=1e-12)
    for ours, theirs in zip(gradient.nabla_b + gradient.nabla_w, nabla_b + nabla_w, strict=True):
        assert norm_difference(ours, theirs / m) < 1e-12


def bits(p: Problem, n_threads: int | None = None) -> dict[str, str]:
    net = p.network
    gradient = net.gradient(p.X, p.Y, n_threads=n_threads)
    arrays = {
        "gradient": np.concatenate([g.ravel() for g in gradient.nabla_b + gradient.nabla_w]),
        "cost": np.array(gradient.cost),
        "weighted": net.gradient(p.X, p.Y, np.arange(len(p.X)), n_threads=n_threads).nabla_w[0],
        "input_gradient": net.input_gradient(p.X, p.Y, n_threads=n_threads),
        "jacobian": net.jacobian(p.X, n_threads=n_threads),
        "hidden": net.hidden(p.X, 2, n_threads=n_threads),
    }
    return {name: array.tobytes().hex() for name, array in arrays.items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_same_bits_on_any_number_of_threads(dtype: str, output: str) -> None:
    p = problem([120, 90, 70, 5], "silu", "quadratic", output, m=1300, dtype=dtype)
    runs = [bits(p, n_threads) for n_threads in (1, 2, 3, 8)]
    assert all(run == runs[0] for run in runs)


def test_a_row_has_the_same_bits_alone_and_in_company() -> None:
    p = problem([12, 9, 7, 5], "silu", "quadratic", "softmax", m=300)
    jacobian, gradient = p.network.jacobian(p.X), p.network.input_gradient(p.X, p.Y)
    for row in (0, 127, 128, 299):
        rows = slice(row, row + 1)
        assert np.array_equal(p.network.jacobian(p.X[rows])[0], jacobian[row])
        assert np.array_equal(p.network.input_gradient(p.X[rows], p.Y[rows])[0], gradient[row])


SCRIPT = """
import json, sys
from networks import PAIRS, problem
from test_derivatives import bits
runs = {}
for dtype in ("float32", "float64"):
    for cost, output in PAIRS:
        p = problem([27, 23, 18, 9], "gelu", cost, output, m=530, dtype=dtype)
        runs[f"{dtype} {cost} {output}"] = bits(p)
json.dump(runs, sys.stdout)
"""


def test_same_bits_on_every_instruction_set() -> None:
    runs = []
    for isa in nn.build_info()["supported_isas"]:
        paths = [os.path.dirname(__file__), *(p for p in sys.path if p)]
        environment = {**os.environ, "NABLANET_ISA": isa, "PYTHONPATH": os.pathsep.join(paths)}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
        )
        runs.append(json.loads(done.stdout))
    assert len(runs) > 1
    assert all(run == runs[0] for run in runs)


def test_float32_stays_float32() -> None:
    p = problem([4, 3, 2], "tanh", "quadratic", "identity", m=5, dtype="float32")
    gradient = p.network.gradient(p.X, p.Y)
    arrays = [*gradient.nabla_b, *gradient.nabla_w, p.network.input_gradient(p.X, p.Y)]
    arrays += [p.network.jacobian(p.X), *(p.network.hidden(p.X, layer) for layer in (1, 2, 3))]
    assert {a.dtype for a in arrays} == {np.dtype("float32")}


def test_labels_stand_for_their_one_hot_rows() -> None:
    p = problem([4, 8, 3], "tanh", "cross_entropy", "softmax", m=9)
    labels = np.arange(9) % 3
    ours, theirs = p.network.gradient(p.X, labels), p.network.gradient(p.X, np.eye(3)[labels])
    assert ours.cost == theirs.cost
    for a, b in zip(ours.nabla_w, theirs.nabla_w, strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(
        p.network.input_gradient(p.X, labels), p.network.input_gradient(p.X, np.eye(3)[labels])
    )


def test_an_activation_of_ones_own() -> None:
    p = problem([4, 8, 3], "tanh", "quadratic", "identity", m=700)
    built_in = p.network.gradient(p.X, p.Y)
    expected = p.network.input_gradient(p.X, p.Y), p.network.jacobian(p.X), p.network.hidden(p.X, 2)
    tanh = nn.ACTIVATIONS["tanh"]
    p.network.activations[0] = nn.Activation("mine", tanh.function, tanh.derivative)
    assert not p.network.runs_on_engine()
    mine = p.network.gradient(p.X, p.Y)
    assert mine.cost == pytest.approx(built_in.cost, rel=1e-12)
    for a, b in zip(mine.nabla_b + mine.nabla_w, built_in.nabla_b + built_in.nabla_w, strict=True):
        assert norm_difference(a, b) < 1e-12
    ours = p.network.input_gradient(p.X, p.Y), p.network.jacobian(p.X), p.network.hidden(p.X, 2)
    for a, b in zip(ours, expected, strict=True):
        assert norm_difference(a, b) < 1e-12
    assert np.array_equal(p.network.hidden(p.X, -1), p.network.predict(p.X))


def test_what_a_subclass_overrides_is_what_runs() -> None:
    class Doubled(nn.Network):
        def cost_derivative(self, output_activations: Array, y: Array) -> Array:
            return 2 * (output_activations - y)

    p = problem([4, 8, 3], "tanh", "quadratic", "identity", m=9)
    net = Doubled([4, 8, 3], activation="tanh", output="identity", seed=0)
    net.weights, net.biases = p.network.weights, p.network.biases
    ours, theirs = net.gradient(p.X, p.Y), p.network.gradient(p.X, p.Y)
    assert norm_difference(ours.nabla_w[0], 2 * theirs.nabla_w[0]) < 1e-12
    assert norm_difference(net.input_gradient(p.X, p.Y), 2 * p.network.input_gradient(p.X, p.Y)) < 1e-12
    assert np.array_equal(net.jacobian(p.X), p.network.jacobian(p.X))


@pytest.mark.parametrize(
    ("layer", "error", "message"),
    [
        (0, ValueError, "layer must be from 1 to 3, or from -3 to -1, got 0"),
        (4, ValueError, "layer must be from 1 to 3"),
        (-4, ValueError, "layer must be at least -3, got -4"),
        (1.5, TypeError, "layer must be an integer"),
        (True, TypeError, "layer must be an integer"),
    ],
)
def test_a_layer_that_is_not_there_is_refused(layer: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        nn.Network([2, 3, 1], seed=0).hidden([[0.0, 1.0]], layer)


def test_what_makes_no_sense_is_refused() -> None:
    net = nn.Network([2, 3, 1], seed=0)
    with pytest.raises(ValueError, match=r"pass X.reshape\(1, -1\)"):
        net.jacobian([0.0, 1.0])
    with pytest.raises(ValueError, match="Y must have one row for each of the 1 rows of X"):
        net.gradient([[0.0, 1.0]], [[0.0], [1.0]])
    with pytest.raises(ValueError, match="sample_weight must hold numbers of 0 or more, got -1"):
        net.gradient([[0.0, 1.0]], [[0.0]], [-1])
    with pytest.raises(ValueError, match="n_threads must be at least 1"):
        net.input_gradient([[0.0, 1.0]], [[0.0]], n_threads=0)
    with pytest.raises(ValueError, match="X must be finite"):
        net.hidden([[0.0, np.nan]], 2)


def test_the_inputs_come_back_as_a_copy() -> None:
    X = np.ones((2, 3))
    nn.Network([3, 1], seed=0).hidden(X, 1)[...] = 0
    assert X.all()
