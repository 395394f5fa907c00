"""What a drill found, and whether that is good. Pure."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from chaos import model
from chaos.compare import Verdict
from chaos.logbook import DONE, SUPERSEDED, Request
from chaos.schedule import KILL, STOP

RECOVERY_SECS: Final = 3.0
"""After a crash; after a hang its deadline comes on top."""

EXPECTED: Final = frozenset({DONE, SUPERSEDED, "unknown_display"})
"""Outcomes that clients provoke; any other is told, though nobody is harmed by it."""


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """One fault and how long it took to mend."""

    victim: str
    action: str
    secs: float | None
    """None where it was never mended."""


@dataclass(kw_only=True)
class Result:
    """Everything that a drill found; it grows while the drill runs."""

    seed: int
    deadlines: dict[str, float]
    """Seconds after which a stopped victim is given up, by its kind."""
    recoveries: list[Recovery] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What else went wrong."""
    acknowledged: int = 0
    lost: int = 0
    duplicated: int = 0
    hung: int = 0
    scene_equal: bool = True
    outcomes: Counter[str] = field(default_factory=Counter)
    comparisons: int = 0

    def add(self, verdict: Verdict, requests: Iterable[Request]) -> None:
        """Take in a comparison; what was lost once is counted once, however often it is seen to be missing."""
        known = list(requests)
        self.comparisons += 1
        self.acknowledged = sum(len(one.ops) for one in known if one.outcome == DONE)
        self.lost = max(self.lost, verdict.lost + len(model.unexplained(known)))
        self.duplicated = max(self.duplicated, verdict.duplicated)
        self.scene_equal &= verdict.equal
        self.outcomes = Counter(one.outcome or "none" for one in known)

    def times(self, action: str) -> list[float]:
        """Return the seconds that faults of a kind took to mend."""
        return [one.secs for one in self.recoveries if one.action == action and one.secs is not None]

    def slow(self, recovery_secs: float = RECOVERY_SECS) -> list[Recovery]:
        """Return the faults that took longer than they may."""
        return [
            one
            for one in self.recoveries
            if one.secs is not None
            and one.secs > recovery_secs + (self.deadlines[one.victim] if one.action == STOP else 0)
        ]

    def wrong(self) -> list[str]:
        """Return what is wrong, in words; empty where all is well."""
        words = list(self.problems)
        words += [f"{self.lost} acknowledged steps lost"] if self.lost else []
        words += [f"{self.duplicated} drawn twice, or though they should not be"] if self.duplicated else []
        words += [f"{self.hung} clients hung or requests without an answer"] if self.hung else []
        words += [] if self.scene_equal else ["the picture differed from what was acknowledged"]
        words += [f"left behind: {what}" for what in self.leaked]
        words += [f"{one.action} {one.victim} was never mended" for one in self.recoveries if one.secs is None]
        return words

    def surprises(self) -> list[str]:
        """Return what clients were answered that they did not provoke, in words; nobody is harmed by it."""
        return [f"{count} answers {name}" for name, count in self.outcomes.items() if name not in EXPECTED]

    def as_json(self) -> str:
        """Return what ``chaos.json`` holds."""
        crash, hang = self.times(KILL), self.times(STOP)
        by_kind = Counter(f"{one.action}_{one.victim}" for one in self.recoveries)
        facts: dict[str, Any] = {
            "faults": len(self.recoveries),
            "acknowledged": self.acknowledged,
            "lost": self.lost,
            "duplicated": self.duplicated,
            "hung": self.hung,
            "recovery_crash_median_secs": _median(crash),
            "recovery_crash_max_secs": _max(crash),
            "recovery_hang_median_secs": _median(hang),
            "recovery_hang_max_secs": _max(hang),
            "leaked": len(self.leaked),
            "scene_equal": self.scene_equal,
            "seed": self.seed,
            "comparisons": self.comparisons,
            "faults_by_kind": dict(sorted(by_kind.items())),
            "outcomes": dict(self.outcomes),
            "deadline_secs": self.deadlines,
            "recoveries": [
                {"victim": one.victim, "action": one.action, "secs": one.secs and round(one.secs, 3)}
                for one in self.recoveries
            ],
            "problems": self.problems,
        }
        return json.dumps(facts, indent=1) + "\n"


def _median(values: list[float]) -> float | None:
    return round(statistics.median(values), 3) if values else None


def _max(values: list[float]) -> float | None:
    return round(max(values), 3) if values else None
