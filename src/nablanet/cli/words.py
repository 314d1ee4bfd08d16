"""Numbers as people read them."""

from __future__ import annotations

import math


def count_of(n: int, thing: str) -> str:
    """1 row, 2,000 rows."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def duration(seconds: float) -> str:
    """Seconds, or milliseconds where two decimals of a second would say too little."""
    if seconds >= 0.1:
        return f"{seconds:.2f} s"
    return f"{1000 * seconds:.0f} ms" if seconds >= 0.001 else "<1 ms"


def measure(x: float) -> str:
    """At least four significant digits, zeros at the end included, so that epochs are comparable."""
    if not 1e-4 <= abs(x) < 1e12:
        return f"{x:.3e}" if x else "0"
    return f"{x:.{max(0, 3 - math.floor(math.log10(abs(x))))}f}"
