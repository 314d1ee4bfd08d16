"""What an explanation consists of, and how it becomes text, a notebook's output, or part of a page.

Every result of this package is an `Explanation`: numbers as attributes, and a list of blocks that
tells them. Text, HTML and the terminal are made from the same blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDEST = 110  # columns of plain text


@dataclass(frozen=True)
class Heading:
    """A title above what follows."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """One or a few sentences."""

    text: str


@dataclass(frozen=True)
class Formula:
    """A formula, as text and as the content of a `math` element (MathML, without the element itself)."""

    text: str
    mathml: str


@dataclass(frozen=True)
class Table:
    """Rows of cells. Columns of numbers stand to the right; `text` names those that do not."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    text: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a table of {len(self.columns)} columns got a row of {len(row)}")


@dataclass(frozen=True)
class Figure:
    """A picture (an `svg` element), and in words what it shows, for those who do not see it."""

    svg: str
    caption: str


Block = Heading | Paragraph | Formula | Table | Figure


class Explanation:
    """A result that tells itself; subclasses give `blocks`."""

    def blocks(self) -> Sequence[Block]:
        """What there is to tell, in order."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return to_text(self.blocks())

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return to_html(self.blocks())


def to_text(blocks: Sequence[Block]) -> str:
    """Plain text, a blank line between blocks."""
    return "\n\n".join(_text(block) for block in blocks)


def _text(block: Block) -> str:
    match block:
        case Heading():
            return f"{block.text}\n{'-' * len(block.text)}"
        case Paragraph():
            return _wrapped(block.text)
        case Formula():
            return "\n".join(f"    {line}" for line in block.text.splitlines())
        case Table():
            return _text_table(block)
        case Figure():
            return _wrapped(f"[picture: {block.caption}]")


def _wrapped(text: str) -> str:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > _WIDEST:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return "\n".join([*lines, line])


def _text_table(table: Table) -> str:
    widths = [
        max(len(name), *(len(row[i]) for row in table.rows)) if table.rows else len(name)
        for i, name in enumerate(table.columns)
    ]

    def line(cells: Sequence[str]) -> str:
        placed = [
            cell.ljust(width) if name in table.text else cell.rjust(width)
            for cell, width, name in zip(cells, widths, table.columns, strict=True)
        ]
        return "  ".join(placed).rstrip()

    lines = [table.caption] if table.caption else []
    lines.append(line(table.columns))
    lines.extend(line(row) for row in table.rows)
    return "\n".join(lines)


def to_html(blocks: Sequence[Block]) -> str:
    """A `div` of class nablanet, without scripts; the page or the notebook brings fonts and colours."""
    return f'<div class="nablanet">{"".join(_html(block) for block in blocks)}</div>'


def _html(block: Block) -> str:
    match block:
        case Heading():
            return f"<h3>{escape(block.text)}</h3>"
        case Paragraph():
            return f"<p>{escape(block.text)}</p>"
        case Formula():
            return (
                '<div class="formula" style="overflow-x:auto;overflow-y:hidden">'
                f'<math display="block">{block.mathml}</math></div>'
            )
        case Table():
            return _html_table(block)
        case Figure():
            picture = f'<div class="wide" style="overflow-x:auto">{block.svg}</div>'
            return f"<figure>{picture}<figcaption>{escape(block.caption)}</figcaption></figure>"


def _html_table(table: Table) -> str:
    def cell(tag: str, name: str, content: str) -> str:
        side = "left" if name in table.text else "right"
        return f'<{tag} style="text-align:{side};padding:.1em .6em">{escape(content)}</{tag}>'

    head = "".join(cell("th", name, name) for name in table.columns)
    body = "".join(
        "<tr>" + "".join(cell("td", n, c) for n, c in zip(table.columns, row, strict=True)) + "</tr>"
        for row in table.rows
    )
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    # the box keeps a wide table, as a wide picture or formula, from widening the page
    return (
        f'<div class="wide" style="overflow-x:auto"><table>{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
