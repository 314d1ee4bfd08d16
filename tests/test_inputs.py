"""Every form of X trains and predicts as the dense array of the network's own type, bit for bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open

import nablanet as nn
from nablanet import engine, samples
from nablanet.csr import CSR, from_scipy
from nablanet.files import ModelFileError
from nablanet.files.description import parse_description
from nablanet.shapes import Array, rows

M, SIZES = 23, [19, 11, 3]


def negative_strides(X: Array) -> Array:
    return np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1]


def every_second(X: Array) -> Array:
    wide = np.full((2 * len(X), 3 * X.shape[1]), 7, X.dtype)
    wide[::2, 1::3] = X
    return wide[::2, 1::3]


def read_only(X: Array) -> Array:
    X = X.copy()
    X.flags.writeable = False
    return X


def in_records(X: Array) -> Array:
    """Rows that start at odd addresses, behind a label of one byte each."""
    records = np.zeros(len(X), [("label", "u1"), ("x", X.dtype, X.shape[1])])
    records["x"] = X
    return records["x"]


FORMS: dict[str, Callable[[Array], Array]] = {
    "contiguous": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "negative": negative_strides,
    "steps": every_second,
    "read_only": read_only,
    "records": in_records,
}


def sparse_form(X: Array, index_dtype: str, kind: Any = scipy.sparse.csr_array) -> Any:
    matrix = kind(X)
    matrix.indices = matrix.indices.astype(index_dtype)
    matrix.indptr = matrix.indptr.astype(index_dtype)
    return matrix


def some_rows(dtype: str, seed: int = 0, width: int = SIZES[0]) -> Array:
    rng = np.random.default_rng(seed)
    if dtype == "uint8":
        X = rng.integers(0, 256, (M, width)).astype(np.uint8)
    else:
        X = rng.standard_normal((M, width)).astype(dtype)
    X[rng.random(X.shape) < 0.4] = 0
    X[:, ::5] = 0
    X[3] = 0
    return X


def results(
    X: Any, Y: Array, dtype: str, scale: float, threads: int, width: int = SIZES[0], **network: Any
) -> list[bytes]:
    """All bits that come of X: the epochs' costs, the parameters, the outputs."""
    net = nn.Network([width, *SIZES[1:]], dtype=dtype, input_scale=scale, seed=3, **network)
    history = net.fit(
        X, Y, epochs=2, batch_size=5, eta=0.5, n_threads=threads, progress=False, validation=(X, Y)
    )
    found = [np.array(history.cost), np.array(history.validation_cost), np.array(net.mean_cost(X, Y))]
    return [a.tobytes() for a in [*found, *net.weights, *net.biases, net.predict(X, n_threads=threads)]]


def dense(X: Array, dtype: str, scale: float) -> Array:
    return np.ascontiguousarray(X.astype(dtype) * np.dtype(dtype).type(scale))


LABELS = np.arange(M) % 3
DESIRED = np.random.default_rng(9).random((M, 3))


@pytest.mark.parametrize("scale", [1.0, 1 / 255])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("given_as", ["float16", "float32", "float64", "uint8", ">f4", "int16"])
def test_every_form_has_the_bits_of_the_dense_array(given_as: str, dtype: str, scale: float) -> None:
    X = some_rows("uint8" if given_as == "uint8" else "float32").astype(given_as)
    for Y in (LABELS, DESIRED):
        wanted = results(dense(X, dtype, scale), Y, dtype, 1.0, 1)
        for name, form in FORMS.items():
            assert results(form(X), Y, dtype, scale, 1) == wanted, name
        assert results(in_records(X), Y, dtype, scale, 3) == wanted
        if given_as in ("float32", "float64", "uint8", "int16"):
            for index_dtype in ("int32", "int64"):
                assert results(sparse_form(X, index_dtype), Y, dtype, scale, 1) == wanted
            matrix = sparse_form(X, "int32", scipy.sparse.csr_matrix)
            assert results(matrix, Y, dtype, scale, 3) == wanted


@given(
    st.integers(1, 40),
    st.sampled_from(["float16", "float32", "float64", "uint8"]),
    st.sampled_from(["float32", "float64"]),
    st.sampled_from([1.0, 0.25, 1 / 255, 3.0]),
    st.integers(0, 99),
)
def test_any_width_has_the_bits_of_the_dense_array(
    width: int, given_as: str, dtype: str, scale: float, seed: int
) -> None:
    X = some_rows(given_as, seed, width)
    wanted = results(dense(X, dtype, scale), DESIRED, dtype, 1.0, 1, width)
    for name, form in FORMS.items():
        assert results(form(X), DESIRED, dtype, scale, 1, width) == wanted, name
    if given_as != "float16":
        assert results(scipy.sparse.csr_array(X), DESIRED, dtype, scale, 1, width) == wanted


def test_large_steps_are_divided_among_threads_with_the_same_bits() -> None:
    X = np.random.default_rng(1).integers(0, 256, (400, 300)).astype(np.uint8)
    X[X < 128] = 0
    Y = np.arange(400) % 10

    def trained(X: Any, scale: float, threads: int) -> bytes:
        net = nn.Network([300, 200, 10], seed=1, dtype="float32", input_scale=scale)
        net.fit(X, Y, epochs=1, batch_size=128, eta=0.1, n_threads=threads, progress=False)
        return b"".join(w.tobytes() for w in net.weights) + net.predict(X, n_threads=threads).tobytes()

    wanted = trained(dense(X, "float32", 1 / 255), 1.0, 1)
    for form in (X, np.asfortranarray(X), scipy.sparse.csr_array(X)):
        for threads in (1, 2, 3, 4, 8):
            assert trained(form, 1 / 255, threads) == wanted


SCRIPT = """
import hashlib
import numpy as np, scipy.sparse
from test_inputs import DESIRED, results, some_rows
digest = hashlib.sha256()
for given_as in ("float16", "float32", "float64", "uint8"):
    for dtype in ("float32", "float64"):
        X = some_rows(given_as)
        forms = [X, np.asfortranarray(X)]
        if given_as != "float16":
            forms.append(scipy.sparse.csr_array(X))
        for form in forms:
            digest.update(b"".join(results(form, DESIRED, dtype, 1 / 3, 1)))
print(digest.hexdigest())
"""


def test_every_form_has_the_same_bits_on_every_instruction_set() -> None:
    paths = [os.path.dirname(__file__), *(p for p in sys.path if p)]
    printed = set()
    for isa in nn.build_info()["supported_isas"]:
        environment = {**os.environ, "NABLANET_ISA": isa, "PYTHONPATH": os.pathsep.join(paths)}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        printed.add(done.stdout)
    assert len(printed) == 1


def test_nothing_is_copied() -> None:
    net = nn.Network(SIZES)
    for dtype in ("float16", "float32", "float64", "uint8"):
        for form in FORMS.values():
            X = form(some_rows(dtype))
            checked = rows(X, SIZES[0])
            assert engine._rows(checked, net) is checked
            assert np.shares_memory(checked, X)
    for kind in (scipy.sparse.csr_array, scipy.sparse.csr_matrix):
        for dtype in ("float32", "float64", "uint8"):
            X = kind(some_rows(dtype))
            seen = engine._rows(rows(X, SIZES[0]), net)
            assert isinstance(seen, CSR)
            assert np.shares_memory(seen.data, X.data)
            assert np.shares_memory(seen.indices, X.indices)
            assert np.shares_memory(seen.indptr, X.indptr)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_halves_are_exact(dtype: str) -> None:
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = every[np.isfinite(every)].reshape(-1, 32)
    net = nn.Network([32, 32], activation="identity", dtype=dtype)
    net.weights[0][:], net.biases[0][:] = np.eye(32), 0
    # 1 x + 0 + 0 + ...
    assert np.array_equal(net.predict(halves), halves.astype(dtype))
    assert np.array_equal(net.predict(halves[:, ::-1]), halves[:, ::-1].astype(dtype))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_what_is_not_finite_is_refused_in_every_form(dtype: str, bad: float) -> None:
    net = nn.Network(SIZES)
    before = [w.copy() for w in net.weights]
    for form in [*FORMS.values(), *([scipy.sparse.csr_array] if dtype != "float16" else [])]:
        X = some_rows(dtype)
        X[20, 7] = bad
        with pytest.raises(ValueError, match="must be finite"):
            net.fit(form(X), LABELS, epochs=1, batch_size=5, eta=1, progress=False)
        with pytest.raises(ValueError, match="must be finite"):
            net.predict(form(X))
    assert all(np.array_equal(a, b) for a, b in zip(before, net.weights, strict=True))


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)], ids=str)
def test_one_number_that_is_not_finite_is_found_wherever_it_lies(dtype: np.dtype[Any]) -> None:
    for m, n in [(1, 1), (1, 40), (40, 1), (3, 5), (7, 33), (19, 48)]:
        one_behind_the_other = np.full(m * n + 2, np.nan, dtype)[1:-1].reshape(m, n)
        among_others = np.full((m, n + 2), np.nan, dtype)[:, 1:-1]
        for rows_ in (one_behind_the_other, among_others):
            rows_[:] = 1
            assert engine.all_finite(rows_, dtype)
            for i, j in np.ndindex(m, n):
                rows_[i, j] = np.inf
                assert not engine.all_finite(rows_, dtype), (i, j)
                rows_[i, j] = 1
    X = np.ones((2001, 2001), dtype)  # for more than one thread
    assert engine.all_finite(X, dtype, n_threads=3)
    ends = [X.size * k // 3 for k in range(4)] + [4096 * (64 // dtype.itemsize)]  # of shares, and of a block
    for i in (i for end in ends for i in range(max(end - 20, 0), min(end + 20, X.size))):
        X.flat[i] = np.nan
        assert not engine.all_finite(X, dtype, n_threads=3), i
        X.flat[i] = 1


def test_large_halves_are_finite() -> None:
    X = np.full((M, SIZES[0]), 65504, np.float16)
    assert np.isfinite(nn.Network(SIZES).predict(X)).all()


def test_what_overflows_is_refused() -> None:
    X = np.ones((300_000, 2))
    X[290_000, 1] = 1e39
    with pytest.raises(ValueError, match=r"as float32 must be finite, got inf at \[290000, 1\]"):
        nn.Network([2, 1], dtype="float32").predict(X)
    few = np.ones((9, 2), np.uint8)
    for values in (few, X[:9], scipy.sparse.csr_array(X[:9])):
        net = nn.Network([2, 1], input_scale=3e38, dtype="float32")
        net.predict(values)
        with pytest.raises(ValueError, match="times input_scale must be finite"):
            net.predict(values * 2)
    with pytest.raises(ValueError, match="times input_scale must be finite"):
        nn.Network([2, 1], input_scale=1e308).feedforward([1, 20])


# sparse rows


def test_sparse_rows_of_every_shape() -> None:
    X = some_rows("float64")
    wanted = results(X, LABELS, "float64", 1.0, 1)
    matrix = scipy.sparse.csr_array(X)
    shuffled = matrix.copy()
    rng = np.random.default_rng(0)
    for i in range(M):
        at = np.arange(matrix.indptr[i], matrix.indptr[i + 1])
        order = rng.permutation(at)
        shuffled.indices[at], shuffled.data[at] = matrix.indices[order], matrix.data[order]
    assert results(shuffled, LABELS, "float64", 1.0, 1) == wanted
    zeros = scipy.sparse.csr_array(
        (X.ravel(), np.tile(np.arange(SIZES[0]), M), np.arange(M + 1) * SIZES[0]), shape=X.shape
    )
    assert zeros.nnz == X.size  # zeros that are stored
    assert results(zeros, LABELS, "float64", 1.0, 1) == wanted
    empty = scipy.sparse.csr_array((M, SIZES[0]))
    assert results(empty, LABELS, "float64", 1.0, 1) == results(0 * X, LABELS, "float64", 1.0, 1)


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_numbers_of_one_place_add_up(scale: float) -> None:
    data = np.array([0.5, 0.25, 2.0, -2.0, 8.0, 1.0])
    matrix = scipy.sparse.csr_array((data, [4, 4, 1, 1, 1, 0], [0, 2, 4, 6]), shape=(3, 5))
    net = nn.Network([5, 2], input_scale=scale, seed=0)
    X = np.array([[0, 0, 0, 0, 0.75], [0, 0, 0, 0, 0], [1.0, 8, 0, 0, 0]])
    assert np.array_equal(net.predict(matrix), net.predict(X))
    assert net.mean_cost(matrix, [0, 1, 1]) == net.mean_cost(X, [0, 1, 1])
    assert np.array_equal(from_scipy(matrix, "X").dense(np.arange(3), "float64"), X)


class Parts:
    """A sparse matrix's parts, which SciPy would refuse."""

    format = "csr"

    def __init__(self, data: Any, indices: Any, indptr: Any, shape: tuple[int, ...]):
        self.data, self.indices, self.indptr, self.shape = data, indices, indptr, shape

    def toarray(self) -> Array:
        raise AssertionError("never asked for")


ONES = np.ones(4)
COLUMNS = np.array([0, 1, 2, 0])
STARTS = np.array([0, 2, 4])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((ONES, COLUMNS, [0, 3, 2], (2, 3)), "indptr must go"),
        ((ONES, COLUMNS, [0, 9, 4], (2, 3)), "indptr must go"),
        ((ONES, COLUMNS, [0, 2, 5], (2, 3)), "indptr must go"),
        ((ONES, COLUMNS, [1, 2, 4], (2, 3)), "indptr must go"),
        ((ONES, COLUMNS, [-1, 2, 4], (2, 3)), "indptr must go"),
        ((ONES, COLUMNS, [0, 4], (2, 3)), "2 rows need 3 numbers"),
        ((ONES, COLUMNS, [], (2, 3)), "integers|2 rows need 3"),
        ((ONES, [0, 1, 3, 0], STARTS, (2, 3)), "columns from 0 to 2, got 0 to 3"),
        ((ONES, [0, 1, -1, 0], STARTS, (2, 3)), "columns from 0 to 2, got -1"),
        ((ONES, np.array([0, 1, 2**63, 0], np.uint64), STARTS, (2, 3)), "columns from 0"),
        ((ONES, [0.0, 1, 2, 0], STARTS, (2, 3)), "integers"),
        ((ONES[:3], COLUMNS, STARTS, (2, 3)), "in data"),
        ((ONES.reshape(2, 2), COLUMNS, STARTS, (2, 3)), "in data"),
        ((ONES * np.nan, COLUMNS, STARTS, (2, 3)), r"X.data must be finite, got nan at \[0\]"),
        ((ONES * 1j, COLUMNS, STARTS, (2, 3)), "real numbers"),
        ((ONES.astype(str), COLUMNS, STARTS, (2, 3)), "real numbers"),
        ((ONES, COLUMNS, STARTS, (2, 4)), r"wanted shape \(m, 3\), got \(2, 4\)"),
        ((ONES[:0], COLUMNS[:0], STARTS[:1], (0, 3)), "wanted shape"),
        ((ONES, COLUMNS, STARTS, (2,)), "samples as rows"),
    ],
)
def test_damaged_sparse_rows_are_refused(parts: Any, message: str) -> None:
    net = nn.Network([3, 2])
    sound: Any = Parts(ONES, COLUMNS, STARTS, (2, 3))
    assert net.predict(sound).shape == (2, 2)
    damaged: Any = Parts(*parts)
    with pytest.raises((ValueError, TypeError), match=message):
        net.predict(damaged)
    with pytest.raises((ValueError, TypeError), match=message):
        net.fit(damaged, [0, 1], epochs=1, batch_size=1, eta=1)


@pytest.mark.parametrize("kind", ["csc", "coo", "lil", "dok", "bsr", "dia"])
def test_other_sparse_formats_are_refused(kind: str) -> None:
    with pytest.raises(TypeError, match=rf"format '{kind}'; pass X.tocsr\(\)"):
        nn.Network([3, 2]).predict(scipy.sparse.eye_array(3, format=kind))


def test_the_chapters_methods_say_that_they_take_arrays() -> None:
    net = nn.Network([3, 2])
    X: Any = scipy.sparse.csr_array(np.eye(3))
    with pytest.raises(TypeError, match=r"the X of training_data is a sparse matrix.*X.toarray\(\)"):
        net.SGD((X, [0, 1, 0]), 1, 1, 0.1)
    with pytest.raises(TypeError, match="the X of test_data is a sparse matrix"):
        net.evaluate((X, [0, 1, 0]))


def test_sparse_rows_that_change_during_training_do_no_harm() -> None:
    X = scipy.sparse.csr_array(np.ones((4, 3)))

    def spoil(epoch: nn.Epoch) -> None:
        X.indices[:] = [-1, 3, 2**31 - 1] * 4
        X.indptr[:] = [-5, 2**31 - 1, 7, -(2**31), 9]

    net = nn.Network([3, 2])
    net.fit(X, [0, 1, 0, 1], epochs=3, batch_size=2, eta=1, callbacks=[spoil], progress=False)
    assert np.isfinite(net.weights[0]).all()


# the readable reference and the chapter's methods


@pytest.mark.parametrize("form", [np.asarray, np.asfortranarray, scipy.sparse.csr_array])
def test_the_reference_takes_the_same_forms(form: Callable[[Array], Any]) -> None:
    class Own(nn.Network):
        def cost_derivative(self, output_activations: Array, y: Array) -> Array:
            return output_activations - y

    class OwnBackprop(nn.Network):
        def backprop(self, x: Any, y: Any) -> tuple[list[Array], list[Array]]:
            return super().backprop(x, y)

    X = some_rows("uint8")
    Y = DESIRED
    ours = nn.Network(SIZES, seed=3, input_scale=1 / 255)
    ours.fit(X, Y, epochs=2, batch_size=5, eta=0.5, progress=False)
    for kind in (Own, OwnBackprop):
        theirs = kind(SIZES, seed=3, input_scale=1 / 255)
        theirs.fit(form(X), Y, epochs=2, batch_size=5, eta=0.5, progress=False)
        for a, b in zip(ours.weights, theirs.weights, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
        assert theirs.mean_cost(form(X), Y) == pytest.approx(ours.mean_cost(X, Y), rel=1e-10)


def test_a_users_activation_and_feedforward_take_the_same_forms() -> None:
    X = some_rows("uint8")
    plain = nn.Network(SIZES, seed=3, input_scale=1 / 255)
    square = nn.Activation("square", lambda z: z * z, lambda z: 2 * z)
    own = nn.Network(SIZES, seed=3, input_scale=1 / 255, activation=[square, "sigmoid"])
    scaled = nn.Network(SIZES, seed=3, activation=[square, "sigmoid"])

    class Own(nn.Network):
        def feedforward(self, a: Any) -> Array:
            return super().feedforward(a)

    for form in (X, scipy.sparse.csr_array(X)):
        np.testing.assert_allclose(own.predict(form), scaled.predict(X / 255), rtol=1e-12)
        assert own.mean_cost(form, LABELS) == pytest.approx(scaled.mean_cost(X / 255, LABELS), rel=1e-12)
        overridden = Own(SIZES, seed=3, input_scale=1 / 255)
        assert np.array_equal(overridden.predict(form), plain.predict(X))
        assert overridden.mean_cost(form, LABELS) == pytest.approx(plain.mean_cost(X, LABELS), rel=1e-12)


def test_the_scale_is_applied_to_all_that_enters() -> None:
    X = some_rows("uint8")
    plain, scaled = nn.Network(SIZES, seed=3), nn.Network(SIZES, seed=3, input_scale=1 / 255)
    by_hand = X * (1 / 255)
    assert np.array_equal(scaled.feedforward(X.T), plain.feedforward(by_hand.T))
    assert scaled.evaluate((X, LABELS)) == plain.evaluate((by_hand, LABELS))
    for ours, theirs in zip(scaled.backprop(X[0], 1), plain.backprop(by_hand[0], 1), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
    scaled.update_mini_batch((X, LABELS), 0.5)
    plain.update_mini_batch((by_hand, LABELS), 0.5)
    scaled.SGD((X, LABELS), 1, 5, 0.5)
    plain.SGD((by_hand, LABELS), 1, 5, 0.5)
    assert all(np.array_equal(a, b) for a, b in zip(scaled.weights, plain.weights, strict=True))
    assert "input_scale: 0.00392157" in repr(scaled)
    assert "input_scale" not in repr(plain)


@pytest.mark.parametrize("bad", [0, -1, np.nan, np.inf, "1", None, 1e-300, 1e300])
def test_scales_without_meaning_are_refused(bad: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="input_scale"):
        nn.Network(SIZES, dtype="float32", input_scale=bad)
    net = nn.Network(SIZES, dtype="float32", input_scale=2)
    with pytest.raises((ValueError, TypeError), match="input_scale"):
        net.input_scale = bad
    assert net.input_scale == 2


def test_desired_outputs_of_any_strides_are_not_copied() -> None:
    net = nn.Network(SIZES, dtype="float32")
    X = some_rows("float32")
    for dtype in ("float32", "float64"):
        wanted = results(X, DESIRED.astype(dtype), "float32", 1.0, 1)
        for form in FORMS.values():
            Y = form(DESIRED.astype(dtype))
            assert results(X, Y, "float32", 1.0, 1) == wanted
            assert np.shares_memory(samples.from_rows(net, X, Y)[1], Y)


# model files


def test_a_model_file_keeps_the_scale(tmp_path: Path) -> None:
    net = nn.Network(SIZES, input_scale=1 / 255, seed=0)
    net.save(tmp_path / "m.nabla")
    loaded = nn.load(tmp_path / "m.nabla")
    X = some_rows("uint8")
    assert loaded.input_scale == 1 / 255
    assert np.array_equal(loaded.predict(X), net.predict(X))


def test_a_file_may_lack_the_scale_but_not_lie_about_it(tmp_path: Path) -> None:
    net = nn.Network(SIZES, dtype="float32", seed=0)
    net.save(tmp_path / "m.nabla")
    with safe_open(tmp_path / "m.nabla", framework="numpy") as file:
        content = json.loads(file.metadata()["nablanet"])
    later = ("input_scale", "estimator", "state", "best_epoch", "stopped")
    first = {name: value for name, value in content.items() if name not in later}
    assert parse_description(json.dumps({**first, "format": 1})).input_scale == 1
    for bad in (0, -1, "1", None, True, [1], 1e300, 1e-300, 10**400):
        with pytest.raises(ModelFileError, match=r"input_scale|integer of 401 digits"):
            parse_description(json.dumps({**content, "input_scale": bad}))


# memory


def peak(call: Callable[[], object]) -> int:
    """The most bytes of Python's and NumPy's memory in use during the call, above those before it."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_memory_does_not_grow_with_the_data(dtype: str, order: Any, tmp_path: Path) -> None:
    m, n = 200_000, 50
    path = tmp_path / "x.dat"
    written = np.memmap(path, dtype, "w+", shape=(m, n), order=order)
    written[::7] = 1
    written.flush()
    del written
    X = np.memmap(path, dtype, "r", shape=(m, n), order=order)
    Y = np.lib.stride_tricks.as_strided(np.ones(2 * m, np.float32)[::2])
    net = nn.Network([n, 2, 1], dtype="float32", input_scale=0.5)

    def fit() -> None:
        net.fit(X, Y, epochs=1, batch_size=4096, eta=0.1, progress=False)

    net.predict(X[:9])
    assert peak(fit) < 8 * m + 5e6
    assert peak(lambda: net.predict(X)) < 4 * m + 5e6


def test_memory_does_not_grow_with_sparse_data() -> None:
    m, n, each = 100_000, 200, 20
    indices = np.tile(np.arange(each, dtype=np.int32) * 10, m)
    X = scipy.sparse.csr_array(
        (np.ones(m * each, np.float32), indices, np.arange(m + 1, dtype=np.int32) * each), shape=(m, n)
    )
    Y = np.ones(m)
    net = nn.Network([n, 2, 1], dtype="float32")
    net.predict(X[:9])
    assert peak(lambda: net.fit(X, Y, epochs=1, batch_size=1000, eta=0.1, progress=False)) < 8 * m + 5e6
    assert peak(lambda: net.predict(X)) < 4 * m + 5e6


@pytest.mark.parametrize(
    "sizes", [[10**9, 10**9], [5, 10**9, 10**9], [2**31 - 1] * 9, [3, 2**31], [10**30, 10**30]]
)
def test_networks_that_fit_into_no_memory_are_refused(sizes: list[int]) -> None:
    with pytest.raises((MemoryError, ValueError), match=r"do not fit into memory|must be at most 2147483647"):
        nn.Network(sizes)


@pytest.mark.parametrize("batch_size", [2**60, 2**70])
def test_a_mini_batch_is_no_larger_than_the_data(batch_size: int) -> None:
    X = some_rows("float64")
    trained = []
    for size in (M, batch_size):
        net = nn.Network(SIZES, seed=0)
        net.fit(X, LABELS, epochs=2, batch_size=size, eta=1, n_threads=2**70, progress=False)
        trained.append(net.weights[0])
    assert np.array_equal(trained[0], trained[1])


def test_a_workspace_that_fits_into_no_memory_is_refused() -> None:
    net = nn.Network([1, 200_000, 1], dtype="float64", seed=0)
    X = np.broadcast_to(np.float32(1), (2**40, 1))
    # the size of the task is what is tested, so its checks, which would take hours, are left out
    task = nn.training.Task(X, np.broadcast_to(np.float32(1), X.shape), 2**40, nn.SGD(1.0))
    with pytest.raises(MemoryError, match="a mini-batch of 1099511627776 rows"):
        engine.Trainer(net, task)
