"""The 1,797 handwritten digits of 8x8 pixels that scikit-learn carries with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nablanet.shapes import Array

HEIGHT = WIDTH = 8
LARGEST = 16  # pixels are whole numbers from 0 to 16


@dataclass(frozen=True)
class Dataset:
    """Rows to train on and rows held out.

    X_train: (m, n) float32; y_train: (m,) int labels; X_test, y_test likewise. class_names: by label.
    """

    X_train: Array
    y_train: Array
    X_test: Array
    y_test: Array
    class_names: list[str]


def load_digits() -> Dataset:
    """The digits as rows of 64 numbers from 0 to 1: 1,437 to train on, 360 held out.

    Every fifth image is held out, the first one included, whatever the seed of a training run.
    """
    from sklearn.datasets import load_digits as load_embedded  # slow to load

    pixels, labels = load_embedded(return_X_y=True)
    X = (pixels / LARGEST).astype(np.float32)  # exact: multiples of 1/16
    held_out = np.arange(len(X)) % 5 == 0
    return Dataset(
        X[~held_out], labels[~held_out], X[held_out], labels[held_out], [str(d) for d in range(10)]
    )
