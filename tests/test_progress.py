"""The progress bar on a pseudo-terminal."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import warnings; warnings.simplefilter("ignore")
import numpy as np
from nablanet import MLPClassifier
X, y = np.random.default_rng(0).random((50, 4)), np.arange(50) % 2
settings = dict(random_state=0, verbose=True, progress=True)
MLPClassifier((3,), max_iter=3, **settings).fit(X, y)
MLPClassifier((3,), max_iter=400, **settings).partial_fit(X, y, classes=[0, 1])
MLPClassifier((3,), max_iter=3, solver="lbfgs", **settings).fit(X, y, X_val=X, y_val=y)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")
def test_a_bar_on_a_terminal_leaves_standard_output_alone() -> None:
    master, slave = os.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=slave, env=environment, text=True
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    iterations = [line.partition(",")[0] for line in printed.splitlines() if "score" not in line]
    assert iterations == [f"Iteration {number}" for number in (1, 2, 3, 1)]
    assert printed.count("Validation score") == 3
    assert b"epoch 2: cost" in shown
    assert b"100%" in shown
    assert b"Iteration" not in shown
