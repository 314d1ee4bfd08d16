"""The files that `predict` and `evaluate` read, turned into rows for a saved model."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nablanet.cli.console import Console
from nablanet.cli.tasks import image_rows
from nablanet.cli.words import count_of
from nablanet.data.encoding import TableEncoder, split
from nablanet.data.tables import Table, read_numbers, read_table
from nablanet.data.target import Target, class_name, rows_with_target
from nablanet.files import Model, ModelFileError, read_model
from nablanet.shapes import Array, describe


@dataclass(frozen=True)
class ImageFormat:
    """What an image model expects: pixels from 0 to `largest`."""

    height: int
    width: int
    largest: int

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> ImageFormat:
        """Raises ValueError for anything but three whole numbers above 0."""
        values = [content.get(name) for name in ("height", "width", "largest")]
        if not all(type(value) is int and value > 0 for value in values):
            raise ValueError(f"an image format needs height, width and largest, got {describe(content)}")
        return cls(*values)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Loaded:
    """A model from a file, with its preprocessing ready to use: one of images, table, or neither."""

    path: Path
    model: Model
    images: ImageFormat | None = None
    table: TableEncoder | None = None
    target: Target | None = None

    @property
    def n_inputs(self) -> int:
        return self.model.network.sizes[0]


def open_model(path: Path) -> Loaded:
    """Read a model file. Raises ModelFileError, also where its preprocessing is none of ours."""
    model = read_model(path)
    try:
        loaded = _interpret(path, model)
    except ValueError as error:
        raise ModelFileError(f"{path} is not a model file that can be used: {error}") from None
    wanted = loaded.n_inputs
    if loaded.images is not None:
        wanted = loaded.images.height * loaded.images.width
    elif loaded.table is not None:
        wanted = loaded.table.n_inputs
    if wanted != loaded.n_inputs:
        raise ModelFileError(
            f"{path}: its preprocessing makes {wanted} inputs, its network has {loaded.n_inputs}"
        )
    return loaded


def read_rows(loaded: Loaded, path: Path, console: Console) -> Array:
    """The rows of X in a file: a table, images as IDX or as lines of pixels, or plain numbers."""
    if loaded.table is not None:
        return loaded.table.transform(_read_table(loaded.table, path))
    if loaded.images is not None:
        return _read_images(loaded.images, path, console)
    numbers = _read_numbers(path, console)
    if numbers.shape[1] != loaded.n_inputs:
        raise ValueError(f"{path} has {numbers.shape[1]} numbers a line, the model takes {loaded.n_inputs}")
    return numbers


@dataclass(frozen=True)
class Answers:
    """Rows of X and what they should give: labels (m,), or numbers as the network learned them (m, 1).

    where: which rows these are, in words. held_out: whether all are rows that training did not see.
    """

    X: Array
    Y: Array
    where: str
    held_out: bool


def read_answers(loaded: Loaded, path: Path, labels: Path | None, console: Console) -> Answers:
    """The rows of a file and their answers; of the table of the training only those held out."""
    if loaded.table is not None and loaded.target is not None:
        if labels is not None:
            raise ValueError("--labels goes with images; in a table the answers are in the target column")
        table = _read_table(loaded.table, path)
        known = table.select(rows_with_target(table, loaded.target.name))
        where = f"{count_of(len(known), 'row')} of {path}"
        seen = (loaded.model.preprocessing or {}).get("table_sha256") == table.sha256
        if seen:
            known = known.select(split(known)[1])
            where = f"the table it was trained on: its {count_of(len(known), 'held-out row')}"
        return Answers(loaded.table.transform(known), loaded.target.encode(known), where, seen)
    if loaded.images is None or loaded.model.class_names is None:
        raise ValueError(
            f"{loaded.path} does not say what its outputs mean, so it cannot be evaluated on a file"
        )
    if labels is None:
        raise ValueError(
            f"{path} has no answers: give the file with the labels of its images by --labels FILE"
        )
    X = _read_images(loaded.images, path, console)
    y = _read_labels(labels, loaded.model.class_names)
    if len(X) != len(y):
        raise ValueError(f"{path} has {len(X)} images, {labels} has {len(y)} labels")
    return Answers(X, y, f"{count_of(len(X), 'image')} of {path}", held_out=False)


def _interpret(path: Path, model: Model) -> Loaded:
    content = model.preprocessing
    if content is None:
        return Loaded(path, model)
    if content.get("kind") == "image":
        return Loaded(path, model, images=ImageFormat.from_dict(content))
    if content.get("kind") != "table" or model.target_name is None:
        raise ValueError(f"its preprocessing is unknown: {describe(content)}")
    if model.task == "classification" and model.class_names is not None:
        target = Target(model.target_name, model.class_names)
    else:
        target = Target.from_dict(model.target_name, content.get("target"))
    return Loaded(path, model, table=TableEncoder.from_dict(content), target=target)


def _read_table(encoder: TableEncoder, path: Path) -> Table:
    try:
        return read_table(path)
    except ValueError as error:
        wanted = ", ".join(encoder.feature_names)
        raise ValueError(f"{error}; the model takes a table with the columns {wanted}") from None


def _read_numbers(path: Path, console: Console) -> Array:
    numbers, header = read_numbers(path)
    if header is not None:
        console.warn(f"{path}: the first line is taken as a header, not as numbers: {', '.join(header)[:60]}")
    return numbers


def _read_images(images: ImageFormat, path: Path, console: Console) -> Array:
    shape = (images.height, images.width)
    if is_idx(path):
        from nablanet.data.idx import read_idx

        pixels: Array = read_idx(path)
        if pixels.shape[1:] != shape:
            raise ValueError(
                f"{path}: the model takes images of {shape[0]}x{shape[1]}, got shape {pixels.shape}"
            )
    else:
        pixels = _read_numbers(path, console)
        if pixels.shape[1] != shape[0] * shape[1]:
            raise ValueError(
                f"{path}: the model takes images of {shape[0]}x{shape[1]}, so {shape[0] * shape[1]} "
                f"numbers a line, got {pixels.shape[1]}"
            )
    scaled_already = pixels.max() <= 1 and bool((pixels % 1).any())
    if pixels.min() < 0 or pixels.max() > images.largest or scaled_already:
        raise ValueError(
            f"{path}: the model takes pixels from 0 to {images.largest}, "
            f"got {pixels.min():g} to {pixels.max():g}"
        )
    return image_rows(pixels, images.largest)


def _read_labels(path: Path, class_names: list[str]) -> Array:
    if is_idx(path):
        from nablanet.data.idx import read_idx

        names = [str(label) for label in read_idx(path).reshape(-1)]
    else:
        names = [
            class_name(line.strip()) for line in path.read_text("utf-8-sig").splitlines() if line.strip()
        ]
    place = {name: i for i, name in enumerate(class_names)}
    for line, name in enumerate(names, start=1):
        if name not in place:
            raise ValueError(f"{path}: label {line} is {name!r}; the model knows {', '.join(class_names)}")
    return np.array([place[name] for name in names], dtype=np.int64)


def is_idx(path: Path) -> bool:
    """Whether a file, gzip or not, starts like IDX: two zero bytes, which no text has."""
    with path.open("rb") as file:
        start = file.read(2)
        if start == b"\x1f\x8b":
            file.seek(0)
            try:
                with gzip.open(file) as unpacked:
                    start = unpacked.read(2)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise ValueError(f"{path} is a damaged or truncated gzip file: {error}") from None
    return start == b"\0\0"
