"""Models to export: scikit-learn's data, and a model with the preprocessing of `nablanet train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_iris

import nablanet as nn
from nablanet.data.encoding import TableEncoder
from nablanet.data.tables import read_table
from nablanet.data.target import Target
from nablanet.files import Model
from nablanet.shapes import Array


def iris() -> tuple[Array, Array, Array]:
    data = load_iris()
    return data.data, data.target, data.target_names[data.target]


def table(folder: Path) -> Any:
    rng = np.random.default_rng(0)
    lines = [
        f"{1e4 + x:.6f},{'?' if i % 7 == 0 else f'{y:.6f}'},{'nsw'[i % 3]},4,{50 + 9 * x - y:.6f}"
        for i, (x, y) in enumerate(rng.standard_normal((40, 2)))
    ]
    path = folder / "table.csv"
    path.write_text("\n".join(["x,y,side,constant,price", *lines]))
    return read_table(path)


def table_model(folder: Path, class_names: list[str] | None = None) -> tuple[Model, Array, Array]:
    """A model with the preprocessing of `nablanet train`, its raw rows, and the rows as encoded."""
    data = table(folder)
    rows = np.arange(len(data))
    encoder = TableEncoder.fit(data, rows, ["x", "y", "side", "constant"])
    goal = Target.fit(data, rows, "price", "regression")
    net = nn.Network(
        [encoder.n_inputs, 8, len(class_names or "1")], activation="relu", init="he", dtype="float32", seed=2
    )
    content: dict[str, Any] = {"kind": "table", "table_sha256": "", **encoder.to_dict()}
    if class_names is None:
        content["target"] = goal.to_dict()
    sides = np.array([[side == cell for side in "nsw"] for cell in data.column("side")], float)
    raw = np.column_stack([data.numbers("x"), data.numbers("y"), sides, data.numbers("constant")])
    task = "regression" if class_names is None else "classification"
    return Model(net, content, task, class_names, None, "price"), raw, encoder.transform(data)
