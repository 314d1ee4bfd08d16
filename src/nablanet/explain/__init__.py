"""What backpropagation does in a network, in the chapter's words, with the network's own numbers.

Layers and neurons count from 1, as in the book: layer 1 is the input layer, layer L the output layer.
Each function returns an `Explanation`, which has its numbers as attributes, prints as tables, and shows
itself in a notebook.
"""

from __future__ import annotations

from nablanet.explain.decision import Decision, decision
from nablanet.explain.demon import Demon, demon
from nablanet.explain.findings import Finding
from nablanet.explain.numerical import DerivativeComparison, compare_derivatives
from nablanet.explain.paths import Paths, paths
from nablanet.explain.saturation import Saturation, saturation
from nablanet.explain.trace import Trace, trace

__all__ = [
    "Decision",
    "Demon",
    "DerivativeComparison",
    "Finding",
    "Paths",
    "Saturation",
    "Trace",
    "compare_derivatives",
    "decision",
    "demon",
    "paths",
    "saturation",
    "trace",
]
