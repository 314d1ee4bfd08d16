"""Lines in a rectangle, as an SVG picture: a curve beside its tangent, errors over step sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

from nablanet.explain import notation
from nablanet.shapes import Array

_WIDTH, _HEIGHT = 380, 230  # of the rectangle with its tick labels; the legend comes below
_TOP, _BELOW, _RIGHT, _ROW = 30, 44, 14, 20
_FONT = 13
_CHARACTER = 8  # a little more than the width of a digit in that size
# contrast at least 3:1 on white and on #111; dashes for those who do not see the colours
_STYLES = (("#1c7ed6", ""), ("#d9480f", "7 4"), ("#2b8a3e", "2 3"), ("#ae3ec9", "9 3 2 3"))
_LARGEST = 1e300  # so that a range stays finite
_SMALLEST = 1e-300  # so that its parts are no zeros


@dataclass(frozen=True)
class Line:
    """A line through the points (x_i, y_i), in their order, and its name in the legend.

    What is not finite, and under a logarithm what is not above 0, is left out, and the line broken there.
    """

    name: str
    x: npt.ArrayLike
    y: npt.ArrayLike


@dataclass(frozen=True)
class _Axis:
    """From `low` to `high` in the drawn measure (log10 of the value if `log`), with its ticks there."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    def share(self, values: Array) -> Array:
        """Where values lie between the ends, from 0 to 1."""
        return (values - self.low) / (self.high - self.low)


def chart(
    lines: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    title: str,
    log_x: bool = False,
    log_y: bool = False,
) -> str:
    """An `svg` element of one to four lines, with ticks at round numbers and a legend below.

    title: what the picture shows, for those who do not see it. Raises ValueError for no lines, for more
    than four, and for a line whose x and y are not as many.
    """
    if not 1 <= len(lines) <= len(_STYLES):
        raise ValueError(f"a chart has 1 to {len(_STYLES)} lines, got {len(lines)}")
    points = [_points(line, log_x, log_y) for line in lines]
    x_axis = _axis(np.concatenate([x for x, _ in points]), log_x, 5)
    y_axis = _axis(np.concatenate([y for _, y in points]), log_y, 5)
    left = 12 + _CHARACTER * max(len(label) for label in y_axis.labels)
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BELOW
    height = _HEIGHT + _ROW * len(lines)

    def to_x(values: Array) -> Array:
        return left + (right - left) * x_axis.share(values)

    def to_y(values: Array) -> Array:
        return bottom - (bottom - _TOP) * y_axis.share(values)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {_WIDTH} {height}" width="100%" '
        f'style="max-width:440px;height:auto" font-family="sans-serif" font-size="{_FONT}" '
        f'fill="currentColor"><title>{escape(title)}</title>',
        f'<text x="4" y="16">{escape(y_label)}</text>',
        f'<text x="{(left + right) / 2:.1f}" y="{bottom + 38}" text-anchor="middle">{escape(x_label)}</text>',
    ]
    for tick, label, y in zip(y_axis.ticks, y_axis.labels, to_y(np.array(y_axis.ticks)), strict=True):
        faint = 0.5 if tick == 0 and not log_y else 0.15
        parts.append(_rule(left, y, right, y, faint))
        parts.append(f'<text x="{left - 6:.1f}" y="{y + 4.5:.1f}" text-anchor="end">{label}</text>')
    for tick, label, x in zip(x_axis.ticks, x_axis.labels, to_x(np.array(x_axis.ticks)), strict=True):
        faint = 0.5 if tick == 0 and not log_x else 0.15
        parts.append(_rule(x, _TOP, x, bottom, faint))
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{label}</text>')
    parts.append(_rule(left, bottom, right, bottom, 1) + _rule(left, _TOP, left, bottom, 1))
    for i, ((x, y), (colour, dash)) in enumerate(zip(points, _STYLES, strict=False)):
        stroke = f'fill="none" stroke="{colour}" stroke-width="2"'
        stroke += f' stroke-dasharray="{dash}"' if dash else ""
        parts.extend(_drawn(to_x(x), to_y(y), stroke, colour))
        row = _HEIGHT + _ROW * i + 8
        parts.append(f'<path d="M 12 {row} H 44" {stroke}/>')
        parts.append(f'<text x="52" y="{row + 4.5}">{escape(lines[i].name)}</text>')
    return "".join(parts) + "</svg>"


def _points(line: Line, log_x: bool, log_y: bool) -> tuple[Array, Array]:
    """The points in the drawn measures, nan in both where a point is left out."""
    x, y = np.asarray(line.x, np.float64).ravel(), np.asarray(line.y, np.float64).ravel()
    if len(x) != len(y):
        raise ValueError(f"line {line.name!r} has {len(x)} x and {len(y)} y")
    drawn = (np.abs(x) < _LARGEST) & (np.abs(y) < _LARGEST)
    drawn &= (x > 0) | (not log_x)
    drawn &= (y > 0) | (not log_y)
    x, y = np.where(drawn, x, np.nan), np.where(drawn, y, np.nan)
    return np.log10(x) if log_x else x, np.log10(y) if log_y else y


def _axis(values: Array, log: bool, wanted: int) -> _Axis:
    """An axis that holds the values and ends at ticks; from 0 to 1 where there are no values."""
    values = values[~np.isnan(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if log:
        lowest = math.floor(low)
        decades_needed = max(1, math.ceil(high) - lowest)
        stride = -(-decades_needed // (wanted + 1))
        decades = range(lowest, lowest + decades_needed + stride, stride)
        return _Axis(decades[0], decades[-1], tuple(map(float, decades)), tuple(_power(n) for n in decades))
    if high - low <= max(1e-12 * abs(low), 1e-12 * abs(high), _SMALLEST):  # one value: room on both sides
        room = abs(low) / 2 if abs(low) > _SMALLEST else 1.0
        low, high = low - room, high + room
    step = _round_step((high - low) / wanted)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    numbers = [n * step for n in range(first, last + 1)]
    return _Axis(numbers[0], numbers[-1], tuple(numbers), tuple(_tick(n, step) for n in numbers))


def _round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten, at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def _tick(value: float, step: float) -> str:
    if value == 0:
        return "0"
    if 1e-4 <= step < 1e5:
        return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}".replace("-", "−")
    return notation.number(value, 3)


def _power(exponent: int) -> str:
    """A power of ten as people write it."""
    if exponent in (0, 1):
        return str(10**exponent)
    return notation.symbol("10", exponent)


def _rule(x1: float, y1: float, x2: float, y2: float, opacity: float) -> str:
    return (
        f'<path d="M {x1:.1f} {y1:.1f} L {x2:.1f} {y2:.1f}" stroke="currentColor" '
        f'stroke-opacity="{opacity}"/>'
    )


def _drawn(x: Array, y: Array, stroke: str, colour: str) -> list[str]:
    """The unbroken pieces of a line; a point that stands alone becomes a dot."""
    parts = []
    drawn = np.flatnonzero(~np.isnan(x))
    for piece in np.split(drawn, np.flatnonzero(np.diff(drawn) > 1) + 1):
        if len(piece) == 1:
            parts.append(f'<circle cx="{x[piece[0]]:.1f}" cy="{y[piece[0]]:.1f}" r="3" fill="{colour}"/>')
        elif len(piece):
            path = " L ".join(f"{x[i]:.1f} {y[i]:.1f}" for i in piece)
            parts.append(f'<path d="M {path}" stroke-linejoin="round" {stroke}/>')
    return parts
