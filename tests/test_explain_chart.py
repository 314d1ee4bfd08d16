"""The chart: where its points lie, its ticks, and that hard data do not break it."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nablanet.explain.chart import Line, chart

SVG = "{http://www.w3.org/2000/svg}"


def draw(*lines: Line, log_x: bool = False, log_y: bool = False) -> ET.Element:
    svg = chart(lines, x_label="Δz", y_label="ΔC", title="a < b", log_x=log_x, log_y=log_y)
    assert "<script" not in svg
    return ET.fromstring(svg)  # noqa: S314 - made a line above


def texts(root: ET.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def curves(root: ET.Element) -> list[list[tuple[float, float]]]:
    """The points of what is drawn in colour, but for the legend."""
    found = []
    for path in root.iter(f"{SVG}path"):
        if path.get("stroke") != "currentColor" and "H" not in path.get("d", ""):
            numbers = list(map(float, re.findall(r"[\d.]+", path.get("d", ""))))
            found.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
    return found


def test_points_lie_where_the_axes_say() -> None:
    root = draw(Line("real", [-1, 0, 1], [1, 0, 1]), Line("first order", [-1, 1], [0.5, 0.5]))
    ticks = {t.text: t for t in root.iter(f"{SVG}text")}
    left, middle, right = (float(ticks[name].get("x", "")) for name in ("−1.0", "0", "1.0"))
    (curve, line) = curves(root)
    assert [x for x, _ in curve] == pytest.approx([left, middle, right], abs=0.11)
    assert curve[0][1] == curve[2][1] < curve[1][1]
    # half way up
    assert line[0][1] == pytest.approx((curve[0][1] + curve[1][1]) / 2, abs=0.11)
    assert {"real", "first order", "Δz", "ΔC"} <= set(texts(root))
    assert root.findtext(f"{SVG}title") == "a < b"


def test_decades_under_a_logarithm() -> None:
    h = 10.0 ** -np.arange(1, 13)
    root = draw(Line("error", h, h**2), log_x=True, log_y=True)
    assert {"10⁻¹²", "10⁻²", "10⁻²⁴"} <= set(texts(root))
    ((first, *_, last),) = curves(root)
    assert first[0] > last[0]
    assert first[1] < last[1]


def test_zeros_break_a_line_under_a_logarithm() -> None:
    root = draw(Line("error", [1, 2, 3, 4, 5], [1, 0.1, 0, 0.1, np.nan]), log_y=True)
    assert [len(curve) for curve in curves(root)] == [2]
    assert len(list(root.iter(f"{SVG}circle"))) == 1


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([1], [2]),
        ([1, 2], [3, 3]),
        ([0, 0], [0, 0]),
        ([], []),
        ([np.nan], [np.inf]),
        ([-1e308, 1e308], [1, 2]),
    ],
)
@pytest.mark.parametrize("log", [False, True])
def test_hard_data(x: list[float], y: list[float], log: bool) -> None:
    root = draw(Line("line", x, y), log_x=log, log_y=log)
    assert "nan" not in ET.tostring(root, encoding="unicode")
    assert len(texts(root)) >= 7


numbers = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=200, deadline=None)
@given(points=st.lists(st.tuples(numbers, numbers), max_size=8), log_x=st.booleans(), log_y=st.booleans())
def test_everything_lies_inside(points: list[tuple[float, float]], log_x: bool, log_y: bool) -> None:
    root = draw(Line("line", [x for x, _ in points], [y for _, y in points]), log_x=log_x, log_y=log_y)
    _, _, width, height = map(float, (root.get("viewBox") or "").split())
    for curve in curves(root):
        assert all(0 <= x <= width and 0 <= y <= height for x, y in curve)
    for element in (*root.iter(f"{SVG}circle"), *root.iter(f"{SVG}text")):
        assert 0 <= float(element.get("cx") or element.get("x") or "") <= width
    assert 7 <= len(texts(root)) <= 25


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def test_colours_can_be_told_from_light_and_dark_pages() -> None:
    root = draw(*(Line(str(i), [0, 1], [0, i]) for i in range(4)))
    legend = [p for p in root.iter(f"{SVG}path") if "H" in p.get("d", "")]
    for path in legend:
        tone = luminance(path.get("stroke", "")) + 0.05
        assert 1.05 / tone >= 3
        assert tone / (luminance("#111111") + 0.05) >= 3
    assert len({p.get("stroke-dasharray") for p in legend}) == 4


def test_refusals() -> None:
    with pytest.raises(ValueError, match="1 to 4 lines, got 0"):
        draw()
    with pytest.raises(ValueError, match="1 to 4 lines, got 5"):
        draw(*[Line("a", [1], [1])] * 5)
    with pytest.raises(ValueError, match="line 'a' has 2 x and 1 y"):
        draw(Line("a", [1, 2], [1]))
