"""`nablanet.book.network` against the program of `book_program`, which goes example by example."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_digits

from book_program import (
    TINY,
    Array,
    Labelled,
    Pair,
    Program,
    assert_same_network,
    assert_same_order,
    labelled,
    one_hot,
    seed,
    tiny_data,
)
from nablanet.book import network


@pytest.fixture(scope="module")
def digits() -> tuple[list[Pair], list[Labelled]]:
    """600 handwritten digits of 8x8 to train on, 300 to test on."""
    images, labels = load_digits(return_X_y=True)
    pairs = [(x.reshape(64, 1) / 16, int(label)) for x, label in zip(images, labels, strict=True)]
    return [(x, one_hot(label, 10)) for x, label in pairs[:600]], pairs[600:900]


class TestNetwork:
    def test_the_initial_parameters_are_those_of_the_book(self) -> None:
        seed(1)
        net = network.Network([784, 30, 10])
        seed(1)
        program = Program([784, 30, 10])
        assert_same_network(net, program, 0)
        assert (net.num_layers, net.sizes) == (3, [784, 30, 10])

    @pytest.mark.parametrize("make", [list, iter, tuple], ids=["list", "iterator", "tuple"])
    def test_several_epochs_go_as_in_the_book(self, make: Callable[[Any], Any]) -> None:
        ours, theirs = tiny_data(), tiny_data()
        theirs = [(x, y) for (x, _), (_, y) in zip(ours, theirs, strict=True)]
        seed(2)
        net = network.Network(TINY)
        given = make(ours)
        net.SGD(given, 3, 4, 0.7)
        after = random.random()
        seed(2)
        program = Program(TINY)
        for _ in range(3):
            program.epoch(theirs, 4, 0.7)
        assert_same_network(net, program, 1e-13)
        assert random.random() == after
        if given is ours:
            assert_same_order(ours, theirs)

    def test_a_second_call_starts_from_the_order_of_the_first(self) -> None:
        ours = tiny_data()
        theirs = list(ours)
        seed(3)
        net = network.Network(TINY)
        net.SGD(ours, 2, 5, 0.5)
        net.SGD(ours, 1, 3, 0.5)
        seed(3)
        program = Program(TINY)
        for size in (5, 5, 3):
            program.epoch(theirs, size, 0.5)
        assert_same_network(net, program, 1e-13)
        assert_same_order(ours, theirs)

    def test_whole_arrays_take_the_same_shuffles(self) -> None:
        pairs = tiny_data()
        X, Y = (np.hstack([pair[i] for pair in pairs]).T for i in (0, 1))
        seed(4)
        net = network.Network(TINY)
        whole = [X, Y]
        net.SGD(whole, 2, 4, 0.5)  # type: ignore[arg-type]
        seed(4)
        program = Program(TINY)
        for _ in range(2):
            program.epoch(pairs, 4, 0.5)
        assert_same_network(net, program, 1e-13)
        assert whole[0] is X

    def test_the_lines_of_the_book(self, capsys: pytest.CaptureFixture[str]) -> None:
        data, test_data = tiny_data(), labelled(tiny_data(9))
        seed(6)
        network.Network(TINY).SGD(list(data), 2, 4, 1.0)
        assert capsys.readouterr().out == "Epoch 0 complete\nEpoch 1 complete\n"
        network.Network(TINY).SGD(list(data), 1, 4, 1.0, test_data=[])
        assert capsys.readouterr().out == "Epoch 0 complete\n"
        seed(6)
        network.Network(TINY).SGD(list(data), 2, 4, 1.0, test_data=iter(test_data))
        seed(6)
        program = Program(TINY)
        wanted = ""
        for j in range(2):
            program.epoch(data, 4, 1.0)
            wanted += f"Epoch {j}: {program.correct(test_data)} / 9\n"
        assert capsys.readouterr().out == wanted

    def test_its_methods_agree_with_the_book(self) -> None:
        data = tiny_data()
        seed(7)
        net = network.Network(TINY)
        seed(7)
        program = Program(TINY)
        x, y = data[0]
        for ours, theirs in zip(net.backprop(x, y), program.gradient(x, y), strict=True):
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-13, atol=0)
        np.testing.assert_allclose(net.feedforward(x), program.output(x), rtol=1e-14)
        np.testing.assert_array_equal(net.cost_derivative(x, 2 * x), -x)
        assert net.evaluate(labelled(data)) == program.correct(labelled(data))
        net.update_mini_batch(data[:5], 0.3)
        program.step(data[:5], 0.3)
        assert_same_network(net, program, 1e-14)
        z = np.linspace(-9, 9, 50)
        np.testing.assert_allclose(network.sigmoid(z), 1 / (1 + np.exp(-z)), rtol=1e-15)
        np.testing.assert_allclose(network.sigmoid_prime(z), np.exp(-z) / (1 + np.exp(-z)) ** 2, rtol=1e-14)

    def test_it_runs_on_the_engine(self) -> None:
        assert network.Network(TINY).runs_on_engine()

    @pytest.mark.parametrize("method", ["cost_derivative", "backprop", "update_mini_batch"])
    def test_what_a_subclass_overrides_is_what_runs(self, method: str) -> None:
        calls = []

        def cost_derivative(self: Any, output_activations: Array, y: Array) -> Array:
            calls.append(1)
            return 2 * (output_activations - y)

        def backprop(self: Any, x: Array, y: Array) -> tuple[list[Array], list[Array]]:
            calls.append(1)
            nabla_b, nabla_w = network.Network.backprop(self, x, y)
            return [2 * nb for nb in nabla_b], [2 * nw for nw in nabla_w]

        def update_mini_batch(self: Any, mini_batch: list[Pair], eta: float) -> None:
            calls.append(len(mini_batch))
            network.Network.update_mini_batch(self, mini_batch, 2 * eta)

        own = {f.__name__: f for f in (cost_derivative, backprop, update_mini_batch)}
        doubled = type("Doubled", (network.Network,), {method: own[method]})
        data = tiny_data()
        seed(8)
        net: Any = doubled(TINY)
        net.SGD(list(data), 2, 4, 0.25)
        seed(8)
        program = Program(TINY)
        for _ in range(2):
            program.epoch(data, 4, 0.5)
        assert_same_network(net, program, 1e-13)
        assert sum(calls) == 2 * 23

    def test_an_overridden_feedforward_is_what_evaluates(self, capsys: pytest.CaptureFixture[str]) -> None:
        class Always(network.Network):
            def feedforward(self, a: Any) -> Array:
                return one_hot(1, 2)

        Always(TINY).SGD(tiny_data(), 1, 4, 1.0, test_data=[(np.ones((3, 1)), i % 3 % 2) for i in range(9)])
        assert capsys.readouterr().out == "Epoch 0: 3 / 9\n"

    def test_a_subclass_that_draws_its_own_parameters(self) -> None:
        class Own(network.Network):
            def __init__(self, sizes: list[int]):
                self.num_layers = len(sizes)
                self.sizes = sizes
                self.biases, self.weights = program.b, program.w

        seed(9)
        program = Program(TINY, scaled=True)
        net = Own(TINY)
        net.SGD(tiny_data(), 1, 4, 0.5)
        seed(9)
        program = Program(TINY, scaled=True)
        program.epoch(tiny_data(), 4, 0.5)
        assert_same_network(net, program, 1e-13)
        assert net.runs_on_engine()

    def test_an_interruption_leaves_the_list_in_the_order_so_far(self) -> None:
        class Interrupted(network.Network):
            def update_mini_batch(self, mini_batch: Any, eta: float) -> None:
                raise KeyboardInterrupt

        data = tiny_data()
        theirs = list(data)
        net = Interrupted(TINY)
        seed(5)
        with pytest.raises(KeyboardInterrupt):
            net.SGD(data, 3, 4, 1.0)
        seed(5)
        random.shuffle(theirs)
        assert_same_order(data, theirs)

    def test_refusals_change_nothing(self) -> None:
        data = tiny_data()
        order = list(data)
        net = network.Network(TINY)
        before = [p.copy() for p in net.weights + net.biases]
        state = random.getstate()
        calls: tuple[Callable[[], object], ...] = (
            lambda: net.SGD(data, 0, 4, 1.0),
            lambda: net.SGD(data, 1, 0, 1.0),
            lambda: net.SGD(data, 1, 4, -1.0),
            lambda: net.SGD([*data, (np.ones(4), np.ones(2))], 1, 4, 1.0),
            lambda: net.SGD([], 1, 4, 1.0),
            lambda: net.SGD(data, 1, 4, 1.0, test_data=[(np.ones(3), 2)]),
        )
        for bad in calls:
            with pytest.raises(ValueError):
                bad()
        for old, now in zip(before, net.weights + net.biases, strict=True):
            np.testing.assert_array_equal(old, now)
        assert_same_order(data, order)
        assert random.getstate() == state


def network_accuracies(digits: tuple[list[Pair], list[Labelled]], eta: float) -> Callable[[int], list[int]]:
    training, test = digits

    def run(number: int) -> list[int]:
        seed(number)
        net = network.Network([64, 15, 10])
        data, accuracies = list(training), []
        for _ in range(4):
            net.SGD(data, 1, 10, eta)
            accuracies.append(net.evaluate(test))
        return accuracies

    return run


def test_accuracies_over_seeds_agree_in_mean_and_spread(
    digits: tuple[list[Pair], list[Labelled]], capsys: pytest.CaptureFixture[str]
) -> None:
    def of_the_program(number: int) -> list[int]:
        seed(number)
        program = Program([64, 15, 10])
        data, accuracies = list(digits[0]), []
        for _ in range(4):
            program.epoch(data, 10, 3.0)
            accuracies.append(program.correct(digits[1]))
        return accuracies

    def p_values(run: Callable[[int], list[int]]) -> tuple[Array, Array]:
        ours = np.array([run(number) for number in range(100, 112)])
        means = stats.ttest_ind(ours, theirs, equal_var=False).pvalue
        ratio = ours.var(axis=0, ddof=1) / theirs.var(axis=0, ddof=1)
        one_sided = stats.f(len(ours) - 1, len(theirs) - 1).cdf(ratio)
        return means, 2 * np.minimum(one_sided, 1 - one_sided)

    # the seeds differ, so that this compares two samples of one distribution and no two equal runs
    theirs = np.array([of_the_program(number) for number in range(12)])
    means, spreads = p_values(network_accuracies(digits, 3.0))
    assert means.min() > 0.001
    assert spreads.min() > 0.001
    # the comparison has the power to tell a network that learns at another rate
    means, _ = p_values(network_accuracies(digits, 1.0))
    assert means.min() < 0.001
