"""Runs a task: all contenders side by side, taking turns."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep

import numpy as np

from benchmarks.data import MissingData, Problem, prepare
from benchmarks.peak import Peak
from benchmarks.remote import Worker, WorkerFailed
from benchmarks.results import Result, TaskResult
from benchmarks.tasks import Task

_FIRST_BATCHES = 4  # after which outputs are compared: Adam makes rounding grow to 0.01 within 16
_PAUSE = 0.5  # seconds in which the threads of the last contender fall asleep: 0.05 left some of BLAS awake


@dataclass(frozen=True)
class Settings:
    """How much to measure. rows: at most so many training samples (None: the task's own)."""

    repeats: int = 5
    rows: int | None = None
    burst: float = 0.2  # seconds of calls with one row

    @property
    def short(self) -> bool:
        return self.rows is not None


class Race:
    """The workers of a task and what has come of them. One that fails drops out, and is said."""

    def __init__(self, outcome: TaskResult, workers: list[Worker]):
        self._outcome = outcome
        self._workers = workers

    def each(self, do: Callable[[Worker, Result], object], turn: int = 0) -> None:
        """Do something with every worker; `turn` says which comes first."""
        first = turn % max(1, len(self._workers))
        for worker in self._workers[first:] + self._workers[:first]:
            result = self._outcome.results[worker.name]
            sleep(_PAUSE)
            try:
                do(worker, result)
            except WorkerFailed as error:
                result.skipped = f"failed: {error}"
                result.values.clear()
                self._outcome.failures.append(f"{result.title} failed: {error}")
                self._workers.remove(worker)


def run_task(task: Task, settings: Settings, peak: Peak | None) -> TaskResult:
    """Measure every contender of a task."""
    outcome = TaskResult(task)
    with TemporaryDirectory(prefix="nablanet-benchmark-") as name, ExitStack() as stack:
        folder = Path(name)
        epochs = len(task.etas) if task.kind == "training" else 1 + settings.repeats
        try:
            problem = prepare(task, epochs, settings.rows)
        except MissingData as error:
            outcome.skipped = str(error)
            return outcome
        problem.save(folder)
        outcome.rows = len(problem.X)
        race = Race(outcome, _start_workers(outcome, folder, stack))
        _compare_outputs(race, outcome, task)
        warm_up, measure = _procedure(task, settings, outcome.rows)
        race.each(warm_up)
        for repeat in range(settings.repeats):
            race.each(partial(_append, measure, repeat), turn=repeat)
            if peak is not None:
                outcome.peak = max(outcome.peak or 0, peak.of(task))
        if task.kind != "call":
            race.each(lambda worker, result: _score(worker, result, problem))
    outcome.check(short=settings.short)
    return outcome


def _start_workers(outcome: TaskResult, folder: Path, stack: ExitStack) -> list[Worker]:
    workers = []
    for name in outcome.task.contenders:
        result = outcome.results[name] = Result(name)
        try:
            worker = Worker(name, outcome.task, folder)
        except WorkerFailed as error:
            result.skipped = f"failed: {error}"
            outcome.failures.append(f"{result.title} failed: {error}")
            continue
        stack.callback(worker.close)
        result.version, result.remark, result.same = worker.version, worker.remark, worker.same
        result.skipped = worker.skipped
        if not worker.skipped:
            workers.append(worker)
    return workers


def _compare_outputs(race: Race, outcome: TaskResult, task: Task) -> None:
    """See that all compute the same thing: before rounding has had time to grow."""
    outputs = {}

    def take(worker: Worker, result: Result) -> None:
        if task.kind != "call":
            worker.train(0, task.etas[0], rows=_FIRST_BATCHES * task.batch)
        outputs[worker.name] = worker.outputs()
        worker.reset()

    race.each(take)
    ours = outputs.get("nablanet")
    if ours is None:
        return
    for result in outcome.results.values():
        if result.name in outputs and result.same and result.name != "nablanet":
            result.difference = float(np.abs(outputs[result.name] - ours).max())


def _procedure(
    task: Task, settings: Settings, rows: int
) -> tuple[Callable[[Worker, Result], object], Callable[[Worker, int], float]]:
    """What to do once before, and what to do for each repeat, which gives the value in the task's unit."""
    if task.kind == "call":
        counts: dict[str, int] = {}

        def count_calls(worker: Worker, result: Result) -> None:
            worker.call(100)
            counts[worker.name] = max(100, round(settings.burst / worker.call(100) * 100))

        def call(worker: Worker, repeat: int) -> float:
            count = counts[worker.name]
            return worker.call(count) / count / task.units(rows)

        return count_calls, call

    if task.kind == "training":

        def train(worker: Worker, repeat: int) -> float:
            worker.reset()
            return sum(worker.train(epoch, eta) for epoch, eta in enumerate(task.etas)) / task.units(rows)

        return lambda worker, result: worker.train(0, task.etas[0]), train

    if task.kind == "estimator":
        return lambda worker, result: None, lambda worker, repeat: worker.train(0, 0.0)

    def epoch(worker: Worker, repeat: int) -> float:
        return worker.train(1 + repeat, task.etas[0]) / task.units(rows)

    return lambda worker, result: worker.train(0, task.etas[0]), epoch


def _append(measure: Callable[[Worker, int], float], repeat: int, worker: Worker, result: Result) -> None:
    result.values.append(measure(worker, repeat))


def _score(worker: Worker, result: Result, problem: Problem) -> None:
    result.score = problem.score(worker.outputs())
