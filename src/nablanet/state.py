"""The form of a trainer's state, from which another trainer goes on, and what puts parameters back."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Mapping
from itertools import repeat
from typing import Any

import numpy as np

from nablanet.shapes import Array, count, describe


def check_state(state: Mapping[str, Any], like: Mapping[str, Any]) -> dict[str, Any]:
    """A deep copy of `state`, which must have the keys, shapes and float types of `like`.

    Raises ValueError or TypeError for what has not.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"a trainer's state is a dict, got {describe(state)}")
    if set(state) != set(like):
        raise ValueError(
            f"the state of this training must have the keys {sorted(like)}, got {sorted(map(str, state))}"
        )
    for key, pattern in like.items():
        if key == "steps":
            count(state[key], "steps", 0)
        elif key != "optimizer":
            if not isinstance(state[key], (list, tuple)):
                raise TypeError(f"{key} of the state must be a list of arrays, got {describe(state[key])}")
            wanted, came = [_form(a) for a in pattern], [_form(a) for a in state[key]]
            if came != wanted:
                raise ValueError(f"{key} of the state must be the arrays {wanted}, got {came}")
    return copy.deepcopy(dict(state))


def _form(array: Any) -> str:
    return f"{np.shape(array)} {np.asarray(array).dtype}"


def assign(parameters: list[Array], values: list[Array]) -> None:
    """Write each array of `values` into that of `parameters`, in place, all of them or none.

    Python answers Ctrl-C between two of its own instructions, and here is one only.
    """
    wanted, came = [p.shape for p in parameters], [np.shape(v) for v in values]
    if came != wanted:
        raise ValueError(f"values must have the shapes {wanted}, got {came}")
    deque(map(np.ndarray.__setitem__, parameters, repeat(...), values), maxlen=0)
