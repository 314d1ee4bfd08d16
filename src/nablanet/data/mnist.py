"""MNIST: 70,000 handwritten digits, from IDX files on disk or fetched once into a cache folder."""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from nablanet.data.idx import Bytes, PathLike, header, read_idx

# MD5 of the files as they are when decompressed
FILES = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
_TIMEOUT = 10  # seconds without an answer
_MAX_DOWNLOAD = 1 << 25  # the largest of the files has 10 MB
_MAX_BYTES = 1 << 26  # 60,000 images have 47 MB
_CHUNK = 1 << 16


class MnistUnavailable(FileNotFoundError):  # noqa: N818 - says what is the matter
    """MNIST is not on this machine and could not be fetched; the message says what to do."""


@dataclass(frozen=True, eq=False)
class Mnist:
    """Images, uint8 of shape (n, 28, 28), 0 for paper to 255 for ink, and labels, uint8 of shape (n,).

    In MNIST itself there are 60,000 for training and 10,000 for testing.
    """

    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes


def load_mnist(directory: PathLike | None = None) -> Mnist:
    """MNIST from the four IDX files in a folder, each plain or compressed with gzip.

    Without a directory it is the folder `mnist` in NABLANET_DATA, if that environment variable is set.
    Else the files come from the user's cache folder, and those it lacks are fetched into it from a
    mirror, with their checksums verified.

    Raises FileNotFoundError naming the files that a directory lacks, MnistUnavailable where they
    cannot be fetched, and ValueError where a file is not what its name says: not IDX, no images of
    28x28, a label above 9, or images and labels that differ in number.
    """
    if directory is None and (data := os.environ.get("NABLANET_DATA")):
        directory = Path(data) / "mnist"
    if directory is None:
        return _checked({name: _cached_or_fetched(name) for name in FILES}, cache_folder())
    folder = Path(directory)
    if not folder.exists():
        raise FileNotFoundError(f"there is no folder {folder}; wanted one that holds {', '.join(FILES)}")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder; wanted the folder that holds {', '.join(FILES)}")
    found = {name: next(_present(folder, name), None) for name in FILES}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise FileNotFoundError(
            f"MNIST is incomplete: {', '.join(missing)} (with or without .gz) missing in {folder.absolute()}"
        )
    return _checked({name: read_idx(path) for name, path in found.items() if path is not None}, folder)


def cache_folder() -> Path:
    """Where MNIST is kept between runs."""
    from platformdirs import user_cache_path  # needed only where no folder is given

    return user_cache_path("nablanet") / "mnist"


def _present(folder: Path, name: str) -> Iterator[Path]:
    # some copies on the web are named train-images.idx3-ubyte
    for stem in (name, name.replace("-idx", ".idx")):
        for path in (folder / f"{stem}.gz", folder / stem):
            if path.is_file():
                yield path


def _checked(files: dict[str, Bytes], folder: Path) -> Mnist:
    arrays = []
    for part in ("train", "t10k"):
        images_name, labels_name = f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"
        images, labels = files[images_name], files[labels_name]
        if images.ndim != 3 or images.shape[1:] != (28, 28):
            raise ValueError(f"{images_name} in {folder}: wanted shape (n, 28, 28), got {images.shape}")
        if labels.ndim != 1:
            raise ValueError(f"{labels_name} in {folder}: wanted shape (n,), got {labels.shape}")
        if len(images) != len(labels):
            raise ValueError(
                f"{images_name} has {len(images)} images but {labels_name} has {len(labels)} labels, "
                f"in {folder}"
            )
        if labels.max() > 9:
            raise ValueError(f"{labels_name} in {folder}: wanted labels from 0 to 9, got {labels.max()}")
        arrays += [images, labels]
    return Mnist(*arrays)


def _cached_or_fetched(name: str) -> Bytes:
    folder = cache_folder()
    for path in _present(folder, name):
        try:
            return _read_verified(path, name)
        except ValueError:
            continue  # damaged in the cache: fetch it anew
    problems = []
    for mirror in MIRRORS:
        url = f"{mirror}{name}.gz"
        try:
            return _fetch(url, folder, name)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            problems.append(f"{url}: {_in_words(problem)}")
    lines = [
        f"MNIST is not in {folder} and could not be fetched:",
        *(f"  {problem}" for problem in problems),
        "Download these files",
        *(f"  {file}.gz" for file in FILES),
        "from one of",
        *(f"  {mirror}" for mirror in MIRRORS),
        f"into {folder}, or into a folder DIR of your own, and name that:",
        "  --data DIR on the command line; load_mnist(DIR), or load_data_wrapper(DIR) of the book, in Python",
    ]
    raise MnistUnavailable("\n".join(lines))


def _in_words(problem: Exception) -> str:
    if isinstance(problem, urllib.error.HTTPError):
        return f"the server answers {problem.code} {problem.reason}"
    if isinstance(problem, urllib.error.URLError):
        return _in_words(problem.reason) if isinstance(problem.reason, OSError) else str(problem.reason)
    if isinstance(problem, OSError) and problem.strerror:
        return f"{problem.strerror}: {problem.filename}" if problem.filename else problem.strerror
    return str(problem) or type(problem).__name__


def _fetch(url: str, folder: Path, name: str) -> Bytes:
    """Download one file; it gets its name in the folder only when its contents are verified."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".part", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file, _open(url) as answer:
            received = 0
            while piece := answer.read(_CHUNK):
                received += len(piece)
                if received > _MAX_DOWNLOAD:
                    raise ValueError(f"sends more than {_MAX_DOWNLOAD} bytes")
                file.write(piece)
        array = _read_verified(Path(temporary), name)
        os.replace(temporary, folder / f"{name}.gz")
    finally:
        Path(temporary).unlink(missing_ok=True)
    return array


def _read_verified(path: Path, name: str) -> Bytes:
    array = read_idx(path, max_bytes=_MAX_BYTES)
    digest = hashlib.md5(header(array.shape), usedforsecurity=False)
    digest.update(array.data)
    if digest.hexdigest() != FILES[name]:
        raise ValueError(f"the contents have MD5 {digest.hexdigest()}, wanted {FILES[name]}")
    return array


def _open(url: str) -> IO[Any]:
    answer: IO[Any] = urllib.request.urlopen(url, timeout=_TIMEOUT)  # noqa: S310 - MIRRORS are https
    return answer
