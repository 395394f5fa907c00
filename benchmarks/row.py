"""What a row of the table is: a name, what it does, the target, and how it is measured. Pure."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.bench import Bench


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
            "secs": _rounded(self.median),
            "min": _rounded(min(self.secs)),
            "max": _rounded(max(self.secs)),
            "n": len(self.secs),
        }


@dataclasses.dataclass(frozen=True)
class Amount:
    """What a row measures that is no time."""

    value: float
    unit: str
    """``MB``."""

    def __str__(self) -> str:
        return f"{self.value:.3g} {self.unit}"


@dataclasses.dataclass(frozen=True)
class Target:
    """What is to be reached."""

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
    """Of ours, where the row measures no time."""
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """More keys for the row in ``bench.json``."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One row: a module of `benchmarks.rows` has one named ``ROW``."""

    name: str
    what: str
    target: Target
    measure: Callable[[Bench], Measured]


def as_json(row: Row, measured: Measured, error: str = "") -> dict[str, Any]:
    """Return the row as it stands in ``bench.json``."""
    peer = next(iter(measured.peers), None)
    ours, floor = _median(measured.ours), _median(measured.floor)
    peer_secs = _median(measured.peers.get(peer)) if peer else None
    ratio_peer, ratio_floor = _ratio(peer_secs, ours), _ratio(ours, floor)
    found: dict[str, Any] = {
        "name": row.name,
        "what": row.what,
        "ours_secs": ours,
        "peer": peer,
        "peer_secs": peer_secs,
        "floor_secs": floor,
        "ratio_peer": ratio_peer,
        "ratio_floor": ratio_floor,
        "target": str(row.target),
        "ok": row.target.met(ratio_peer, ratio_floor, measured.amount),
        "ours": measured.ours.spread() if measured.ours else None,
        "peers": {name: timing.spread() for name, timing in measured.peers.items()},
        "floor": measured.floor.spread() if measured.floor else None,
        "amount": dataclasses.asdict(measured.amount) if measured.amount else None,
    }
    return found | dict(measured.extra) | ({"error": error} if error else {})


def _median(timing: Timing | None) -> float | None:
    return None if timing is None else _rounded(timing.median)


def _ratio(above: float | None, below: float | None) -> float | None:
    return None if above is None or not below else _rounded(above / below)


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
