"""The page in headless Chromium: no errors, nothing asked for, no sideways scrolling, readable colours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import chromium
from nablanet import Network, explain

pytestmark = pytest.mark.skipif(chromium.PROGRAM is None, reason="needs Chromium")

# every text with its colour over what lies beneath it, as WCAG 2 has the contrast
_CONTRASTS = """
(() => {
  const parsed = text => {
    const canvas = parsed.canvas ??= new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, alpha, below) => below.map((c, i) => alpha * top[i] + (1 - alpha) * c);
  const luminance = rgb => rgb.map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const background = element => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.unshift(parsed(getComputedStyle(e).backgroundColor));
    return layers.reduce((below, top) => over(top, top[3], below), [255, 255, 255]);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.tagName === "title") continue;
    const style = getComputedStyle(element);
    let below = background(element), colour = parsed(style.color), size = parseFloat(style.fontSize);
    if (element.ownerSVGElement) {
      const svg = element.ownerSVGElement;
      size *= svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
      colour = parsed(style.fill);
      if (element.parentElement.tagName === "g")
        for (const disc of element.parentElement.querySelectorAll("circle")) {
          const filled = getComputedStyle(disc);
          if (filled.fill === "none") continue;
          below = over(parsed(filled.fill), parseFloat(filled.fillOpacity), below);
        }
    }
    const text = over(colour, colour[3], below);
    const [dark, light] = [luminance(text), luminance(below)].sort((a, b) => a - b);
    found.push([(light + 0.05) / (dark + 0.05), size, walker.currentNode.data.trim().slice(0, 40),
      element.ownerSVGElement !== null && element.ownerSVGElement !== undefined]);
  }
  return found;
})()
"""
_WIDER = """
[...document.querySelectorAll("body *")].filter(e => {
  if (e.getBoundingClientRect().right <= innerWidth + 1) return false;
  for (let box = e; box; box = box.parentElement)
    if (["auto", "hidden", "scroll"].includes(getComputedStyle(box).overflowX)) return false;
  return !e.closest("svg") || e.tagName === "svg";
}).map(e => e.outerHTML.slice(0, 100))
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    with chromium.Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    rng = np.random.default_rng(0)
    image = np.where(rng.random(784) < 0.2, rng.random(784), 0)
    told = {
        "small": explain.page(Network([2, 3, 1], seed=1), [0.5, -1], [1]),
        "mnist": explain.page(Network([784, 30, 10], init="scaled", seed=0), image, 3),
        "deep": explain.page(
            Network([40, 100, 20, 20, 5], activation="relu", cost="cross_entropy", seed=0),
            rng.normal(size=40), 2, layer=3, neuron=20,
        ),
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("pages")
    for name, page in told.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in told}


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["small", "mnist", "deep"])
def test_page(browser: chromium.Browser, pages: dict[str, Path], name: str, width: int, dark: bool) -> None:
    browser.open(pages[name], width=width, dark=dark)
    assert browser.problems == []
    assert browser.requests == [pages[name].as_uri()]
    assert browser.evaluate("innerWidth") == width
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(_WIDER) == []
    texts = browser.evaluate(_CONTRASTS)
    assert len(texts) > 100
    assert min(texts)[0] >= 4.5, min(texts)
    background = browser.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert background == ("rgb(17, 17, 17)" if dark else "rgb(255, 255, 255)")
    smallest = min((text for text in texts if text[3]), key=lambda text: text[1])
    assert smallest[1] >= 10, smallest  # of the pictures' text, where they are a little reduced


def test_the_measure_sees_faint_text(browser: chromium.Browser, tmp_path: Path) -> None:
    page = tmp_path / "faint.html"
    page.write_text(
        '<!doctype html><body style="background:#fff"><p style="color:#777">#777 on white</p>'
        '<p style="color:#000">black</p><div style="width:2000px">wide</div><script>oops()</script>'
    )
    browser.open(page, width=390, dark=False)
    contrasts = [contrast for contrast, *_ in browser.evaluate(_CONTRASTS)]
    assert contrasts[0] == pytest.approx(4.48, abs=0.01)  # a well-known value, just too little
    assert contrasts[1] == pytest.approx(21)
    assert browser.evaluate(_WIDER)
    assert any("oops" in problem for problem in browser.problems)
