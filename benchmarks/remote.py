"""The parent's end of a worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import Array
from benchmarks.tasks import Task

ROOT = Path(__file__).resolve().parents[1]


class WorkerFailed(Exception):  # noqa: N818 - says what is the matter
    """A worker ended before its time; the message is the last thing it said."""


class Worker:
    """A contender in a process of its own, ready for a task; `skipped` says why where it is not.

    Raises WorkerFailed, here and whenever it is asked.
    """

    def __init__(self, name: str, task: Task, folder: Path):
        self.name = name
        self._folder = folder
        self._errors_path = folder / f"{name}.log"
        with self._errors_path.open("w", encoding="utf-8") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.worker", name, task.name, str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=_environment(task),
                cwd=ROOT,
                text=True,
                encoding="utf-8",
            )
        try:
            hello = self._answer()
        except WorkerFailed:
            self.close()
            raise
        self.skipped: str = hello.get("skipped", "")
        self.version: str = hello.get("version", "")
        self.remark: str = hello.get("remark", "")
        self.same: bool = hello.get("same", False)

    def reset(self) -> None:
        self._ask(do="reset")

    def train(self, epoch: int, eta: float, rows: int | None = None) -> float:
        """Seconds for an epoch, or for its first rows."""
        seconds: float = self._ask(do="train", epoch=epoch, eta=eta, rows=rows)["seconds"]
        return seconds

    def call(self, count: int) -> float:
        """Seconds for that many calls with one row."""
        seconds: float = self._ask(do="call", count=count)["seconds"]
        return seconds

    def outputs(self) -> Array:
        """a^L for the test rows."""
        self._ask(do="outputs")
        outputs: Array = np.load(self._folder / f"{self.name}.npy")
        return outputs

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # what it said last is read below
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            said = self._errors_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise WorkerFailed(said[-1] if said else f"ended with code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def cores() -> list[int]:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def cores_for(task: Task) -> list[int]:
    """The cores that the task runs on: the last one alone, or all."""
    return cores()[-1:] if task.threads == 1 else cores()


def _environment(task: Task) -> dict[str, str]:
    threads = str(len(cores_for(task)))
    changed = {
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "JAX_PLATFORMS": "cpu",
        "JAX_ENABLE_X64": "1" if task.dtype == "float64" else "0",
    }
    if task.threads == 1:
        changed["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    return os.environ | changed
