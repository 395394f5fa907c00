"""The waiting list of the engine: who waits, who may go next, who gives way. Pure but for the events it sets."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from typing import Final

import anyio

from mtv.wire.errors import MtvError
from mtv.wire.messages import Outcome
from mtv.wire.requests import Transaction
from mtv.wire.steps import Arrange, DisplayName, Load, Query
from mtvd.drawing import costs
from mtvd.resolving.resolved import Resolved
from mtvd.scene.chunks import is_large

BATCH_SECS: Final = 0.03
"""Slow requests of one batch together: then the window is free for what is quick."""

EVERYTHING: DisplayName = ""
"""Stands for all displays: what concerns it keeps its order with everything else of its session."""


def displays_of(transaction: Transaction) -> frozenset[DisplayName]:
    """Return the displays that a transaction draws on; `EVERYTHING` where it arranges them."""
    drawn = (step for step in transaction.steps if not isinstance(step, Query | Load))
    return frozenset(EVERYTHING if isinstance(step, Arrange) else step.display for step in drawn)


@dataclasses.dataclass(eq=False, kw_only=True)
class Waiting:
    """One request on its way to the window."""

    session: bytes
    sequence: int
    displays: frozenset[DisplayName]
    steps: int = 0
    superseding: bool = False
    """A newer one for the same display may take its place."""
    paced: bool = False
    """True for a frame of a feed or movie, which goes on as fast as it is drawn."""
    due: float = float("inf")
    """Clock time after which it is failed, not drawn."""
    strict: bool = False
    """It is refused where it names a display, an overlay or a mask plane that is not there."""
    redraws: bool = False
    """It is finished only when the window has been redrawn."""
    resolved: Resolved | None = None
    ready: bool = False
    taken: bool = False
    """The committer has it, and settles it whatever becomes of who asked."""
    losses: int = 0
    """How often the window was lost while this was drawn alone."""
    begun: int | None = None
    """Number of the batch whose intent names it in the journal."""
    finished: anyio.Event = dataclasses.field(default_factory=anyio.Event)
    outcome: Outcome | None = None
    failure: MtvError | None = None
    fetching: anyio.CancelScope | None = None
    """Scope of the task that reads what the request needs."""
    preview: Waiting | None = None
    """Request of the daemon's own that shows this one's image while its mask is still being read."""
    preview_of: Waiting | None = None
    """The request that this is the preview of."""
    secs: float = 0.0
    """How long the window will need for it; known once it is ready."""

    @property
    def large(self) -> bool:
        """True where it is drawn in parts."""
        return self.resolved is not None and is_large(self.resolved.changes)

    @property
    def key(self) -> str:
        """Request id."""
        return f"{self.session.hex()}-{self.sequence}"

    def finish(self, outcome: Outcome | MtvError) -> None:
        """Settle it, once."""
        if self.finished.is_set():
            return
        if isinstance(outcome, Outcome):
            self.outcome = outcome
        else:
            self.failure = outcome
        self.finished.set()
        if self.fetching is not None:
            self.fetching.cancel()


class WaitingList:
    """Requests in the order of their arrival.

    Order is kept per client and display: a request that is not ready holds back the later ones of its session on the
    same display, and nobody else.

    What is quick goes next, by itself, then what is slow. That takes turns: the session goes first whose slow requests
    have had the least time of the window, and a batch takes no more than some `BATCH_SECS`, or one request. So a small
    request waits for one batch at most, and for nothing in its own, however much others have sent; and nobody's images
    wait for all of another's.
    """

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []
        self._had: dict[bytes, float] = {}
        """Seconds of the window that slow requests of a session have had: start-time fair queueing, as of packets."""
        self._quick_went = False
        """True: the last batch was of quick requests alone, and slow ones have waited for it."""
        self._least = 0.0
        """Start of a session that has not waited, in seconds: nobody saves turns up."""
        self.pausing: frozenset[DisplayName] = frozenset()
        """Displays whose feeds and movies have no turn now."""
        self.never_pausing = b""
        """Session whose own feeds go on: it waits for them itself."""

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._waiting)

    def add(self, waiting: Waiting) -> list[Waiting]:
        """Append, and return those that give way to it; they have left the list."""
        replaced = [other for other in self._waiting if waiting.superseding and _gives_way(other, waiting)]
        self.remove(replaced)
        self._waiting.append(waiting)
        return replaced

    def remove(self, gone: Iterable[Waiting]) -> None:
        """Take some out; those not in the list are no error."""
        left = set(map(id, gone))
        self._waiting = [waiting for waiting in self._waiting if id(waiting) not in left]

    def take(self, busy: Collection[DisplayName] = (), *, only_quick: bool = False) -> list[Waiting]:
        """Take out what may go now, in its order; a large one at most, as the last of its displays.

        Of those that are not ready yet their previews are taken.

        Parameters
        ----------
        busy : collection of displays
            Of a large one that is being drawn: what concerns them waits, and so does the next large one.
        only_quick : `bool`
            True: slow ones stay, whatever their turn.
        """
        slow = self._slow(busy)
        paused = set(filter(self._is_paused, self._waiting))
        put_off = {waiting for waitings in slow.values() for waiting in waitings} | paused
        goes_first = only_quick or (
            bool(slow) and not self._quick_went and any(goes for _, goes in self._walk(busy, put_off))
        )
        self._quick_went = goes_first
        if not goes_first:
            put_off -= self._in_turn(slow)
        put_off |= paused
        taken = []
        for waiting, goes in self._walk(busy, put_off):
            if goes:
                taken.append(waiting)
            elif waiting.preview is not None and waiting.preview.ready and waiting not in put_off:
                waiting.preview.ready = False
                taken.append(waiting.preview)
        self.remove(taken)
        self._forget()
        return taken

    def _is_paused(self, waiting: Waiting) -> bool:
        return waiting.paced and waiting.session != self.never_pausing and _overlap(waiting.displays, self.pausing)

    def _walk(self, busy: Collection[DisplayName], put_off: Collection[Waiting]) -> Iterator[tuple[Waiting, bool]]:
        """Yield all that nothing before it holds back, and whether it goes now: it is ready, and not put off."""
        held: dict[bytes, set[DisplayName]] = {}
        drawn = set(busy)
        for waiting in self._waiting:
            before = held.setdefault(waiting.session, set())
            free = not _overlap(waiting.displays, before) and not _overlap(waiting.displays, drawn)
            goes = free and waiting.ready and waiting not in put_off and not (drawn and waiting.large)
            if not goes:
                before |= waiting.displays
            elif waiting.large:
                drawn |= waiting.displays
            if free:
                yield waiting, goes

    def _slow(self, busy: Collection[DisplayName]) -> dict[bytes, list[Waiting]]:
        """Return the slow requests that could go, by session."""
        slow: dict[bytes, list[Waiting]] = {}
        for waiting, goes in self._walk(busy, ()):
            if goes and waiting.secs > costs.QUICK_SECS:
                slow.setdefault(waiting.session, []).append(waiting)
        return slow

    def _in_turn(self, slow: Mapping[bytes, Sequence[Waiting]]) -> set[Waiting]:
        """Return the slow requests whose turn it is, and count what they take."""
        chosen: set[Waiting] = set()
        left = {session: iter(waitings) for session, waitings in slow.items()}
        turns = [(self._had.get(session, self._least), place, session) for place, session in enumerate(slow)]
        heapq.heapify(turns)
        spent = 0.0
        while turns and spent < BATCH_SECS:
            had, place, session = heapq.heappop(turns)
            waiting = next(left[session], None)
            if waiting is None:
                continue
            chosen.add(waiting)
            spent += min(waiting.secs, BATCH_SECS) if waiting.large else waiting.secs
            self._least = had
            self._had[session] = had + waiting.secs
            heapq.heappush(turns, (self._had[session], place, session))
        return chosen

    def _forget(self) -> None:
        """Forget what sessions have had that are no longer ahead of one that begins, or wait for nothing."""
        if self._had:
            here = {waiting.session for waiting in self._waiting}
            self._had = {name: had for name, had in self._had.items() if name in here or had > self._least}


def _gives_way(older: Waiting, newer: Waiting) -> bool:
    return older.superseding and older.displays == newer.displays


def _overlap(displays: frozenset[DisplayName], held: Set[DisplayName]) -> bool:
    if not held:
        return False
    return EVERYTHING in displays or EVERYTHING in held or not held.isdisjoint(displays)
