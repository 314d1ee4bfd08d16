"""The page about one sample: self-contained, in order, and with this network's numbers."""

from __future__ import annotations

from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from nablanet import Cost, Network, explain
from nablanet.activations import Activation
from nablanet.explain import notation

_VOID = {"meta", "link", "br", "hr", "mspace", "img", "input"}


class Outline(HTMLParser):
    """The tags, the headings and the text of a page; complains about what is not closed."""

    def __init__(self, page: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)
        if tag in ("h1", "h2", "h3"):
            self.headings.append((tag, ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._open and self._open[-1] in ("h1", "h2", "h3"):
            tag, said = self.headings[-1]
            self.headings[-1] = (tag, said + data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def outline(network: Network, x: object, y: object, **more: object) -> Outline:
    return Outline(explain.page(network, x, y, **more))  # type: ignore[arg-type]


def test_is_self_contained() -> None:
    page = explain.page(Network([2, 3, 2], seed=0), [0.5, -1], [1, 0])
    read = Outline(page)
    assert page.startswith("<!doctype html>")
    assert read.all("html") == [{"lang": "en"}]
    assert not read.all("script")
    assert not read.all("img")
    assert [link["href"] for link in read.all("link")] == ["data:,"]
    for _, attributes in read.tags:
        assert not any(name.startswith("on") for name in attributes)
    assert "url(" not in page
    assert "@import" not in page


def test_contents_lead_to_the_sections() -> None:
    read = outline(Network([2, 3, 2], seed=0), [0.5, -1], [1, 0])
    names = [section["id"] for section in read.all("section")]
    assert names == [
        "network",
        "forward",
        "backward",
        "equations",
        "demon",
        "paths",
        "saturation",
        "decision",
    ]
    assert [link["href"] for link in read.all("a")] == [f"#{name}" for name in names]
    levels = [int(tag[1]) for tag, _ in read.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert "The demon at neuron" in str(read.headings)


def test_numbers_are_the_networks_own() -> None:
    net = Network([3, 4, 2], seed=5)
    x, y = [0.2, -0.4, 0.9], [0, 1]
    read = outline(net, x, y, layer=2, neuron=3)
    nabla_b, nabla_w = net.backprop(x, y)
    assert notation.number(net.mean_cost([x], [y])) in read.text
    assert all(notation.number(b) in read.text for gradient in nabla_b for b in gradient[:, 0])
    assert all(
        notation.number(largest) in read.text
        for gradient in nabla_w
        for largest in np.abs(gradient).max(axis=1)
    )
    assert all(notation.number(a) in read.text for a in np.ravel(net.feedforward(x)))
    assert "neuron 3 of layer 2" in read.text


def test_by_default_the_largest_error_of_the_last_hidden_layer() -> None:
    net = Network([3, 5, 4, 2], seed=2)
    x, y = [1, 2, 3], [1, 0]
    largest = int(np.argmax(np.abs(net.backprop(x, y)[0][1]))) + 1
    assert f"about neuron {largest} of layer 3" in outline(net, x, y).text
    largest = int(np.argmax(np.abs(net.backprop(x, y)[0][2]))) + 1
    assert f"about neuron {largest} of layer 4" in outline(net, x, y, layer=4).text
    assert "of layer 2" in outline(Network([4, 2], seed=0), [1, 2, 3, 4], [1, 0]).text


def test_title_is_text() -> None:
    read = outline(Network([2, 1], seed=0), [1, 1], [1], title="<b>A & B</b>")
    assert read.headings[0] == ("h1", "<b>A & B</b>")


def test_large_networks_too_many_paths_and_rows() -> None:
    net = Network([784, 30, 10], seed=0)
    rng = np.random.default_rng(0)
    X, Y = rng.random((20, 784)), rng.integers(0, 10, 20)
    assert len(explain.page(net, X[0], Y[0], layer=2, neuron=30, X=X, Y=Y)) < 400_000
    deep = Network([3, 30, 30, 30, 30, 2], seed=0)
    read = outline(deep, [1, 2, 3], [0, 1], layer=2, neuron=1)
    assert notation.symbol("w", 2, 1, 3) in read.text
    assert "54,000" in read.text  # 30 * 30 * 30 * 2 paths


def test_networks_of_all_kinds() -> None:
    own = Cost("mine", lambda a, y: ((a - y) ** 4).sum(axis=0), lambda a, y: 4 * (a - y) ** 3)
    cubic = Activation("cubic", lambda z: z**3, lambda z: 3 * z**2)

    class Doubled(Network):
        def cost_derivative(self, output_activations, y):  # type: ignore[no-untyped-def]
            return 2 * (output_activations - y)

    for net in (
        Network([2, 3, 2], cost=own, seed=0),
        Network([2, 3, 2], activation=cubic, output="identity", seed=0),
        Doubled([2, 3, 2], seed=0),
        Network([2, 3, 2], activation="relu", cost="cross_entropy", dtype="float32", seed=0),
        Network([2, 2], input_scale=1 / 255, seed=0),
    ):
        read = outline(net, [100, 7], [1, 0])
        assert len(read.all("section")) == 8
        assert ("a¹ = input_scale · x" in read.text) == (net.input_scale != 1)
        assert "Not shown" not in read.text


def test_refuses_what_is_not_there() -> None:
    net = Network([2, 3, 1], seed=0)
    for more, message in (
        ({"layer": 4}, "layer must be from 2 to 3, got 4"),
        ({"layer": 1}, "layer must be from 2 to"),
        ({"layer": 2, "neuron": 4}, "neuron must be from 1 to 3 in layer 2, got 4"),
        ({"neuron": 1}, "neuron 1 of which layer"),
    ):
        with pytest.raises(ValueError, match=message):
            explain.page(net, [1, 1], [1], **more)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="x"):
        explain.page(net, [1], [1])


def test_refuses_rows_that_do_not_fit() -> None:
    net = Network([3, 4, 2], seed=0)
    with pytest.raises(ValueError, match="there is no X"):
        explain.page(net, [1, 2, 3], 0, Y=[0, 1])
    with pytest.raises(ValueError, match="3"):
        explain.page(net, [1, 2, 3], 0, X=[[1, 0]], Y=[0])
