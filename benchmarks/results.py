"""What was measured: per task and contender, with the ratios and checks that follow."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.tasks import TITLES, Task


@dataclass
class Result:
    """One contender on one task.

    skipped: why there is no measurement. values: one for each repeat, in the task's unit. score: on
    the test data, after the same epochs for all. difference: the largest difference of an output from
    nablanet's after the first mini-batches. version, remark, same: as in `contender.Contender`.
    """

    name: str
    version: str = ""
    remark: str = ""
    same: bool = True
    skipped: str = ""
    values: list[float] = field(default_factory=list)
    score: float | None = None
    difference: float | None = None

    @property
    def title(self) -> str:
        return TITLES.get(self.name, self.name)

    @property
    def median(self) -> float:
        return median(self.values)


@dataclass
class TaskResult:
    """All contenders on one task. rows: training samples. peak: the largest of those measured, GFLOP/s.

    failures: sentences about checks that did not hold. skipped: why the whole task was left out.
    """

    task: Task
    rows: int = 0
    results: dict[str, Result] = field(default_factory=dict)
    peak: float | None = None
    failures: list[str] = field(default_factory=list)
    skipped: str = ""

    @property
    def measured(self) -> list[Result]:
        return [result for result in self.results.values() if result.values]

    @property
    def at_peak(self) -> float | None:
        """What the task would take at the fused-multiply-add peak, in its unit."""
        if self.peak is None or not self.task.sizes:
            return None
        return self.task.flops(self.rows) / (self.peak * 1e9) / self.task.units(self.rows)

    def ratio(self, name: str) -> float | None:
        """How many times nablanet's time (or size) the contender takes."""
        ours, theirs = self.results.get("nablanet"), self.results.get(name)
        if ours is None or theirs is None or not ours.values or not theirs.values:
            return None
        return theirs.median / ours.median

    def share_of_peak(self, name: str) -> float | None:
        """The share of the peak that a contender reaches, 1 at the peak."""
        result = self.results.get(name)
        if self.at_peak is None or result is None or not result.values:
            return None
        return self.at_peak / result.median

    def floors(self) -> list[tuple[str, float, float | None, bool]]:
        """(against what, floor, measured, whether it is reached) for each floor of the task."""
        rows = []
        for name, floor in self.task.floors.items():
            value = self.share_of_peak("nablanet") if name == "peak" else self.ratio(name)
            rows.append((name, floor, value, value is not None and value >= floor))
        if self.task.limit is not None and (ours := self.results.get("nablanet")) and ours.values:
            rows.append(("limit", self.task.limit, ours.median, ours.median <= self.task.limit))
        return rows

    def check(self, *, short: bool) -> None:
        """Put into `failures` what does not hold; a short run is too short for some scores."""
        ours = self.results.get("nablanet")
        if ours is None or not ours.values:
            self.failures.append(f"nablanet was not measured: {ours.skipped if ours else 'left out'}")
            return
        limit = 5e-3 if self.task.dtype == "float32" else 1e-9
        for result in self.measured:
            if result.difference is not None and not result.difference <= limit:
                self.failures.append(
                    f"{result.title}: after the first mini-batches an output differs from nablanet's by "
                    f"{result.difference:.2g}, more than {limit:g}"
                )
            if result.score is None or ours.score is None or (short and not (result.same and ours.same)):
                continue
            # not <=, so that a score that is not a number fails
            if not abs(result.score - ours.score) <= self.task.tolerance:
                self.failures.append(
                    f"{result.title} reaches {result.score:.4f} on the test data, nablanet {ours.score:.4f}: "
                    f"more than {self.task.tolerance:g} apart"
                )
        reach = self.task.reach
        if not short and reach is not None and (ours.score is None or not ours.score >= reach):
            self.failures.append(f"nablanet reaches {ours.score} on the test data, wanted {reach}")

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        at_peak = self.at_peak
        return {
            "task": self.task.name,
            "title": self.task.title,
            "unit": self.task.unit,
            "rows": self.rows,
            "skipped": self.skipped,
            "peak_gflops": self.peak,
            "at_peak": at_peak,
            "flops": self.task.flops(self.rows) if self.task.sizes else None,
            "failures": self.failures,
            "contenders": [
                {
                    "name": result.name,
                    "version": result.version,
                    "remark": result.remark,
                    "skipped": result.skipped,
                    "values": result.values,
                    "median": result.median if result.values else None,
                    "ratio_to_nablanet": self.ratio(result.name),
                    "share_of_peak": self.share_of_peak(result.name),
                    "test_score": _finite(result.score),
                    "largest_difference_of_an_output": _finite(result.difference),
                }
                for result in self.results.values()
            ],
            "floors": [
                {"against": against, "floor": floor, "measured": measured, "reached": reached}
                for against, floor, measured, reached in self.floors()
            ],
        }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
