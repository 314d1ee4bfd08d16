"""What the tests of reliability share: networks that train in NumPy, their bits, and child processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import nablanet as nn
from nablanet.shapes import Array

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and limits")


class Own(nn.Network):
    """One that trains in NumPy."""

    def cost_derivative(self, output_activations: Array, y: Array) -> Array:
        return output_activations - y


def parameters(net: Any) -> list[Array]:
    return [*net.weights, *net.biases]


def bits(net: Any) -> list[bytes]:
    return [a.tobytes() for a in parameters(net)]


def run_python(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    paths = [str(Path(__file__).parent), *(p for p in sys.path if p)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
