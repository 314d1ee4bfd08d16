"""`explain.decision` against finite differences, torch, and sums that must come out."""

from __future__ import annotations

import re
import time
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nablanet as nn
from nablanet import Network, explain
from nablanet.explain.document import Figure, Table
from nablanet.explain.pixels import raster
from nablanet.shapes import Array

SMOOTH = ["sigmoid", "tanh", "softplus", "silu", "gelu", "mish", "identity"]


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 7), min_size=2, max_size=5),
    activation=st.sampled_from(SMOOTH),
    output=st.sampled_from([*SMOOTH, "softmax"]),
    scale=st.sampled_from([1.0, 0.5]),
    seed=st.integers(0, 1000),
)
def test_against_differences_and_sums(
    sizes: list[int], activation: str, output: str, scale: float, seed: int
) -> None:
    net = Network(sizes, activation=activation, output=output, init="scaled", seed=seed, input_scale=scale)
    rng = np.random.default_rng(seed)
    x, baseline = rng.normal(size=(2, sizes[0]))
    j = int(rng.integers(sizes[-1])) + 1
    d = explain.decision(net, x, output=j, baseline=baseline)

    h = 1e-5
    ends = [net.predict(x + s * h * np.eye(sizes[0]))[:, j - 1] for s in (1, -1)]
    np.testing.assert_allclose(d.gradient[:, 0], (ends[0] - ends[1]) / (2 * h), rtol=1e-6, atol=1e-8)
    a, a_baseline = net.predict([x, baseline])[:, j - 1]
    assert d.a == pytest.approx(a, rel=1e-10)
    assert d.a_baseline == pytest.approx(a_baseline, rel=1e-10)
    assert d.attributions.sum() == pytest.approx(a - a_baseline, abs=1e-6)
    assert d.completeness_error == pytest.approx(0, abs=1e-6)
    assert d.contributions[-1].sum() + d.b == pytest.approx(d.z, rel=1e-9, abs=1e-9)
    assert [len(c) for c in d.contributions] == sizes[:-1]


@pytest.mark.parametrize("name", nn.ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_engine_gives_the_same_gradient(name: str, dtype: str) -> None:
    hidden = "tanh" if name in ("softmax", "exp") else name
    net = Network([5, 9, 4], activation=hidden, output=name, init="scaled", dtype=dtype, seed=3)
    x = np.random.default_rng(1).normal(size=5)
    jacobian = net.jacobian([x])[0]
    for j in range(4):
        gradient = explain.decision(net, x, output=j + 1).gradient[:, 0]
        np.testing.assert_allclose(
            gradient, jacobian[j], rtol=1e-4, atol=1e-5 if dtype == "float32" else 1e-12
        )


def test_by_hand() -> None:
    net = Network([2, 2, 1], activation="identity")
    net.weights[0][...], net.biases[0][...] = [[1, 2], [0, -1]], [[1], [0]]
    net.weights[1][...], net.biases[1][...] = [[3, 4]], [[5]]
    d = explain.decision(net, [1, 10])
    # a² = (22, -10), so z³ = 66 - 40 + 5; ∂a³/∂x = (3·1, 3·2 - 4)
    assert (d.output, d.z, d.b) == (1, 31, 5)
    np.testing.assert_array_equal(d.contributions[1], [[66], [-40]])
    np.testing.assert_array_equal(d.gradient, [[3], [2]])
    np.testing.assert_allclose(d.attributions, [[3], [20]], rtol=1e-14)
    # without biases on the way, gradient times activation adds up too
    np.testing.assert_array_equal(d.contributions[0], [[3], [20]])


def test_deeper_layers_by_differences() -> None:
    """a² ∂z⁴/∂a², from a network that begins at layer 2."""
    net = Network([3, 4, 5, 2], activation="tanh", seed=1)
    d = explain.decision(net, [0.1, -0.7, 0.4], output=2)
    a = net.hidden([[0.1, -0.7, 0.4]], 2)[0]

    def z(a: Array) -> float:
        hidden = np.tanh(net.weights[1] @ a[:, np.newaxis] + net.biases[1])
        return float((net.weights[2] @ hidden + net.biases[2])[1, 0])

    h = 1e-6
    rates = [(z(a + h * e) - z(a - h * e)) / (2 * h) for e in np.eye(4)]
    np.testing.assert_allclose(d.contributions[1][:, 0], a * rates, rtol=1e-6)


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_against_torch(output: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (.ci/run installs it)")
    net = Network([6, 5, 4, 3], activation="tanh", output=output, seed=2)
    x = np.random.default_rng(0).normal(size=6)

    def outputs(x: Any) -> Any:
        a = x
        for i, (w, b) in enumerate(zip(net.weights, net.biases, strict=True)):
            z = torch.tensor(np.ascontiguousarray(w)) @ a + torch.tensor(np.ascontiguousarray(b))[:, 0]
            a = torch.tanh(z) if i < 2 else (torch.sigmoid(z) if output == "sigmoid" else torch.softmax(z, 0))
        return a

    for j in range(3):
        given = torch.tensor(x, requires_grad=True)
        outputs(given)[j].backward()
        d = explain.decision(net, x, output=j + 1)
        np.testing.assert_allclose(d.gradient[:, 0], given.grad.numpy(), rtol=1e-9, atol=1e-14)
        # the integral by brute force: the midpoints of many steps
        total = np.zeros(6)
        for t in (np.arange(100) + 0.5) / 100:
            point = torch.tensor(t * x, requires_grad=True)
            outputs(point)[j].backward()
            total += point.grad.numpy()
        np.testing.assert_allclose(d.attributions[:, 0], x * total / 100, atol=1e-4)


def test_more_steps_for_kinks() -> None:
    net = Network([5, 20, 20, 2], activation="relu", init="he", seed=0)
    x = np.random.default_rng(0).normal(size=5) * 3
    net.biases[0][...] = 0.5
    errors = [abs(explain.decision(net, x, steps=n).completeness_error) for n in (2, 1000)]
    assert errors[1] < min(5e-3, errors[0] / 10)


def test_defaults() -> None:
    net = Network([3, 4], cost="cross_entropy", dtype="float32", seed=0)
    x = np.array([[0.5], [1], [-2]])
    d = explain.decision(net, x)
    assert d.output == int(net.predict(x.T).argmax()) + 1
    np.testing.assert_array_equal(d.baseline, np.zeros((3, 1)))
    assert d.gradient.dtype == np.float32
    assert d.completeness_error == pytest.approx(0, abs=1e-6)
    assert d.shape is None
    assert "softmax compares it" in repr(d)
    (inputs,) = (b for b in d.blocks() if isinstance(b, Table))
    assert len(inputs.rows) == 3
    assert "from the 3 neurons of layer 1" in repr(d)


def test_own_activation() -> None:
    cube = nn.Activation("cube", lambda z: z**3, lambda z: 3 * z**2)
    d = explain.decision(Network([2, 3, 1], activation=cube, seed=0), [0.3, 0.4])
    assert d.completeness_error == pytest.approx(0, abs=1e-12)


def test_images() -> None:
    net = Network([784, 30, 10], seed=0)
    x = np.zeros(784)
    x[100:103] = [0.2, 1, 1]
    explain.decision(net, x)
    began = time.perf_counter()
    d = explain.decision(net, x)
    html = d._repr_html_()
    assert time.perf_counter() - began < 0.5  # far less on a machine at rest
    assert d.shape == (28, 28)
    figures = [b for b in d.blocks() if isinstance(b, Figure)]
    assert len(figures) == 3
    for figure in figures:
        assert ElementTree.fromstring(figure.svg).get("viewBox") == "-0.28 -0.28 28.56 28.56"  # noqa: S314 - our own
    # row 3, columns 16 to 18: one shade, then two pixels in another
    assert "M16 3h1v1h-1z" in figures[0].svg
    assert "M17 3h2v1h-2z" in figures[0].svg
    assert len(html) < 60_000
    assert explain.decision(Network([64, 2], seed=0), np.ones(64)).shape == (8, 8)
    assert explain.decision(Network([6, 2], seed=0), np.ones(6), shape=(2, 3)).shape == (2, 3)


def test_raster() -> None:
    svg = raster(np.array([[1.0, -0.5], [0.0, 0.001]]), "a <b>", signed=True)
    paths = re.findall(r'<path fill="(.*?)" fill-opacity="(.*?)" d="(.*?)"/>', svg)
    assert paths == [("#1c7ed6", "0.5", "M1 0h1v1h-1z"), ("#d9480f", "1", "M0 0h1v1h-1z")]
    assert "<title>a &lt;b&gt;</title>" in svg
    assert "path" not in raster(np.zeros((2, 2)), "", signed=False)


def test_refuses() -> None:
    net = Network([4, 3, 2], seed=0)
    x = [1, 2, 3, 4]
    with pytest.raises(ValueError, match="output must be from 1 to 2 in layer 3, got 3"):
        explain.decision(net, x, output=3)
    with pytest.raises(ValueError, match=r"baseline must have 4 numbers, .*got \(1,\)"):
        explain.decision(net, x, baseline=[0])
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        explain.decision(net, x, steps=0)
    with pytest.raises(ValueError, match="steps must be at most 1000, got 1001"):
        explain.decision(net, x, steps=1001)
    with pytest.raises(ValueError, match="shape must hold the 4 neurons of layer 1, got 2 x 3 = 6"):
        explain.decision(net, x, shape=(2, 3))
    with pytest.raises(TypeError, match=r"shape must be \(rows, columns\), got 4"):
        explain.decision(net, x, shape=4)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="x must have 4 numbers"):
        explain.decision(net, [1, 2])
