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
from pathlib import Path

import numpy as np
import pytest

import nablanet as nn
from nablanet.optimizers import OPTIMIZERS
from nablanet.shapes import Array
from networks import HIDDEN, PAIRS

GOLDEN = Path(__file__).with_name("golden.json")
SIZES = [27, 23, 18, 9]
ROWS = 37


def numbers(count: int, seed: int) -> Array:
    """From -1/2 to 1/2, by integer arithmetic: the same on every machine (Knuth's MMIX generator)."""
    state = seed
    out = np.empty(count)
    for i in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out[i] = (state >> 11) / 2**53 - 0.5
    return out


def data(output: str) -> tuple[Array, Array]:
    X = 4 * numbers(ROWS * SIZES[0], 1).reshape(ROWS, -1)
    X[numbers(X.size, 2).reshape(X.shape) < 0.1] = 0
    if output == "softmax":
        return X, np.eye(SIZES[-1])[np.arange(ROWS) % SIZES[-1]]
    return X, numbers(ROWS * SIZES[-1], 3).reshape(ROWS, -1) + 0.5


def trained(hidden: str, cost: str, output: str, optimizer: str, dtype: str, n_threads: int) -> str:
    """A hash of the parameters, of the mean cost of each epoch, and of the outputs."""
    net = nn.Network(SIZES, activation=hidden, output=output, cost=cost, dtype=dtype, seed=0)
    for seed, parameter in enumerate(net.weights + net.biases, start=4):
        parameter[...] = numbers(parameter.size, seed).reshape(parameter.shape)
    net._shuffle = lambda n: (np.arange(n) * 16 + 5) % n  # type: ignore[method-assign]
    X, Y = data(output)
    history = net.fit(
        X, Y, epochs=2, batch_size=13, eta=0.01, optimizer=optimizer, lmbda=0.1, n_threads=n_threads
    )
    digest = hashlib.sha256()
    for array in [*net.weights, *net.biases, np.array(history.cost), net.predict(X)]:
        digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()[:16]


def trainings() -> Iterator[tuple[str, str, str, str, str]]:
    """Every activation, cost and optimizer that the package has, in both float types."""
    for dtype in ("float32", "float64"):
        for hidden in HIDDEN:
            for cost, output in PAIRS:
                for optimizer in OPTIMIZERS:
                    yield hidden, cost, output, optimizer, dtype


def hashes(n_threads: int) -> dict[str, str]:
    return {" ".join(training): trained(*training, n_threads) for training in trainings()}


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
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    ran_on, found = json.loads(done.stdout)
    assert ran_on == isa
    assert found == json.loads(GOLDEN.read_text())


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(hashes(n_threads=1), indent=0) + "\n")
