"""The book's `mnist_loader`: MNIST in the three parts and two forms that its programs use.

It reads the original IDX files. The book's `mnist.pkl.gz` is a pickle, which could run any code
when it is read, so it is refused; the numbers are the same.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nablanet.data.idx import Bytes, PathLike
from nablanet.data.mnist import FILES, load_mnist
from nablanet.shapes import Array, count

__all__ = ["load_data", "load_data_wrapper", "vectorized_result"]

Part = tuple[Array, Array]
Pairs = list[tuple[Array, Array]]
LabelledPairs = list[tuple[Array, int]]

_N_TRAINING = 50_000
_N_VALIDATION = 10_000


def load_data(directory: PathLike | None = None) -> tuple[Part, Part, Part]:
    """(training_data, validation_data, test_data), each a pair of arrays (images, labels).

    Images are float32 rows in [0, 1), shape (n, 784), and labels int64, shape (n,); n is 50,000,
    10,000 and 10,000. A byte is divided by 256, as in the book's data.

    directory: a folder with the four IDX files; without it they come from where
    `nablanet.data.load_mnist` finds them. Raises what that raises, and ValueError for a pickle or
    another number of images.
    """
    mnist = load_mnist(_folder(directory))
    if len(mnist.train_images) != _N_TRAINING + _N_VALIDATION:
        raise ValueError(
            f"the book's split needs {_N_TRAINING + _N_VALIDATION} training images, "
            f"got {len(mnist.train_images)}"
        )
    return (
        _part(mnist.train_images[:_N_TRAINING], mnist.train_labels[:_N_TRAINING]),
        _part(mnist.train_images[_N_TRAINING:], mnist.train_labels[_N_TRAINING:]),
        _part(mnist.test_images, mnist.test_labels),
    )


def load_data_wrapper(directory: PathLike | None = None) -> tuple[Pairs, LabelledPairs, LabelledPairs]:
    """(training_data, validation_data, test_data) as lists of pairs (x, y).

    x has shape (784, 1). y is a one-hot vector of shape (10, 1) in the training data, and the digit
    as an integer in the other two. directory and errors: see `load_data`.
    """
    training, validation, test = load_data(directory)
    one_hot = np.eye(10)[training[1]].reshape(-1, 10, 1)
    return list(zip(_columns(training), one_hot, strict=True)), _labelled(validation), _labelled(test)


def vectorized_result(j: int) -> Array:
    """The desired output for the digit j: shape (10, 1), 1 in row j and 0 elsewhere."""
    if count(j, "j", 0) > 9:
        raise ValueError(f"j must be a digit from 0 to 9, got {j}")
    e = np.zeros((10, 1))
    e[j] = 1.0
    return e


def _folder(directory: PathLike | None) -> Path | None:
    if directory is None:
        return None
    folder = Path(directory)
    if any(suffix in (".pkl", ".pickle") for suffix in folder.suffixes):
        raise ValueError(
            f"{folder} is a pickle, and reading a pickle can run any code that its author put in; "
            f"pass the folder with the original files instead ({', '.join(FILES)}, each plain or .gz), "
            "or nothing to have them fetched"
        )
    return folder


def _part(images: Bytes, labels: Bytes) -> Part:
    return images.reshape(len(images), -1) / np.float32(256), labels.astype(np.int64)


def _columns(part: Part) -> list[Array]:
    return list(part[0].reshape(len(part[0]), -1, 1))


def _labelled(part: Part) -> LabelledPairs:
    return list(zip(_columns(part), part[1].tolist(), strict=True))
