"""The tasks P1-P9 and S1-S5 as data, and how many multiply-adds each of P needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

Kind = Literal["epoch", "training", "call", "import", "size", "estimator"]

CONTENDERS = ("nablanet", "jax", "torch", "sklearn", "book")
TITLES = {
    "nablanet": "nablanet",
    "jax": "JAX",
    "torch": "PyTorch",
    "sklearn": "scikit-learn",
    "book": "book's program",
}


@dataclass(frozen=True)
class Task:
    """One line of the benchmark.

    kind: what one measurement is: an epoch, a whole training, a burst of calls, an import, a size on
    disk, or a fit or search of an estimator. does: what scikit-learn's estimators and ours are to do;
    "" for the others. sizes, activation (of hidden layers), output, cost, init, optimizer: in nablanet's
    words. etas: the learning rate, for a whole training one per epoch. epochs: of an estimator's fit.
    rows: training samples. batch: rows of a mini-batch, or of a call. threads: 0 for all cores.
    tolerance: how far a contender's score (accuracy, or R^2 for a regression) may lie from nablanet's;
    for an import seconds over NumPy's. reach: the score that nablanet must get. floors: how many times
    faster than a contender nablanet has to be, and under "peak" the wanted share of the machine's
    fused-multiply-add peak; aims: the same, where more is hoped for; limit: the most nablanet may take,
    in the task's unit.
    """

    name: str
    title: str
    kind: Kind
    unit: str
    contenders: tuple[str, ...] = CONTENDERS
    data: Literal["mnist", "housing", "random", "none"] = "none"
    sizes: tuple[int, ...] = ()
    activation: str = "relu"
    output: str = "softmax"
    cost: str = "cross_entropy"
    init: str = "he"
    optimizer: Literal["sgd", "adam"] = "adam"
    etas: tuple[float, ...] = (0.001,)
    batch: int = 1
    rows: int = 1
    threads: int = 0
    dtype: Literal["float32", "float64"] = "float32"
    tolerance: float = 0.01
    reach: float | None = None
    floors: Mapping[str, float] = field(default_factory=dict)
    aims: Mapping[str, float] = field(default_factory=dict)
    limit: float | None = None
    does: Literal["", "fit", "predict", "search"] = ""
    epochs: int = 1

    def units(self, rows: int) -> float:
        """How many of what the unit counts lie in one measurement in seconds."""
        if self.unit == "µs/step":
            return math.ceil(rows / self.batch) / 1e6
        return 1e-6 if self.unit == "µs/call" else 1.0

    def flops(self, rows: int) -> float:
        """Floating-point operations of one measurement, a multiply-add counted as two.

        Per row, with |w^l| = n_l n_{l-1}: the sum of |w^l| over l = 2..L forward, the same again for
        BP4, and the sum over l = 3..L for BP2, which the first layer of weights does not need. Biases,
        activations, costs and optimizers are left out; a call is forward only.
        """
        weights = [n_in * n_out for n_in, n_out in pairwise(self.sizes)]
        if self.kind == "call":
            return 2.0 * rows * sum(weights)
        epochs = len(self.etas) if self.kind == "training" else 1
        return 2.0 * rows * epochs * (2 * sum(weights) + sum(weights[1:]))


_P1 = {
    "sizes": (784, 30, 10),
    "activation": "sigmoid",
    "output": "sigmoid",
    "cost": "quadratic",
    "init": "scaled",  # with the chapter's "gaussian" now and then a digit is not learned for many epochs
    "optimizer": "sgd",
    "etas": (3.0,),
    "batch": 10,
    "rows": 50_000,
    "threads": 1,
    "tolerance": 0.015,
}
_ESTIMATORS = ("nablanet", "sklearn")
_WITHOUT_BOOK = ("nablanet", "jax", "torch", "sklearn")

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            "P1",
            "[784, 30, 10], sigmoid, quadratic, SGD, batch 10, 50,000 images, float32, one thread",
            "epoch",
            "s/epoch",
            data="mnist",
            floors={"jax": 8, "torch": 40, "sklearn": 25, "book": 100, "peak": 0.6},
            aims={"jax": 12, "torch": 60, "sklearn": 40, "book": 150, "peak": 0.9},
            **_P1,  # type: ignore[arg-type]
        ),
        Task(
            "P1-64",
            "[784, 30, 10], sigmoid, quadratic, SGD, batch 10, 50,000 images, float64, one thread",
            "epoch",
            "s/epoch",
            data="mnist",
            dtype="float64",
            floors={"book": 50},
            **_P1,  # type: ignore[arg-type]
        ),
        Task(
            "P2",
            "[784, 100, 10], ReLU, softmax, Adam, batch 32, 50,000 images, float32, all threads",
            "epoch",
            "s/epoch",
            contenders=_WITHOUT_BOOK,
            data="mnist",
            sizes=(784, 100, 10),
            batch=32,
            rows=50_000,
            floors={"jax": 4, "torch": 7, "sklearn": 12},
        ),
        Task(
            "P3",
            "[784, 512, 512, 10], ReLU, softmax, Adam, batch 128, 50,000 images, float32, all threads",
            "epoch",
            "s/epoch",
            contenders=_WITHOUT_BOOK,
            data="mnist",
            sizes=(784, 512, 512, 10),
            batch=128,
            rows=50_000,
            floors={"jax": 2, "torch": 4, "sklearn": 6, "peak": 0.6},
        ),
        Task(
            "P4",
            "[784, 1024, 1024, 10], ReLU, softmax, SGD, batch 1024, 50,000 images, float32, all threads",
            "epoch",
            "s/epoch",
            contenders=_WITHOUT_BOOK,
            data="mnist",
            sizes=(784, 1024, 1024, 10),
            optimizer="sgd",
            etas=(0.1,),
            batch=1024,
            rows=50_000,
            floors={"jax": 1.4, "torch": 2.8, "sklearn": 2.8, "peak": 0.75},
        ),
        Task(
            "P5",
            "[8, 64, 64, 1], ReLU, quadratic, Adam, batch 32, 20,000 rows of housing, float32, one thread",
            "epoch",
            "µs/step",
            contenders=_WITHOUT_BOOK,
            data="housing",
            sizes=(8, 64, 64, 1),
            output="identity",
            cost="quadratic",
            batch=32,
            rows=20_000,
            threads=1,
            tolerance=0.05,
            floors={"jax": 5, "torch": 25, "sklearn": 25},
        ),
        Task(
            "P6",
            "one row through [784, 100, 10], ReLU, softmax, float32, one thread",
            "call",
            "µs/call",
            contenders=_WITHOUT_BOOK,
            data="random",
            sizes=(784, 100, 10),
            threads=1,
            floors={"torch": 6, "sklearn": 60},
        ),
        Task("P7", "import", "import", "s", contenders=_WITHOUT_BOOK, tolerance=0.05),
        Task("P8", "installed size, without what it depends on", "size", "MB", contenders=_WITHOUT_BOOK),
        Task(
            "P9",
            "MNIST to 98 % test accuracy: [784, 256, 10], ReLU, softmax, Adam, batch 64, 3 epochs of 60,000 "
            "images, one learning rate for each epoch, float32, all threads",
            "training",
            "s",
            contenders=_WITHOUT_BOOK,
            data="mnist",
            sizes=(784, 256, 10),
            etas=(0.004, 0.002, 0.0002),
            batch=64,
            rows=60_000,
            tolerance=0.005,
            reach=0.98,
            floors={"torch": 4},
            limit=0.6,
        ),
        Task(
            "S1",
            "MLPClassifier(), 5 epochs of fit on 60,000 images, float32, all threads",
            "estimator",
            "s",
            contenders=_ESTIMATORS,
            data="mnist",
            rows=60_000,
            does="fit",
            batch=200,
            epochs=5,
            floors={"sklearn": 8},
        ),
        Task(
            "S1-64",
            "MLPClassifier(), 5 epochs of fit on 60,000 images, float64, all threads",
            "estimator",
            "s",
            contenders=_ESTIMATORS,
            data="mnist",
            dtype="float64",
            rows=60_000,
            does="fit",
            batch=200,
            epochs=5,
            floors={"sklearn": 8},
        ),
        Task(
            "S2",
            "MLPRegressor(), 20 epochs of fit on 20,000 rows of housing, 8 columns, float64, all threads",
            "estimator",
            "s",
            contenders=_ESTIMATORS,
            data="housing",
            output="identity",
            cost="quadratic",
            dtype="float64",
            rows=20_000,
            does="fit",
            batch=200,
            epochs=20,
            tolerance=0.02,
            floors={"sklearn": 10},
        ),
        Task(
            "S3",
            "predict_proba of one image, MLPClassifier() as fitted, float64",
            "call",
            "µs/call",
            contenders=_ESTIMATORS,
            data="mnist",
            dtype="float64",
            rows=2_000,
            does="predict",
            batch=1,
            floors={"sklearn": 5},
        ),
        Task(
            "S4",
            "predict_proba of 10,000 images, MLPClassifier() as fitted, float64, all threads",
            "call",
            "s",
            contenders=_ESTIMATORS,
            data="mnist",
            dtype="float64",
            rows=2_000,
            does="predict",
            batch=10_000,
            floors={"sklearn": 3},
        ),
        Task(
            "S4-8",
            "predict of 10,000 rows of housing, 8 columns, MLPRegressor() as fitted, float64, all threads",
            "call",
            "s",
            contenders=_ESTIMATORS,
            data="housing",
            output="identity",
            cost="quadratic",
            dtype="float64",
            rows=10_000,
            does="predict",
            batch=10_000,
            floors={"sklearn": 3},
        ),
        Task(
            "S5",
            "GridSearchCV(n_jobs=2) over 12 settings of MLPClassifier, 3 folds of 3,000 images, 10 epochs "
            "each, float64",
            "estimator",
            "s",
            contenders=_ESTIMATORS,
            data="mnist",
            dtype="float64",
            rows=3_000,
            does="search",
            batch=200,
            epochs=10,
            floors={"sklearn": 8},
        ),
    )
}
