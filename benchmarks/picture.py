"""The results as a picture: one panel for each task, bars on a logarithmic axis."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from benchmarks.machine import Machine
from benchmarks.report import figure, percent, times
from benchmarks.results import TaskResult

_COLORS = {"nablanet": "#c23b22", "NumPy alone": "#bbbbbb"}
_OTHER_COLOR = "#7d93ab"
_COLUMNS = 2


def draw(outcomes: list[TaskResult], machine: Machine, path: Path) -> None:
    """Write the picture. Raises ImportError without matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    shown = [outcome for outcome in outcomes if outcome.measured]
    if not shown:
        return
    n_rows = -(-len(shown) // _COLUMNS)
    picture, axes = pyplot.subplots(
        n_rows,
        _COLUMNS,
        figsize=(13, 0.6 + 2.3 * n_rows),
        squeeze=False,
        layout=ConstrainedLayoutEngine(hspace=0.06, wspace=0.04),
    )
    panels = list(axes.flat)
    for panel, outcome in zip(panels, shown, strict=False):
        _panel(panel, outcome)
    for panel in panels[len(shown) :]:
        panel.set_axis_off()
    picture.suptitle(
        f"{machine.cpu}, {machine.cores} cores, {machine.date}. Less is better; in brackets: how many times "
        "nablanet's.\nDashed: the task's multiply-adds at the fused-multiply-add peak of the machine.",
        fontsize=10,
    )
    picture.savefig(path, dpi=110)
    pyplot.close(picture)


def _panel(panel: Any, outcome: TaskResult) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    task = outcome.task
    results = outcome.measured
    values = [result.median for result in results]
    places = range(len(results))
    colors = [_COLORS.get(result.name, _OTHER_COLOR) for result in results]
    panel.barh(places, values, color=colors, height=0.7)
    panel.set_xscale("log")
    # bars on such an axis have no zero to start from: they start below the smallest, with room for words
    low = min([*values, outcome.at_peak or values[0]]) / 2
    high = max(values)
    panel.set_xlim(low, high * (high / low) ** 0.45)
    wide = high / low > 100
    panel.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.set_ylim(len(results) - 0.4, -0.6)
    panel.set_yticks(places, [result.title for result in results])
    for place, result in zip(places, results, strict=True):
        panel.text(result.median, place, _label(outcome, result.name), va="center", fontsize=9)
    if outcome.at_peak is not None:
        panel.axvline(outcome.at_peak, color="black", linestyle="--", linewidth=1)
    title = f"{task.name}: {task.title}; {task.unit}"
    if task.sizes and outcome.rows < task.rows:
        title += f" (here {outcome.rows:,} rows only)"
    panel.set_title(textwrap.fill(title, 78), fontsize=9, loc="left")
    panel.tick_params(labelsize=9)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)


def _label(outcome: TaskResult, name: str) -> str:
    share, ratio = outcome.share_of_peak(name), outcome.ratio(name)
    label = f" {figure(outcome.results[name].median)}"
    if name == "nablanet":
        return label if share is None else f"{label}  ({percent(share)} of peak)"
    return label if ratio is None else f"{label}  ({times(ratio)})"
