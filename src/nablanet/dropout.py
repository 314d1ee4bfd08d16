"""Dropout: in each step of training some neurons are left out, chosen anew at random.

Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014), in the
form called inverted: a^l becomes a^l * mask / (1 - p), whose mean over masks is a^l, so that
predictions use the whole network as it is.

Whether a neuron is left out depends on the seed, the number of the step, the layer, the row of the
mini-batch and the neuron alone: the generator has no state, and the engine draws the same masks on any
number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nablanet.shapes import Array, describe

_STEPS = 1 << 16  # p is rounded to a multiple of 1 / 65536
_ROWS = 8  # that share the 128 bits of one result: 16 for each


@dataclass(frozen=True)
class Dropout:
    """rates: p for each of layers 1..L-1, inputs first; seed: below 2^64. Checked by the caller."""

    rates: tuple[float, ...]
    seed: int

    @property
    def thresholds(self) -> tuple[int, ...]:
        """65536 p for each layer, rounded; below 65536, so that some neuron may stay."""
        return tuple(min(round(p * _STEPS), _STEPS - 1) for p in self.rates)

    def mask(self, layer: int, n: int, step: int, m: int, dtype: npt.DTypeLike = np.float64) -> Array:
        """What a^l is multiplied by, shape (n, m): 0 or 1 / (1 - p).

        layer: from 0 for the inputs; step: the number of the mini-batch since training began; n: neurons;
        m: rows of the mini-batch.
        """
        threshold = self.thresholds[layer]
        counter = np.empty((4, n, -(-m // _ROWS)), np.uint64)
        counter[0] = np.arange(n)[:, None]
        counter[1] = np.arange(counter.shape[2])
        counter[2] = step & 0xFFFFFFFF
        counter[3] = layer | step >> 32 << 16
        words = philox(counter, self.seed)
        halves = [word >> np.uint64(shift) & np.uint64(0xFFFF) for word in words for shift in (0, 16)]
        numbers = np.stack(halves, axis=-1).reshape(n, -1)[:, :m]
        scale = np.asarray(_STEPS / (_STEPS - threshold), dtype)
        return np.where(numbers < threshold, np.zeros_like(scale), scale)

    def masks(self, sizes: Sequence[int], step: int, m: int, dtype: npt.DTypeLike) -> list[Array]:
        """The masks of layers 1..L-1 in one step."""
        return [self.mask(layer, n, step, m, dtype) for layer, n in enumerate(sizes[:-1])]


def philox(counter: Array, key: int) -> Array:
    """Philox 4x32 with 10 rounds: 128 random bits for each counter.

    Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011). counter: shape (4, ...) of uint64
    that hold 32 bits each, as does the result; key: 64 bits.
    """
    a, b, c, d = counter
    low, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    for i in range(10):
        key0 = np.uint64((key + i * 0x9E3779B9) & 0xFFFFFFFF)
        key1 = np.uint64(((key >> 32) + i * 0xBB67AE85) & 0xFFFFFFFF)
        x = np.uint64(0xD2511F53) * a
        y = np.uint64(0xCD9E8D57) * c
        a, b, c, d = (y >> shift) ^ b ^ key0, y & low, (x >> shift) ^ d ^ key1, x & low
    return np.stack([a, b, c, d])


def dropout_rates(dropout: object, sizes: Sequence[int]) -> tuple[float, ...]:
    """P for each of layers 1..L-1 from a number for all hidden layers, or from a list.

    Raises TypeError for what is no number, ValueError for a number outside 0 <= p < 1 and for a list of
    another length.
    """
    layers = len(sizes) - 1
    if isinstance(dropout, np.ndarray) and dropout.ndim > 0:
        dropout = dropout.tolist()
    if isinstance(dropout, (str, bytes)) or not isinstance(dropout, Iterable):
        p = _rate(dropout, "dropout")
        if p > 0 and layers == 1:
            raise ValueError(
                f"dropout={p:g} is for hidden layers, and sizes {list(sizes)} have none; "
                f"to drop inputs pass [{p:g}]"
            )
        return (0.0,) + (p,) * (layers - 1)
    rates = tuple(_rate(p, f"dropout[{i}]") for i, p in enumerate(dropout))
    if len(rates) != layers:
        raise ValueError(
            f"dropout must be a number, or have one for each layer but the last, {layers} for sizes "
            f"{list(sizes)}; got {len(rates)}"
        )
    return rates


def start_dropout(rates: tuple[float, ...], rng: np.random.Generator) -> Dropout | None:
    """Dropout with a seed from `rng`; None, and nothing drawn, where no layer has any."""
    return Dropout(rates, int(rng.integers(1 << 64, dtype=np.uint64))) if any(rates) else None


def _rate(value: object, name: str) -> float:
    wanted = f"{name} must be a share of neurons to leave out, 0 <= p < 1"
    try:
        if isinstance(value, (str, bytes, bool, np.bool_)):
            raise TypeError
        p = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{wanted}, got {describe(value)}") from None
    if not (math.isfinite(p) and 0 <= p < 1):
        raise ValueError(f"{wanted}, got {p!r}")
    return p
