"""Where tests find the data sets that are too large for the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def mnist_dir() -> Path:
    """The folder with the four IDX files of MNIST; skips the test where there is none."""
    return _find("mnist")


def housing_csv() -> Path:
    """The California housing table, CSV compressed with gzip; skips the test where there is none."""
    return _find("housing/housing.csv.gz")


def _find(name: str) -> Path:
    given = os.environ.get("NABLANET_DATA")
    folders = [Path(given)] if given else []
    folders.append(Path(__file__).resolve().parents[2] / "shared" / "data")
    for folder in folders:
        if (folder / name).exists():
            return folder / name
    looked = " and ".join(str(folder) for folder in folders)
    pytest.skip(f"needs {name}, looked in {looked}: set NABLANET_DATA to the folder that holds it")
