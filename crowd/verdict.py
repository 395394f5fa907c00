"""What is wrong: the window against the model, errors against faults, latencies against their limit. Pure."""

from __future__ import annotations

import dataclasses
import datetime as dt
import difflib
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from chaos.logbook import DONE, SUPERSEDED, Op, Request

from crowd import model
from crowd.compare import Frame, nearest
from crowd.garbage import NAME
from crowd.model import DisplayKey, Shown, State
from crowd.notebook import Seen, Took

GRACE_SECS: Final = 3.0
"""How long after its end a fault explains what fails."""

AFTER_SECS: Final = 1.0
"""How long after its end a fault explains that an answer comes late."""

_OURS: Final = frozenset(
    {"storage_full", "draw_failed", "repository_failed", "busy", "no_window", "no_daemon", "deadline", "dropped"}
)
EXPLAINED: Final[Mapping[str, frozenset[str]]] = {
    "pixels_full": _OURS,
    "runtime_full": _OURS,
    "few_descriptors": _OURS | {"unreadable_file", "not_found"},
    "spare_files_gone": frozenset(),
}
"""What each fault may make a well-behaved client see: the daemon's own errors, never ``internal``."""

_LOGGED: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?:\S+ )?(ERROR|CRITICAL)\b")
_ALIKE: Final = 0.6
_RAISED_SECS: Final = 0.5
"""From an answer to the moment in which its error is noted."""


@dataclass(frozen=True, kw_only=True)
class Happened:
    """A fault as it was."""

    kind: str
    began: float
    ended: float

    def explains(self, code: str, began: float, at: float) -> bool:
        """Tell whether an error may come from it."""
        return code in EXPLAINED[self.kind] and self.touches(began, at)

    def touches(self, began: float, at: float, after_secs: float = GRACE_SECS) -> bool:
        """Tell whether it was on at some time of an interval, or shortly before."""
        return began <= self.ended + after_secs and at >= self.began


@dataclass(kw_only=True)
class Pictures:
    """What the comparison of the window has found."""

    displays: int = 0
    """Compared exactly."""
    lost: int = 0
    surplus: int = 0
    words: list[str] = field(default_factory=list)


def compare(
    requests: Sequence[Request],
    frames: Mapping[int, Frame],
    numbers: Mapping[str, int],
    shared: Sequence[str],
    loose: Sequence[int] = (),
) -> Pictures:
    """Compare all frames with what clients were told.

    Parameters
    ----------
    numbers : `dict` [`str`, `int`]
        DS9's number of each display that has a name, as the daemon tells it.
    shared : sequence of `str`
        Displays on which several clients show images.
    loose : sequence of `int`
        Frames that may be there, whatever they show.
    """
    found = Pictures()
    known: set[int] = set(loose)
    for display, concerning in sorted(model.by_display(requests).items(), key=lambda item: str(item[0])):
        number = display if isinstance(display, int) else numbers.get(display, -1)
        known.add(number)
        if is_mad(display):
            continue
        try:
            wanted = shared_candidates(concerning, display) if display in shared else (
                model.candidates(concerning, display)
            )  # fmt: skip
        except ValueError as error:
            found.words.append(str(error))
            continue
        difference = nearest(wanted, frames.get(number))
        found.displays += 1
        found.lost += difference.lost
        found.surplus += difference.surplus
        found.words += [f"display {display} (frame {number}): {words}" for words in difference.words]
    names = {number: name for name, number in numbers.items()}
    for number in sorted(set(frames) - known):
        if not is_mad(names.get(number, "")):
            found.surplus += 1
            found.words.append(f"frame {number} ({names.get(number, 'without a name')}) is nobody's")
    return found


def shared_candidates(requests: Sequence[Request], display: DisplayKey) -> list[State]:
    """Return what a display may show on which several clients draw: any image and view that may have been the last.

    Markers are exact: each client has overlays of its own, which last.
    """
    marks = [dataclasses.replace(one, ops=_only(one.ops, "marks", "erase")) for one in requests]
    lasting = model.candidates(marks, display)[0] or Shown()
    last: list[list[Op | None]] = [
        [*model.last_ones(requests, op, display)] or [None] for op in ("image", "scale", "zoom")
    ]
    found: list[State] = []
    for chosen in itertools.product(*last):
        state = model.fold(op for op in chosen if op is not None) or Shown()
        if chosen[2] is not None:
            state.zoom = chosen[2]["factor"]
        found.append(dataclasses.replace(state, overlays=lasting.overlays))
    return found


def is_mad(display: DisplayKey) -> bool:
    """Tell whether a display is that of a client that sends garbage: its name may have been changed on the way."""
    name = str(display)
    return NAME in name or difflib.SequenceMatcher(None, name, NAME).ratio() > _ALIKE


def refusals(requests: Iterable[Request], seen: Iterable[Seen], faults: Sequence[Happened]) -> list[str]:
    """Return what well-behaved clients were refused, or not answered, and no fault explains."""
    words = []
    errors = list(seen)
    for one in requests:
        at = one.settled_at if one.settled_at is not None else one.sent_at
        provoked = one.outcome == "unknown_display" and any(op["op"] == "delete" for op in one.ops)
        if one.outcome in {DONE, SUPERSEDED, ""} or provoked or _explained(one.outcome, one.sent_at, at, faults):
            continue
        if any(_is_same(one, at, error) for error in errors):
            continue
        what = ", ".join(f"{op['op']} on {op['display']}" for op in one.ops[:3]) or "something without a display"
        words.append(f"{one.client}: {what}: {one.outcome}")
    return words + [
        f"{error.client}, {error.during}: {error.code}: {error.words}"
        for error in errors
        if not _explained(error.code, error.began, error.at, faults)
    ]


def unanswered(requests: Iterable[Request], dying: Iterable[str]) -> list[str]:
    """Return requests without an answer of clients that have not died."""
    roles = tuple(f"{role}-" for role in dying)
    return [
        f"{one.client}: request {one.number} has no answer"
        for one in requests
        if not one.outcome and not one.client.startswith(roles)
    ]


def calm(took: Iterable[Took], faults: Sequence[Happened], first: float, last: float) -> list[float]:
    """Return how long small requests took, sorted, in seconds: those within a time, outside of faults."""
    return sorted(
        one.secs
        for one in took
        if first <= one.began <= last
        and not any(fault.touches(one.began, one.began + one.secs, AFTER_SECS) for fault in faults)
    )


def logged_errors(log: str, faults: Sequence[Happened], clock_offset: float) -> list[str]:
    """Return the errors of a log that no fault explains.

    Parameters
    ----------
    clock_offset : `float`
        Seconds from the monotonic clock to the one of the day.
    """
    words = []
    for line in log.splitlines():
        if found := _LOGGED.match(line):
            day = dt.datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S,%f").astimezone()
            at = day.timestamp() - clock_offset
            if not any(fault.touches(at, at) and EXPLAINED[fault.kind] for fault in faults):
                words.append(line[:300])
    return words


def percentile(sorted_values: Sequence[float], percent: float) -> float | None:
    """Return a percentile; None of nothing."""
    if not sorted_values:
        return None
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * percent / 100))]


def _explained(code: str, began: float, at: float, faults: Sequence[Happened]) -> bool:
    return any(fault.explains(code, began, at) for fault in faults)


def _is_same(request: Request, at: float, error: Seen) -> bool:
    """Tell whether an error that a call has raised is that of a request: it is told once, with its words."""
    return error.client == request.client and error.code == request.outcome and abs(error.at - at) < _RAISED_SECS


def _only(ops: Sequence[Op], *kinds: str) -> list[Op]:
    return [op for op in ops if op["op"] in kinds]
