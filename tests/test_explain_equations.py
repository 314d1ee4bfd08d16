"""`explain.equations` against the cost's central differences, the engine and values by hand."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nablanet import ACTIVATIONS, Activation, Cost, Network, cross_entropy, explain, huber
from nablanet.explain.document import Explanation, Formula
from nablanet.explain.expressions import number, quotient, row, symbol
from nablanet.shapes import Array
from networks import HIDDEN, PAIRS, Problem, problem, problems


def numerical(net: Network, x: Array, y: Array, parameter: Array, place: tuple[int, ...]) -> float:
    """∂C/∂ one parameter by central differences of fourth order."""
    h, kept, costs = 1e-3, parameter[place], {}
    for steps in (-2, -1, 1, 2):
        parameter[place] = kept + steps * h
        costs[steps] = net.mean_cost(x[np.newaxis], y[np.newaxis])
    parameter[place] = kept
    return (costs[-2] - costs[2] + 8 * (costs[1] - costs[-1])) / (12 * h)


def characters(formula: str) -> list[str]:
    """What is written, wherever it stands; text alone has brackets and a / in a quotient."""
    plain = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ˡᴸ₀₁₂₃₄₅₆₇₈₉ⱼₖ∑", "0123456789−+lL0123456789jkΣ", " \n()/^")
    return sorted(formula.translate(plain))


def assert_well_formed(explanation: Explanation) -> None:
    """Every formula is XML of MathML Core's elements and says what its text says; all lines fit."""
    known = {"math", "mi", "mn", "mo", "mrow", "mtext", "mfrac", "msub", "msup", "msubsup", "munder"}
    known |= {"mtable", "mtr", "mtd"}
    for block in explanation.blocks():
        if isinstance(block, Formula):
            root = ElementTree.fromstring(f"<math>{block.mathml}</math>")  # noqa: S314 - our own
            assert {element.tag for element in root.iter()} <= known
            wanted = {"msub": 2, "msup": 2, "mfrac": 2, "munder": 2, "msubsup": 3}
            for element in root.iter():
                assert len(element) == wanted.get(element.tag, len(element))
            assert characters("".join(root.itertext())) == characters(block.text)
    assert max(map(len, repr(explanation).splitlines())) <= 110


def assert_right(p: Problem, e: explain.Equations, tolerance: float = 1e-7) -> None:
    """The terms come to the value, the value is the engine's, and the rate of the cost."""
    net, x, y = p.network, p.X[0], p.Y[0]
    l, j, k = e.weight  # noqa: E741
    scale = max(abs(equation.engine_value) for equation in e) + 1e-3
    for equation in e:
        products = [np.prod(term.factors) for term in equation.terms]
        assert equation.value == pytest.approx(equation.factor * np.sum(products), rel=1e-12, abs=1e-14)
        assert equation.value == pytest.approx(equation.engine_value, rel=1e-9, abs=1e-11 * scale)
        assert equation.difference == equation.value - equation.engine_value
    b, w = net.biases[e.layer - 2], net.weights[l - 2]
    assert e.bp3.value == pytest.approx(numerical(net, x, y, b, (e.neuron - 1, 0)), abs=tolerance * scale)
    assert e.bp4.value == pytest.approx(numerical(net, x, y, w, (j - 1, k - 1)), abs=tolerance * scale)


def test_by_hand() -> None:
    net = Network([1, 1, 1], activation="identity", output="identity")
    net.weights[0][...], net.biases[0][...] = 3, 1
    net.weights[1][...], net.biases[1][...] = 2, -4
    e = explain.equations(net, [2], [5])
    # a² = 7, a³ = 10: δ³ = (10 - 5)·1, δ² = 2·5·1, ∂C/∂w² = 2·10
    assert e.bp2 is not None
    assert [equation.value for equation in e] == [5, 10, 10, 20]
    assert (e.bp1.quantity, e.bp2.quantity) == ("δ³₁", "δ²₁")
    assert (e.bp3.quantity, e.bp4.quantity) == ("∂C/∂b²₁", "∂C/∂w²₁₁")
    assert e.bp2.terms == (explain.Term(1, (2.0, 5.0)),)
    assert e.bp2.numbers.text == "δ²₁ = w³₁₁ · δ³₁ · σ′(z²₁)\n    = 2 · 5 · 1\n    = 10"
    assert e.bp1.symbols.text == "δᴸⱼ = ∂C/∂aᴸⱼ · σ′(zᴸⱼ)\n    = (aᴸⱼ − yⱼ) · σ′(zᴸⱼ)"
    assert e.source == "the compiled engine"


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize(("cost", "output"), PAIRS)
def test_every_cost_and_activation(hidden: str, cost: str, output: str) -> None:
    p = problem([3, 4, 5, 3], hidden, cost, output, 1, seed=3)
    e = explain.equations(p.network, p.X[0], p.Y[0])
    assert e.layer == 3
    assert e.source == "the compiled engine"
    assert_right(p, e)


@settings(max_examples=60, deadline=None)
@given(p=problems(), data=st.data())
def test_any_shape_and_any_place(p: Problem, data: st.DataObject) -> None:
    sizes = p.network.sizes
    layer = data.draw(st.integers(2, len(sizes)))
    neuron = data.draw(st.integers(1, sizes[layer - 1]))
    l = data.draw(st.integers(2, len(sizes)))  # noqa: E741
    weight = l, data.draw(st.integers(1, sizes[l - 1])), data.draw(st.integers(1, sizes[l - 2]))
    e = explain.equations(p.network, p.X[0], p.Y[0], layer=layer, neuron=neuron, weight=weight)
    assert (e.layer, e.neuron, e.weight) == (layer, neuron, weight)
    nabla_b, nabla_w = p.network.backprop(p.X[0], p.Y[0])
    scale = max(float(np.abs(g).max()) for g in nabla_b + nabla_w)
    assert e.bp3.value == pytest.approx(nabla_b[layer - 2][neuron - 1, 0], rel=1e-12)
    assert e.bp4.value == pytest.approx(nabla_w[l - 2][weight[1] - 1, weight[2] - 1], rel=1e-12)
    assert all(abs(equation.difference) <= 1e-10 * scale + 1e-300 for equation in e)
    assert (e.bp2 is None) == (len(sizes) == 2)
    if e.bp2 is not None and layer < len(sizes):
        assert e.bp2.value == pytest.approx(e.bp3.value, rel=1e-9, abs=1e-12 * scale)
        assert len(e.bp2.terms) == sizes[layer]
        products = [abs(term.value) for term in e.bp2.terms]
        assert products == sorted(products, reverse=True)
    if layer == len(sizes):
        assert e.bp1.value == pytest.approx(e.bp3.value, rel=1e-9, abs=1e-12 * scale)
    assert_well_formed(e)


def test_chooses_the_strongest() -> None:
    net = Network([5, 6, 4, 3], seed=2)
    x, y = np.linspace(-1, 1, 5), 1
    t = net.trace(x, y)
    e = explain.equations(net, x, y)
    j = int(np.abs(t[3].delta).argmax())
    assert (e.layer, e.neuron) == (3, j + 1)
    assert e.weight == (3, j + 1, int(np.abs(t[3].nabla_w[j]).argmax()) + 1)
    assert e.bp1.quantity == f"δ⁴{'₁₂₃'[int(np.abs(t[4].delta).argmax())]}"
    assert explain.equations(net, x, y, weight=(2, 5, 3)).neuron == 5
    other = explain.equations(net, x, y, layer=4, weight=(2, 5, 3))
    assert (other.layer, other.weight) == (4, (2, 5, 3))
    assert other.bp2 is not None
    assert other.bp2.quantity.startswith("δ³")


def test_no_hidden_layer() -> None:
    p = problem([4, 2], [], "quadratic", "sigmoid", 1)
    e = explain.equations(p.network, p.X[0], p.Y[0])
    assert_right(p, e)
    assert e.bp2 is None
    assert e.layer == 2
    assert "There is no hidden layer" in repr(e)
    assert [equation.name for equation in e] == ["BP1", "BP3", "BP4"]


def test_true_forms_of_bp1() -> None:
    x = [0.3, -0.4]
    sigmoid = explain.equations(Network([2, 1], cost="cross_entropy", seed=1), x, [0.25]).bp1
    assert sigmoid.symbols.text.endswith("= aᴸⱼ − yⱼ")
    assert [term.factors[0] for term in sigmoid.terms][1] == -0.25
    soft = explain.equations(Network([2, 3], output="softmax", seed=1), x, 0).bp1
    assert soft.symbols.text == "δᴸⱼ = Σₖ ∂C/∂aᴸₖ · ∂aᴸₖ/∂zᴸⱼ"
    assert len(soft.terms) == 3
    fused = explain.equations(Network([2, 3], cost="cross_entropy", seed=1), x, 0).bp1
    assert fused.symbols.text.splitlines()[-1].strip() == "= aᴸⱼ − yⱼ"
    poisson = explain.equations(Network([2, 1], cost="poisson", seed=1), x, [3]).bp1
    assert poisson.symbols.text.splitlines()[1].strip() == "= (1 − yⱼ/aᴸⱼ) · aᴸⱼ"
    smoothed = explain.equations(Network([2, 4], cost=cross_entropy(0.2), seed=1), x, 0, neuron=1).bp1
    assert smoothed.terms[1].value == pytest.approx(-(0.8 + 0.2 / 4))
    assert "label smoothing makes of 1" in smoothed.note
    assert "huber(delta=2.0)" in explain.equations(Network([2, 1], cost=huber(2.0)), x, [1]).bp1.note


def test_a_saturated_output_has_its_error() -> None:
    """There ∂C/∂a is infinite and σ′ is 0, and a - y is not."""
    net = Network([1, 1], cost="cross_entropy")
    net.weights[0][...], net.biases[0][...] = 800, 0
    e = explain.equations(net, [1], [0])
    assert [equation.value for equation in e] == [1, 1, 1]


def test_the_users_own_python() -> None:
    class Own(Network):
        def cost_derivative(self, output_activations, y):  # type: ignore[no-untyped-def]
            return 2 * (output_activations - y)

    class Wrong(Network):
        def backprop(self, x, y):  # type: ignore[no-untyped-def]
            nabla_b, nabla_w = super().backprop(x, y)
            return [b + 1 for b in nabla_b], nabla_w

    plain = explain.equations(Network([2, 3, 2], seed=1, input_scale=0.5), [4, 2], [1, 0])
    own = explain.equations(Own([2, 3, 2], seed=1, input_scale=0.5), [4, 2], [1, 0])
    assert own.source == "the NumPy reference"
    assert "own cost_derivative" in own.bp1.note
    for one, two in zip(plain, own, strict=True):
        assert two.value == pytest.approx(2 * one.value)
        assert two.difference == pytest.approx(0, abs=1e-15)
    wrong = explain.equations(Wrong([2, 3, 2], seed=1), [4, 2], [1, 0])
    assert wrong.source == "this network's own backprop"
    assert wrong.bp3.difference == pytest.approx(-1)

    swish = Activation("swish", lambda z: z * z, lambda z: 2 * z)
    cost = Cost("fourth", lambda a, y: ((a - y) ** 4).sum(axis=0), lambda a, y: 4 * (a - y) ** 3)
    net = Network([3, 4, 2], activation=swish, cost=cost, init="scaled", seed=5)
    x, y = np.array([0.2, -0.3, 0.9]), np.array([0.1, 0.4])
    assert_right(Problem(net, x[np.newaxis], y[np.newaxis]), explain.equations(net, x, y))


def test_softmax_with_an_own_derivative() -> None:
    class Own(Network):
        def cost_derivative(self, output_activations, y):  # type: ignore[no-untyped-def]
            return output_activations - y

    own = Own([2, 3], cost="cross_entropy", seed=1)
    quadratic = Network([2, 3], cost="quadratic", output="softmax", seed=1)
    one, two = (explain.equations(net, [1, 2], 0) for net in (own, quadratic))
    assert one.bp1.value == pytest.approx(two.bp1.value, rel=1e-12)
    assert one.bp1.difference == pytest.approx(0, abs=1e-15)


def test_float32() -> None:
    net = Network([4, 30, 3], cost="cross_entropy", dtype="float32", seed=0)
    e = explain.equations(net, [1, 2, 3, 4], 1)
    assert e.source == "the compiled engine"
    for equation in e:
        assert equation.value == pytest.approx(equation.engine_value, rel=1e-4)


def test_a_large_network_is_readable() -> None:
    net = Network([784, 30, 30], seed=0)
    e = explain.equations(net, np.linspace(0, 1, 784), 3)
    text = repr(e)
    assert "… and 18 more: sum" in text
    assert len(text.splitlines()) < 80
    assert e.bp2 is not None
    assert len(e.bp2.terms) == 30
    assert_well_formed(e)
    html = e._repr_html_()
    ElementTree.fromstring(html)  # noqa: S314 - our own


def test_refusals() -> None:
    net = Network([2, 3, 1], seed=0)
    x, y = [1, 2], [1]
    for arguments, message in (
        ({"layer": 4}, "layer must be from 2 to 3, got 4"),
        ({"layer": 1}, "layer must be from 2 to 3, got 1"),
        ({"neuron": 4}, "neuron must be from 1 to 3 in layer 2, got 4"),
        ({"weight": (2, 3, 3)}, "k must be from 1 to 2 in layer 1, got 3"),
    ):
        with pytest.raises(ValueError, match=message):
            explain.equations(net, x, y, **arguments)
    with pytest.raises(TypeError, match=r"weight must be \(l, j, k\)"):
        explain.equations(net, x, y, weight=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="x"):
        explain.equations(net, [1, 2, 3], y)


def test_expressions() -> None:
    assert symbol("w", 3, 2, 11).text == "w³₂,₁₁"
    assert symbol("w", "l+1", "k", "j").mathml == (
        "<msubsup><mi>w</mi><mrow><mi>k</mi><mi>j</mi></mrow>"
        "<mrow><mi>l</mi><mo>+</mo><mn>1</mn></mrow></msubsup>"
    )
    assert number(-1.5e-7).mathml == (
        "<mrow><mrow><mo>−</mo><mn>1.5</mn></mrow><mo>·</mo>"
        "<msup><mn>10</mn><mrow><mo>−</mo><mn>7</mn></mrow></msup></mrow>"
    )
    assert number(9.99999e9).text == "1·10¹⁰"
    assert "<mn>10</mn></msup>" in number(9.99999e9).mathml
    a = symbol("a", "", 1)
    assert quotient(a, row(number(1), "−", a)).text == "a₁/(1 − a₁)"
    assert set(ACTIVATIONS) > set(HIDDEN)
