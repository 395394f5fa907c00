"""Members of the drill, and the times of its faults. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

FULL: Final = {
    "probe": 1, "plain": 6, "buffered": 5, "painter": 3, "maker": 3, "sharer": 2, "guest": 3, "handled": 2,
    "feed": 3, "movie": 2, "watch": 2, "watch_repo": 1, "query": 3, "poller": 4, "fork": 1, "spawn": 1,
    "dier": 3, "arranger": 1, "deaf": 1, "mad": 2, "hand": 1,
}  # fmt: skip
"""Members of each role: 50, and the workers of two pools."""

SMALL: Final = {
    "probe": 1, "plain": 2, "buffered": 2, "painter": 1, "maker": 1, "sharer": 1, "guest": 1, "handled": 1,
    "feed": 1, "movie": 1, "watch": 1, "query": 1, "poller": 2, "fork": 1, "dier": 1, "deaf": 1, "mad": 1, "hand": 1,
}  # fmt: skip

HARMFUL: Final = frozenset({"mad", "deaf", "hand", "handled"})
"""Roles that are left out where nobody may do harm."""

MODERATE: Final = {
    "plain": 9, "buffered": 5, "painter": 4, "maker": 3, "sharer": 2, "guest": 4, "feed": 3, "movie": 2, "watch": 2,
    "watch_repo": 1, "query": 3, "poller": 4, "fork": 1, "spawn": 1, "dier": 3, "arranger": 1, "deaf": 2,
}  # fmt: skip
"""Fifty that mean no harm, for a benchmark."""

SMALL_MODERATE: Final = {"plain": 2, "buffered": 1, "feed": 1, "query": 1, "poller": 1}
"""Some of them, to see that it runs."""

DYING: Final = frozenset({"dier"})

PACE: Final = 4.0
"""How many times the pauses of their roles members pause: so two cores are busy, and not hopelessly so. Without it 50
processes and DS9 ask for all of two cores, and what is measured is the scheduler."""
UNPACED: Final = frozenset({"probe", "poller", "mad", "deaf"})
"""Roles that ask without mercy, or measure."""

KINDS: Final = ("pixels_full", "runtime_full", "few_descriptors", "spare_files_gone")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault: what, and when after the beginning; see `crowd.faults`."""

    kind: str
    after_secs: float
    secs: float


def faults(secs: float, seed: int, *, every_secs: float = 15.0, kinds: Sequence[str] = KINDS) -> list[Fault]:
    """Return the faults of a run in their order; none begins in its first or last sixth, and no two at once.

    Each kind comes once before one comes again.
    """
    if not kinds:
        return []
    rng = random.Random(f"{seed} faults")
    first, last = secs / 6, 5 * secs / 6
    count = max(1, int((last - first) / every_secs))
    chosen: list[str] = []
    while len(chosen) < count:
        chosen += rng.sample(kinds, len(kinds))
    share = (last - first) / count
    made = []
    for index, kind in enumerate(chosen[:count]):
        lasts = rng.uniform(0.1, 0.3) * share
        begins = first + index * share + rng.uniform(0, share - lasts)
        made.append(Fault(kind=kind, after_secs=begins, secs=lasts))
    return made


def without(cast: Mapping[str, int], roles: frozenset[str]) -> dict[str, int]:
    """Return a cast without some roles."""
    return {role: count for role, count in cast.items() if role not in roles}
