"""How much memory training takes at least, and the refusal of networks that could not be trained."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from nablanet import memory
from nablanet.optimizers import Adam, AdamW, Momentum, Nesterov, Optimizer, RMSprop

# velocities and moments, each as large as the parameters
_MOMENTS: dict[type[Optimizer], int] = {Adam: 2, AdamW: 2, Momentum: 1, Nesterov: 1, RMSprop: 1}

_WORK_OF_LONG_STEP = 2e8  # as in the core


def training_bytes(
    sizes: Sequence[int],
    itemsize: int,
    optimizer: Optimizer,
    batch_size: int,
    *,
    average: bool = False,
    remembered: bool = False,
) -> int:
    """What the core takes at least to train a network with these sizes, beside the network itself.

    remembered: whether what the optimizer remembers is copied at the end, for another run.
    """
    counts = [(n_in + 1) * n_out for n_in, n_out in pairwise(sizes)]
    kept = _MOMENTS.get(type(optimizer), 0) + average
    sets = 1 + kept
    # where a step takes long, a copy of all that it changes
    sets *= 2 if batch_size * sum(counts) > _WORK_OF_LONG_STEP else 1
    # activations, and from layer 2 on errors and slopes; weights from layer 3 on also transposed
    rows = batch_size * (sizes[0] + 3 * sum(sizes[1:]))
    copies = kept if remembered else 0
    return ((sets + copies) * sum(counts) + sum(counts[1:]) + rows) * itemsize


def check_trainable(
    sizes: Sequence[int], dtype: np.dtype[Any], optimizer: Optimizer, batch_size: int = 1
) -> None:
    """Refuse a network that could be made but not trained, before it is made: MemoryError."""
    count = sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes))
    training = training_bytes(sizes, dtype.itemsize, optimizer, batch_size, remembered=True)
    memory.require(
        count * dtype.itemsize + training,
        f"sizes {list(sizes)} make {count:,} parameters, which with what {optimizer.name} remembers",
    )
