"""What `fit(diagnose=True)` has kept for each epoch, as plain data and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from nablanet.shapes import describe

if TYPE_CHECKING:
    from nablanet.explain import Saturation

_KINDS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
    "None": (type(None),),
}


def to_plain(diagnoses: Sequence[Saturation | None]) -> Any:
    """The numbers of each diagnosis by name; None where there is none at all."""
    if not any(diagnoses):
        return None
    return [None if d is None else _python(asdict(d)) for d in diagnoses]


def from_plain(content: Any, n: int) -> tuple[Saturation | None, ...]:
    """The diagnoses of n epochs. Raises TypeError or ValueError for other data."""
    if content is None:
        return (None,) * n
    # belongs to a layer beside this one, and is not quick to load
    from nablanet.explain.measures import Inputs, LayerMeasures
    from nablanet.explain.saturation import Saturation

    if not isinstance(content, list) or len(content) != n:
        raise ValueError(f"{n} diagnoses are wanted, got {describe(content)}")
    diagnoses = []
    for numbers in content:
        if numbers is not None:
            inputs = Inputs(**_checked(Inputs, numbers["inputs"]))
            layers = tuple(LayerMeasures(**_checked(LayerMeasures, layer)) for layer in numbers["layers"])
            others = {k: v for k, v in numbers.items() if k not in ("inputs", "layers")}
            numbers = Saturation(**_checked(Saturation, others), inputs=inputs, layers=layers)
        diagnoses.append(numbers)
    return tuple(diagnoses)


def _python(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _python(v) for name, v in value.items()}
    if isinstance(value, tuple):
        return tuple(_python(v) for v in value)
    return value.item() if isinstance(value, np.generic) else value


def _checked(kind: type, numbers: Any) -> dict[str, Any]:
    """The numbers, if each is what its field says, such as `float | None` or `tuple[int, ...]`."""
    known = {f.name: str(f.type) for f in fields(kind)}
    for name, value in numbers.items():
        values, wanted = [value], known[name]
        if wanted.startswith("tuple["):
            if not isinstance(value, tuple):
                raise TypeError(f"{name} should be numbers, got {describe(value)}")
            values, wanted = list(value), wanted[len("tuple[") : -len(", ...]")]
        types = [t for part in wanted.split(" | ") for t in _KINDS[part]]
        if any(type(v) not in types for v in values):
            raise TypeError(f"{name} should be {known[name]}, got {describe(value)}")
    return dict(numbers)
