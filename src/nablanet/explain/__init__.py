"""What backpropagation does in a network, in the chapter's words, with the network's own numbers.

Layers and neurons count from 1, as in the book: layer 1 is the input layer, layer L the output layer.
Each function returns an `Explanation`, which has its numbers as attributes, prints as tables, and shows
itself in a notebook.
"""

from __future__ import annotations

from nablanet.explain.checking.cost_check import check_cost
from nablanet.explain.checking.findings import FunctionCheck, Point
from nablanet.explain.checking.functions import check_activation
from nablanet.explain.checking.gradient_check import Compared, GradientCheck, check_gradients
from nablanet.explain.decision import Decision, decision
from nablanet.explain.demon import Demon, demon
from nablanet.explain.derive import Derivation, derive
from nablanet.explain.equation_forms import Equation, Term
from nablanet.explain.equations import Equations, equations
from nablanet.explain.findings import Finding
from nablanet.explain.layer_shapes import Shapes, shapes
from nablanet.explain.numerical import DerivativeComparison, compare_derivatives
from nablanet.explain.page import page
from nablanet.explain.paths import Paths, paths
from nablanet.explain.saturation import Saturation, saturation
from nablanet.explain.trace import Trace
from nablanet.explain.tracing import trace

__all__ = [
    "Compared",
    "Decision",
    "Demon",
    "Derivation",
    "DerivativeComparison",
    "Equation",
    "Equations",
    "Finding",
    "FunctionCheck",
    "GradientCheck",
    "Paths",
    "Point",
    "Saturation",
    "Shapes",
    "Term",
    "Trace",
    "check_activation",
    "check_cost",
    "check_gradients",
    "compare_derivatives",
    "decision",
    "demon",
    "derive",
    "equations",
    "page",
    "paths",
    "saturation",
    "shapes",
    "trace",
]
