"""What there is to train on: the digits, MNIST, or a table, each with defaults that suit it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nablanet.cli.words import count_of
from nablanet.shapes import Array

FEWEST_ROWS = 10


@dataclass(frozen=True)
class Defaults:
    """Settings where the user gives none. eta: goes with that optimizer and batch size only."""

    hidden: list[int]
    epochs: int
    batch_size: int
    optimizer: str = "adam"
    eta: float | None = None


@dataclass(frozen=True)
class Task:
    """Rows to train on and rows held out, and what the model file must say about them.

    X: (m, n) rows; Y: (m,) labels, or (m, 1) numbers as the network learns them. unit: one
    network output in the unit of the target. about: lines that describe the data.
    """

    name: str
    X_train: Array
    Y_train: Array
    X_test: Array
    Y_test: Array
    defaults: Defaults
    preprocessing: dict[str, Any]
    class_names: list[str] | None = None
    feature_names: list[str] | None = None
    target_name: str | None = None
    mean: float = 0.0
    unit: float = 1.0
    about: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return "regression" if self.class_names is None else "classification"

    @property
    def image_shape(self) -> tuple[int, int] | None:
        """Height and width where a row of X is an image."""
        p = self.preprocessing
        return (p["height"], p["width"]) if p["kind"] == "image" else None


def image_rows(images: Array, largest: int) -> Array:
    """Pixels from 0 to `largest` as rows of numbers from 0 to 1, float32."""
    rows: Array = images.reshape(len(images), -1).astype(np.float32) / np.float32(largest)
    return rows


def digits_task() -> Task:
    """The 8x8 digits of scikit-learn."""
    from nablanet.data.digits import HEIGHT, LARGEST, WIDTH, load_digits

    d = load_digits()
    return Task(
        "digits",
        d.X_train,
        d.y_train,
        d.X_test,
        d.y_test,
        Defaults(hidden=[256, 128], epochs=30, batch_size=32),
        _image_preprocessing(HEIGHT, WIDTH, LARGEST),
        class_names=d.class_names,
        about=[_about_images(d.X_train, d.X_test, HEIGHT, WIDTH)],
    )


def mnist_task(directory: Path | None) -> Task:
    """MNIST, from IDX files in a folder or from the cache."""
    from nablanet.data.mnist import load_mnist

    m = load_mnist(directory)
    height, width = m.train_images.shape[1:]
    return Task(
        "mnist",
        image_rows(m.train_images, 255),
        m.train_labels,
        image_rows(m.test_images, 255),
        m.test_labels,
        Defaults(hidden=[256], epochs=15, batch_size=64, optimizer="sgd", eta=0.5),
        _image_preprocessing(height, width, 255),
        class_names=[str(d) for d in range(10)],
        about=[_about_images(m.train_images, m.test_images, height, width)],
    )


def table_task(path: Path, target: str, kind: str | None, ignore: list[str]) -> Task:
    """A CSV table. kind: classification, regression, or None to infer it; ignore: columns to leave out."""
    from nablanet.data.encoding import NumberColumn, TableEncoder, split
    from nablanet.data.tables import read_table
    from nablanet.data.target import Target, rows_with_target

    table = read_table(path)
    for name in [target, *ignore]:
        table.column(name)  # raises where there is none
    known = table.select(rows_with_target(table, target))
    if len(known) < FEWEST_ROWS:
        raise ValueError(
            f"{path} has {count_of(len(known), 'row')} with a target; training needs at least {FEWEST_ROWS}"
        )
    training_rows, held_out = split(known)
    goal = Target.fit(known, training_rows, target, kind)
    features = [name for name in table.columns if name != target and name not in ignore]
    encoder = TableEncoder.fit(known, training_rows, features)
    X = encoder.transform(known)
    Y = goal.encode(known)
    preprocessing = {"kind": "table", "table_sha256": table.sha256, **encoder.to_dict()}
    if goal.task == "regression":
        preprocessing["target"] = goal.to_dict()
    missing = sum(
        int(np.isnan(known.numbers(c.name)).sum()) for c in encoder.columns if isinstance(c, NumberColumn)
    )
    numeric = sum(isinstance(c, NumberColumn) for c in encoder.columns)
    about = [
        f"{path}: {count_of(len(training_rows), 'row')} to train on, {len(held_out):,} held out; "
        f"{count_of(numeric, 'column')} of numbers and {len(features) - numeric} of text make "
        f"{count_of(encoder.n_inputs, 'input')}"
    ]
    if missing:
        about.append(f"{count_of(missing, 'missing number')} replaced by the mean of their column")
    if len(known) < len(table):
        about.append(f"{count_of(len(table) - len(known), 'row')} without {target} left out")
    classes = goal.class_names
    about.append(
        f"Target {target}: "
        + ("regression" if classes is None else f"classification, {len(classes)} classes")
    )
    return Task(
        Path(path.name.removesuffix(".gz")).stem,
        X[training_rows],
        Y[training_rows],
        X[held_out],
        Y[held_out],
        Defaults(hidden=[64, 64], epochs=_epochs_for(len(training_rows), 32), batch_size=32),
        preprocessing,
        class_names=classes,
        feature_names=encoder.feature_names,
        target_name=target,
        mean=goal.mean,
        unit=goal.scale,
        about=about,
    )


def _epochs_for(rows: int, batch_size: int) -> int:
    """50, and more for a small table, so that it sees some 500 mini-batches."""
    return max(50, 500 * batch_size // rows)


def _image_preprocessing(height: int, width: int, largest: int) -> dict[str, Any]:
    return {"kind": "image", "height": height, "width": width, "largest": largest}


def _about_images(train: Array, test: Array, height: int, width: int) -> str:
    return f"{len(train):,} images of {height}x{width} to train on, {len(test):,} held out"
