"""The files that a command writes, and what must hold before it starts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from nablanet.files import is_model_file


def picture_path(model: Path) -> Path:
    """The picture beside the model: digits.nabla.png."""
    return model.with_name(model.name + ".png")


def check_output(model: Path, checkpoint: Path | None = None) -> bool:
    """Whether there is a model already, which the run replaces.

    Raises OSError or ValueError where the run could not save, or would replace what no run has saved, or
    the checkpoint.
    """
    if checkpoint is not None and os.path.realpath(checkpoint) in map(
        os.path.realpath, (model, picture_path(model))
    ):
        raise ValueError(f"{checkpoint} cannot be the checkpoint: the model or its picture goes there")
    if model.is_dir():
        raise IsADirectoryError(f"{model} is a folder; --output names the model file")
    for path in (model, picture_path(model)):
        _check_writable(path)
    if model.exists() and not is_model_file(model):
        raise ValueError(
            f"{model} exists and is no nablanet model, so it is not replaced; "
            "--output names another file for the model"
        )
    return model.exists()


def check_page(path: Path) -> None:
    """Raises OSError or ValueError where no page could be saved, or what is there is none."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; --html names the file of the page")
    _check_writable(path)
    if path.exists() and path.stat().st_size:
        with path.open("rb") as file:
            start = file.read(200)
        if not start.lstrip().lower().startswith((b"<!doctype html", b"<html")):
            raise ValueError(f"{path} exists and is no HTML page, so it is not replaced")


def check_export(path: Path, is_export: Callable[[bytes], object]) -> bool:
    """Whether there is an export of this kind already, which the new one replaces.

    is_export: tells it by the first bytes. Raises OSError or ValueError as `check_output` does.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; --output names the file")
    _check_writable(path)
    if not path.exists():
        return False
    with path.open("rb") as file:
        start = file.read(100)
    if start and not is_export(start):
        raise ValueError(
            f"{path} exists and is no such export, so it is not replaced; --output names another file"
        )
    return True


def _check_writable(path: Path) -> None:
    folder = Path(os.path.realpath(path)).parent  # a link stays, what it leads to is written
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder} to save {path.name} in")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"the folder {folder} does not let {path.name} be written into it")
    if path.exists() and not path.is_file():
        raise FileExistsError(f"{path} is not a regular file, so nothing is saved there")
