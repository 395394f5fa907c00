"""Polynomials of two variables in memory: sums, products and substitution. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Polynomial = Mapping[tuple[int, int], float]
"""Powers of x and y to the factor of their product."""


def total(*parts: Polynomial) -> dict[tuple[int, int], float]:
    """Return a sum."""
    found: dict[tuple[int, int], float] = {}
    for part in parts:
        for power, factor in part.items():
            found[power] = found.get(power, 0.0) + factor
    return found


def multiple(polynomial: Polynomial, factor: float) -> dict[tuple[int, int], float]:
    """Return a polynomial times a number."""
    return {power: factor * value for power, value in polynomial.items()}


def product(first: Polynomial, second: Polynomial, most: int) -> dict[tuple[int, int], float]:
    """Return a product without its terms of a higher total degree than ``most``."""
    found: dict[tuple[int, int], float] = {}
    for (i, j), one in first.items():
        for (k, m), other in second.items():
            if i + j + k + m <= most:
                found[i + k, j + m] = found.get((i + k, j + m), 0.0) + one * other
    return found


def in_place_of(polynomial: Polynomial, x: Polynomial, y: Polynomial, most: int) -> dict[tuple[int, int], float]:
    """Return a polynomial with polynomials in place of its variables; `most` as in `product`."""
    powers_x: list[Polynomial] = [{(0, 0): 1.0}]
    powers_y: list[Polynomial] = [{(0, 0): 1.0}]
    for powers, variable, number in ((powers_x, x, 0), (powers_y, y, 1)):
        for _ in range(max((power[number] for power in polynomial), default=0)):
            powers.append(product(powers[-1], variable, most))
    return total(*(multiple(product(powers_x[i], powers_y[j], most), value) for (i, j), value in polynomial.items()))


def series(kind: int, order: int, low: float, high: float) -> list[Sequence[float]]:
    """Return the functions of an IRAF surface as polynomials of one variable.

    Parameters
    ----------
    kind : `int`
        1 Chebyshev, 2 Legendre, 3 powers.
    order : `int`
        Number of functions.
    low, high : `float`
        Range of the variable that becomes -1 to 1; powers are those of the variable itself.

    Returns
    -------
    functions : `list`
        Factors of the powers 0, 1, ... of each function.
    """
    if kind == 3:
        return [[0.0] * power + [1.0] for power in range(order)]
    shift, scale = -(high + low) / (high - low), 2 / (high - low)
    found: list[list[float]] = [[1.0], [shift, scale]]
    for n in range(2, order):
        before, last = found[n - 2], found[n - 1]
        times = [0.0] * (len(last) + 1)
        for power, value in enumerate(last):
            times[power] += shift * value
            times[power + 1] += scale * value
        a, b = (2.0, 1.0) if kind == 1 else ((2 * n - 1) / n, (n - 1) / n)
        found.append(
            [a * value - (b * before[power] if power < len(before) else 0.0) for power, value in enumerate(times)]
        )
    return list(found[:order])
