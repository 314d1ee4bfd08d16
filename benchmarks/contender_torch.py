"""PyTorch on the CPU: eager, with its fused optimizers."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from benchmarks.data import Array, Problem, one_hot
from benchmarks.tasks import Task


class Torch:
    """A Sequential of Linear layers, and the usual loop."""

    same = True

    def __init__(self, task: Task, problem: Problem):
        self._torch: Any = importlib.import_module("torch")
        torch = self._torch
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        self.version = f"PyTorch {torch.__version__}"
        fused = {"sgd": "SGD", "adam": "Adam"}[task.optimizer]
        self.remark = "eager, inference_mode" if task.kind == "call" else f"eager, fused {fused}"
        self._task = task
        self._problem = problem
        self._X = torch.from_numpy(problem.X)
        Y = problem.Y
        if task.cost == "quadratic" and Y.ndim == 1:
            Y = one_hot(Y, task.sizes[-1], task.dtype)
        self._Y = torch.from_numpy(Y)
        activations = {"sigmoid": torch.nn.Sigmoid, "relu": torch.nn.ReLU}
        layers: list[Any] = []
        self._linear = []
        for n_in, n_out in pairwise(task.sizes):
            self._linear.append(torch.nn.Linear(n_in, n_out, dtype=getattr(torch, task.dtype)))
            layers += [self._linear[-1], activations[task.activation]()]
        layers.pop()
        if task.output == "sigmoid":
            layers.append(torch.nn.Sigmoid())
        self._model = torch.nn.Sequential(*layers)
        # the softmax of the output is part of PyTorch's cross_entropy
        self._answer = (
            torch.nn.Sequential(*layers, torch.nn.Softmax(dim=1)) if task.output == "softmax" else self._model
        )
        self.reset()

    def reset(self) -> None:
        torch = self._torch
        with torch.no_grad():
            for layer, w, b in zip(self._linear, self._problem.weights, self._problem.biases, strict=True):
                layer.weight.copy_(torch.from_numpy(w))
                layer.bias.copy_(torch.from_numpy(b.ravel()))
        make_optimizer = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[self._task.optimizer]
        self._optimizer = make_optimizer(self._model.parameters(), lr=self._task.etas[0], fused=True)

    def train(self, order: Array, eta: float) -> None:
        torch, model, optimizer = self._torch, self._model, self._optimizer
        for group in optimizer.param_groups:
            group["lr"] = eta
        quadratic = self._task.cost == "quadratic"
        functional = torch.nn.functional
        for batch in torch.from_numpy(order).split(self._task.batch):
            x, y = self._X.index_select(0, batch), self._Y.index_select(0, batch)
            optimizer.zero_grad(set_to_none=True)
            if quadratic:
                cost = functional.mse_loss(model(x), y, reduction="sum") / (2 * len(x))
            else:
                cost = functional.cross_entropy(model(x), y)
            cost.backward()
            optimizer.step()

    def outputs(self, X: Array) -> Array:
        with self._torch.inference_mode():
            answer: Array = self._answer(self._torch.from_numpy(X)).numpy()
        return answer

    def one_row(self, X: Array) -> Callable[[], object]:
        x = self._torch.from_numpy(X)
        answer = self._answer

        def call() -> object:
            with self._torch.inference_mode():
                return answer(x)

        return call


make = Torch
