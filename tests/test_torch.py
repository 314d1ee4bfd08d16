"""Gradients and training against PyTorch's autograd and optimizers, where PyTorch is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nablanet as nn
from nablanet import engine
from nablanet.training import Task
from networks import HIDDEN, PAIRS, Problem, norm_difference, problem

torch = pytest.importorskip("torch", reason="PyTorch is not installed (.ci/run installs it)")

FUNCTIONS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": lambda z: torch.nn.functional.leaky_relu(z, 0.01),
    "elu": torch.nn.functional.elu,
    "selu": torch.nn.functional.selu,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
    "mish": torch.nn.functional.mish,
    "softplus": torch.nn.functional.softplus,
    "identity": lambda z: z,
    "exp": torch.exp,
    "softmax": lambda z: torch.softmax(z, dim=1),
}


def parameters_of(p: Problem) -> list[Any]:
    return [torch.tensor(v, requires_grad=True) for v in p.network.biases + p.network.weights]


def cost_in_torch(p: Problem, parameters: list[Any], X: Any, Y: Any) -> Any:
    """The sum of C_x."""
    layers = len(p.network.weights)
    a = z = X
    for l, activation in enumerate(p.network.activations):  # noqa: E741
        z = a @ parameters[layers + l].T + parameters[l].T
        a = FUNCTIONS[activation.name](z)
    functional = torch.nn.functional
    cost, given = p.network.cost.name, dict(p.network.cost.parameters)
    if cost == "quadratic":
        return 0.5 * ((a - Y) ** 2).sum()
    if cost == "absolute_error":
        return functional.l1_loss(a, Y, reduction="sum")
    if cost == "huber":
        return functional.huber_loss(a, Y, reduction="sum", delta=given["delta"])
    if cost == "quantile":
        return torch.maximum(given["q"] * (Y - a), (1 - given["q"]) * (a - Y)).sum()
    if cost == "poisson":
        # PyTorch leaves out what does not depend on a
        constant = (torch.xlogy(Y, Y) - Y).sum()
        if p.network.activations[-1].name == "exp":
            return functional.poisson_nll_loss(z, Y, reduction="sum") + constant
        return functional.poisson_nll_loss(a, Y, log_input=False, eps=0, reduction="sum") + constant
    smoothing = given.get("label_smoothing", 0.0)
    if p.network.activations[-1].name == "softmax":
        return functional.cross_entropy(z, Y, reduction="sum", label_smoothing=smoothing)
    Y = (1 - smoothing) * Y + smoothing / 2
    return functional.binary_cross_entropy_with_logits(z, Y, reduction="sum")


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize(("cost", "output"), PAIRS)
def test_gradients_agree_with_autograd(hidden: str, cost: str, output: str) -> None:
    p = problem([9, 21, 17, 5], hidden, cost, output, m=11)
    parameters = parameters_of(p)
    theirs_cost = cost_in_torch(p, parameters, torch.tensor(p.X), torch.tensor(p.Y))
    theirs_cost.backward()
    nabla_b, nabla_w, ours_cost = engine.gradient_sums(p.network, p.X, p.Y)
    assert ours_cost == pytest.approx(theirs_cost.item(), rel=1e-11)
    for ours, theirs in zip(nabla_b + nabla_w, parameters, strict=True):
        assert norm_difference(ours, theirs.grad.numpy()) < 1e-11


@pytest.mark.parametrize("method", ["sgd", "adam"])
def test_training_agrees_with_torch(method: str) -> None:
    p = problem([7, 19, 4], "tanh", "cross_entropy", "softmax", m=23)
    parameters = parameters_of(p)
    optimizer = nn.SGD(0.5) if method == "sgd" else nn.Adam(0.01)
    theirs = torch.optim.SGD(parameters, 0.5) if method == "sgd" else torch.optim.Adam(parameters, 0.01)
    ours = engine.Trainer(p.network, Task(p.X, p.Y, 5, optimizer, n_threads=1))
    etas = np.full(5, optimizer.eta)
    for epoch in range(3):
        order = np.random.default_rng(epoch).permutation(23)
        ours.run(order, etas, lambda n: None)
        for begin in range(0, 23, 5):
            batch = order[begin : begin + 5]
            theirs.zero_grad()
            cost = cost_in_torch(p, parameters, torch.tensor(p.X[batch]), torch.tensor(p.Y[batch]))
            (cost / len(batch)).backward()
            theirs.step()
    for mine, other in zip(p.network.biases + p.network.weights, parameters, strict=True):
        assert norm_difference(mine, other.detach().numpy()) < 1e-9
