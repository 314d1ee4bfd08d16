"""The results as Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

from benchmarks.machine import Machine
from benchmarks.measure import Settings
from benchmarks.results import Result, TaskResult
from benchmarks.tasks import CONTENDERS, TITLES

_TIMES = "\N{MULTIPLICATION SIGN}"

_HOW = """\
Every contender runs in a process of its own, on the same samples, mini-batches and initial weights, with
the same number of threads; with one thread it is pinned to one core. They take turns, and a figure is the
median of the repeats after a warm-up. In brackets: how many times nablanet's time that is. *At peak* is
what the task's multiply-adds would take at the fused-multiply-add peak, measured between the repeats:
per row those of all weights forward, of all weights for BP4, and of all but the first layer's for BP2.
An output *differs* by so much from nablanet's, at most, after the first 4 mini-batches."""


def to_json(machine: Machine, settings: Settings, peaks: dict[str, float], outcomes: list[TaskResult]) -> str:
    """Everything that was measured."""
    content = {
        "machine": machine.to_dict(),
        "repeats": settings.repeats,
        "rows_at_most": settings.rows,
        "peak_gflops": peaks,
        "tasks": [outcome.to_dict() for outcome in outcomes],
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def to_markdown(
    machine: Machine,
    settings: Settings,
    peaks: dict[str, float],
    notes: list[str],
    outcomes: list[TaskResult],
) -> str:
    """A page: the machine, a summary, the floors, the checks that failed, and each task."""
    parts = [
        "# Benchmark",
        _machine_lines(machine, settings, peaks, notes),
        _HOW,
        _summary(outcomes),
        _floors(outcomes),
        _failures(outcomes),
        *(_task(outcome) for outcome in outcomes),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def figure(value: float) -> str:
    """Three significant digits, without an exponent."""
    if value >= 1000:
        return f"{value:,.0f}"
    digits = 3 if value < 0.1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.4f}" if value < 0.01 else f"{value:.{digits}f}"


def times(ratio: float) -> str:
    """A ratio, such as 8.1 followed by a multiplication sign."""
    digits = 0 if ratio >= 10 else 1 if ratio >= 0.95 else 2
    return f"{ratio:.{digits}f}{_TIMES}"


def percent(share: float) -> str:
    """A share of 1."""
    return f"{share:.0%}" if share >= 0.095 else f"{share:.1%}"


def _machine_lines(machine: Machine, settings: Settings, peaks: dict[str, float], notes: list[str]) -> str:
    load = "" if machine.load is None else f"; load before the run {machine.load:.2f}"
    lines = [
        f"{machine.date}, commit {machine.commit or 'unknown'}; repeats: {settings.repeats}{load}",
        f"{machine.cpu}, {machine.cores} cores, {machine.system}; Python {machine.python}, "
        f"NumPy {machine.numpy}",
        f"nablanet {machine.nablanet}, built with {machine.compiler}; instruction set {machine.isa} "
        f"(the machine has {', '.join(machine.supported_isas)})",
    ]
    if peaks:
        lines.append(
            "fused-multiply-add peak, GFLOP/s: " + ", ".join(f"{what} {gf:.0f}" for what, gf in peaks.items())
        )
    if settings.short:
        lines.append(f"**a quick run on at most {settings.rows:,} rows: its figures mean little**")
    return "\n".join(f"- {line}" for line in [*lines, *notes])


def _summary(outcomes: list[TaskResult]) -> str:
    header = ["task", "unit", "nablanet", "of peak", *(TITLES[name] for name in CONTENDERS[1:]), "at peak"]
    rows = []
    for outcome in outcomes:
        if outcome.skipped:
            rows.append([outcome.task.name, outcome.task.unit, "skipped", *[""] * (len(header) - 3)])
            continue
        cells = [outcome.task.name, outcome.task.unit, _median(outcome, "nablanet")]
        cells.append(_share(outcome, "nablanet"))
        cells += [_median(outcome, name) for name in CONTENDERS[1:]]
        cells.append("" if outcome.at_peak is None else figure(outcome.at_peak))
        rows.append(cells)
    return "## Summary\n\n" + _table(header, rows)


def _median(outcome: TaskResult, name: str) -> str:
    result = outcome.results.get(name)
    if result is None:
        return ""
    if not result.values:
        return "skipped"
    ratio = outcome.ratio(name)
    return figure(result.median) + (f" ({times(ratio)})" if ratio is not None and name != "nablanet" else "")


def _share(outcome: TaskResult, name: str) -> str:
    share = outcome.share_of_peak(name)
    return "" if share is None else percent(share)


def _floors(outcomes: list[TaskResult]) -> str:
    rows = []
    for outcome in outcomes:
        task = outcome.task
        for against, floor, measured, reached in outcome.floors():
            what: str
            write: Callable[[float], str]
            if against == "peak":
                what, write = "share of peak", percent
            elif against == "limit":
                what, write = f"at most, {task.unit}", figure
            else:
                what, write = f"ahead of {TITLES[against]}", times
            values = [
                "" if value is None else write(value) for value in (floor, task.aims.get(against), measured)
            ]
            said = "not measured" if measured is None else "yes" if reached else "no"
            rows.append([task.name, what, *values, said])
    if not rows:
        return ""
    return "## Floors\n\n" + _table(["task", "what", "floor", "aim", "measured", "floor reached"], rows)


def _failures(outcomes: list[TaskResult]) -> str:
    lines = [f"- {outcome.task.name}: {failure}" for outcome in outcomes for failure in outcome.failures]
    return "## Checks that failed\n\n" + "\n".join(lines) if lines else ""


def _task(outcome: TaskResult) -> str:
    task = outcome.task
    heading = f"## {task.name}\n\n{task.title}"
    if outcome.skipped:
        return f"{heading}\n\nSkipped: {outcome.skipped}"
    score = "R² on test data" if task.cost == "quadratic" and task.output == "identity" else "test accuracy"
    header = [
        "contender",
        f"median, {task.unit}",
        "lowest to highest",
        "ratio",
        "of peak",
        score,
        "differs",
        "",
    ]
    rows = [_contender(outcome, result) for result in outcome.results.values()]
    return f"{heading}\n\n{_table(header, rows)}"


def _contender(outcome: TaskResult, result: Result) -> list[str]:
    name = result.version or result.title
    if not result.values:
        return [name, *[""] * 6, f"skipped: {result.skipped}"]
    ratio = outcome.ratio(result.name)
    return [
        name,
        figure(result.median),
        f"{figure(min(result.values))} to {figure(max(result.values))}" if len(result.values) > 1 else "",
        "" if ratio is None else times(ratio),
        _share(outcome, result.name),
        "" if result.score is None else f"{result.score:.4f}",
        "" if result.difference is None else f"{result.difference:.1g}",
        result.remark,
    ]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table without the columns that are empty throughout."""
    rows = list(rows)
    kept = [i for i, title in enumerate(header) if i == 0 or any(row[i] for row in rows)]
    lines = [[header[i] for i in kept], ["---"] * len(kept), *([row[i] for i in kept] for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
