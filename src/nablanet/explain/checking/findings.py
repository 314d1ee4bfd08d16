"""What checking a function that a user brings found, and how its derivative is compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from nablanet.explain import notation
from nablanet.explain.checking.differences import STEPS, Difference, difference
from nablanet.explain.document import Block, Explanation, Heading, Paragraph
from nablanet.shapes import Array

_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Point:
    """Where a derivative was compared: `at` tells the arguments, in words.

    analytic: what the user's derivative gives; numerical: central differences; difference: the relative one.
    """

    at: str
    analytic: float
    numerical: float
    difference: float

    def __str__(self) -> str:
        return (
            f"at {self.at}: analytic {notation.number(self.analytic, 9)}, numerical "
            f"{notation.number(self.numerical, 9)}, relative difference {notation.number(self.difference, 2)}"
        )


@dataclass(frozen=True, repr=False)
class FunctionCheck(Explanation):
    """What checking a cost or an activation found.

    subject: such as "cost 'quadratic'". findings: what is wrong, in sentences; none where it passed.
    checked: what was looked at and is in order. worst: the point where derivative and differences are
    furthest apart beside what is allowed, None where none could be compared. n_points: those compared.
    """

    subject: str
    findings: tuple[str, ...]
    checked: tuple[str, ...]
    worst: Point | None
    n_points: int

    @property
    def passed(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.findings

    def blocks(self) -> Sequence[Block]:
        """The verdict, the findings, and what is in order."""
        found = len(self.findings)
        verdict = "Passed." if self.passed else f"Failed: {found} finding{'' if found == 1 else 's'}."
        told: list[Block] = [Heading(f"Check of {self.subject}"), Paragraph(verdict)]
        told.extend(Paragraph(finding) for finding in self.findings)
        if self.checked:
            told.append(Paragraph(f"In order: {' '.join(self.checked)}"))
        if self.worst is not None:
            told.append(Paragraph(f"The worst of {self.n_points:,} points compared is {self.worst}."))
        return told


@dataclass
class Findings:
    """A `FunctionCheck` in the making."""

    subject: str
    wrong: list[str] = field(default_factory=list)
    right: list[str] = field(default_factory=list)
    worst: Point | None = None
    n_points: int = 0
    excess: float = -1.0

    def note(self, holds: bool, right: str, wrong: str) -> bool:
        """Take down one of two sentences; says which."""
        (self.right if holds else self.wrong).append(right if holds else wrong)
        return holds

    def call(self, function: Callable[..., Array], *arguments: Array, what: str) -> Array | None:
        """What it returns, as an array; None, and a finding, where it raises or changes its arguments."""
        copies = [argument.copy() for argument in arguments]
        try:
            with np.errstate(all="ignore"):
                returned = np.asarray(function(*copies))
        except Exception as error:  # whatever the user's function raises is a finding
            self.wrong.append(f"{what} raises {type(error).__name__}: {error}")
            return None
        if not all(np.array_equal(c, a, equal_nan=True) for c, a in zip(copies, arguments, strict=True)):
            self.wrong.append(f"{what} changes its arguments in place, which belong to the network.")
            return None
        if returned.dtype.kind not in "fiub":
            self.wrong.append(f"{what} must return real numbers, got dtype {returned.dtype}.")
            return None
        return returned

    def returns(self, function: Callable[..., Array], *arguments: Array, what: str, shape: str) -> bool:
        """Whether it returns an array of the last argument's shape, and the same one twice."""
        first = self.call(function, *arguments, what=what)
        if first is None:
            return False
        wanted = arguments[-1].shape if shape != "(m,)" else arguments[-1].shape[1:]
        if first.shape != wanted:
            why = ", C_x for each sample (assumption 1: C is their average)" if shape == "(m,)" else ""
            self.wrong.append(f"{what} must return shape {shape}{why}: {wanted} here, got {first.shape}.")
            return False
        second = self.call(function, *arguments, what=what)
        if second is None or not np.array_equal(first, second, equal_nan=True):
            self.wrong.append(f"{what} gives other numbers when it is called again with the same arguments.")
            return False
        return True

    def compare(self, analytic: Array, found: Difference, at: Callable[[int], str]) -> bool:
        """Hold derivatives against differences, all flat; at: tells point i. A finding where one is wrong.

        At a kink any slope between those on its two sides will do.
        """
        with np.errstate(all="ignore"):
            slack = np.abs(found.jump) / 2 * 1.01
            allowed = found.error + _TOLERANCE * np.maximum(np.abs(analytic), np.abs(found.value)) + 1e-12
            excess = np.abs(analytic - found.value) / (allowed + slack)
            larger = np.maximum(np.abs(analytic), np.abs(found.value))
            relative = np.where(analytic == found.value, 0, np.abs(analytic - found.value) / larger)
        known = np.isfinite(found.value) & np.isfinite(found.error)
        self.n_points += int(known.sum())
        excess = np.where(known, np.where(np.isfinite(analytic), excess, np.inf), -1)
        wrong = int((excess > 1).sum())
        if not wrong:  # at a kink, a difference tells nothing of the one value
            excess = np.where(found.jump == 0, excess, -1)
        if not (excess >= 0).any():
            return True
        i = int(excess.argmax())
        here = Point(at(i), float(analytic[i]), float(found.value[i]), float(relative[i]))
        if excess[i] > self.excess:
            self.excess, self.worst = float(excess[i]), here
        if wrong:
            self.wrong.append(
                f"The derivative is not that of the function at {wrong:,} of {int(known.sum()):,} "
                f"points, {here}."
            )
        return not wrong

    def result(self) -> FunctionCheck:
        """What was found."""
        unique = dict.fromkeys
        return FunctionCheck(
            self.subject, tuple(unique(self.wrong)), tuple(unique(self.right)), self.worst, self.n_points
        )


def best_difference(f: Callable[[Array], Array], analytic: Array, reach: Array | float = 1.0) -> Difference:
    """Derivatives of t -> f(t) at 0 by the step whose error is smallest, for each element of f(0).

    reach: the length over which f may bend or end, to which the steps are in proportion.
    Where no step agrees with `analytic`, a kink may explain it: the smallest step tells.
    """
    with np.errstate(all="ignore"):
        zero = np.zeros_like(analytic)
        at_zero = f(zero)
        noise = 2.0**-52 * np.maximum(np.abs(at_zero), np.abs(f(zero + STEPS[0] * reach)))
        tries = [difference(f, at_zero, zero + step * reach, noise) for step in STEPS]
        best = tries[0]
        for other in tries[1:]:
            agrees = np.abs(analytic - best.value) <= best.error + _TOLERANCE * np.abs(analytic)
            take = ~agrees & ((other.jump != 0) | (best.jump != 0) | ~(other.error >= best.error))
            best = Difference(
                *(
                    np.where(take, getattr(other, name), getattr(best, name))
                    for name in ("value", "bending", "rounding", "jump", "across")
                )
            )
    return best
