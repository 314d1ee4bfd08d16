"""Explanations in the terminal and as JSON."""

from __future__ import annotations

import io
import math
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Literal

import numpy as np
from rich import box
from rich.console import Console as RichConsole
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from nablanet.explain.document import Block, Figure, Formula, Heading, Paragraph, Table

_WIDTH = 80  # of what is not a terminal
_WIDEST = 110


def render(blocks: Iterable[Block], width: int, *, styled: bool) -> str:
    """Text of at most that width. Pictures are left out; styled: with a terminal's bold and italic."""
    text = io.StringIO()
    console = RichConsole(
        file=text,
        width=width,
        force_terminal=styled,
        color_system="standard" if styled else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for block in blocks:
        match block:
            case Heading():
                console.print(Text(f"\n{block.text}", style="bold"))
            case Paragraph():
                console.print(Text(block.text))
            case Formula():
                console.print(Padding(Text(block.text), (0, 0, 0, 4)))
            case Table():
                if block.caption:
                    console.print(Text(block.caption, style="italic"))
                console.print(_table(block, width))
            case Figure():
                continue
        console.print()
    # Rich fills lines with spaces up to the width
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()).strip("\n")


def show(blocks: Iterable[Block]) -> str:
    """`render` for standard output, whatever it is."""
    terminal = sys.stdout.isatty()
    width = min(shutil.get_terminal_size().columns, _WIDEST) if terminal else _WIDTH
    return render(blocks, width, styled=terminal)


def plain(value: object) -> Any:
    """What JSON has: arrays as lists, dataclasses with their properties as objects, null for nan and inf."""
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value)]
        names += [name for name, member in vars(type(value)).items() if isinstance(member, property)]
        return {name: plain(getattr(value, name)) for name in names if not name.startswith("_")}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (str, int)) else str(value)


def _table(table: Table, width: int) -> RichTable:
    widths, gap = _widths(table, width)
    drawn = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0))
    for name, columns in zip(table.columns, widths, strict=True):
        justify: Literal["left", "right"] = "left" if name in table.text else "right"
        drawn.add_column(Text(name), justify=justify, overflow="fold", width=columns)
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn


def _widths(table: Table, width: int) -> tuple[list[int], int]:
    """The width of each column and of the gap between them.

    Where room is short, names of columns and texts are wrapped at words, and numbers only at last.
    """
    least, most = [], []
    for i, name in enumerate(table.columns):
        cells = [row[i] for row in table.rows]
        breakable = [*cells, name] if name in table.text else [name]
        words = [word for text in breakable for word in text.split()]
        whole = [] if name in table.text else cells
        least.append(max(map(len, [*words, *whole, " "])))
        most.append(max(map(len, [*cells, name])))
    gap = 2 if sum(least) + 2 * (len(least) - 1) <= width else 1
    room = width - gap * (len(least) - 1)
    widths = least
    while sum(widths) > room and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    while sum(widths) < min(room, sum(most)):
        short = [wanted / given for wanted, given in zip(most, widths, strict=True)]
        widths[short.index(max(short))] += 1
    return widths, gap
