"""Warnings that name the user's line, and that filters for scikit-learn's warnings catch.

`warnings.filterwarnings("ignore", module="sklearn")` stands in many programs; it looks at the module that
warns, so these say that they come from where scikit-learn's would.
"""

from __future__ import annotations

import inspect
import warnings

_MODULE = "sklearn.neural_network"


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line outside of this package that the call came from."""
    frame = inspect.currentframe()
    while frame is not None and str(frame.f_globals.get("__name__")).split(".")[0] == "nablanet":
        frame = frame.f_back
    if frame is None:
        warnings.warn(text, category, stacklevel=2)
        return
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(text, category, frame.f_code.co_filename, frame.f_lineno, _MODULE, registry)
