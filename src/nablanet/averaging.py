"""An exponential moving average of the parameters, which smooths the noise of the last steps.

After Polyak & Juditsky (1992), with weights that forget the past.
"""

from __future__ import annotations

from collections.abc import Sequence

from nablanet.shapes import Array, positive


def check_average(average: object) -> float | None:
    """The decay beta of the average, above 0 and below 1; None for no average."""
    if average is None:
        return None
    beta = positive(average, "average")
    if beta >= 1:
        raise ValueError(f"average must be below 1, got {beta}")
    return beta


def update_average(averages: Sequence[Array], parameters: Sequence[Array], beta: float) -> None:
    """Average -> beta average + (1 - beta) w, in place, for each array."""
    for average, parameter in zip(averages, parameters, strict=True):
        average += (1 - beta) * (parameter - average)
