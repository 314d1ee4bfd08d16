"""Many numbers in little room, as SVG: an image of squares, or a strip of cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from nablanet.shapes import Array

POSITIVE, NEGATIVE = "#d9480f", "#1c7ed6"  # to be told apart on white and on #111
IMAGES = {784: (28, 28), 64: (8, 8)}  # inputs that are an image: MNIST's and scikit-learn's digits
_LEVELS = 12  # of strength; cells of one level are one path
_CELLS = 200  # of a strip


def strength(values: Array) -> Array:
    """Each value over the largest |value|, from -1 to 1, in float64; 0 where it is not finite."""
    values = np.where(np.isfinite(values), values, 0).astype(np.float64)
    largest = np.abs(values).max(initial=0.0)
    return values / largest if largest > 0 else values


def raster(values: Array, marked: Iterable[int], side: float) -> str:
    """A square image of the values, row by row, drawn from (0, 0) to (side, side); marked pixels framed.

    values: (n,), n a square number. marked: places from 0.
    """
    width = round(len(values) ** 0.5)
    scale = side / width
    frames = "".join(f"M{i % width} {i // width}h1v1h-1z" for i in marked)
    return (
        f'<g transform="scale({scale:.4g})">'
        + _cells(strength(values), lambda i: f"M{i % width} {i // width}h1v1h-1z")
        + f'<path d="M0 0h{width}v{width}h-{width}z{frames}" fill="none" stroke="currentColor" '
        f'stroke-width="{0.8 / scale:.3g}"/></g>'
    )


def strip(rows: Iterable[Array], marked: Iterable[int], width: float, height: float) -> str:
    """Rows of cells above each other, drawn from (0, 0), one cell for each value; the marked ones ticked.

    Where there are very many values, a cell has the strongest of its share. rows: each (n,), on a scale
    of its own. marked: places from 0.
    """
    parts = []
    n = 0
    for row, values in enumerate(rows):
        n = len(values)
        strongest = _strongest(strength(values))
        scale = width / len(strongest)
        parts.append(
            f'<g transform="translate(0 {row * height:g}) scale({scale:.4g} {height:g})">'
            + _cells(strongest, lambda i: f"M{i} 0h1v1h-1z")
            + "</g>"
        )
    below = len(parts) * height
    ticks = "".join(f"M{(i + 0.5) * width / n:.1f} {below:g}v4" for i in marked)
    frame = f"M0 0h{width:g}v{below:g}h-{width:g}z"
    parts.append(f'<path d="{frame}{ticks}" fill="none" stroke="currentColor" stroke-width="1"/>')
    return "".join(parts)


def _strongest(values: Array) -> Array:
    """At most so many values as a strip has cells."""
    if len(values) <= _CELLS:
        return values
    shares = np.array_split(values, _CELLS)
    return np.array([share[np.argmax(np.abs(share))] for share in shares])


def _cells(values: Array, shape: Callable[[int], str]) -> str:
    """Cells by sign and strength; those nearly 0 stay empty."""
    levels = np.rint(values * _LEVELS).astype(int)
    parts = []
    for level in np.unique(levels[levels != 0]):
        path = "".join(shape(i) for i in np.flatnonzero(levels == level).tolist())
        colour = POSITIVE if level > 0 else NEGATIVE
        parts.append(f'<path d="{path}" fill="{colour}" fill-opacity="{abs(level) / _LEVELS:.2f}"/>')
    return "".join(parts)
