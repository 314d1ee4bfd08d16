"""Trainings must end with the same bits today as when `golden.json` was written.

`python tests/test_golden.py` writes that file anew: only when a change of bits is meant.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

import nablanet as nn
from nablanet.optimizers import OPTIMIZERS
from nablanet.shapes import Array
from networks import COSTS, HIDDEN, PAIRS

GOLDEN = Path(__file__).with_name("golden.json")


def numbers(count: int, seed: int) -> Array:
    """From -1/2 to 1/2, by integer arithmetic: the same on every machine (Knuth's MMIX generator)."""
    factors: Array = np.cumprod(np.full(count, 6364136223846793005, np.uint64))
    terms = np.cumsum(np.concatenate([np.ones(1, np.uint64), factors[:-1]]))
    states: Array = factors * np.uint64(seed) + terms * np.uint64(1442695040888963407)  # modulo 2^64
    return (states >> np.uint64(11)) / 2**53 - 0.5


class Arithmetic(np.random.Generator):
    """Draws by integer arithmetic what `fit` asks for: the order of samples, and a seed for dropout."""

    def permutation(self, x: Any, axis: int = 0) -> Any:
        return (np.arange(x) * 16 + 5) % x  # for an odd x

    def integers(self, *args: Any, **kwargs: Any) -> Any:
        return 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Shape:
    """Of a network and its mini-batches; `rows` is odd."""

    sizes: list[int]
    rows: int
    batch_size: int
    epochs: int = 2


SMALL = Shape([27, 23, 18, 9], 37, 13)
# three threads divide its steps, some layers by neurons and others by rows
LARGE = Shape([150, 80, 40, 9], 99, 40, 1)
# threads divide its rows, all layers alike
HIGH = Shape([150, 80, 40, 9], 301, 150, 1)
# where most inputs are zero, threads divide these
WIDE = Shape([270, 40, 17, 9], 785, 390, 1)
# threads divide parts of its mini-batches, of which the last has one row
PARTS = Shape([11, 20, 14, 5], 301, 150)
ONE_OUTPUT = Shape([8, 30, 1], 251, 200)
# each step is one that Ctrl-C can interrupt
LONG = Shape([600, 500, 200, 9], 513, 500, 1)

# forms of X and scales that go with them
FORMS: dict[str, tuple[Any, float]] = {
    "float32": (lambda X: X.astype(np.float32), 1.0),
    "float16": (lambda X: X.astype(np.float16), 1.0),
    "uint8": (lambda X: (100 * np.abs(X)).astype(np.uint8), 1 / 255),
    "float64, scaled": (lambda X: X, 1.7),
    "strided": (lambda X: np.repeat(X, 2, axis=1)[:, ::2], 1.0),
    "csr": (lambda X: csr_array(np.where(X > 0.5, X, 0)), 1.0),
    "mostly zero": (lambda X: np.where(X > 1.6, X, 0), 1.0),
    "mostly zero csr": (lambda X: csr_array(np.where(X > 1.6, X, 0)), 1.0),
    "csr of uint8": (lambda X: csr_array((100 * np.maximum(X, 0)).astype(np.uint8)), 1 / 255),
}

EXTRAS: dict[str, dict[str, Any]] = {
    "plain": {},
    "l2": {"lmbda": 0.1, "alpha": 0.05},
    "l1": {"l1": 0.1},
    "clip_value": {"clip_value": 0.001},
    "clip_norm": {"clip_norm": 0.05},
    "max_norm": {"max_norm": 0.7},
    "average": {"average": 0.8},
    "dropout": {"dropout": [0.2, 0.5, 0.3]},
    "all": {
        "lmbda": 0.1,
        "l1": 0.1,
        "clip_norm": 0.1,
        "max_norm": 0.7,
        "average": 0.8,
        "dropout": [0.2, 0.5, 0.3],
    },
}


@dataclass(frozen=True)
class Training:
    """A network, its data, and how it learns; `fit` has the remaining arguments."""

    name: str
    dtype: str
    shape: Shape = SMALL
    hidden: str = "tanh"
    cost: str = "cross_entropy"
    output: str = "softmax"
    form: str = ""
    labels: bool = False
    weighted: bool = False
    derivatives: bool = False
    fit: dict[str, Any] = field(default_factory=lambda: {"eta": 0.01})


def network(training: Training) -> nn.Network:
    net = nn.Network(
        training.shape.sizes,
        activation=training.hidden,
        output=training.output,
        cost=COSTS.get(training.cost, training.cost),
        dtype=training.dtype,
        seed=0,
    )
    for seed, parameter in enumerate(net.weights + net.biases, start=4):
        # of a spread that keeps every activation in its range
        spread = 2 * min(1.0, 8 / np.sqrt(parameter.size))
        parameter[...] = spread * numbers(parameter.size, seed).reshape(parameter.shape)
    net._rng = Arithmetic(np.random.PCG64(0))
    return net


def data(training: Training) -> tuple[Array, Array]:
    shape = training.shape
    n_in, n_out, rows = shape.sizes[0], shape.sizes[-1], shape.rows
    X = 4 * numbers(rows * n_in, 1).reshape(rows, n_in)
    X[numbers(X.size, 2).reshape(X.shape) < -0.4] = 0
    X[:, : n_in // 10] = 0  # inputs that are zero in all samples
    labels = np.arange(rows) % n_out
    if training.labels:
        return X, labels
    if training.output == "softmax":
        return X, np.eye(n_out)[labels]
    return X, numbers(rows * n_out, 3).reshape(rows, n_out) + 0.5


def trained(training: Training, n_threads: int) -> str:
    """A hash of the parameters, of the mean cost of each epoch, of outputs and of derivatives."""
    net = network(training)
    X, Y = data(training)
    shape = training.shape
    if training.form:
        convert, net.input_scale = FORMS[training.form]
        X = convert(X)
    fit = dict(training.fit)
    if training.weighted:
        fit["sample_weight"] = np.maximum(3 * numbers(shape.rows, 20) + 1, 0)
    history = net.fit(
        X, Y, epochs=shape.epochs, batch_size=shape.batch_size, n_threads=n_threads, progress=False, **fit
    )
    results = [*net.weights, *net.biases, np.array(history.cost), net.predict(X, n_threads=n_threads)]
    if training.derivatives:
        gradient = net.gradient(X, Y, n_threads=n_threads)
        results += [*gradient.nabla_w, *gradient.nabla_b, np.array(gradient.cost)]
        results += [net.input_gradient(X, Y, n_threads=n_threads), net.jacobian(X, n_threads=n_threads)]
        results += [net.hidden(X, 2, n_threads=n_threads)]
    digest = hashlib.sha256()
    for array in results:
        assert np.isfinite(array).all(), training.name
        digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()[:16]


def trainings() -> Iterator[Training]:
    """Each activation, pair of cost and output, optimizer, extra, and form of X, in both float types."""
    for dtype in ("float32", "float64"):
        for hidden in HIDDEN:
            some = [("cross_entropy", "softmax"), ("quadratic", hidden), ("huber", "tanh")]
            for cost, output in some:
                yield Training(f"{hidden} {cost} {output}", dtype, SMALL, hidden, cost, output)
            yield Training(f"{hidden}, large", dtype, LARGE, hidden, labels=True)
            yield Training(
                f"{hidden}, derivatives", dtype, SMALL, hidden, "quadratic", hidden, derivatives=True
            )
        for cost, output in PAIRS:
            yield Training(f"{cost} {output}", dtype, SMALL, "tanh", cost, output, derivatives=True)
            yield Training(f"{cost} {output}, weighted", dtype, SMALL, "tanh", cost, output, weighted=True)
        for optimizer in OPTIMIZERS:
            for extra, fit in EXTRAS.items():
                fit = {**fit, "optimizer": optimizer, "eta": 0.01}
                name = f"{optimizer} {extra}"
                yield Training(name, dtype, LARGE, "relu", weighted=extra == "all", fit=fit)
                yield Training(f"{name}, small", dtype, SMALL, "mish", fit=fit)
        for form in FORMS:
            yield Training(form, dtype, LARGE, form=form)
            yield Training(f"{form}, small", dtype, SMALL, form=form, labels=True, derivatives=True)
        for optimizer in OPTIMIZERS:
            for extra in ("plain", "all"):
                fit = {**EXTRAS[extra], "optimizer": optimizer, "eta": 0.01}
                for shape, name in ((LARGE, "large"), (HIGH, "high"), (WIDE, "wide")):
                    of = f"mostly zero {name} {optimizer} {extra}"
                    weighted = shape is WIDE and extra == "all"
                    yield Training(of, dtype, shape, "relu", form="mostly zero", weighted=weighted, fit=fit)
        yield Training(
            "wide dropout", dtype, WIDE, "relu", form="mostly zero", fit={**EXTRAS["dropout"], "eta": 0.01}
        )
        yield Training(
            "wide derivatives", dtype, WIDE, "relu", form="mostly zero", labels=True, derivatives=True
        )
        for form in ("", "mostly zero", "mostly zero csr"):
            for output in ("softmax", "sigmoid"):
                name = f"high {form or 'dense'} {output}"
                yield Training(name, dtype, HIGH, "elu", output=output, form=form, derivatives=True)
        for optimizer in OPTIMIZERS:
            for extra, fit in EXTRAS.items():
                fit = {**fit, "optimizer": optimizer, "eta": 0.01}
                yield Training(
                    f"parts {optimizer} {extra}", dtype, PARTS, "relu", weighted=extra == "l2", fit=fit
                )
        for form in ("csr", "uint8", "mostly zero"):
            yield Training(f"parts {form}", dtype, PARTS, form=form, labels=True)
        yield Training("parts one output", dtype, ONE_OUTPUT, "relu", "quadratic", "identity")
        for cost, output in (("cross_entropy", "softmax"), ("quadratic", "sigmoid")):
            name = f"large {cost} {output}, derivatives"
            yield Training(name, dtype, LARGE, "elu", cost, output, derivatives=True)
    # in one float type: on plain C++ it takes some seconds
    fit = {**EXTRAS["all"], "optimizer": "adam", "eta": 0.01}
    yield Training("a long step with all", "float32", LONG, "relu", weighted=True, fit=fit)


def hashes(n_threads: int) -> dict[str, str]:
    found: dict[str, str] = {}
    for training in trainings():
        name = f"{training.dtype} {training.name}"
        assert name not in found
        found[name] = trained(training, n_threads)
    return found


@pytest.mark.parametrize("isa", nn.build_info()["supported_isas"])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_trainings_end_with_the_bits_they_always_ended_with(isa: str, n_threads: int) -> None:
    script = (
        "import json, sys, nablanet, test_golden; "
        f"json.dump([nablanet.build_info()['isa'], test_golden.hashes({n_threads})], sys.stdout)"
    )
    paths = [os.path.dirname(__file__), *(p for p in sys.path if p)]
    environment = {**os.environ, "NABLANET_ISA": isa, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    ran_on, found = json.loads(done.stdout)
    assert ran_on == isa
    golden = json.loads(GOLDEN.read_text())
    assert found.keys() == golden.keys()
    assert [name for name in found if found[name] != golden[name]] == []


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(hashes(n_threads=1), indent=0) + "\n")
