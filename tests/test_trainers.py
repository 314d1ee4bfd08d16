"""Every optimizer with every extra: the engine against the reference, the same bits, and resumption."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import nablanet as nn
from nablanet import engine, reference
from nablanet.clipping import Clipping
from nablanet.optimizers import Optimizer
from nablanet.regularization import Regularization
from nablanet.shapes import Array
from nablanet.training import Task, Trainer
from networks import Problem, norm_difference, problem
from test_engine import parameter_hash, sparse

OPTIMIZERS = [
    nn.SGD(0.3),
    nn.Adam(0.01),
    nn.Momentum(0.1),
    nn.Nesterov(0.1, 0.8),
    nn.RMSprop(0.01, 0.95),
    nn.AdamW(0.01, weight_decay=0.3),
]
EXTRAS: dict[str, dict[str, Any]] = {
    "none": {},
    "l2": {"regularization": Regularization(0.3, 0.2)},
    "penalties": {"regularization": Regularization(0.3, 0.2, 0.4)},
    "clip_value": {"clipping": Clipping(value=0.003)},
    "clip_norm": {"clipping": Clipping(norm=0.05), "regularization": Regularization(0.3, 0, 0.4)},
    "max_norm": {"max_norm": 0.7},
    "average": {"average": 0.8},
    "all": {
        "regularization": Regularization(0.3, 0.2, 0.4),
        "clipping": Clipping(norm=0.1),
        "max_norm": 0.7,
        "average": 0.8,
    },
}


def make_problem(dtype: str = "float64", zeros: float = 0) -> Problem:
    p = problem([37, 19, 4], "tanh", "cross_entropy", "softmax", m=23, dtype=dtype)
    p.X[np.random.default_rng(0).random(p.X.shape) < zeros] = 0
    return p


def run(trainer: Trainer, optimizer: Optimizer, epochs: range) -> list[float]:
    etas = optimizer.eta * np.linspace(1, 0.5, 5)
    return [trainer.run(np.random.default_rng(e).permutation(23), etas, lambda samples: None) for e in epochs]


def parameters_of(p: Problem) -> list[Array]:
    return p.network.weights + p.network.biases


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: o.name)
@pytest.mark.parametrize("extra", EXTRAS)
@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("zeros", [0, 0.9], ids=["dense", "sparse"])
def test_the_engine_agrees_with_the_reference(
    optimizer: Optimizer, extra: str, n_threads: int, zeros: float
) -> None:
    p, other = make_problem(zeros=zeros), make_problem(zeros=zeros)
    arguments = EXTRAS[extra]
    compiled = engine.Trainer(p.network, Task(p.X, p.Y, 5, optimizer, n_threads=n_threads, **arguments))
    readable = reference.Trainer(other.network, Task(other.X, other.Y, 5, optimizer, **arguments))
    start = [x.copy() for x in parameters_of(p)]
    assert run(compiled, optimizer, range(4)) == pytest.approx(run(readable, optimizer, range(4)), rel=1e-10)
    for ours, theirs, before in zip(parameters_of(p), parameters_of(other), start, strict=True):
        assert norm_difference(ours, theirs) < 1e-10
        assert not np.array_equal(ours, before)
    mine, others = compiled.state(), readable.state()
    assert list(mine) == list(others)
    assert mine.pop("steps") == others.pop("steps") == 20
    for name, arrays in mine.items():
        for a, b in zip(arrays, others[name], strict=True):
            assert norm_difference(a, b) < 1e-9


@pytest.mark.parametrize("make", [engine.Trainer, reference.Trainer], ids=["engine", "reference"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: o.name)
@pytest.mark.parametrize("extra", ["none", "all"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_restored_trainer_goes_on_with_the_same_bits(
    make: Any, optimizer: Optimizer, extra: str, dtype: str
) -> None:
    p = make_problem(dtype)
    task = Task(p.X, p.Y, 5, optimizer, **EXTRAS[extra])
    trainer = make(p.network, task)
    run(trainer, optimizer, range(2))
    state, net = trainer.state(), copy.deepcopy(p.network)
    run(trainer, optimizer, range(2, 4))
    resumed = make(net, task)
    resumed.restore(state)
    run(resumed, optimizer, range(2, 4))
    assert parameter_hash(net) == parameter_hash(p.network)
    ours, theirs = resumed.state(), trainer.state()
    assert ours.pop("steps") == theirs.pop("steps")
    for name, arrays in ours.items():
        assert all(np.array_equal(a, b) for a, b in zip(arrays, theirs[name], strict=True))


def test_a_users_own_state_is_copied() -> None:
    class Counting(nn.SGD):
        def start(self, parameters: Any) -> Any:
            return {"steps": [0]}

        def step(self, parameters: Any, gradients: Any, state: Any, eta: float) -> None:
            state["steps"][0] += 1

    p = make_problem()
    trainer = reference.Trainer(p.network, Task(p.X, p.Y, 5, Counting(1.0)))
    run(trainer, Counting(1.0), range(1))
    state = trainer.state()
    assert state == {"steps": 5, "optimizer": {"steps": [5]}}
    run(trainer, Counting(1.0), range(1))
    assert state["optimizer"] == {"steps": [5]}
    trainer.restore(state)
    assert trainer.state() == state


@pytest.mark.parametrize("make", [engine.Trainer, reference.Trainer], ids=["engine", "reference"])
def test_a_wrong_state_is_refused(make: Any) -> None:
    p = make_problem()
    trainer = make(p.network, Task(p.X, p.Y, 5, nn.Momentum(0.1)))
    run(trainer, nn.Momentum(0.1), range(1))
    good = trainer.state()
    short = {**good, "first": good["first"][:-1]}
    single = {**good, "first": [v.astype(np.float32) for v in good["first"]]}
    for bad in ({}, {"steps": 3}, {**good, "second": good["first"]}, short, single, {**good, "steps": -1}):
        with pytest.raises(ValueError, match=r"state|steps"):
            trainer.restore(bad)
    assert all(map(np.array_equal, trainer.state()["first"], good["first"]))


FIT: dict[str, dict[str, Any]] = {
    "penalties": {"lmbda": 0.1, "alpha": 0.2, "l1": 0.1},
    "clip_value": {"clip_value": 0.003},
    "all": {"l1": 0.1, "clip_norm": 0.1, "max_norm": 0.7, "average": 0.8},
}


def trained(optimizer: Optimizer, extra: str, n_threads: int, dtype: str, transform: Any) -> str:
    p = problem([200, 150, 10, 40], "tanh", "cross_entropy", "softmax", m=300, dtype=dtype)
    p.network.fit(
        transform(p.X),
        p.Y,
        epochs=2,
        batch_size=128,
        optimizer=optimizer,
        n_threads=n_threads,
        progress=False,
        **FIT[extra],
    )
    return parameter_hash(p.network)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: o.name)
@pytest.mark.parametrize("extra", FIT)
def test_same_bits_on_any_number_of_threads(dtype: str, optimizer: Optimizer, extra: str) -> None:
    for transform in (np.asarray, sparse):
        assert len({trained(optimizer, extra, n, dtype, transform) for n in (1, 2, 3, 4, 8)}) == 1


SCRIPT = """
import json, sys
import nablanet as nn
from test_trainers import FIT, OPTIMIZERS, trained
from test_engine import sparse
hashes = {"isa": nn.build_info()["isa"]}
for dtype in ("float32", "float64"):
    for optimizer in OPTIMIZERS:
        for extra in FIT:
            hashes[f"{dtype} {optimizer.name} {extra}"] = trained(optimizer, extra, 2, dtype, sparse)
json.dump(hashes, sys.stdout)
"""


def test_same_bits_on_every_instruction_set() -> None:
    runs = []
    for isa in nn.build_info()["supported_isas"]:
        paths = [os.path.dirname(__file__), *(p for p in sys.path if p)]
        environment = {**os.environ, "NABLANET_ISA": isa, "PYTHONPATH": os.pathsep.join(paths)}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        runs.append(json.loads(done.stdout))
        assert runs[-1].pop("isa") == isa
    for other in runs[1:]:
        assert other == runs[0]
