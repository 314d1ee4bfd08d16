"""A child process that runs one contender on one task: `python -m benchmarks.worker NAME TASK FOLDER`.

It reads requests and writes answers as lines of JSON. Its parent sets the environment that fixes the
number of threads, for libraries read it once, when they are loaded.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import IO, Any

from benchmarks.tasks import TASKS


def main() -> None:
    """Say hello, then answer until the parent closes the pipe."""
    name, task_name, place = sys.argv[1:]
    task, folder = TASKS[task_name], Path(place)
    # answers have a channel of their own: whatever a library prints goes to standard error
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    if task.threads == 1:
        pin_to_one_core()

    # only now, for NumPy's BLAS asks how many cores there are when it is loaded
    from benchmarks.contender import Contender, Unsupported
    from benchmarks.data import Problem

    problem = Problem.load(folder)
    try:
        contender: Contender
        if task.does:
            contender = importlib.import_module("benchmarks.estimators").Estimator(name, task, problem)
        else:
            contender = importlib.import_module(f"benchmarks.contender_{name}").make(task, problem)
    except ImportError as error:
        _answer(answers, {"skipped": f"not installed ({error})"})
        return
    except Unsupported as reason:
        _answer(answers, {"skipped": str(reason)})
        return
    call = contender.one_row(problem.X_test[: task.batch]) if task.kind == "call" else None
    _answer(answers, {"version": contender.version, "remark": contender.remark, "same": contender.same})

    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any] = {}
        if request["do"] == "reset":
            contender.reset()
        elif request["do"] == "train":
            order = problem.orders[request["epoch"]][: request["rows"]]
            started = perf_counter()
            contender.train(order, request["eta"])
            answer["seconds"] = perf_counter() - started
        elif request["do"] == "call":
            assert call is not None
            calls = range(request["count"])
            started = perf_counter()
            for _ in calls:
                call()
            answer["seconds"] = perf_counter() - started
        else:
            _save(folder / f"{name}.npy", contender.outputs(problem.X_test))
        _answer(answers, answer)


def pin_to_one_core() -> None:
    """Keep this process on the last of its cores, where the system offers that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def _save(path: Path, outputs: Any) -> None:
    import numpy as np

    np.save(path, outputs)


def _answer(answers: IO[str], answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
