"""A row of the table: its name, what it does, its target, how it is measured, and how it stands in ``bench.json``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from benchmarks.bench import Bench
from benchmarks.measures import Measured, Target, Timing, rounded


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
    return None if timing is None else rounded(timing.median)


def _ratio(above: float | None, below: float | None) -> float | None:
    return None if above is None or not below else rounded(above / below)
