"""A network drawn with one sample's numbers in it: activations, errors and weights as colours, in SVG."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from nablanet.explain import notation, strips
from nablanet.shapes import Array

if TYPE_CHECKING:
    from nablanet.explain.trace import Layer, Trace

WHOLE = 12  # neurons up to which a layer is drawn, or told, whole
CAPTION = (
    "The network with this sample's numbers in it. A disc is a neuron: its inside is the activation a, "
    "its ring the error δ. A line is a weight w: its colour is the sign of w, its strength |w·a|, what the "
    "activation a brings to the next layer. Orange is positive, blue is negative; strengths are relative "
    "to the largest value of the layer."
)
_MOST_LINES = 600  # into all layers together
_COLUMN, _DOWN, _RADIUS, _LEGEND = 186, 38, 13, 320
_EDGE = 18  # where lines end, so that none shines through a disc
_TOP, _MARGIN = 20, 12
_SIDE, _STRIP, _CELL = 112, 132, 13


def strongest(layer: Layer) -> Array:
    """Places from 0 of the neurons to show, in order: all, or `also` and the largest |δ| (|a| in layer 1)."""
    values = layer.a if layer.number == 1 else layer.delta
    if len(values) <= WHOLE:
        return np.arange(len(values))
    places = np.argsort(-np.abs(values[:, 0]), kind="stable")[:WHOLE]
    if layer.also and layer.also - 1 not in places:
        places[-1] = layer.also - 1
    return np.sort(places)


def draw(trace: Trace) -> str:
    """An `svg` element: layers as columns, neurons as discs, weights as lines.

    A layer of more than 12 neurons is a strip, or an image where it is the input of 64 or 784 pixels; its
    strongest neurons stand below it as discs, and only lines between discs are drawn.
    """
    shown = [strongest(layer) for layer in trace.layers]
    columns = len(shown)
    width = max(2 * _MARGIN + _COLUMN * columns, _LEGEND)
    rows = max(map(len, shown))
    top = _TOP + 30
    if trace.sizes[0] in strips.IMAGES:
        top += _SIDE + 6
    elif any(n > WHOLE for n in trace.sizes):
        top += 2 * _CELL + 14
    bottom = top + rows * _DOWN
    height = bottom + 66
    centres = [_centres(i, len(places), top, rows) for i, places in enumerate(shown)]
    sizes = "-".join(map(str, trace.sizes))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}" width="100%" '
        f'style="{_fitted(width)}" font-family="sans-serif" font-size="12" '
        f'fill="currentColor">'
        f"<title>The network {sizes} with the activations and errors of one sample</title>",
        _lines(trace, shown, centres),
    ]
    for layer, places, at in zip(trace.layers, shown, centres, strict=True):
        parts.append(_column(layer, places, at, trace))
    parts.append(_legend(_MARGIN, bottom + 22))
    return "".join(parts) + "</svg>"


def _fitted(width: int) -> str:
    # no smaller than that, so that the text stays readable; what holds the picture scrolls
    return f"max-width:{width}px;min-width:{round(0.92 * width)}px;height:auto"


def _centres(column: int, n: int, top: int, rows: int) -> list[tuple[float, float]]:
    x = _MARGIN + _COLUMN * (column + 0.5)
    first = top + (rows - n) * _DOWN / 2 + _DOWN / 2
    return [(x, first + i * _DOWN) for i in range(n)]


def _lines(trace: Trace, shown: list[Array], centres: list[list[tuple[float, float]]]) -> str:
    """The weights between drawn neurons; the strongest of them where there are very many."""
    drawn: list[tuple[float, str]] = []
    for i, layer in enumerate(trace.layers[1:], 1):
        to, start = shown[i], shown[i - 1]
        brought = layer.w * trace.layers[i - 1].a.T
        strong = np.abs(strips.strength(brought[np.ix_(to, start)]))
        for row, j in enumerate(to.tolist()):
            for column, k in enumerate(start.tolist()):
                (x1, y1), (x2, y2) = centres[i - 1][column], centres[i][row]
                w = float(layer.w[j, k])
                name = notation.symbol("w", layer.number, j + 1, k + 1)
                told = (
                    f"{name} = {notation.number(w, 4)}, w·a = {notation.number(brought[j, k], 4)}, "
                    f"∂C/∂w = {notation.number(layer.nabla_w[j, k], 4)}"
                )
                colour = strips.POSITIVE if w > 0 else strips.NEGATIVE
                share = float(strong[row, column])
                line = (
                    f'<path d="M{x1 + _EDGE:g} {y1:g}L{x2 - _EDGE:g} {y2:g}" stroke="{colour}" '
                    f'stroke-opacity="{0.06 + 0.84 * share:.2f}" stroke-width="{0.8 + 1.7 * share:.1f}">'
                    f"<title>{told}</title></path>"
                )
                drawn.append((share, line))
    drawn.sort(key=lambda pair: pair[0])  # the strongest on top
    return "<g>" + "".join(line for _, line in drawn[-_MOST_LINES:]) + "</g>"


def _column(layer: Layer, places: Array, at: list[tuple[float, float]], trace: Trace) -> str:
    n, x = len(layer.a), at[0][0]
    last = len(trace.layers)
    role = "input" if layer.number == 1 else layer.activation
    named = f"Layer {layer.number}: {role}"
    neurons = f"{n} {'neuron' if n == 1 else 'neurons'}"
    if len(places) < n:
        neurons += f", the {len(places)} strongest"
    parts = [
        f'<text x="{x:g}" y="{_TOP}" text-anchor="middle" font-weight="bold">{escape(_short(named))}</text>',
        f'<text x="{x:g}" y="{_TOP + 16}" text-anchor="middle">{neurons}</text>',
    ]
    image = layer.number == 1 and n in strips.IMAGES
    if image:
        picture = strips.raster(layer.a[:, 0], places.tolist(), _SIDE)
        parts.append(_moved(x - _SIDE / 2, _TOP + 26, picture))
    elif len(places) < n:
        values = [layer.a[:, 0]] if layer.number == 1 else [layer.a[:, 0], layer.delta[:, 0]]
        parts.append(_moved(x - _STRIP / 2, _TOP + 26, strips.strip(values, places.tolist(), _STRIP, _CELL)))
        for row, letter in enumerate("aδ"[: len(values)]):
            y = _TOP + 23 + _CELL * (row + 1)
            parts.append(f'<text x="{x - _STRIP / 2 - 4:g}" y="{y}" text-anchor="end">{letter}</text>')
    insides, rings = strips.strength(layer.a[:, 0]), strips.strength(layer.delta[:, 0])
    for j, (cx, cy) in zip(places.tolist(), at, strict=True):
        ring = float(rings[j]) if layer.number > 1 else 0.0
        parts.append(_neuron(layer, j, cx, cy, float(insides[j]), ring))
        a = notation.number(layer.a[j, 0], 3)
        if layer.number == 1:
            parts.append(f'<text x="{cx - 22:g}" y="{cy + 4:g}" text-anchor="end">{a}</text>')
        elif layer.number == last:
            wanted = notation.number(trace.y[j, 0], 3)
            parts.append(f'<text x="{cx + 22:g}" y="{cy + 4:g}">{a}, y {wanted}</text>')
    return "".join(parts)


def _neuron(layer: Layer, j: int, x: float, y: float, inside: float, ring: float) -> str:
    """A disc with a ring, and its numbers for the pointer that rests on it."""
    l = layer.number  # noqa: E741 - the book's layer index
    told = f"neuron {j + 1} of layer {l}: a = {notation.number(layer.a[j, 0])}"
    if l > 1:
        told += f", z = {notation.number(layer.z[j, 0])}, δ = {notation.number(layer.delta[j, 0])}"
    return (
        f"<g><title>{told}</title>"
        f'<circle cx="{x:g}" cy="{y:g}" r="{_RADIUS}" {_filled(inside)} stroke="currentColor" '
        f'stroke-opacity="0.5" stroke-width="1"/>'
        f'<circle cx="{x:g}" cy="{y:g}" r="{_RADIUS + 2}" fill="none" stroke-width="4" {_ringed(ring)}/>'
        f'<text x="{x:g}" y="{y + 4:g}" text-anchor="middle" font-size="11">{j + 1}</text></g>'
    )


def _filled(share: float) -> str:
    colour = strips.POSITIVE if share > 0 else strips.NEGATIVE
    return f'fill="{colour}" fill-opacity="{0.75 * abs(share):.2f}"'  # the number stays readable


def _ringed(share: float) -> str:
    colour = strips.POSITIVE if share > 0 else strips.NEGATIVE
    return f'stroke="{colour}" stroke-opacity="{abs(share):.2f}"'


def _legend(x: float, y: float) -> str:
    samples = [
        (f'<circle cx="10" cy="0" r="9" {_filled(1)}/>', "inside: a"),
        (f'<circle cx="10" cy="0" r="8" fill="none" stroke-width="4" {_ringed(1)}/>', "ring: δ"),
        (f'<path d="M0 0H22" stroke="{strips.POSITIVE}" stroke-width="2.5"/>', "line: w"),
    ]
    parts = []
    for i, (sample, told) in enumerate(samples):
        parts.append(_moved(x + 104 * i, y, f'{sample}<text x="28" y="4">{told}</text>'))
    parts.append(
        _moved(
            x,
            y + 26,
            f'<path d="M0 0H20" stroke="{strips.POSITIVE}" stroke-width="10"/>'
            '<text x="28" y="4">positive</text>'
            f'<path d="M104 0H124" stroke="{strips.NEGATIVE}" stroke-width="10"/>'
            '<text x="132" y="4">negative</text>',
        )
    )
    return "".join(parts)


def _moved(x: float, y: float, parts: str) -> str:
    return f'<g transform="translate({x:g} {y:g})">{parts}</g>'


def _short(text: str) -> str:
    return text if len(text) <= 24 else text[:23] + "…"
