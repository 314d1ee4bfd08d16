"""Optimizers and clipping against PyTorch's, where PyTorch is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nablanet as nn
from nablanet import engine
from nablanet.clipping import Clipping
from nablanet.optimizers import Optimizer
from nablanet.regularization import Regularization
from nablanet.training import Task
from networks import norm_difference, problem

torch = pytest.importorskip("torch", reason="PyTorch is not installed (.ci/run installs it)")

# What PyTorch calls each, made for (weights, biases), with our lmbda / n or weight_decay where it has one.
PAIRS: dict[str, tuple[Optimizer, Any]] = {
    "sgd": (nn.SGD(0.3), lambda w, b: torch.optim.SGD(w + b, 0.3)),
    # at a constant eta, PyTorch's velocity is ours over -eta
    "momentum": (nn.Momentum(0.1), lambda w, b: torch.optim.SGD(w + b, 0.1, momentum=0.9)),
    "nesterov": (
        nn.Nesterov(0.1, 0.8),
        lambda w, b: torch.optim.SGD(w + b, 0.1, momentum=0.8, nesterov=True),
    ),
    "rmsprop": (nn.RMSprop(0.01, 0.95), lambda w, b: torch.optim.RMSprop(w + b, 0.01, alpha=0.95)),
    "adam": (nn.Adam(0.01), lambda w, b: torch.optim.Adam(w + b, 0.01)),
    "adamw": (
        nn.AdamW(0.01, weight_decay=0.3),
        lambda w, b: torch.optim.AdamW(
            [{"params": w, "weight_decay": 0.3}, {"params": b, "weight_decay": 0.0}], 0.01
        ),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("clipping", [Clipping(), Clipping(value=0.01), Clipping(norm=0.1)], ids=str)
@pytest.mark.parametrize("penalty", [0.0, 0.4])
def test_training_agrees_with_torch(name: str, clipping: Clipping, penalty: float) -> None:
    p = problem([7, 19, 4], "tanh", "cross_entropy", "softmax", m=20)
    weights = [torch.tensor(w, requires_grad=True) for w in p.network.weights]
    biases = [torch.tensor(b, requires_grad=True) for b in p.network.biases]
    ours, make = PAIRS[name]
    theirs = make(weights, biases)
    penalties = Regularization(lmbda=penalty, alpha=penalty, l1=penalty)
    trainer = engine.Trainer(p.network, Task(p.X, p.Y, 5, ours, penalties, clipping=clipping))
    for epoch in range(4):
        order = np.random.default_rng(epoch).permutation(20)
        trainer.run(order, np.full(4, ours.eta), lambda samples: None)
        for batch in order.reshape(4, 5):
            theirs.zero_grad()
            hidden = torch.tanh(torch.tensor(p.X[batch]) @ weights[0].T + biases[0].T)
            z = hidden @ weights[1].T + biases[1].T
            cost = torch.nn.functional.cross_entropy(z, torch.tensor(p.Y[batch]))
            for w in weights:
                cost = cost + penalty * ((w**2).sum() / 2 * (1 / 20 + 1 / 5) + w.abs().sum() / 20)
            cost.backward()
            if clipping.value is not None:
                torch.nn.utils.clip_grad_value_(weights + biases, clipping.value)
            if clipping.norm is not None:
                # without the 1e-6 that PyTorch adds to the norm
                norm = torch.nn.utils.get_total_norm([x.grad for x in weights + biases])
                torch.nn.utils.clip_grads_with_norm_(weights + biases, clipping.norm, norm - 1e-6)
            theirs.step()
    for mine, other in zip(p.network.weights + p.network.biases, weights + biases, strict=True):
        assert norm_difference(mine, other.detach().numpy()) < 1e-9
