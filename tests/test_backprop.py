"""The NumPy reference against central differences and against values worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

import nablanet as nn
from nablanet import backprop, reference
from networks import HIDDEN, PAIRS, assert_is_gradient, norm_difference, problem


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize(("cost", "output"), PAIRS)
def test_agrees_with_central_differences(hidden: str, cost: str, output: str) -> None:
    p = problem([3, 4, 3, 2], hidden, cost, output, m=3, seed=6)
    nabla_b, nabla_w, costs = reference.gradient_sums(p.network, p.X.T, p.Y.T)
    assert_is_gradient(nabla_b + nabla_w, p)
    assert costs.mean() == pytest.approx(p.network.mean_cost(p.X, p.Y), rel=1e-12)


def test_one_neuron_by_hand() -> None:
    # w = 0.6, b = 0.9, x = 1, y = 0: z = 1.5, a = sigma(1.5), C = a^2 / 2
    net = nn.Network([1, 1])
    net.weights[0][:] = 0.6
    net.biases[0][:] = 0.9
    a = 1 / (1 + np.exp(-1.5))
    nabla_b, nabla_w = net.backprop([1.0], [0.0])
    assert nabla_b[0].item() == pytest.approx(a * a * (1 - a), rel=1e-14)
    assert nabla_w[0].item() == pytest.approx(a * a * (1 - a), rel=1e-14)


def test_two_layers_by_hand() -> None:
    # identity throughout: z^2 = 2 * 3 + 1 = 7, z^3 = 0.5 * 7 - 1 = 2.5, delta^3 = 2.5 - 2 = 0.5,
    # delta^2 = 0.5 * 0.5 = 0.25
    net = nn.Network([1, 1, 1], activation="identity")
    net.weights[0][:], net.biases[0][:] = 2.0, 1.0
    net.weights[1][:], net.biases[1][:] = 0.5, -1.0
    nabla_b, nabla_w = net.backprop([3.0], [2.0])
    assert [b.item() for b in nabla_b] == [0.25, 0.5]
    assert [w.item() for w in nabla_w] == [0.75, 3.5]


def test_the_four_equations() -> None:
    rng = np.random.default_rng(0)
    delta_next, w_next = rng.standard_normal((3, 2)), rng.standard_normal((3, 4))
    slope, a_in = rng.standard_normal((4, 2)), rng.standard_normal((5, 2))
    delta = backprop.backpropagate_error(w_next, delta_next, slope)
    for j in range(4):
        for sample in range(2):
            by_components = sum(w_next[k, j] * delta_next[k, sample] for k in range(3)) * slope[j, sample]
            assert delta[j, sample] == pytest.approx(by_components, rel=1e-14)
    assert backprop.bias_gradient(delta)[1, 0] == pytest.approx(delta[1, 0] + delta[1, 1], rel=1e-14)
    expected = a_in[3, 0] * delta[2, 0] + a_in[3, 1] * delta[2, 1]
    assert backprop.weight_gradient(a_in, delta)[2, 3] == pytest.approx(expected, rel=1e-14)


def test_batch_gradient_is_the_sum_over_its_samples() -> None:
    p = problem([4, 6, 3], "tanh", "cross_entropy", "softmax", m=5)
    whole_b, whole_w, _ = reference.gradient_sums(p.network, p.X.T, p.Y.T)
    single = [p.network.backprop(x, y) for x, y in zip(p.X, p.Y, strict=True)]
    for layer in range(2):
        assert norm_difference(np.sum([b[layer] for b, _ in single], axis=0), whole_b[layer]) < 1e-14
        assert norm_difference(np.sum([w[layer] for _, w in single], axis=0), whole_w[layer]) < 1e-14


def test_backprop_returns_lists_with_the_shapes_of_the_parameters() -> None:
    net = nn.Network([4, 5, 3])
    nabla_b, nabla_w = net.backprop(np.zeros(4), 2)
    assert [b.shape for b in nabla_b] == [b.shape for b in net.biases]
    assert [w.shape for w in nabla_w] == [w.shape for w in net.weights]
