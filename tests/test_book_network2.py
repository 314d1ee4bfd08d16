"""`nablanet.book.network2` against the program of `book_program`, and its files."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from book_program import (
    TINY,
    Array,
    CrossEntropy,
    Pair,
    Program,
    Quadratic,
    assert_same_network,
    assert_same_order,
    labelled,
    one_hot,
    seed,
    tiny_data,
)
from nablanet import DivergenceError
from nablanet.book import network2

BOTH_COSTS = pytest.mark.parametrize(
    ("cost", "judge"),
    [(network2.QuadraticCost, Quadratic), (network2.CrossEntropyCost, CrossEntropy)],
    ids=["quadratic", "cross-entropy"],
)


class TestNetwork2:
    def test_the_initial_parameters_are_those_of_the_book(self) -> None:
        seed(1)
        net = network2.Network([784, 30, 10])
        second = np.random.randn()
        seed(1)
        program = Program([784, 30, 10], scaled=True)
        assert_same_network(net, program, 0)
        assert np.random.randn() == second
        assert net.cost is network2.CrossEntropyCost
        seed(1)
        net.large_weight_initializer()
        seed(1)
        assert_same_network(net, Program([784, 30, 10]), 0)

    @BOTH_COSTS
    @pytest.mark.parametrize("lmbda", [0.0, 3.0])
    @pytest.mark.parametrize("make", [list, iter], ids=["list", "iterator"])
    def test_training_and_monitoring_go_as_in_the_book(
        self,
        cost: Any,
        judge: Any,
        lmbda: float,
        make: Callable[[Any], Any],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        data, held_out = tiny_data(), tiny_data(9)
        theirs = list(data)
        seed(2)
        net = network2.Network(TINY, cost=cost)
        given = make(data)
        results = net.SGD(given, 3, 4, 0.7, lmbda, iter(labelled(held_out)), True, True, True, True)
        seed(2)
        program = Program(TINY, judge, scaled=True)
        wanted: list[list[float]] = [[], [], [], []]
        for _ in range(3):
            program.epoch(theirs, 4, 0.7, lmbda)
            wanted[0].append(program.mean_cost(held_out, lmbda))
            wanted[1].append(program.correct(labelled(held_out)))
            wanted[2].append(program.mean_cost(theirs, lmbda))
            wanted[3].append(program.correct(labelled(theirs)))
        assert_same_network(net, program, 1e-13)
        for ours, judged in zip(results, wanted, strict=True):
            np.testing.assert_allclose(np.array(ours), judged, rtol=1e-12)
        if given is data:
            assert_same_order(data, theirs)
        lines = ""
        for j, (e_cost, e_right, t_cost, t_right) in enumerate(zip(*results, strict=True)):
            lines += (
                f"Epoch {j} training complete\n"
                f"Cost on training data: {t_cost}\n"
                f"Accuracy on training data: {t_right} / 23\n"
                f"Cost on evaluation data: {e_cost}\n"
                f"Accuracy on evaluation data: {e_right} / 9\n"
                "\n"
            )
        assert capsys.readouterr().out == lines

    def test_only_what_is_asked_for_is_monitored(self, capsys: pytest.CaptureFixture[str]) -> None:
        net = network2.Network(TINY)
        assert net.SGD(tiny_data(), 2, 4, 0.5, evaluation_data=labelled(tiny_data())) == ([], [], [], [])
        assert capsys.readouterr().out == "Epoch 0 training complete\n\nEpoch 1 training complete\n\n"
        costs = net.SGD(tiny_data(), 2, 4, 0.5, monitor_training_cost=True)
        assert [len(part) for part in costs] == [0, 0, 2, 0]

    @BOTH_COSTS
    def test_its_methods_agree_with_the_book(self, cost: Any, judge: Any) -> None:
        data = tiny_data()
        seed(3)
        net = network2.Network([3, 5, 4, 2], cost)
        seed(3)
        program = Program([3, 5, 4, 2], judge, scaled=True)
        x, y = data[0]
        for ours, theirs in zip(net.backprop(x, y), program.gradient(x, y), strict=True):
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=0)
        a = net.feedforward(x)
        np.testing.assert_allclose(a, program.output(x), rtol=1e-14)
        assert cost.fn(a, y) == pytest.approx(judge.fn(a, y), rel=1e-14)
        np.testing.assert_allclose(cost.delta(x, x / 2, x**2), judge.delta(x, x / 2, x**2), rtol=1e-14)
        assert net.accuracy(labelled(data)) == program.correct(labelled(data))
        assert net.accuracy(data, convert=True) == program.correct(labelled(data))
        wanted = program.mean_cost(data, 2.0)
        assert net.total_cost(data, 2.0) == pytest.approx(wanted, rel=1e-13)
        assert net.total_cost(labelled(data), 2.0, convert=True) == pytest.approx(wanted, rel=1e-13)
        net.update_mini_batch(data[:5], 0.3, 2.0, 100)
        program.step(data[:5], 0.3, 2.0, 100)
        assert_same_network(net, program, 1e-14)

    def test_an_own_cost_class_is_what_runs(self, tmp_path: Path) -> None:
        class Fourth:
            @staticmethod
            def fn(a: Array, y: Array) -> float:
                return float(np.sum((a - y) ** 4)) / 4

            @staticmethod
            def delta(z: Array, a: Array, y: Array) -> Any:
                return (a - y) ** 3 * a * (1 - a)

        data = tiny_data()
        seed(4)
        net = network2.Network(TINY, cost=Fourth)
        results = net.SGD(list(data), 2, 4, 0.7, 1.0, monitor_training_cost=True)
        seed(4)
        program = Program(TINY, Fourth, scaled=True)
        wanted = []
        for _ in range(2):
            program.epoch(data, 4, 0.7, 1.0)
            wanted.append(program.mean_cost(data, 1.0))
        assert_same_network(net, program, 1e-13)
        np.testing.assert_allclose(results[2], wanted, rtol=1e-13)
        net.save(tmp_path / "net.json")
        with pytest.raises(ValueError, match=r"net\.json .*'Fourth'.*cost=YourCost"):
            network2.load(tmp_path / "net.json")
        assert network2.load(tmp_path / "net.json", cost=Fourth).cost is Fourth

    @pytest.mark.parametrize("method", ["backprop", "update_mini_batch"])
    def test_what_a_subclass_overrides_is_what_trains(self, method: str) -> None:
        calls = []

        def backprop(self: Any, x: Array, y: Array) -> tuple[list[Array], list[Array]]:
            calls.append(1)
            nabla_b, nabla_w = network2.Network.backprop(self, x, y)
            return [2 * nb for nb in nabla_b], [2 * nw for nw in nabla_w]

        def update_mini_batch(self: Any, mini_batch: list[Pair], eta: float, lmbda: float, n: int) -> None:
            calls.append(len(mini_batch))
            network2.Network.update_mini_batch(self, mini_batch, 2 * eta, lmbda / 2, n)
            self.weights = [w.copy() for w in self.weights]  # as the book's own does

        own = {f.__name__: f for f in (backprop, update_mini_batch)}
        doubled = type("Doubled", (network2.Network,), {method: own[method]})
        data = tiny_data()
        seed(8)
        net: Any = doubled(TINY)
        right = net.SGD(list(data), 2, 4, 0.25, 3.0, monitor_training_accuracy=True)[3]
        seed(8)
        program = Program(TINY, CrossEntropy, scaled=True)
        wanted = []
        for _ in range(2):
            program.epoch(data, 4, 0.5, 1.5)
            wanted.append(program.correct(labelled(data)))
        assert_same_network(net, program, 1e-13)
        assert right == wanted
        assert sum(calls) == 2 * 23

    def test_what_a_subclass_overrides_is_what_monitors(self) -> None:
        class Own(network2.Network):
            def feedforward(self, a: Any) -> Array:
                return one_hot(1, 2) * 0.75

            def default_weight_initializer(self) -> None:
                self.large_weight_initializer()

        held_out = [(np.ones((3, 1)), i % 3 % 2) for i in range(9)]
        seed(1)
        net = Own(TINY, cost=network2.QuadraticCost)
        seed(1)
        assert_same_network(net, Program(TINY), 0)
        results = net.SGD(tiny_data(), 1, 4, 0.5, 0.0, held_out, True, True)
        # 3 of 9 have label 1: C_x = 0.25^2 / 2; the other 6: (1 + 0.75^2) / 2
        assert results[0] == pytest.approx([(3 * 0.0625 + 6 * 1.5625) / 2 / 9])
        assert results[1] == [3]

        class Lazy(network2.Network):
            def accuracy(self, data: Any, convert: bool = False) -> int:
                return 100 * len(data) + convert

            def total_cost(self, data: Any, lmbda: float, convert: bool = False) -> float:
                return lmbda + convert

        results = Lazy(TINY).SGD(tiny_data(), 1, 4, 0.5, 3.0, iter(held_out), True, True, True, True)
        assert results == ([4.0], [900], [3.0], [2301])

    def test_parameters_may_be_replaced_between_epochs(self) -> None:
        class Reset(network2.Network):
            def accuracy(self, data: Any, convert: bool = False) -> int:
                self.weights = [np.zeros_like(w) for w in self.weights]
                self.biases = [np.zeros_like(b) for b in self.biases]
                return 0

        data = tiny_data()
        seed(3)
        net = Reset(TINY)
        net.SGD(list(data), 2, 4, 0.5, monitor_training_accuracy=True)
        assert not any(p.any() for p in net.weights + net.biases)
        random.seed(3)
        net.SGD(list(data), 1, 4, 0.5)
        random.seed(3)
        program = Program(TINY, CrossEntropy)
        program.w, program.b = ([0 * p for p in part] for part in (program.w, program.b))
        program.epoch(list(data), 4, 0.5)
        assert_same_network(net, program, 1e-13)

    def test_early_stopping_waits_as_long_as_it_was_told(self) -> None:
        class Scripted(network2.Network):
            script: Iterator[int]

            def accuracy(self, data: Any, convert: bool = False) -> int:
                return next(self.script)

        def accuracies(n: int, monitored: bool = True) -> list[int]:
            net = Scripted(TINY)
            net.script = iter([5, 7, 7, 6, 8, 8, 3, 8, 9, 9])
            results = net.SGD(
                tiny_data(),
                10,
                4,
                0.5,
                evaluation_data=labelled(tiny_data()),
                monitor_evaluation_accuracy=monitored,
                early_stopping_n=n,
            )
            return results[1] if monitored else list(net.script)

        # 7 is not bettered by the third value; not by the fourth either; 8 not by the three after it
        assert accuracies(1) == [5, 7, 7]
        assert accuracies(2) == [5, 7, 7, 6]
        assert accuracies(3) == [5, 7, 7, 6, 8, 8, 3, 8]
        assert accuracies(4) == [5, 7, 7, 6, 8, 8, 3, 8, 9, 9]
        assert accuracies(0) == [5, 7, 7, 6, 8, 8, 3, 8, 9, 9]
        assert accuracies(2, monitored=False) == [8, 8, 3, 8, 9, 9]

    def test_refusals_change_nothing(self) -> None:
        data = tiny_data()
        order = list(data)
        net = network2.Network(TINY)
        before = [p.copy() for p in net.weights + net.biases]
        calls: tuple[Callable[[], object], ...] = (
            lambda: net.SGD(data, 0, 4, 1.0),
            lambda: net.SGD(data, 1, 4, 0.0),
            lambda: net.SGD(data, 1, 4, 1.0, -1.0),
            lambda: net.SGD(data, 1, 4, 1.0, early_stopping_n=-1),
            lambda: net.SGD(data, 1, 4, 1.0, early_stopping_n=2),
            lambda: net.SGD(data, 1, 4, 1.0, monitor_evaluation_cost=True),
            lambda: net.SGD(data, 1, 4, 1.0, evaluation_data=[(np.ones(3), 2)], monitor_evaluation_cost=True),
            lambda: net.SGD([(np.ones(3), [0.5, 1.5])], 1, 4, 1.0),
            lambda: net.update_mini_batch(data, 1.0, 0.0, 0),
            lambda: net.accuracy([]),
        )
        for bad in calls:
            with pytest.raises(ValueError):
                bad()
        for old, now in zip(before, net.weights + net.biases, strict=True):
            np.testing.assert_array_equal(old, now)
        assert_same_order(data, order)
        with pytest.raises(TypeError, match=r"fn\(a, y\) and delta\(z, a, y\)"):
            network2.Network(TINY, cost="quadratic")  # type: ignore[arg-type]

    def test_a_delta_of_the_wrong_shape_is_refused(self) -> None:
        class Flat(network2.QuadraticCost):
            @staticmethod
            def delta(z: Array, a: Array, y: Array) -> Array:
                return np.ravel(a - y)

        with pytest.raises(ValueError, match=r"delta of cost Flat must have shape \(2, 1\).*got \(2,\)"):
            network2.Network(TINY, cost=Flat).SGD(tiny_data(), 1, 4, 0.5)

    def test_divergence_is_told(self) -> None:
        net = network2.Network(TINY, cost=network2.QuadraticCost)
        with pytest.raises(DivergenceError, match="epoch 0"):
            net.SGD(tiny_data(), 1, 1, 1e300, 1e10)
        assert all(np.isfinite(p).all() for p in net.weights + net.biases)

    def test_vectorized_result(self) -> None:
        for j in range(10):
            np.testing.assert_array_equal(network2.vectorized_result(j), one_hot(j, 10))
        with pytest.raises(ValueError, match="from 0 to 9, got 10"):
            network2.vectorized_result(10)


class TestFiles:
    @BOTH_COSTS
    def test_a_saved_network_comes_back(self, cost: Any, judge: Any, tmp_path: Path) -> None:
        net = network2.Network(TINY, cost)
        net.save(tmp_path / "net.json")
        back = network2.load(tmp_path / "net.json")
        assert (back.sizes, back.cost) == (net.sizes, cost)
        for old, new in zip(net.weights + net.biases, back.weights + back.biases, strict=True):
            np.testing.assert_array_equal(old, new, strict=True)

    def test_the_file_is_the_books(self, tmp_path: Path) -> None:
        net = network2.Network([2, 1], network2.QuadraticCost)
        net.weights, net.biases = [np.array([[0.25, -3.0]])], [np.array([[0.1]])]
        net.save(str(tmp_path / "net.json"))
        assert json.loads((tmp_path / "net.json").read_text()) == {
            "sizes": [2, 1],
            "weights": [[[0.25, -3.0]]],
            "biases": [[[0.1]]],
            "cost": "QuadraticCost",
        }

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"sizes": [2]}, "sizes needs an input and an output layer"),
            (
                {"sizes": [10**9, 10**9]},
                r"weights\[0\] must have shape \(1000000000, 1000000000\), got \(1, 2\)",
            ),
            ({"sizes": "ab"}, "sizes must be a list of integers"),
            ({"weights": [[[1, 2, 3]]]}, r"weights\[0\] must have shape \(1, 2\), got \(1, 3\)"),
            ({"weights": []}, "weights must be a list of 1 matrices"),
            ({"weights": [[[1, "a"]]]}, r"weights\[0\] must hold real numbers"),
            ({"weights": [[[1, None]]]}, r"weights\[0\]"),
            ({"weights": [[[1], [2, 3]]]}, "ragged"),
            ({"weights": [[[1, 10**400]]]}, "must be finite"),
            ({"biases": [[[float("nan")]]]}, r"biases\[0\] must be finite, got nan"),
            ({"biases": 3}, "biases must be a list"),
            ({"cost": "Popen"}, "'Popen' .* is neither QuadraticCost nor CrossEntropyCost"),
            ({"cost": ["QuadraticCost"]}, "is neither"),
        ],
    )
    def test_a_file_that_does_not_fit_is_refused(
        self, change: dict[str, Any], message: str, tmp_path: Path
    ) -> None:
        good = {"sizes": [2, 1], "weights": [[[1, 2]]], "biases": [[[3]]], "cost": "QuadraticCost"}
        path = tmp_path / "net.json"
        path.write_text(json.dumps(good))
        network2.load(path)
        path.write_text(json.dumps({**good, **change}))
        with pytest.raises(ValueError, match=message) as refusal:
            network2.load(path)
        assert str(path) in str(refusal.value)

    @pytest.mark.parametrize(
        "contents", [b"", b"{", b"[1]", b"{}", b"\xff\xfe\x00", b"[" * 100_000, b'{"sizes": [2, 1]}', b"null"]
    )
    def test_a_file_that_holds_no_network_is_refused(self, contents: bytes, tmp_path: Path) -> None:
        path = tmp_path / "net.json"
        path.write_bytes(contents)
        with pytest.raises(ValueError, match=r"net\.json holds no network"):
            network2.load(path)

    def test_what_is_not_finite_is_not_saved(self, tmp_path: Path) -> None:
        net = network2.Network(TINY)
        net.save(tmp_path / "net.json")
        before = (tmp_path / "net.json").read_text()
        net.weights[0][1, 1] = np.nan
        with pytest.raises(ValueError, match=r"weights\[0\] must be finite"):
            net.save(tmp_path / "net.json")
        assert (tmp_path / "net.json").read_text() == before
