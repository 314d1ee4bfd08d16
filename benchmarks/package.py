"""P7 and P8: what it takes to import each package, and to keep it on disk."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import nablanet
from benchmarks.measure import Settings
from benchmarks.remote import ROOT
from benchmarks.results import Result, TaskResult
from benchmarks.tasks import Task

_IMPORTS = {
    "nablanet": "from nablanet import Network",
    "jax": "import jax, jax.numpy",
    "torch": "import torch",
    "sklearn": "from sklearn.neural_network import MLPClassifier",
    "NumPy alone": "import numpy",
}
_DISTRIBUTIONS = {"jax": ("jax", "jaxlib"), "torch": ("torch",), "sklearn": ("scikit-learn",)}


def run_import(task: Task, settings: Settings) -> TaskResult:
    """Time each import inside a fresh interpreter, in turns."""
    outcome = TaskResult(task)
    for name in (*task.contenders, "NumPy alone"):
        outcome.results[name] = Result(name, remark=f"`{_IMPORTS[name]}`")
    waiting = list(outcome.results.values())
    for repeat in range(-1, settings.repeats):  # the first only brings the files into memory
        for result in list(waiting):
            done = _import(_IMPORTS[result.name])
            if done.returncode:
                said = done.stderr.strip().splitlines()
                result.skipped = said[-1] if said else f"ended with code {done.returncode}"
                waiting.remove(result)
            elif repeat >= 0:
                result.values.append(float(done.stdout.split()[-1]))
    ours, numpy_alone = outcome.results["nablanet"], outcome.results["NumPy alone"]
    if not ours.values:
        outcome.failures.append(f"nablanet was not measured: {ours.skipped}")
    elif numpy_alone.values and ours.median > numpy_alone.median + task.tolerance:
        outcome.failures.append(
            f"importing Network takes {ours.median:.3f} s, more than {task.tolerance:g} s over NumPy's "
            f"{numpy_alone.median:.3f} s"
        )
    return outcome


def run_size(task: Task) -> TaskResult:
    """Add up the files of each package, without bytecode."""
    outcome = TaskResult(task)
    for name in task.contenders:
        result = outcome.results[name] = Result(name)
        if name == "nablanet":
            result.version = f"nablanet {nablanet.__version__}"
            result.values = [_size(_files_of_nablanet())]
            continue
        names = _DISTRIBUTIONS[name]
        result.remark = " and ".join(names)
        try:
            found = [importlib.metadata.distribution(part) for part in names]
        except importlib.metadata.PackageNotFoundError as error:
            result.skipped = f"not installed ({error})"
            continue
        result.version = ", ".join(f"{part.name} {part.version}" for part in found)
        result.values = [_size(Path(str(file.locate())) for part in found for file in part.files or ())]
    return outcome


def _import(statement: str) -> subprocess.CompletedProcess[str]:
    program = f"from time import perf_counter\nt = perf_counter()\n{statement}\nprint(perf_counter() - t)"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)


def _files_of_nablanet() -> set[Path]:
    """The package's folder, and the compiled core, which lies elsewhere in an editable installation."""
    from nablanet import _core

    core = Path(str(_core.__file__))
    folder = Path(str(nablanet.__file__)).parent
    return {path for path in folder.rglob("*") if path.suffix != ".so"} | {core}


def _size(paths: Iterable[Path]) -> float:
    """Megabytes."""
    return sum(p.stat().st_size for p in paths if p.suffix != ".pyc" and p.is_file()) / 1e6
