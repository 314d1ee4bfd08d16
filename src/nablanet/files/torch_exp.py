"""The exponential function as a module of PyTorch, which has none."""

from __future__ import annotations

import torch
from torch import nn


class Exp(nn.Module):
    """exp(z)."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """The same of each element."""
        return torch.exp(z)
