"""Scores of classes that can be compared between samples."""

from __future__ import annotations

import numpy as np

from nablanet.shapes import Array


def log_odds(z: Array) -> Array:
    """ln(p / (1 - p)) of each class, for p = softmax(z) with z of shape (m, n_classes), row by row.

    The weighted inputs z themselves say which class of a row is the likeliest, but not in which row a
    class is likelier: softmax leaves open what is added to all of a row. Computed from z, as p may be
    rounded to 1 or 0: z_k - ln Σ_j≠k exp(z_j).
    """
    rows, top = np.arange(len(z)), z.argmax(axis=1)
    highest = z[rows, top][:, None]
    others = z.copy()
    others[rows, top] = -np.inf
    second = others.max(axis=1, keepdims=True)
    rest = np.exp(others - second).sum(axis=1, keepdims=True)
    # against the likeliest class: all others; against another: the likeliest, and what else there is
    less = np.exp(others - highest)
    odds = z - highest - np.log1p(np.maximum(less.sum(axis=1, keepdims=True) - less, 0))
    odds[rows, top] = (highest - second - np.log(rest))[:, 0]
    return odds
