"""Measure nablanet and its peers: `python -m benchmarks`, from the root of the repository."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import measure, package, picture, report
from benchmarks.machine import describe_machine
from benchmarks.measure import Settings
from benchmarks.peak import NoPeak, Peak
from benchmarks.remote import ROOT, cores
from benchmarks.results import TaskResult
from benchmarks.tasks import TASKS, Task

_QUICK = Settings(repeats=2, rows=2_000, burst=0.02)
_BUSY = 0.5  # load above which the figures are not to be trusted


def main() -> int:
    """Run the tasks; 1 where a check failed."""
    arguments = _parse()
    settings = _QUICK if arguments.quick else Settings()
    if arguments.repeats is not None:
        settings = Settings(arguments.repeats, settings.rows, settings.burst)
    machine = describe_machine()
    notes = []
    if machine.load is not None and machine.load > _BUSY:
        notes.append(f"**the machine was busy before the run (load {machine.load:.2f})**")
    outcomes = []
    with TemporaryDirectory(prefix="nablanet-benchmark-") as folder:
        peak = None
        try:
            peak = Peak(Path(folder))
        except NoPeak as error:
            notes.append(f"the fused-multiply-add peak was not measured: {error}")
        for note in notes:
            print(note)
        for task in arguments.tasks:
            print(f"{task.name}: {task.title}", flush=True)
            outcomes.append(_run(task, settings, peak))
            _tell(outcomes[-1])
        peaks = {} if peak is None else _peaks(peak)
    arguments.output.mkdir(parents=True, exist_ok=True)
    markdown = report.to_markdown(machine, settings, peaks, notes, outcomes)
    (arguments.output / "results.md").write_text(markdown, encoding="utf-8")
    (arguments.output / "results.json").write_text(
        report.to_json(machine, settings, peaks, outcomes), encoding="utf-8"
    )
    try:
        picture.draw(outcomes, machine, arguments.output / "results.png")
    except ImportError as error:
        print(f"no picture without matplotlib ({error})")
    print(f"written to {arguments.output}")
    return 1 if any(outcome.failures for outcome in outcomes) else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--tasks",
        type=_tasks,
        default=list(TASKS.values()),
        metavar="P1,P2",
        help=f"some of {', '.join(TASKS)} (default: all)",
    )
    parser.add_argument(
        "--repeats", type=_at_least_one, metavar="N", help="measurements of each (default: 5)"
    )
    parser.add_argument(
        "--quick", action="store_true", help=f"two repeats on {_QUICK.rows:,} rows: does it work?"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for results.md, results.json and results.png "
        "(default: benchmarks/results; with --quick build/quick-benchmark)",
    )
    arguments = parser.parse_args()
    if arguments.output is None:
        arguments.output = ROOT / ("build/quick-benchmark" if arguments.quick else "benchmarks/results")
    return arguments


def _tasks(names: str) -> list[Task]:
    chosen = []
    for name in names.split(","):
        if name not in TASKS:
            raise argparse.ArgumentTypeError(f"no task {name!r}; there are: {', '.join(TASKS)}")
        chosen.append(TASKS[name])
    return chosen


def _at_least_one(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"wanted a number of at least 1, got {text!r}")
    return int(text)


def _run(task: Task, settings: Settings, peak: Peak | None) -> TaskResult:
    if task.kind == "import":
        return package.run_import(task, settings)
    if task.kind == "size":
        return package.run_size(task)
    return measure.run_task(task, settings, peak)


def _tell(outcome: TaskResult) -> None:
    """A line for each contender as soon as a task is done."""
    if outcome.skipped:
        print(f"  skipped: {outcome.skipped}")
    for result in outcome.results.values():
        if result.values:
            ratio = outcome.ratio(result.name)
            said = f"{report.figure(result.median)} {outcome.task.unit}"
            said += "" if ratio is None or result.name == "nablanet" else f" ({report.times(ratio)})"
        else:
            said = f"skipped: {result.skipped}"
        print(f"  {result.title}: {said}")
    for failure in outcome.failures:
        print(f"  check failed: {failure}")
    sys.stdout.flush()


def _peaks(peak: Peak) -> dict[str, float]:
    return {
        f"{dtype}, {name}": peak.measure(dtype, chosen)
        for dtype in ("float32", "float64")
        for name, chosen in (("one core", cores()[-1:]), ("all cores", cores()))
    }


if __name__ == "__main__":
    sys.exit(main())
