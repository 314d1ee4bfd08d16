"""The column to predict: its task, its classes or its scale, and the way back from outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nablanet.data.encoding import is_finite, moments
from nablanet.data.kinds import holds_numbers
from nablanet.data.tables import Table, parse_number
from nablanet.shapes import Array, describe

MOST_INTEGER_CLASSES = 20


@dataclass(frozen=True)
class Target:
    """What to predict: classes by name, or numbers y = mean + scale times the network's output."""

    name: str
    class_names: list[str] | None = None
    mean: float = 0.0
    scale: float = 1.0

    @classmethod
    def fit(cls, table: Table, training_rows: Array, name: str, task: str | None = None) -> Target:
        """Learn the classes, or mean and scale from the training rows. task: None to infer it."""
        cells = table.column(name)
        if task is None:
            numeric = holds_numbers(table, name, "take its values as classes with --task classification")
            task = infer_task(cells) if numeric else "classification"
        if task == "classification":
            return cls(name, class_names=_fit_classes(cells, name))
        _check_numbers(table, name)
        y = table.numbers(name)[training_rows]
        mean, scale = moments(y, name)
        if scale == 0:
            raise ValueError(
                f"the target column {name!r} is {mean:g} in every training row: nothing to learn"
            )
        return cls(name, mean=mean, scale=scale)

    @classmethod
    def from_dict(cls, name: str, content: Any) -> Target:
        """The target of a regression, from what `to_dict` gave. Raises ValueError."""
        if not isinstance(content, dict) or set(content) != {"mean", "scale"}:
            raise ValueError(f"a target of a regression needs mean and scale, got {describe(content)}")
        mean, scale = content["mean"], content["scale"]
        if not is_finite(mean) or not is_finite(scale) or scale <= 0:
            raise ValueError(f"a target needs a finite mean and a scale above 0, got {describe(content)}")
        return cls(name, mean=float(mean), scale=float(scale))

    def to_dict(self) -> dict[str, Any]:
        """Mean and scale, for the model file, which holds name and classes itself."""
        return {"mean": self.mean, "scale": self.scale}

    @property
    def task(self) -> str:
        return "regression" if self.class_names is None else "classification"

    def encode(self, table: Table) -> Array:
        """Labels (m,), or numbers for the network (m, 1). Raises ValueError for an unknown class."""
        if self.class_names is None:
            return ((table.numbers(self.name) - self.mean) / self.scale).reshape(-1, 1)
        place = {name: i for i, name in enumerate(self.class_names)}
        names = [class_name(cell) for cell in table.column(self.name)]
        for name, line in zip(names, table.lines, strict=True):
            if name not in place:
                raise ValueError(
                    f"{table.path}, line {line}: column {self.name!r} has the class {name!r}, "
                    f"which the model does not know"
                )
        return np.array([place[name] for name in names])

    def decode(self, outputs: Array) -> Array:
        """Numbers in the unit of the table, shape (m,), from outputs (m, 1) of a regression network."""
        numbers: Array = self.mean + self.scale * outputs[:, 0].astype(np.float64)
        return numbers


def infer_task(cells: Sequence[str]) -> str:
    """Classification for text and for few different whole numbers, else regression."""
    numbers = [parse_number(cell) for cell in cells]
    if any(value is None for value in numbers):
        return "classification"
    known = {value for value in numbers if value is not None and not math.isnan(value)}
    few = len(known) <= min(MOST_INTEGER_CLASSES, len(cells) / 2)
    return "classification" if few and all(value.is_integer() for value in known) else "regression"


def class_name(cell: str) -> str:
    """The name of a class: 1, 1.0 and 01 are one class."""
    value = parse_number(cell)
    return str(int(value)) if value is not None and not math.isnan(value) and value.is_integer() else cell


def rows_with_target(table: Table, target: str) -> Array:
    """The places of the rows whose target is not missing. Among texts only an empty cell is missing."""
    cells = table.column(target)
    numbers = [parse_number(cell) for cell in cells]
    if None in numbers:
        known = [i for i, cell in enumerate(cells) if cell]
    else:
        known = [i for i, value in enumerate(numbers) if value is not None and not math.isnan(value)]
    if not known:
        raise ValueError(f"{table.path}: the target column {target!r} is empty in every row")
    return np.array(known)


def _check_numbers(table: Table, name: str) -> None:
    for cell, line in zip(table.column(name), table.lines, strict=True):
        if parse_number(cell) is None:
            raise ValueError(
                f"{table.path}: regression needs a target of numbers, "
                f"but column {name!r} has {cell!r} in line {line}"
            )


def _fit_classes(cells: list[str], name: str) -> list[str]:
    found = {class_name(cell) for cell in cells}
    numeric = all(parse_number(cell) is not None for cell in found)
    classes = sorted(found, key=float) if numeric else sorted(found)
    if len(classes) == 1:
        raise ValueError(f"the target column {name!r} has one class only, {classes[0]!r}: nothing to learn")
    if len(classes) > len(cells) / 2:
        raise ValueError(
            f"the target column {name!r} has {len(classes)} different values in {len(cells)} rows, too many "
            f"to be classes"
        )
    return classes
