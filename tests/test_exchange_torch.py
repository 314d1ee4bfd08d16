"""Networks to PyTorch and back, where PyTorch is installed."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nablanet as nn
from networks import HIDDEN, norm_difference

torch = pytest.importorskip("torch", reason="PyTorch is not installed (.ci/run installs it)")
tnn = torch.nn


def outputs(module: Any, X: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(module(torch.from_numpy(X)).numpy())


@given(
    sizes=st.lists(st.integers(1, 20), min_size=2, max_size=5),
    hidden=st.sampled_from(HIDDEN),
    output=st.sampled_from(list(nn.ACTIVATIONS)),
    dtype=st.sampled_from(["float32", "float64"]),
    scale=st.sampled_from([1.0, 0.1]),
)
@settings(max_examples=60)
def test_any_network_is_the_same_function_in_torch_and_back(
    sizes: list[int], hidden: str, output: str, dtype: str, scale: float
) -> None:
    net = nn.Network(
        sizes, activation=hidden, output=output, init="xavier", dtype=dtype, seed=1, input_scale=scale
    )
    X = np.random.default_rng(0).standard_normal((7, sizes[0])).astype(dtype)
    module = net.to_torch()
    assert isinstance(module, tnn.Sequential)
    tolerance = 2e-6 if dtype == "float32" else 1e-13
    theirs = outputs(module, X)
    assert theirs.dtype == dtype
    assert norm_difference(net.predict(X), theirs) < tolerance
    back = nn.from_torch(module)
    assert [a.name for a in back.activations] == [a.name for a in net.activations]
    assert back.dtype == net.dtype
    assert norm_difference(back.predict(X), theirs) < tolerance


@pytest.mark.parametrize("activation", list(nn.ACTIVATIONS))
def test_activations_are_the_same_at_both_ends(activation: str) -> None:
    net = nn.Network([1, 2], activation=activation)
    net.weights[0][...], net.biases[0][...] = [[1], [0.5]], 0
    X = np.concatenate([np.linspace(-40, 40, 801), [-700, 1e-9]]).reshape(-1, 1)
    np.testing.assert_allclose(net.predict(X), outputs(net.to_torch(), X), rtol=1e-12, atol=1e-15)


def test_torch_draws_nothing_and_shares_nothing() -> None:
    state = torch.get_rng_state()
    net = nn.Network([3, 2], seed=0)
    module = net.to_torch()
    assert torch.equal(torch.get_rng_state(), state)
    kept = net.weights[0].copy()
    with torch.no_grad():
        module[0].weight.fill_(7)
    assert (net.weights[0] == kept).all()
    assert all(p.requires_grad for p in module.parameters())
    again = nn.from_torch(module)
    with torch.no_grad():
        module[0].weight.fill_(8)
    assert (again.weights[0] == 7).all()


def test_a_sequential_with_what_does_nothing_in_prediction() -> None:
    torch.manual_seed(0)
    shared = tnn.GELU()
    module = tnn.Sequential(
        tnn.Flatten(),
        tnn.Sequential(tnn.Linear(6, 5), shared, tnn.Dropout(0.5)),
        tnn.Identity(),
        tnn.Linear(5, 5, bias=False),
        shared,  # the very same module again
        tnn.Linear(5, 4),
        tnn.Linear(4, 3),
        tnn.Softmax(dim=1),
    ).eval()
    net = nn.from_torch(module)
    assert [a.name for a in net.activations] == ["gelu", "gelu", "identity", "softmax"]
    assert str(net.cost) == "cross_entropy"
    X = np.random.default_rng(0).standard_normal((9, 6)).astype(np.float32)
    assert norm_difference(net.predict(X), outputs(module, X)) < 1e-6


@pytest.mark.parametrize(
    ("output", "cost"),
    [(tnn.Sigmoid(), "cross_entropy"), (tnn.Identity(), "quadratic"), (tnn.Tanh(), "quadratic")],
)
def test_the_cost_goes_with_the_output(output: Any, cost: str) -> None:
    assert str(nn.from_torch(tnn.Sequential(tnn.Linear(2, 1), output)).cost) == cost


@pytest.mark.parametrize(
    "other",
    [
        tnn.GELU(approximate="tanh"),
        tnn.LeakyReLU(0.2),
        tnn.ELU(0.5),
        tnn.Softplus(beta=2),
        tnn.Softplus(threshold=3),
        tnn.Softmax(dim=0),
        tnn.LogSoftmax(dim=1),
        tnn.Hardtanh(),
        tnn.BatchNorm1d(2),
        tnn.Flatten(0),
        tnn.Conv1d(1, 1, 1),
        tnn.Bilinear(1, 1, 1),
    ],
    ids=str,
)
def test_other_modules_are_refused_by_name(other: Any) -> None:
    module = tnn.Sequential(tnn.Linear(2, 2), other)
    with pytest.raises(ValueError, match=rf"^module\[1\]: .*{type(other).__name__}"):
        nn.from_torch(module)


def test_an_order_that_no_network_has_is_refused() -> None:
    linear = tnn.Linear(2, 2)
    for modules, message in (
        ([tnn.ReLU(), linear], r"module\[0\]: ReLU\(\) stands before the first Linear"),
        (
            [linear, tnn.Sequential(tnn.ReLU(), tnn.Tanh())],
            r"module\[1\]\[1\]: Tanh\(\) stands after another",
        ),
        ([linear, tnn.Linear(3, 2)], "layer 3 needs weights .* from 2"),
        ([linear, tnn.Linear(2, 2).double()], "partly float32, partly float64"),
        ([tnn.Linear(2, 2).half()], r"module\[0\]: its parameters are float16"),
        ([linear, tnn.Softmax(dim=1), linear], "softmax is an output activation"),
        ([], "one layer at least"),
    ):
        with pytest.raises(ValueError, match=message):
            nn.from_torch(tnn.Sequential(*modules))


def test_what_is_no_plain_sequential_is_refused() -> None:
    mine = type("Mine", (tnn.Sequential,), {"forward": lambda self, x: 2 * x})
    my_linear = type("MyLinear", (tnn.Linear,), {})
    for module in (tnn.Linear(2, 2), mine(tnn.Linear(2, 2))):
        with pytest.raises(TypeError, match=r"wants a torch.nn.Sequential, got"):
            nn.from_torch(module)
    with pytest.raises(ValueError, match="a Network has no MyLinear"):
        nn.from_torch(tnn.Sequential(my_linear(2, 2)))
    hooked = tnn.Linear(2, 2)
    hooked.register_forward_hook(lambda module, x, y: 2 * y)
    with pytest.raises(ValueError, match="has forward hooks"):
        nn.from_torch(tnn.Sequential(hooked))


def test_without_torch_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModuleNotFoundError, match="pip install torch"):
        nn.Network([1, 1]).to_torch()
