"""scikit-learn's own tests of its MLP, unmodified, against this package's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import sklearn

import sklearn_plugin


def test_scikit_learns_own_tests_pass(tmp_path: Path) -> None:
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "sklearn_plugin"]
    done = subprocess.run(
        # without this project's configuration, whose warnings are errors
        [*command, "-c", os.devnull, "--pyargs", "sklearn.neural_network.tests.test_mlp"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path, "SKLEARN_WARNINGS_AS_ERRORS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # the plugin drops a test that does not find this package's classes, so that they were used
    summary = done.stdout.splitlines()[-1]
    assert f"{len(sklearn_plugin.PRIVATE)} deselected" in summary
    if sklearn.__version__.startswith("1.9."):
        assert summary.startswith("54 passed")
