"""IDX files and MNIST: what is read, what is refused, and how it is fetched (never over a network)."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import struct
import tracemalloc
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_paths import mnist_dir
from nablanet.data import MnistUnavailable, load_mnist, mnist, read_idx

Bytes = npt.NDArray[Any]
Files = dict[str, Bytes]
Cache = tuple[Path, Files, list[str]]

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx(array: Bytes, code: int = 8) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape) + array.tobytes()


def small(n_train: int = 7, n_test: int = 3) -> Files:
    """Contents of the four files, with few images."""
    rng = np.random.default_rng(0)
    arrays: list[Bytes] = []
    for n in (n_train, n_test):
        arrays.append(rng.integers(0, 256, (n, 28, 28), dtype=np.uint8))
        arrays.append(rng.integers(0, 10, n, dtype=np.uint8))
    return dict(zip(NAMES, arrays, strict=True))


def write_all(folder: Path, arrays: Files, suffix: str = ".gz") -> None:
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        contents = idx(array)
        (folder / f"{name}{suffix}").write_bytes(gzip.compress(contents) if suffix else contents)


def assert_holds(loaded: mnist.Mnist, arrays: Files) -> None:
    parts = (loaded.train_images, loaded.train_labels, loaded.test_images, loaded.test_labels)
    for part, name in zip(parts, NAMES, strict=True):
        np.testing.assert_array_equal(part, arrays[name], strict=True)


@settings(max_examples=40, deadline=None)
@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    packed=st.booleans(),
    seed=st.integers(0, 999),
)
def test_an_idx_file_is_read_as_it_was_written(
    shape: list[int], packed: bool, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    array = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path_factory.mktemp("idx") / "no-telling-name"
    path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    np.testing.assert_array_equal(read_idx(path), array, strict=True)


ARRAY = np.arange(24, dtype=np.uint8).reshape(4, 6)
WHOLE = idx(ARRAY)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "not an IDX file.*empty file"),
        (b"\0\0", "not an IDX file.*got 00 00"),
        (b"a,b\n1,2\n", "not an IDX file.*got 61 2c 62 0a"),
        (b"\0\0\7\1" + bytes(9), "not an IDX file"),
        (b"\0\0\x08\0" + bytes(9), "wanted 1 to 32 dimensions, got 0"),
        (b"\0\0\x08\xff" + bytes(4 * 255), "wanted 1 to 32 dimensions, got 255"),
        (WHOLE[:10], "truncated: wanted 8 bytes of dimensions, got 6"),
        (WHOLE[:-1], r"truncated: wanted 24 elements for shape \(4, 6\), got 23|more than a file"),
        (WHOLE + b"\0", r"goes on after its 24 elements of shape \(4, 6\)"),
        (idx(np.zeros((0, 6), np.uint8)), "holds no elements"),
        (idx(np.ones(3, np.float32), 0x0D), r"type float32 \(code 0x0d\), wanted unsigned bytes \(0x08\)"),
    ],
)
def test_what_is_not_a_whole_idx_file_of_bytes_is_refused(
    tmp_path: Path, contents: bytes, message: str, packed: bool
) -> None:
    path = tmp_path / "digits"
    path.write_bytes(gzip.compress(contents) if packed else contents)
    with pytest.raises(ValueError, match=message) as refusal:
        read_idx(path)
    assert str(path) in str(refusal.value)


def test_a_damaged_gzip_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(idx(np.random.default_rng(1).integers(0, 256, 5000, dtype=np.uint8)))
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    wrong_sum = bytearray(whole)
    wrong_sum[-6] ^= 1
    for damaged in (whole[:-200], whole[:-4], bytes(flipped), bytes(wrong_sum), whole + b"more", whole[:3]):
        path = tmp_path / "labels.gz"
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"labels\.gz"):
            read_idx(path)


def peak_memory_of_a_refusal(path: Path, message: str) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message):
            read_idx(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_header_that_lies_takes_no_memory(tmp_path: Path, packed: bool) -> None:
    for shape in ((2**31,), (2**32 - 1,) * 3, (10**9,)):
        contents = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + bytes(100_000)
        path = tmp_path / "images"
        path.write_bytes(gzip.compress(contents) if packed else contents)
        assert peak_memory_of_a_refusal(path, "images (is truncated|claims)") < 5e6


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    path.write_bytes(gzip.compress(WHOLE + bytes(50_000_000)))
    assert peak_memory_of_a_refusal(path, "goes on after its 24 elements") < 5e6


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_mnist_from_a_folder(tmp_path: Path, suffix: str) -> None:
    arrays = small()
    write_all(tmp_path, arrays, suffix)
    assert_holds(load_mnist(tmp_path), arrays)


def test_the_other_spelling_of_the_names(tmp_path: Path) -> None:
    arrays = small()
    write_all(tmp_path, arrays, "")
    for name in NAMES:
        (tmp_path / name).rename(tmp_path / name.replace("-idx", ".idx"))
    assert_holds(load_mnist(str(tmp_path)), arrays)


def test_missing_files_are_named(tmp_path: Path) -> None:
    write_all(tmp_path, small())
    (tmp_path / f"{NAMES[1]}.gz").unlink()
    (tmp_path / f"{NAMES[2]}.gz").unlink()
    with pytest.raises(FileNotFoundError) as refusal:
        load_mnist(tmp_path)
    for part in (NAMES[1], NAMES[2], str(tmp_path)):
        assert part in str(refusal.value)
    assert NAMES[0] not in str(refusal.value)
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"):
        load_mnist(tmp_path / "nowhere")
    with pytest.raises(NotADirectoryError, match="wanted the folder"):
        load_mnist(tmp_path / f"{NAMES[0]}.gz")


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        (NAMES[1], np.zeros(6, np.uint8), "7 images but train-labels-idx1-ubyte has 6 labels"),
        (NAMES[3], np.array([0, 10, 2], np.uint8), "wanted labels from 0 to 9, got 10"),
        (NAMES[0], np.zeros((7, 28, 27), np.uint8), r"wanted shape \(n, 28, 28\), got \(7, 28, 27\)"),
        (NAMES[2], np.zeros(3, np.uint8), r"wanted shape \(n, 28, 28\), got \(3,\)"),
        (NAMES[1], np.zeros((7, 1), np.uint8), r"wanted shape \(n,\), got \(7, 1\)"),
    ],
)
def test_files_that_do_not_belong_together(tmp_path: Path, name: str, wrong: Bytes, message: str) -> None:
    write_all(tmp_path, {**small(), name: wrong})
    with pytest.raises(ValueError, match=message):
        load_mnist(tmp_path)


def test_the_environment_may_name_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = small()
    write_all(tmp_path / "mnist", arrays)
    monkeypatch.setenv("NABLANET_DATA", str(tmp_path))
    assert_holds(load_mnist(), arrays)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_mnist(tmp_path / "nowhere")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    """An empty cache folder and a mirror on this disk with few images; other addresses fail the test."""
    arrays = small()
    write_all(tmp_path / "mirror", arrays)
    md5 = {name: hashlib.md5(idx(array), usedforsecurity=False).hexdigest() for name, array in arrays.items()}
    opened: list[str] = []

    def open_file(url: str) -> Any:
        assert url.startswith("file:"), f"a test reached for {url}"
        opened.append(url.rsplit("/", 1)[1])
        return urllib.request.urlopen(url)  # noqa: S310 - a file, see above

    monkeypatch.delenv("NABLANET_DATA", raising=False)
    monkeypatch.setattr(mnist, "FILES", md5)
    monkeypatch.setattr(mnist, "MIRRORS", ((tmp_path / "mirror").as_uri() + "/",))
    monkeypatch.setattr(mnist, "cache_folder", lambda: tmp_path / "cache" / "mnist")
    monkeypatch.setattr(mnist, "_open", open_file)
    return tmp_path / "cache" / "mnist", arrays, opened


def test_mnist_is_fetched_once(cache: Cache) -> None:
    folder, arrays, opened = cache
    assert_holds(load_mnist(), arrays)
    wanted = sorted(f"{name}.gz" for name in NAMES)
    assert sorted(opened) == wanted
    assert sorted(p.name for p in folder.iterdir()) == wanted
    assert_holds(load_mnist(), arrays)
    assert sorted(opened) == wanted


def test_only_what_is_missing_or_damaged_is_fetched(cache: Cache) -> None:
    folder, arrays, opened = cache
    load_mnist()
    opened.clear()
    (folder / f"{NAMES[0]}.gz").unlink()
    (folder / f"{NAMES[2]}.gz").write_bytes(gzip.compress(idx(255 - arrays[NAMES[2]])))
    assert_holds(load_mnist(), arrays)
    assert opened == [f"{NAMES[0]}.gz", f"{NAMES[2]}.gz"]


def test_files_put_into_the_cache_by_hand_are_used(cache: Cache) -> None:
    folder, arrays, opened = cache
    folder.parent.mkdir()
    write_all(folder, arrays, "")
    assert_holds(load_mnist(), arrays)
    assert opened == []


def test_the_second_mirror_serves_where_the_first_does_not(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, arrays, _ = cache
    wrong = {name: 255 - array for name, array in arrays.items()}
    write_all(tmp_path / "wrong", wrong)
    nowhere, bad = ((tmp_path / name).as_uri() + "/" for name in ("nowhere", "wrong"))
    monkeypatch.setattr(mnist, "MIRRORS", (nowhere, bad, *mnist.MIRRORS))
    assert_holds(load_mnist(), arrays)


def test_a_wrong_checksum_is_never_kept(cache: Cache, tmp_path: Path) -> None:
    folder, arrays, _ = cache
    write_all(tmp_path / "mirror", {name: 255 - array for name, array in arrays.items()})
    with pytest.raises(MnistUnavailable, match=f"MD5 .*wanted {mnist.FILES[NAMES[0]]}"):
        load_mnist()
    assert list(folder.iterdir()) == []


def test_a_broken_download_is_never_kept(cache: Cache, tmp_path: Path) -> None:
    folder, _, _ = cache
    path = tmp_path / "mirror" / f"{NAMES[0]}.gz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(MnistUnavailable, match="corrupt gzip"):
        load_mnist()
    assert list(folder.iterdir()) == []


def test_an_endless_download_is_cut_off(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _, _ = cache

    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            return len(buffer)

    monkeypatch.setattr(mnist, "_open", lambda url: Endless())
    with pytest.raises(MnistUnavailable, match="more than"):
        load_mnist()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (urllib.error.URLError("Name or service not known"), "Name or service not known"),
        (urllib.error.URLError(OSError(-2, "no such host")), "no such host"),
        (urllib.error.HTTPError("https://x", 404, "Not Found", Message(), None), "answers 404 Not Found"),
        (TimeoutError("timed out"), "timed out"),
        (ConnectionResetError(104, "reset by peer"), "reset by peer"),
        (http.client.RemoteDisconnected("closed"), "closed"),
    ],
)
def test_without_a_network_the_message_says_what_to_do(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, failure: Exception, reason: str
) -> None:
    folder, _, _ = cache
    mirrors = ("https://mirror.invalid/mnist/", "https://other.invalid/")

    def fail(url: str) -> Any:
        raise failure

    monkeypatch.setattr(mnist, "MIRRORS", mirrors)
    monkeypatch.setattr(mnist, "_open", fail)
    with pytest.raises(FileNotFoundError) as refusal:
        load_mnist()
    assert isinstance(refusal.value, MnistUnavailable)
    for part in (*(f"{name}.gz" for name in NAMES), *mirrors, str(folder), "--data DIR", reason):
        assert part in str(refusal.value)
    lines = str(refusal.value).splitlines()
    assert f"  {mirrors[0]}{NAMES[0]}.gz: " in lines[1]
    assert lines[1].endswith(reason)
    assert "Errno" not in str(refusal.value)
    assert "load_data_wrapper(DIR)" in str(refusal.value)


def test_mirrors_are_reached_by_https_only() -> None:
    assert mnist.MIRRORS
    assert all(url.startswith("https://") and url.endswith("/") for url in mnist.MIRRORS)


def test_the_real_files() -> None:
    loaded = load_mnist(mnist_dir())
    parts = (loaded.train_images, loaded.train_labels, loaded.test_images, loaded.test_labels)
    shapes = ((60000, 28, 28), (60000,), (10000, 28, 28), (10000,))
    for part, shape, name in zip(parts, shapes, NAMES, strict=True):
        assert part.shape == shape
        assert part.dtype == np.uint8
        assert hashlib.md5(idx(part), usedforsecurity=False).hexdigest() == mnist.FILES[name]
