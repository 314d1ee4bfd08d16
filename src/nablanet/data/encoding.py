"""Columns of a table to rows of numbers: standardised or one-hot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nablanet.data.kinds import holds_numbers, ignore
from nablanet.data.tables import Table
from nablanet.shapes import Array, describe

MOST_CATEGORIES = 100
_FEW = 20  # up to here a text column is never "too many different texts"


@dataclass(frozen=True)
class NumberColumn:
    """x -> (x - mean) / scale; a missing x becomes the mean, so 0. A constant column has scale 0: all 0."""

    name: str
    mean: float
    scale: float

    width = 1

    def encode(self, table: Table) -> Array:
        x = table.numbers(self.name)
        if self.scale == 0:
            return np.zeros((len(x), 1))
        return np.where(np.isnan(x), 0, (x - self.mean) / self.scale).reshape(-1, 1)


@dataclass(frozen=True)
class TextColumn:
    """One input per category; a missing text is a category of its own, one never seen gives only zeros."""

    name: str
    categories: list[str]

    @property
    def width(self) -> int:
        return len(self.categories)

    def encode(self, table: Table) -> Array:
        place = {category: i for i, category in enumerate(self.categories)}
        encoded = np.zeros((len(table), self.width))
        for i, cell in enumerate(table.column(self.name)):
            if cell in place:
                encoded[i, place[cell]] = 1
        return encoded


class TableEncoder:
    """Rows of a table to rows of X, as learned from the rows a network is trained on."""

    def __init__(self, columns: Sequence[NumberColumn | TextColumn]):
        self.columns = list(columns)

    @property
    def n_inputs(self) -> int:
        """Numbers in a row of X."""
        return sum(column.width for column in self.columns)

    @property
    def feature_names(self) -> list[str]:
        """The columns of the table, in order."""
        return [column.name for column in self.columns]

    @classmethod
    def fit(cls, table: Table, training_rows: Array, features: Sequence[str]) -> TableEncoder:
        """Learn means, scales and categories from the training rows of these columns.

        Whether a column holds numbers is seen in all rows. Raises ValueError that names the column.
        """
        if not features:
            raise ValueError(f"{table.path} has no column to predict from")
        seen = table.select(training_rows)
        return cls([_fit_column(table, seen, name) for name in features])

    def transform(self, table: Table) -> Array:
        """X, shape (m, n_inputs). Other columns of the table are ignored. Raises ValueError."""
        missing = [name for name in self.feature_names if name not in table.columns]
        if missing:
            raise ValueError(
                f"{table.path} lacks columns that the model was trained on: {', '.join(missing)}; "
                f"it has: {', '.join(table.columns)}"
            )
        return np.hstack([column.encode(table) for column in self.columns])

    def to_dict(self) -> dict[str, Any]:
        """For the model file."""
        columns: list[dict[str, Any]] = []
        for column in self.columns:
            if isinstance(column, NumberColumn):
                columns.append({"name": column.name, "mean": column.mean, "scale": column.scale})
            else:
                columns.append({"name": column.name, "categories": column.categories})
        return {"columns": columns}

    @classmethod
    def from_dict(cls, content: Any) -> TableEncoder:
        """The encoder that `to_dict` described. Raises ValueError for anything else."""
        columns = content.get("columns") if isinstance(content, dict) else None
        if not isinstance(columns, list) or not columns:
            raise ValueError(f"an encoding of a table needs a list of columns, got {describe(columns)}")
        return cls([_column_from_dict(column) for column in columns])


def held_out_rows(m: int) -> Array:
    """Which of m rows are held out, (m,) bool: one in five, spread evenly, the same in every run.

    Row i is held out where the fraction of i times the golden ratio is below 1/5, so that rows with
    a period, such as five days a week, do not all fall on one side.
    """
    held_out: Array = np.arange(m) * ((math.sqrt(5) - 1) / 2) % 1 < 0.2
    return held_out


def split(table: Table) -> tuple[Array, Array]:
    """The places of the rows to train on and of those held out."""
    held_out = held_out_rows(len(table))
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _fit_column(table: Table, seen: Table, name: str) -> NumberColumn | TextColumn:
    if holds_numbers(table, name):
        mean, scale = moments(seen.numbers(name), name)
        return NumberColumn(name, mean, scale)
    categories = sorted(set(seen.column(name)))
    most = min(MOST_CATEGORIES, max(_FEW, len(seen) // 2))
    if len(categories) > most:
        raise ValueError(
            f"{table.path}: column {name!r} has {len(categories)} different texts in {len(seen)} rows, "
            f"too many for one input each (at most {most} here); leave the column out with {ignore(name)}"
        )
    return TextColumn(name, categories)


def moments(x: Array, name: str) -> tuple[float, float]:
    """Mean and standard deviation (over m, not m - 1) of what is known; scale 0 for a constant column."""
    known = x[~np.isnan(x)]
    if len(known) == 0:
        return 0.0, 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        mean, scale = float(known.mean()), float(known.std())
    if not math.isfinite(mean) or not math.isfinite(scale):
        raise ValueError(
            f"column {name!r} has numbers too large to standardise, up to {np.abs(known).max():g}"
        )
    return (float(known[0]), 0.0) if known.min() == known.max() else (mean, scale)


def _column_from_dict(content: Any) -> NumberColumn | TextColumn:
    if isinstance(content, dict) and isinstance(content.get("name"), str):
        if set(content) == {"name", "mean", "scale"}:
            mean, scale = content["mean"], content["scale"]
            if is_finite(mean) and is_finite(scale) and scale >= 0:
                return NumberColumn(content["name"], float(mean), float(scale))
        if set(content) == {"name", "categories"}:
            categories = content["categories"]
            if isinstance(categories, list) and all(isinstance(c, str) for c in categories):
                return TextColumn(content["name"], categories)
    raise ValueError(
        f"a column needs a name with mean and scale, or with categories; got {describe(content)}"
    )


def is_finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
