"""Whether a column holds numbers or texts, and the refusal of one that holds nearly numbers only."""

from __future__ import annotations

import math
import shlex

from nablanet.data.tables import Table, parse_number

NEARLY_ALL = 0.9


def holds_numbers(table: Table, name: str, way_out: str = "") -> bool:
    """Whether every known cell of a column is a number.

    Raises ValueError where no cell is known, and where nearly all of them read as numbers but some
    are none that can be used: a slip of the pen must not turn numbers into categories. way_out: what
    the message offers besides a correction; by default to leave the column out.
    """
    way_out = way_out or f"leave the column out with {ignore(name)}"
    numbers = [parse_number(cell) for cell in table.column(name)]
    known = [i for i, value in enumerate(numbers) if value is None or not math.isnan(value)]
    if not known:
        raise ValueError(f"{table.path}: column {name!r} has no value in any row; {way_out}")
    odd = [i for i in known if numbers[i] is None]
    cells = table.column(name)
    like_numbers = sum(numbers[i] is not None or _reads_as_number(cells[i]) for i in known)
    if odd and like_numbers >= NEARLY_ALL * len(known):
        cell = cells[odd[0]]
        hint = "; write numbers with a decimal point, without commas" if "," in cell else ""
        raise ValueError(
            f"{table.path}, line {table.lines[odd[0]]}: column {name!r} holds numbers nearly everywhere, "
            f"here {cell!r}{hint}; correct the file, or {way_out}"
        )
    return not odd


def ignore(name: str) -> str:
    """The option that leaves a column out, as it is typed."""
    return f"--ignore {shlex.quote(name)}"


def _reads_as_number(cell: str) -> bool:
    """Also infinity, 1_000 and a decimal comma, which `parse_number` refuses."""
    try:
        float(cell.replace(",", ".", 1))
    except ValueError:
        return False
    return True
