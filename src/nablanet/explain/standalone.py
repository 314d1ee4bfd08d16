"""A page in one file: no scripts, nothing from the network, readable on paper, in light and in dark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from nablanet.explain.document import Block, to_html
from nablanet.version import __version__

_STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1a1a1a; --quiet: #555555; --line: #d0d0d0;
  --link: #1864ab; --shade: #f5f5f5 }
@media (prefers-color-scheme: dark) {
  :root { --paper: #111111; --ink: #e8e8e8; --quiet: #b0b0b0; --line: #444444; --link: #8cc8ff;
    --shade: #1c1c1c }
}
* { box-sizing: border-box }
html { background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100% }
body { margin: 0 auto; max-width: 54rem; padding: 1rem 1rem 3rem;
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  overflow-wrap: anywhere }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 1rem 0 0.5rem }
h2 { font-size: 1.3rem; line-height: 1.25; margin: 2.5rem 0 0.5rem; padding-top: 1rem;
  border-top: 1px solid var(--line) }
h3 { font-size: 1.05rem; margin: 1.5rem 0 0.25rem }
p { margin: 0.6rem 0; max-width: 44rem }
a { color: var(--link) }
nav ol { margin: 0.25rem 0; padding-left: 1.5rem }
figure { margin: 1rem 0 }
figcaption, caption, footer { color: var(--quiet); font-size: 0.9rem }
figcaption { max-width: 44rem }
.wide, .formula { max-width: 100% }
.formula { margin: 0.6rem 0; padding: 0.3rem 0 }
math { font-size: 1.15rem; width: max-content }
mtd { math-style: normal }
table { border-collapse: collapse; margin: 0.8rem 0 1.2rem; font-variant-numeric: tabular-nums;
  font-size: 0.95rem; overflow-wrap: normal }
caption { text-align: left; padding-bottom: 0.25rem; min-width: 15rem;
  max-width: calc(100vw - 2rem) }
#forward .wide, #backward .wide { display: inline-block; vertical-align: top; padding-right: 1.5rem }
#demon figure, #decision figure { display: inline-block; vertical-align: top; max-width: 100%;
  padding-right: 1rem }
#demon figure { width: 24.5rem }
#decision figure { width: 16rem }
th, td { padding: 0.2rem 0.7rem; border-bottom: 1px solid var(--line); white-space: nowrap;
  vertical-align: top }
td[style*="left"] { white-space: normal; min-width: 9rem }
th:first-child, td:first-child { padding-left: 0.3rem }
thead th { border-bottom: 2px solid var(--line) }
tbody tr:nth-child(even) { background: var(--shade) }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 0.5rem }
@media print {
  :root { color-scheme: light; --paper: #ffffff; --ink: #000000; --quiet: #444444; --link: #000000;
    --shade: #ffffff }
  html { font-size: 10pt }
  body { max-width: none; padding: 0 }
  .wide, .formula { overflow: visible !important }
  h2, h3, caption { break-after: avoid }
  figure, tr, .formula { break-inside: avoid }
  figure svg { min-width: 0 !important; max-height: 22cm }
}
"""


@dataclass(frozen=True)
class Section:
    """A part of a page. name: what links to it, such as `forward`."""

    name: str
    title: str
    blocks: Sequence[Block]


def standalone(title: str, introduction: Sequence[str], sections: Sequence[Section]) -> str:
    """A whole HTML document: title, introduction, table of contents, sections.

    introduction: paragraphs, as plain text.
    """
    contents = "".join(f'<li><a href="#{s.name}">{escape(s.title)}</a></li>' for s in sections)
    body = "\n".join(
        f'<section id="{s.name}"><h2>{escape(s.title)}</h2>\n{to_html(s.blocks)}</section>' for s in sections
    )
    opening = "".join(f"<p>{escape(text)}</p>" for text in introduction)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'  # so that no browser asks for one
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{escape(title)}</h1>{opening}</header>\n"
        f'<nav aria-label="Contents"><ol>{contents}</ol></nav>\n<main>\n{body}\n</main>\n'
        f"<footer><p>Computed by nablanet {__version__}. Layers and neurons count from 1; layer 1 is the "
        "input layer. BP1 to BP4 are the four equations of backpropagation, in chapter 2 of "
        "<cite>Neural Networks and Deep Learning</cite> by Michael Nielsen.</p></footer>\n</body>\n</html>\n"
    )
