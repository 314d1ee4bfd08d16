"""Models as NumPy's npz: plain arrays, which `numpy.load` reads without pickle."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np

from nablanet.files.atomic import write_atomically
from nablanet.files.planning import plan_of
from nablanet.shapes import Array

README = """\
A trained network as plain arrays. For rows X of shape (m, n), with activations[0] for layer 2:
1. The arrays inputs_1_..., inputs_2_..., in the order of their numbers, are applied to each number of a row:
   x - v (subtract), x / v (divide), x * v (multiply), x + v (add), max(x, v) (at_least), min(x, v) (at_most),
   v where x is NaN (if_missing). They are of shape (n,), or () for one number for all. There may be none.
2. For each layer l = 2, 3, ...: a = activation(a @ wl.T + bl), with a = X for layer 1.
3. The arrays outputs_1_..., likewise. There may be none.
meaning says what comes out: "outputs" (not known), "numbers" (a regression), "classes" (the highest output
tells which of the classes; a single output p is that of the second, 1 - p that of the first) or "labels"
(those of the classes whose outputs are above 1/2). input_names: what the numbers of a row are, where that is
known.
"""


def to_npz(model: object, path: str | os.PathLike[str]) -> None:
    """Write a model as plain arrays; the array `readme` in the file tells their layout.

    model: as for `to_onnx`. Raises ValueError or TypeError for what cannot be exported, and OSError.
    """
    plan = plan_of(model)
    arrays: dict[str, Array] = {"readme": np.array(README)}
    arrays["activations"] = np.array(plan.activations)
    arrays["meaning"] = np.array(plan.meaning)
    for layer, (w, b) in enumerate(zip(plan.weights, plan.biases, strict=True), start=2):
        arrays |= {f"w{layer}": w, f"b{layer}": b}
    for side, steps in (("inputs", plan.inputs), ("outputs", plan.outputs)):
        for place, step in enumerate(steps, start=1):
            arrays[f"{side}_{place}_{step.operation}"] = step.values
    if plan.classes is not None:
        arrays["classes"] = plan.classes
    if plan.input_names is not None:
        arrays["input_names"] = np.array(plan.input_names)
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]  # no array is named allow_pickle
    write_atomically(Path(path), content.getvalue())
