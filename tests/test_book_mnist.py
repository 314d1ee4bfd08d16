"""The book's programs on MNIST itself, and its `mnist_loader`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from book_program import (
    CrossEntropy,
    Labelled,
    Pair,
    Program,
    Quadratic,
    assert_same_network,
    assert_same_order,
    one_hot,
    seed,
)
from data_paths import mnist_dir
from nablanet.book import mnist_loader, network, network2

BOTH_COSTS = pytest.mark.parametrize(
    ("cost", "judge"),
    [(network2.QuadraticCost, Quadratic), (network2.CrossEntropyCost, CrossEntropy)],
    ids=["quadratic", "cross-entropy"],
)


@pytest.fixture(scope="module")
def mnist_pairs() -> tuple[list[Pair], list[Labelled], list[Labelled]]:
    return mnist_loader.load_data_wrapper(mnist_dir())


class TestMnist:
    def test_the_weights_agree_after_a_thousand_mini_batches(
        self, mnist_pairs: tuple[list[Pair], list[Labelled], list[Labelled]]
    ) -> None:
        data = mnist_pairs[0][:10_000]
        theirs = list(data)
        seed(1)
        net = network.Network([784, 30, 10])
        net.SGD(data, 1, 10, 3.0)
        seed(1)
        program = Program([784, 30, 10])
        program.epoch(theirs, 10, 3.0)
        assert_same_order(data, theirs)
        assert_same_network(net, program, 1e-9)

    @BOTH_COSTS
    def test_network2_agrees_with_regularization(
        self, cost: Any, judge: Any, mnist_pairs: tuple[list[Pair], list[Labelled], list[Labelled]]
    ) -> None:
        data = mnist_pairs[0][:2_000]
        seed(1)
        net = network2.Network([784, 30, 10], cost)
        net.SGD(list(data), 1, 10, 0.5, lmbda=5.0)
        seed(1)
        program = Program([784, 30, 10], judge, scaled=True)
        program.epoch(data, 10, 0.5, 5.0)
        assert_same_network(net, program, 1e-9)

    def test_the_parts_and_forms_of_the_book(
        self, mnist_pairs: tuple[list[Pair], list[Labelled], list[Labelled]]
    ) -> None:
        parts = mnist_loader.load_data(mnist_dir())
        assert [len(images) for images, _ in parts] == [50_000, 10_000, 10_000]
        forms: tuple[Any, ...] = mnist_pairs
        for (images, labels), pairs in zip(parts, forms, strict=True):
            assert images.shape[1:] == (784,)
            assert (images.dtype, labels.dtype) == (np.dtype(np.float32), np.dtype(np.int64))
            # the book's data are bytes over 256, so the brightest is not quite 1
            assert (images.min(), images.max()) == (0, 255 / 256)
            assert len(pairs) == len(images)
            for i in (0, 1, len(images) - 1):
                np.testing.assert_array_equal(pairs[i][0], images[i].reshape(784, 1), strict=True)
        for i in (0, 49_999):
            np.testing.assert_array_equal(mnist_pairs[0][i][1], one_hot(parts[0][1][i], 10), strict=True)
        for (_, labels), labelled_pairs in zip(parts[1:], mnist_pairs[1:], strict=True):
            assert [label for _, label in labelled_pairs] == labels.tolist()

    def test_the_environment_names_the_folder(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "mnist").symlink_to(mnist_dir())
        monkeypatch.setenv("NABLANET_DATA", str(tmp_path))
        assert len(mnist_loader.load_data()[2][1]) == 10_000

    def test_the_environment_may_name_no_other(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("NABLANET_DATA", str(tmp_path))
        with pytest.raises(FileNotFoundError, match="train-images"):
            mnist_loader.load_data_wrapper()

    @pytest.mark.parametrize("name", ["mnist.pkl.gz", "mnist.pkl", "mnist_py3.pickle"])
    def test_a_pickle_is_refused(self, name: str, tmp_path: Path) -> None:
        path = tmp_path / name
        path.write_bytes(b"cos\nabort\n(tR.")  # would end the process if it were read as a pickle
        with pytest.raises(ValueError, match=r"is a pickle.*can run any code.*train-images-idx3-ubyte"):
            mnist_loader.load_data_wrapper(path)
