"""`Network.check_gradients`: correct gradients pass, whatever the network; wrong ones are found and named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.sparse import csr_array

import nablanet as nn
from nablanet import Activation, Cost, Network
from nablanet.shapes import Array
from networks import HIDDEN, PAIRS, Problem, numerical_gradient, problem, problems


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("seed", range(3))
def test_every_activation_with_every_cost_passes(seed: int, dtype: str) -> None:
    for cost, output in PAIRS:
        for hidden in HIDDEN:
            p = problem([3, 4, 2], hidden, cost, output, 2, seed=seed, dtype=dtype)
            check = p.network.check_gradients(p.X, p.Y)
            assert check.passed, (cost, output, hidden, check)
            assert check.n_judged == 26 or "relu" in hidden or "selu" in hidden
            assert not np.isnan(check.complex_step).any(), (cost, output, hidden)


@settings(max_examples=25)
@given(p=problems())
def test_every_network_passes(p: Problem) -> None:
    assert p.network.check_gradients(p.X, p.Y, sample=150).passed


def test_numbers_are_the_derivatives() -> None:
    p = problem([3, 4, 2], "tanh", "quadratic", "sigmoid", 5)
    check = p.network.check_gradients(p.X, p.Y)
    numerical = numerical_gradient(p.network, p.X, p.Y)
    for (layer, j, k), analytic, central, by_complex in zip(
        check.places, check.analytic, check.numerical, check.complex_step, strict=True
    ):
        array = numerical[layer - 2] if k == 0 else numerical[layer]  # two biases, then two weights
        wanted = array[j - 1, max(k - 1, 0)] / 5
        assert (analytic, central, by_complex) == pytest.approx((wanted,) * 3, rel=1e-6, abs=1e-9)
    assert check.cost == pytest.approx(p.network.mean_cost(p.X, p.Y))
    np.testing.assert_allclose(check.complex_step, check.analytic, rtol=1e-10)
    assert (np.abs(check.numerical - check.complex_step) <= check.error).all()


def broken(layer: int, j: int, k: int, factor: float, dtype: str = "float64") -> Network:
    class Broken(Network):
        def backprop(self, x, y):  # type: ignore[no-untyped-def]
            nabla_b, nabla_w = super().backprop(x, y)
            nabla_w[layer - 2][j - 1, k - 1] *= factor
            return nabla_b, nabla_w

    return Broken([4, 5, 3, 2], seed=6, dtype=dtype)


@pytest.mark.parametrize("factor", [1.001, 1 - 1e-4, -1.0])
@pytest.mark.parametrize("place", [(2, 5, 4), (3, 2, 1), (4, 2, 3)])
def test_a_wrong_entry_of_an_overridden_backprop_is_found(place: tuple[int, int, int], factor: float) -> None:
    x, y = [0.5, -1, 0.3, 0.8], [1, 0]
    check = broken(*place, factor).check_gradients(x, y)
    assert not check.passed
    assert check.wrong.sum() == 1
    worst = check.worst
    assert worst is not None
    assert (worst.layer, worst.j, worst.k) == place
    assert worst.difference == pytest.approx(min(abs(1 - factor), 2), rel=0.01)
    assert worst.analytic == pytest.approx(factor * worst.numerical, rel=1e-6)
    assert worst.name == "∂C/∂w" + {2: "²₅₄", 3: "³₂₁", 4: "⁴₂₃"}[place[0]]
    assert str(worst).startswith(f"{worst.name}: analytic ")
    text = " ".join(repr(check).split())
    assert "Failed: 1 of 51 derivatives is wrong." in text
    assert "backprop is the network's own version" in text


def test_float32_has_a_tolerance_of_its_own() -> None:
    x, y = [0.5, -1, 0.3, 0.8], [1, 0]
    assert Network([4, 5, 3, 2], seed=6, dtype="float32").check_gradients(x, y).passed
    assert not broken(3, 2, 1, 1.005, "float32").check_gradients(x, y).passed


def test_an_overridden_cost_derivative_is_held_against_the_cost() -> None:
    class Divided(Network):
        def cost_derivative(self, output_activations, y):  # type: ignore[no-untyped-def]
            return (output_activations - y) / 2

    check = Divided([2, 3, 1], seed=0).check_gradients([1, 2], [0])
    assert not check.passed
    assert check.wrong.all()
    assert "cost_derivative is the network's own version" in repr(check)
    right = Cost("halved", lambda a, y: np.square(a - y).sum(axis=0) / 4, lambda a, y: a - y)
    assert Divided([2, 3, 1], cost=right, seed=0).check_gradients([1, 2], [0]).passed
    assert not Network([2, 3, 1], cost=right, seed=0).check_gradients([1, 2], [0]).passed


def test_the_user_s_own_functions() -> None:
    sine = Activation("sine", np.sin, np.cos)
    fourth = Cost("fourth", lambda a, y: ((a - y) ** 4).sum(axis=0), lambda a, y: 4 * (a - y) ** 3)
    check = Network([3, 4, 2], activation=sine, cost=fourth, seed=1).check_gradients([1, 0, -1], [0, 1])
    assert check.passed
    assert not np.isnan(check.complex_step).any()
    # |z| takes no complex numbers: what it gives there has no imaginary part
    soft = Activation("soft", lambda z: z / (1 + np.abs(z)), lambda z: 1 / (1 + np.abs(z)) ** 2)
    check = Network([3, 4, 2], activation=soft, seed=1).check_gradients([1, 0, -1], [0, 1])
    assert check.passed
    assert np.isnan(check.complex_step).all()
    assert "complex step" not in repr(check).split("Furthest")[0]
    assert check.notes == ()
    wrong = Activation("wrong", soft.function, lambda z: 1.0001 / (1 + np.abs(z)) ** 2)
    check = Network([3, 4, 2], activation=wrong, seed=1).check_gradients([1, 0, -1], [0, 1])
    assert not check.passed
    assert "check_activation looks at an activation by itself: here wrong." in repr(check)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "selu", "own"])
def test_kinks_are_named(activation: str) -> None:
    own = Activation("own", lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0)
    net = Network([2, 2, 1], activation=own if activation == "own" else activation, output="identity", seed=0)
    net.biases[0][...] = 0
    net.weights[0][...] = [[1, -1], [1, 2]]
    # z²₁ = 1 - 1 = 0, which b²₁, w²₁₁ and w²₁₂ move to either side; z²₂ = 3
    check = net.check_gradients([1, 1], [0.2])
    assert check.passed
    assert {tuple(place) for place in check.places[check.at_kink]} == {(2, 1, 0), (2, 1, 1), (2, 1, 2)}
    text = " ".join(repr(check).split())
    assert "At a kink, and not judged: 3." in text
    assert "∂C/∂b²₁, ∂C/∂w²₁₁, ∂C/∂w²₁₂" in text


@pytest.mark.parametrize("cost", ["absolute_error", "quantile"])
def test_kinks_of_the_cost(cost: str) -> None:
    net = Network([1, 2], activation="identity", cost=cost, seed=0)
    net.weights[0][...], net.biases[0][...] = 1, 0
    check = net.check_gradients([3], [3, 1])  # a = (3, 3)
    assert check.passed
    np.testing.assert_array_equal(check.places[check.at_kink], [[2, 1, 0], [2, 1, 1]])
    assert nn.Network([1, 1], cost="huber", activation="identity").check_gradients([0], [0]).passed


def test_near_a_kink_is_judged() -> None:
    net = Network([1, 1, 1], activation="relu", output="identity", seed=0)
    net.weights[0][...], net.biases[0][...] = 1, 0
    check = net.check_gradients([1e-4], [1])  # z² = 0.0001, within the first step
    assert check.passed
    assert check.n_judged == 4


def test_slopes_that_underflow() -> None:
    net = Network([1, 1], activation="mish", output="mish", seed=0)
    for z in (-50, -150, -400, -800, -1e5):
        net.biases[0][...] = z
        assert net.check_gradients([0.5], [0]).passed


def test_elu_and_huber_bend_but_have_derivatives() -> None:
    net = Network([1, 1, 1], activation="elu", output="identity", cost=nn.huber(1.0), seed=0)
    net.weights[0][...], net.biases[0][...], net.biases[1][...] = 1, 0, 1
    check = net.check_gradients([0], [0])  # z² = 0, and a - y = 1 = delta
    assert check.passed
    assert check.n_judged == 4


def test_large_networks_are_checked_in_whole_or_by_a_sample() -> None:
    net = Network([784, 30, 10], cost="cross_entropy", seed=0)
    x = np.random.default_rng(0).random(784)
    check = net.check_gradients(x, 3, sample=1000)
    assert check.passed
    assert (len(check.places), check.n_parameters) == (1000, 23860)
    assert "1,000 of 23,860 parameters, drawn at random" in " ".join(repr(check).split())
    assert (np.bincount(check.places[:, 0])[2:] > 300).all()  # 310 parameters in layer 3, 23,550 in layer 2
    assert len(np.unique(check.places, axis=0)) == 1000
    again = net.check_gradients(x, 3, sample=1000)
    np.testing.assert_array_equal(again.places, check.places)
    assert (net.check_gradients(x, 3, sample=1000, seed=1).places != check.places).any()
    whole = net.check_gradients(x, 3)
    assert whole.passed
    assert len(whole.places) == 23860
    many = Network([300, 200, 100, 10], seed=0)
    assert len(many.check_gradients(np.zeros((100, 300)), np.zeros(100, dtype=int)).places) < 1000


@pytest.mark.parametrize(("factor", "passes"), [(1.0, True), (1.001, False)])
def test_one_sample_and_rows_with_input_scale(factor: float, passes: bool) -> None:
    own = Activation("own", np.tanh, lambda z: factor * (1 - np.tanh(z) ** 2))
    net = Network([3, 4, 2], activation=own, input_scale=1 / 255, seed=0)
    X: Array = np.array([[10, 200, 255], [0, 0, 90]], dtype=np.uint8)
    for x, y in ((X, [0, 1]), (X, np.eye(2)), (X[0], [0, 1]), (X[:1].T, 1)):
        check = net.check_gradients(x, y)
        assert check.passed == passes
        assert check.m == (2 if x is X else 1)


def test_sparse_rows_and_no_hidden_layer() -> None:
    net = Network([4, 2], cost="cross_entropy", seed=0)
    X = np.array([[0, 1.5, 0, 0], [0, 0, 0, -2.0]])
    sparse, dense = net.check_gradients(csr_array(X), [0, 1]), net.check_gradients(X, [0, 1])
    assert sparse.passed
    np.testing.assert_array_equal(sparse.complex_step, dense.complex_step)
    assert (sparse.analytic[sparse.places[:, 2] == 1] == 0).all()
    assert Network([1, 1], seed=0).check_gradients(0.5, 1).passed


def test_agrees_with_autograd() -> None:
    torch = pytest.importorskip("torch")
    net = Network([3, 4, 2], activation="silu", output="sigmoid", seed=2)
    w, b = [
        [torch.tensor(p, requires_grad=True) for p in parameters] for parameters in (net.weights, net.biases)
    ]
    x, y = np.array([0.3, -1.2, 0.8]), np.array([0.0, 1.0])
    a = torch.nn.functional.silu(w[0] @ torch.tensor(x[:, np.newaxis]) + b[0])
    a = torch.sigmoid(w[1] @ a + b[1])
    (0.5 * ((a - torch.tensor(y[:, np.newaxis])) ** 2).sum()).backward()
    check = net.check_gradients(x, y)
    for (layer, j, k), by_complex in zip(check.places, check.complex_step, strict=True):
        wanted = b[layer - 2].grad[j - 1, 0] if k == 0 else w[layer - 2].grad[j - 1, k - 1]
        assert by_complex == pytest.approx(float(wanted), rel=1e-10, abs=1e-14)


def test_refusals() -> None:
    net = Network([2, 1], output="exp")
    with pytest.raises(ValueError, match="x must have 2 numbers"):
        net.check_gradients([1, 2, 3], [0])
    with pytest.raises(ValueError, match="shape"):
        net.check_gradients(np.zeros((5, 3)), np.zeros(5))
    with pytest.raises(ValueError, match="sample must be at least 1"):
        net.check_gradients([1, 2], [0], sample=0)
    with pytest.raises(TypeError, match="seed must be an integer"):
        net.check_gradients([1, 2], [0], seed=0.5)  # type: ignore[arg-type]
    net.biases[0][...] = 1e4
    with pytest.raises(ValueError, match="the cost must be finite as float64"):
        net.check_gradients([1, 2], [0])


def test_tells_itself() -> None:
    check = Network([2, 3, 1], seed=0).check_gradients([1, 2], [0])
    text = repr(check)
    assert "Passed: all 13 derivatives agree." in text
    assert max(map(len, text.splitlines())) <= 110
    assert "central difference" in check._repr_html_()
    for index in range(13):
        one = check.compared(index)
        assert (one.k is None) == (check.places[index, 2] == 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_confident_network_passes(dtype: str) -> None:
    """Where C is nearly 0, its rounding is that of z, not of C."""
    rng = np.random.default_rng(0)
    net = Network([6, 8, 3], cost="cross_entropy", activation="relu", init="he", dtype=dtype, seed=0)
    for w in net.weights:
        w *= 10
    for x in rng.normal(size=(30, 6)):
        check = net.check_gradients(x, int(net.predict(x[np.newaxis]).argmax()))
        assert check.passed, repr(check)
