"""Activation functions and their derivatives against mpmath, in NumPy and in the engine."""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import numpy as np
import pytest

import nablanet as nn
from nablanet.shapes import Array
from networks import HIDDEN

mp.mp.dps = 60
ELEMENTWISE = [*HIDDEN, "exp"]


def logistic(z: mp.mpf) -> mp.mpf:
    return 1 / (1 + mp.exp(-z))


SELU = (mp.mpf("1.0507009873554804934193349852946"), mp.mpf("1.6732632423543772848170429916717"))
EXACT: dict[str, Callable[[mp.mpf], mp.mpf]] = {
    "sigmoid": logistic,
    "tanh": mp.tanh,
    "relu": lambda z: max(z, mp.mpf(0)),
    "leaky_relu": lambda z: z if z > 0 else z / 100,
    "elu": lambda z: z if z > 0 else mp.expm1(z),
    "selu": lambda z: SELU[0] * (z if z > 0 else SELU[1] * mp.expm1(z)),
    "gelu": lambda z: z * mp.erfc(-z / mp.sqrt(2)) / 2,
    "silu": lambda z: z * logistic(z),
    "mish": lambda z: z * mp.tanh(mp.log1p(mp.exp(z))),
    "softplus": lambda z: mp.log1p(mp.exp(z)),
    "identity": lambda z: z,
    "exp": mp.exp,
}


def sample_points(dtype: str) -> Array:
    rng = np.random.default_rng(0)
    z = np.concatenate([rng.uniform(-8, 8, 200), rng.uniform(-90, 90, 60), rng.uniform(-1e-3, 1e-3, 40)])
    return z.astype(dtype)


def units_in_last_place(ours: Array, exact: list[mp.mpf]) -> float:
    info = np.finfo(ours.dtype)
    worst = 0.0
    for value, wanted in zip(ours, exact, strict=True):
        spacing = max(abs(wanted) * mp.mpf(float(info.eps)), mp.mpf(float(info.smallest_subnormal)))
        worst = max(worst, float(abs(mp.mpf(float(value)) - wanted) / spacing))
    return worst


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_numpy_functions_are_exact_to_the_last_bits(name: str) -> None:
    z = sample_points("float64")
    exact = [EXACT[name](mp.mpf(float(x))) for x in z]
    # SciPy's ndtr rounds z / sqrt(2), which the tail of the distribution amplifies
    limit = 1000 if name == "gelu" else 8
    assert units_in_last_place(nn.ACTIVATIONS[name].function(z), exact) < limit


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_derivatives_are_derivatives(name: str) -> None:
    z = sample_points("float64")
    z = z[np.abs(z) > 1e-6]
    slope = nn.ACTIVATIONS[name].derivative(z)
    # where a derivative passes through zero, only its absolute error can be small
    least = mp.mpf("0.1") if name in ("gelu", "silu", "mish") else mp.mpf("1e-300")
    for value, ours in zip(z, slope, strict=True):
        with mp.workdps(200):
            exact = mp.diff(EXACT[name], mp.mpf(float(value)))
        assert abs(mp.mpf(float(ours)) - exact) <= mp.mpf("1e-14") * max(abs(exact), least)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_engine_functions_are_exact_to_the_last_bits(name: str, dtype: str) -> None:
    z = sample_points(dtype)
    z = z[z < np.log(np.finfo(dtype).max)] if name == "exp" else z
    exact = [EXACT[name](mp.mpf(float(x))) for x in z]
    net = nn.Network([1, 1], activation=[name], dtype=dtype)
    net.weights[0][:], net.biases[0][:] = 1, 0
    assert units_in_last_place(net.predict(z.reshape(-1, 1))[:, 0], exact) < 8


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_derivative_at_the_kink_and_far_out(name: str) -> None:
    activation = nn.ACTIVATIONS[name]
    far = np.array([-1e300, -1e3, 0.0, 1e3, 1e300])
    if name == "exp":
        assert (
            activation.function(far).tolist()
            == activation.derivative(far).tolist()
            == [0, 0, 1, np.inf, np.inf]
        )
    else:
        assert np.isfinite(activation.function(far)).all()
        assert np.isfinite(activation.derivative(far)).all()
    net = nn.Network([1, 1], activation=[name])
    net.weights[0][:], net.biases[0][:] = 1, 0
    ours = net.predict(far.reshape(-1, 1))[:, 0]
    np.testing.assert_allclose(ours, activation.function(far), rtol=1e-12, atol=1e-300)


def test_sigmoid_takes_anything_numeric_without_warning() -> None:
    assert nn.sigmoid(0) == 0.5
    assert nn.sigmoid([-1e308, 1e308]).tolist() == [0.0, 1.0]
    assert nn.sigmoid_prime(0) == 0.25
    z = np.linspace(-700, 700, 1001)
    relative = [
        abs(mp.mpf(float(a)) / logistic(mp.mpf(float(x))) - 1) for x, a in zip(z, nn.sigmoid(z), strict=True)
    ]
    assert max(relative) < 1e-15


def test_softmax_is_a_distribution_for_any_scale() -> None:
    z = np.array([[1e308, -1e308, 0.0], [0.0, -1e308, 0.0]])
    a = nn.ACTIVATIONS["softmax"].function(z)
    np.testing.assert_array_equal(a.sum(axis=0), 1)
    np.testing.assert_array_equal(a[:, 1], 0.5)


def test_a_copy_is_still_built_in() -> None:
    import copy
    import pickle

    net = nn.Network([2, 3, 2], activation="tanh", cost="cross_entropy")
    assert copy.deepcopy(net).runs_on_engine()
    assert pickle.loads(pickle.dumps(net)).runs_on_engine()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.Activation("", abs, abs), TypeError, "needs a name"),
        (lambda: nn.Activation("f", abs, 3), TypeError, "both callable"),  # type: ignore[arg-type]
        (lambda: nn.Network([1, 1], activation="step"), ValueError, "no activation 'step'; there are: sig"),
        (lambda: nn.Network([1, 1], activation=[abs]), TypeError, "a name or a nablanet.Activation"),  # type: ignore[list-item]
        (lambda: nn.Network([1, 2, 1], activation="softmax"), ValueError, "softmax is an output"),
        (lambda: nn.Network([1, 2, 1], activation=["tanh"]), ValueError, "wanted 2 for sizes"),
        (lambda: nn.Network([1, 2, 1], activation=["tanh"] * 2, output="tanh"), ValueError, "wanted 1"),
    ],
)
def test_wrong_activations_are_refused(make: Callable[[], object], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        make()
