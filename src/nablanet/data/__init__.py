"""Readers for data sets: the IDX format and MNIST."""

from __future__ import annotations

from nablanet.data.idx import read_idx
from nablanet.data.mnist import Mnist, MnistUnavailable, load_mnist

__all__ = ["Mnist", "MnistUnavailable", "load_mnist", "read_idx"]
