"""The engine's own exp, log and tanh over their whole range and at its ends.

Against mpmath; where there are millions of float32, against NumPy in float64, whose error is some 1e-9
of a float32's last place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import nablanet as nn
from nablanet import _core
from nablanet.shapes import Array

# in the order of `enum Elementary` in cpp/core/types.h
ELEMENTARY: dict[str, Callable[[mp.mpf], mp.mpf]] = {
    "exp": mp.exp,
    "expm1_of_negative": mp.expm1,
    "log": mp.log,
    "log1p_of_unit": mp.log1p,
    "tanh": mp.tanh,
}
NUMBERS = {name: number for number, name in enumerate(ELEMENTARY)}
DTYPES = ("float32", "float64")
ISAS = nn.build_info()["supported_isas"]


def apply(name: str, x: Array, isa: str = "") -> Array:
    out = np.empty_like(x)
    call = _core.elementary32 if x.dtype == np.float32 else _core.elementary64
    call(isa, NUMBERS[name], x, out)
    return out


def around(points: Any, dtype: str, steps: int = 40) -> Array:
    """Each point with its nearest neighbours on both sides."""
    integer = np.int32 if dtype == "float32" else np.int64
    bits: Array = np.array(points, dtype).view(integer)
    near: Array = (bits[:, None] + np.arange(-steps, steps + 1, dtype=integer)).ravel().view(dtype)
    return near[np.isfinite(near)]


def any_bits(dtype: str, n: int, seed: int) -> Array:
    """Floats with random bits: log-uniform over every exponent, denormal numbers among them."""
    size = np.dtype(dtype).itemsize
    bits = np.random.default_rng(seed).integers(0, 2**32, n * size // 4, dtype=np.uint32)
    x = bits.view(dtype)
    return x[np.isfinite(x)]


def points(name: str, dtype: str, n: int = 4000) -> Array:
    """Where to look: everywhere, where functions are used, and beside every change of branch."""
    rng = np.random.default_rng(1)
    info = np.finfo(dtype)
    everywhere = any_bits(dtype, n, 2)
    ln2 = np.log(2)
    if name == "log":
        marks = [1, np.sqrt(0.5), np.sqrt(2), 2, info.tiny, info.max, info.smallest_subnormal * 100, np.e]
        x = np.concatenate([np.abs(everywhere), rng.uniform(0.5, 2, n), around(marks, dtype)])
        return x[x > 0].astype(dtype)
    if name == "log1p_of_unit":
        x = np.concatenate([np.abs(everywhere), rng.uniform(0, 1, n), around([1, 0.5, 2**-12], dtype)])
        return x[(x >= 0) & (x <= 1)].astype(dtype)
    reach = float(np.log(info.max))
    least = float(np.log(info.tiny)) if name == "exp" else -reach
    marks = [k * ln2 / 2 for k in range(-9, 10) if k] + [reach, least, reach / 2]
    marks += [2.0**-k for k in (1, 2, 3, 12, 13, 14, 27, 28, 29)] + [1, 20, 40, 9, 19]
    both = [*marks, *(-mark for mark in marks)]
    x = np.concatenate(
        [everywhere, rng.uniform(-2, 2, n), rng.uniform(least, reach, n), around(both, dtype)]
    ).astype(dtype)
    return x[x <= 0] if name == "expm1_of_negative" else x


def worst_ulp(name: str, x: Array) -> tuple[float, float]:
    """The largest error in units in the last place of the exact value, and where it is.

    Only where that value is a normal number. A neighbour beyond the largest number counts as infinity.
    """
    info = np.finfo(x.dtype)
    tiny, largest = mp.mpf(float(info.tiny)), mp.mpf(float(info.max))
    worst, where = 0.0, 0.0
    with mp.workdps(40):
        for value, ours in zip(x.tolist(), apply(name, x).tolist(), strict=True):
            if name == "exp" and not -800 < value < 800:
                assert ours == (np.inf if value > 0 else 0)
                continue
            if abs(value) > 800 and name in ("tanh", "expm1_of_negative"):
                assert ours == np.sign(value)
                continue
            exact = ELEMENTARY[name](mp.mpf(value))
            if abs(exact) < tiny:
                continue
            if abs(exact) > largest or np.isinf(ours):
                assert ours == np.inf
                assert exact > largest * (1 - mp.mpf(float(info.eps)))
                continue
            unit = mp.ldexp(1, int(mp.floor(mp.log(abs(exact), 2))) - info.nmant)
            error = float(abs(mp.mpf(ours) - exact) / unit)
            if not error <= worst:
                worst, where = error, value
    return worst, where


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ELEMENTARY)
def test_within_two_units_in_the_last_place(name: str, dtype: str) -> None:
    worst, where = worst_ulp(name, points(name, dtype))
    assert worst <= 2, where


IN_NUMPY: dict[str, Callable[[Array], Array]] = {
    "exp": np.exp,
    "expm1_of_negative": np.expm1,
    "log": np.log,
    "log1p_of_unit": np.log1p,
    "tanh": np.tanh,
}


def dense(name: str) -> Array:
    """A number from each 1024 neighbours among all float32 where the function is defined."""
    i = np.arange(2**22, dtype=np.uint32)
    x: Array = (i * 1024 + (i * 0x9E3779B1 >> 22)).astype(np.uint32).view(np.float32)
    least = {"log": np.finfo(np.float32).smallest_subnormal, "log1p_of_unit": 0}.get(name, -np.inf)
    most = {"expm1_of_negative": 0, "log1p_of_unit": 1}.get(name, np.inf)
    return x[np.isfinite(x) & (least <= x) & (x <= most)]


@pytest.mark.parametrize("name", ELEMENTARY)
def test_within_two_units_in_the_last_place_of_a_dense_sample_of_float32(name: str) -> None:
    info = np.finfo(np.float32)
    x = dense(name)
    ours = apply(name, x)
    with np.errstate(over="ignore", under="ignore"):
        exact = IN_NUMPY[name](x.astype(np.float64))
    beyond = (exact > float(info.max)) | np.isinf(ours)
    assert (ours[beyond] == np.inf).all()
    assert (exact[beyond] > float(info.max) * (1 - float(info.eps))).all()
    normal = ~beyond & (np.abs(exact) >= float(info.tiny))
    unit = np.ldexp(1.0, np.frexp(exact[normal])[1] - 1 - info.nmant)
    error = np.abs(ours[normal] - exact[normal]) / unit
    assert error.max() <= 2, x[normal][error.argmax()]
    tiny = ~beyond & ~normal  # one more unit of the smallest number, as in `test_exact_at_the_ends`
    assert (np.abs(ours[tiny] - exact[tiny]) <= float(info.smallest_subnormal)).all()
    for isa in ISAS:
        assert apply(name, x, isa).tobytes() == ours.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ELEMENTARY)
def test_same_bits_on_every_instruction_set(name: str, dtype: str) -> None:
    inside = points(name, dtype, 100_000)
    beyond = np.array([0, -0.0, np.inf, -np.inf, np.nan], dtype)
    x = np.concatenate([inside, beyond]) if name in ("exp", "log", "tanh") else inside
    results = [apply(name, x, isa) for isa in ISAS]
    integer = np.uint32 if dtype == "float32" else np.uint64
    real = ~np.isnan(results[0])
    for result in results[1:]:
        assert np.array_equal(np.isnan(result), ~real)
        assert np.array_equal(result[real].view(integer), results[0][real].view(integer))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_exact_at_the_ends(dtype: str, isa: str) -> None:
    info = np.finfo(dtype)
    inf, nan, tiny, most = np.inf, np.nan, float(info.tiny), float(info.max)

    def of(name: str, *x: float) -> list[float]:
        return apply(name, np.array(x, dtype), isa).tolist()

    overflow, underflow = np.log(most), np.log(float(info.smallest_subnormal)) - np.log(2)
    assert of("exp", 0, -0.0, inf, -inf) == [1, 1, inf, 0]
    assert of("exp", overflow + 1e-3, 1000, most) == [inf, inf, inf]
    assert of("exp", underflow - 1e-3, -1000, -most) == [0, 0, 0]
    # denormal results, rounded to one more unit of the smallest number at most
    x = np.linspace(underflow + 1e-3, np.log(tiny), 500).astype(dtype)
    small = float(info.smallest_subnormal)
    for value, ours in zip(x.tolist(), apply("exp", x, isa).tolist(), strict=True):
        assert abs(mp.mpf(ours) - mp.exp(mp.mpf(value))) <= mp.mpf(small)
    assert of("log", 1, 0, -0.0, inf) == [0, -inf, -inf, inf]
    assert np.isnan(of("log", -1, -tiny, -small, -inf, nan)).all()
    assert np.isnan(of("exp", nan) + of("tanh", nan)).all()
    assert of("tanh", inf, -inf, most, -most, 100, -100) == [1, -1, 1, -1, 1, -1]
    assert of("tanh", tiny, -tiny, small, -small) == [tiny, -tiny, small, -small]
    zeros = of("tanh", 0, -0.0)
    assert zeros == [0, 0]
    assert np.signbit(zeros).tolist() == [False, True]
    assert of("expm1_of_negative", 0, -inf, -most) == [0, -1, -1]
    assert of("log1p_of_unit", 0) == [0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_tanh_is_odd_stays_within_one_and_rises(dtype: str) -> None:
    info = np.finfo(dtype)
    z = np.sort(
        np.concatenate([np.abs(any_bits(dtype, 100_000, 3)), np.linspace(0, 30, 100_000)]).astype(dtype)
    )
    a = apply("tanh", z)
    assert np.array_equal(apply("tanh", -z), -a)
    assert (a <= 1).all()
    assert (a[z > 20] == 1).all()
    # as far as two units of error let it
    assert (np.maximum.accumulate(a) - a <= 4 * info.eps * a).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_overflow_is_quiet(dtype: str) -> None:
    info = np.finfo(dtype)
    net = nn.Network([1, 1], activation=["tanh"], dtype=dtype)
    net.weights[0][:], net.biases[0][:] = 1, 0
    with np.errstate(all="raise"):
        assert net.predict([[float(info.max)], [-float(info.max)]]).tolist() == [[1], [-1]]
