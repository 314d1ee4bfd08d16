"""The drawn network: well-formed, small, and with the trace's own numbers in it."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nablanet import Network
from nablanet.explain import drawing, notation, strips

_SVG = "{http://www.w3.org/2000/svg}"


def parsed(network: Network, x: object, y: object) -> ET.Element:
    return ET.fromstring(drawing.draw(network.trace(x, y)))  # type: ignore[arg-type]  # noqa: S314 - our own


def told(svg: ET.Element) -> list[str]:
    """What the pointer reads."""
    return [title.text or "" for title in svg.iter(f"{_SVG}title")][1:]


def test_draws_a_small_network_whole() -> None:
    net = Network([2, 3, 1], seed=1)
    trace = net.trace([0.5, -1], [1])
    read = told(parsed(net, [0.5, -1], [1]))
    assert sum(text.startswith("neuron") for text in read) == 6
    assert sum(text.startswith("w") for text in read) == 9
    layer = trace[2]
    a, z, delta = (notation.number(v[2, 0]) for v in (layer.a, layer.z, layer.delta))
    assert f"neuron 3 of layer 2: a = {a}, z = {z}, δ = {delta}" in read
    w, gradient = net.weights[0][2, 1], net.backprop([0.5, -1], [1])[1][0][2, 1]
    wanted = (
        f"w²₃₂ = {notation.number(w, 4)}, w·a = {notation.number(-w, 4)}, "
        f"∂C/∂w = {notation.number(gradient, 4)}"
    )
    assert wanted in read


def test_colour_is_the_sign_and_strength_the_contribution() -> None:
    net = Network([2, 1], activation="identity", output="identity", seed=0)
    net.weights[0][...] = [[2, -1]]
    net.biases[0][...] = 0
    svg = parsed(net, [1, 4], [0])  # w·a = 2 and -4
    lines = [path for path in svg.iter(f"{_SVG}path") if path.find(f"{_SVG}title") is not None]
    colours = [line.get("stroke") for line in lines]
    assert colours == [strips.POSITIVE, strips.NEGATIVE]  # the strongest last, on top
    assert [float(line.get("stroke-opacity") or 0) for line in lines] == [
        pytest.approx(0.06 + 0.84 / 2, abs=0.006),
        pytest.approx(0.9),
    ]


def test_a_large_network_stays_small() -> None:
    net = Network([784, 30, 10], seed=0)
    x = np.random.default_rng(0).random(784)
    trace = net.trace(x, 3)
    text = drawing.draw(trace)
    assert len(text.encode()) < 150_000
    read = told(parsed(net, x, 3))
    assert sum(t.startswith("w") for t in read) == 12 * 12 + 12 * 10
    strongest = np.argsort(-np.abs(trace[2].delta[:, 0]))[:12] + 1
    drawn = {int(t.split()[1]) for t in read if "of layer 2:" in t}
    assert drawn == set(strongest.tolist())
    brightest = {int(t.split()[1]) - 1 for t in read if "of layer 1:" in t}
    assert brightest == set(np.argsort(-x)[:12].tolist())


def test_a_deep_network_stays_small() -> None:
    net = Network([20] * 20, seed=0)
    text = drawing.draw(net.trace(np.ones(20), np.zeros(20)))
    assert len(text.encode()) < 250_000


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=2, max_size=5),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 100),
)
def test_draws_any_shape(sizes: list[int], dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    net = Network(sizes, activation="relu", output="identity", dtype=dtype, seed=seed)
    svg = parsed(net, rng.normal(size=sizes[0]), rng.normal(size=sizes[-1]))
    assert svg.get("role") == "img"
    assert sum(text.startswith("neuron") for text in told(svg)) == sum(min(n, 12) for n in sizes)
    _, _, width, height = map(float, (svg.get("viewBox") or "").split())
    for circle in svg.iter(f"{_SVG}circle"):
        assert 0 <= float(circle.get("cx") or 0) <= width
        assert 0 <= float(circle.get("cy") or 0) <= height
    for text in svg.iter(f"{_SVG}text"):
        assert float(text.get("font-size") or 12) >= 11


def test_softmax_own_activation_names_and_silence() -> None:
    net = Network([4, 2], cost="cross_entropy", seed=0)
    assert "Layer 2: softmax" in drawing.draw(net.trace([0, 0, 0, 0], 1))
    for weights in net.weights:
        weights[...] = 0
    assert "nan" not in drawing.draw(net.trace([0, 0, 0, 0], 1))


def test_raster_and_strip() -> None:
    image = ET.fromstring(strips.raster(np.array([0, 1, -0.5, np.inf]), [1], 20))  # noqa: S314 - our own
    paths = [(p.get("d"), p.get("fill"), p.get("fill-opacity")) for p in image]
    # from weak to strong by sign: pixel 3 of row 2, column 1; then pixel 2 of row 1, column 2
    assert paths[:2] == [
        ("M0 1h1v1h-1z", strips.NEGATIVE, "0.50"),
        ("M1 0h1v1h-1z", strips.POSITIVE, "1.00"),
    ]
    assert len(paths) == 3
    values = np.zeros(100_000)
    values[70_000] = -2
    long = strips.strip([values], [70_000], 200, 10)
    assert len(long) < 1000
    assert "M140 0h1v1h-1z" in long


def test_trace_shows_the_drawing() -> None:
    trace = Network([2, 1], seed=0).trace([1, 1], [1])
    assert trace._repr_html_().startswith('<div class="nablanet"><figure>')
    assert repr(trace).startswith("[picture: The network with this sample's numbers in it.")
    assert "<svg" not in repr(trace)
