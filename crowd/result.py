"""What a run has found, and whether that is good. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

P99_SECS: Final = 0.2
_MANY: Final = 12
"""Reasons of one kind that are told one by one."""


@dataclass(kw_only=True)
class Result:
    """Everything that a run found; it grows while the run goes on."""

    seed: int
    members: int = 0
    deaths: int = 0
    secs: float = 0.0
    acknowledged: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    did: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)
    """Faults that this machine does not allow."""
    displays: int = 0
    lost: int = 0
    surplus: int = 0
    small_requests: int = 0
    p50_secs: float | None = None
    p99_secs: float | None = None
    slowest_secs: float | None = None
    load: float = 0.0
    """Processes that wanted a core at the end, by the system's own average of the last minute."""
    cores: int = 0
    descriptors: tuple[int, int] = (0, 0)
    """Before all, and after."""
    memory_mb: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Before all, at most, and after."""
    sessions_left: int = 0
    """Of clients that died without a word; they are kept for hours."""
    reasons: dict[str, list[str]] = field(default_factory=dict)
    """What is wrong, by kind."""

    def add(self, kind: str, words: list[str]) -> None:
        """Take in what is wrong."""
        if words:
            self.reasons.setdefault(kind, []).extend(words)

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield every figure with its name, for people."""
        yield "members", f"{self.members}, and {self.deaths} that died and were followed"
        yield "lasted", f"{self.secs:.0f} s, seed {self.seed}"
        yield "steps acknowledged", str(self.acknowledged)
        yield "outcomes", ", ".join(f"{count} {name}" for name, count in self.outcomes.most_common())
        yield "besides", ", ".join(f"{count} {name}" for name, count in self.did.most_common())
        yield "faults", ", ".join(f"{count} {name}" for name, count in self.faults.items()) or "none"
        if self.left_out:
            yield "faults left out", f"{', '.join(self.left_out)}: small disks cannot be mounted here"
        yield "displays compared", str(self.displays)
        yield "lost", str(self.lost)
        yield "too much", str(self.surplus)
        latency = (self.p50_secs, self.p99_secs, self.slowest_secs)
        words = ", ".join("-" if secs is None else f"{1e3 * secs:.1f} ms" for secs in latency)
        yield "scale, outside of faults", f"{words} (p50, p99, most) of {self.small_requests}"
        yield "load", f"{self.load:.1f} on {self.cores} cores"
        yield "descriptors", "{} before, {} after".format(*self.descriptors)
        yield "memory", "{:.0f} MB before, {:.0f} MB at most, {:.0f} MB after".format(*self.memory_mb)
        yield "sessions of the dead", str(self.sessions_left)

    def wrong(self, slowest_secs: float = P99_SECS) -> list[str]:
        """Return what is wrong, in words; empty where all is well.

        Parameters
        ----------
        slowest_secs : `float`, optional
            What 99 of 100 small requests may take at most.
        """
        words = []
        for kind, reasons in self.reasons.items():
            words += [f"{kind}: {reason}" for reason in reasons[:_MANY]]
            if len(reasons) > _MANY:
                words.append(f"{kind}: {len(reasons) - _MANY} more")
        if self.p99_secs is None:
            words.append("slow: no small request was answered outside of faults")
        elif self.p99_secs > slowest_secs:
            took, limit = 1e3 * self.p99_secs, 1e3 * slowest_secs
            words.append(f"slow: 99 % of the small requests took up to {took:.0f} ms, {limit:.0f} ms are allowed")
        return words

    def as_json(self) -> str:
        """Return what ``crowd.json`` holds."""
        facts: dict[str, Any] = {
            "seed": self.seed,
            "secs": round(self.secs, 1),
            "members": self.members,
            "deaths": self.deaths,
            "acknowledged": self.acknowledged,
            "outcomes": dict(self.outcomes),
            "did": dict(self.did),
            "faults": dict(self.faults),
            "faults_left_out": self.left_out,
            "displays": self.displays,
            "lost": self.lost,
            "surplus": self.surplus,
            "small_requests": self.small_requests,
            "p50_secs": self.p50_secs,
            "p99_secs": self.p99_secs,
            "slowest_secs": self.slowest_secs,
            "load": self.load,
            "cores": self.cores,
            "descriptors": self.descriptors,
            "memory_mb": self.memory_mb,
            "sessions_of_the_dead": self.sessions_left,
            "wrong": self.reasons,
        }
        return json.dumps(facts, indent=1) + "\n"
