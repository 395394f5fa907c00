"""Measures: seconds of a way, amounts, what all ways of a row took, and the target that they are held to. Pure."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds of one way, run by run."""

    secs: tuple[float, ...]

    @property
    def median(self) -> float:
        """The time that counts."""
        return statistics.median(self.secs)

    def spread(self) -> dict[str, float | int]:
        """Return median, least, most, and how many."""
        return {
            "secs": rounded(self.median),
            "min": rounded(min(self.secs)),
            "max": rounded(max(self.secs)),
            "n": len(self.secs),
        }


@dataclasses.dataclass(frozen=True)
class Amount:
    """Amount that a row measures instead of a time."""

    value: float
    unit: str
    """``MB``."""

    def __str__(self) -> str:
        return f"{self.value:.3g} {self.unit}"


@dataclasses.dataclass(frozen=True)
class Target:
    """Target of a row."""

    peer: float | None = None
    """At least so many times faster than the peer."""
    floor: float | None = None
    """At most so many times the floor."""
    most: Amount | None = None
    """At most so much."""
    enough: Amount | None = None
    """So much is enough, whatever the floor does."""

    def __str__(self) -> str:
        parts = []
        if self.peer is not None:
            parts.append(f">= {self.peer:g}x peer")
        if self.floor is not None:
            parts.append(f"<= {self.floor:g}x floor")
        if self.most is not None:
            parts.append(f"<= {self.most}")
        if self.enough is not None:
            parts.append(f"{'or ' if parts else ''}>= {self.enough}")
        return "; ".join(parts)

    def met(self, ratio_peer: float | None, ratio_floor: float | None, amount: Amount | None = None) -> bool | None:
        """Tell whether ratios and amount reach it; None where one that is needed was not measured."""
        if self.enough is not None and (amount is None or amount.value >= self.enough.value or self.floor is None):
            return None if amount is None else amount.value >= self.enough.value
        if self.most is not None and amount is None:
            return None
        if (self.peer is not None and ratio_peer is None) or (self.floor is not None and ratio_floor is None):
            return None
        enough = self.peer is None or ratio_peer is None or ratio_peer >= self.peer
        near = self.floor is None or ratio_floor is None or ratio_floor <= self.floor
        little = self.most is None or amount is None or amount.value <= self.most.value
        return enough and near and little


@dataclasses.dataclass(frozen=True)
class Measured:
    """Times of all ways of one row."""

    ours: Timing | None = None
    peers: Mapping[str, Timing] = dataclasses.field(default_factory=dict)
    """By name; the first is the one that the target speaks of."""
    floor: Timing | None = None
    amount: Amount | None = None
    """Our amount, where the row measures no time."""
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """More keys for the row in ``bench.json``."""


def rounded(value: float) -> float:
    """Return a number as it is written down: four digits of it."""
    return float(f"{value:.4g}")
