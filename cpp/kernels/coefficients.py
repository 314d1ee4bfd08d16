"""Derives the polynomials of `coefficients.h` with mpmath: `python coefficients.py > coefficients.h`.

Each is a Chebyshev fit in high precision of the least degree whose error stays below a quarter of
a unit in the last place of the function it serves, rounded to the target type.
"""

from __future__ import annotations

import mpmath as mp

mp.mp.dps = 60
MILLS_CENTRE = mp.mpf(4)


def exp_tail(r: mp.mpf) -> mp.mpf:
    """(exp(r) - 1 - r) / r^2."""
    if abs(r) < mp.mpf("1e-8"):
        return mp.mpf(1) / 2 + r / 6 + r * r / 24
    return (mp.expm1(r) - r) / (r * r)


def log_tail(s: mp.mpf) -> mp.mpf:
    """(atanh(f) - f) / f^3 with s = f^2."""
    if s < mp.mpf("1e-12"):
        return mp.mpf(1) / 3 + s / 5 + s * s / 7
    f = mp.sqrt(s)
    return (mp.atanh(f) - f) / f**3


def mills(t: mp.mpf) -> mp.mpf:
    """(z + K) exp(z^2 / 2) Phi(-z) for z >= 0, with t = (z - K) / (z + K)."""
    if 1 - t < mp.mpf("1e-12"):
        return 1 / mp.sqrt(2 * mp.pi)
    z = MILLS_CENTRE * (1 + t) / (1 - t)
    if z > 1000:
        inverse = 1 / (z * z)
        return (1 + MILLS_CENTRE / z) * (1 - inverse + 3 * inverse**2 - 15 * inverse**3) / mp.sqrt(2 * mp.pi)
    return (z + MILLS_CENTRE) * mp.exp(z * z / 2) * mp.erfc(z / mp.sqrt(2)) / 2


def fit(function, low, high, weight, bits):
    """Coefficients, highest power first, of the least degree that reaches 2^-(bits + 2)."""
    points = [low + (high - low) * (1 - mp.cos(mp.pi * (i + mp.mpf(1) / 3) / 160)) / 2 for i in range(160)]
    values = [function(x) for x in points]
    for terms in range(3, 40):
        coefficients = mp.chebyfit(function, [low, high], terms)
        errors = (
            abs(mp.polyval(coefficients, x) - value) * weight(x, value)
            for x, value in zip(points, values, strict=True)
        )
        if max(errors) < mp.mpf(2) ** -(bits + 2):
            return coefficients
    raise ValueError("no fit")


def main() -> None:
    half = mp.log(2) / 2 * (1 + mp.mpf("1e-5"))
    tails = [
        ("exp_tail", "(exp(r) - 1 - r) / r^2 on [-ln 2 / 2, ln 2 / 2]",
         exp_tail, -half, half, lambda r, value: r * r),
        ("log_tail", "(atanh(f) - f) / f^3 in s = f^2 on [0, 1/9]",
         log_tail, mp.mpf(0), mp.mpf(1) / 9, lambda s, value: s),
        ("mills", "(z + mills_centre) exp(z^2/2) Phi(-z) in t = (z - mills_centre) / (z + mills_centre)",
         mills, mp.mpf(-1), mp.mpf(1), lambda t, value: 1 / value),
    ]  # fmt: skip
    print("// Made by coefficients.py: polynomials for the elementary functions, highest power first.")
    print("#pragma once\n")
    print("namespace nablanet::coefficients {\n")
    print(f"inline constexpr double mills_centre = {mp.nstr(MILLS_CENTRE, 3)};\n")
    print("template <class T>\nstruct Polynomials;\n")
    for name, bits, suffix in (("float", 24, "f"), ("double", 53, "")):
        print(f"template <>\nstruct Polynomials<{name}> {{")
        for label, meaning, *arguments in tails:
            coefficients = fit(*arguments, bits)
            print(f"  // {meaning}")
            print(f"  static constexpr {name} {label}[] = {{")
            for c in coefficients:
                digits = float(c).hex() if bits == 53 else mp.nstr(c, 12)
                print(f"      {digits}{suffix},")
            print("  };")
        print("};\n")
    print("}  // namespace nablanet::coefficients")


if __name__ == "__main__":
    main()
