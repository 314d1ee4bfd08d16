"""Numbers of an image's pixels as a picture: an `svg` element of one path for each shade."""

from __future__ import annotations

from html import escape

import numpy as np

from nablanet.explain.strips import NEGATIVE, POSITIVE
from nablanet.shapes import Array

_SHADES = 16  # more cannot be told apart, and each is a path
_WIDTH = 280  # CSS pixels at most


def raster(values: Array, title: str, *, signed: bool) -> str:
    """Rows and columns of numbers, the largest |number| at full strength; 0 is left empty.

    values: shape (rows, columns). signed: positive orange and negative blue, else both in the text's colour.
    """
    rows, columns = values.shape
    largest = float(np.abs(values).max())
    shades = np.zeros(values.shape, int)
    if largest > 0:
        shades = np.rint(_SHADES * (values / largest)).astype(int)
    paths = []
    for shade in np.unique(shades[shades != 0]):
        colour = (POSITIVE if shade > 0 else NEGATIVE) if signed else "currentColor"
        strength = abs(int(shade)) / _SHADES
        paths.append(f'<path fill="{colour}" fill-opacity="{strength:.3g}" d="{_runs(shades == shade)}"/>')
    margin = columns / 100  # for the frame
    view = f"{-margin:g} {-margin:g} {columns + 2 * margin:g} {rows + 2 * margin:g}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="100%" viewBox="{view}" '
        f'style="max-width:{_WIDTH}px" shape-rendering="crispEdges">'
        f"<title>{escape(title)}</title>{''.join(paths)}"
        f'<rect width="{columns}" height="{rows}" fill="none" stroke="currentColor" stroke-opacity=".5" '
        'vector-effect="non-scaling-stroke"/></svg>'
    )


def _runs(there: Array) -> str:
    """Pixels beside each other in a row as one rectangle: no seams show, and the path stays short."""
    parts = []
    for y, line in enumerate(there):
        edges = np.flatnonzero(np.diff(np.concatenate(([False], line, [False])).astype(np.int8)))
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            parts.append(f"M{begin} {y}h{end - begin}v1h{begin - end}z")
    return "".join(parts)
