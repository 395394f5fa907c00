"""The waiting list of the engine: who waits, who may go next, who gives way. Pure but for the events it sets."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator

import anyio

from mtv.wire.errors import MtvError
from mtv.wire.messages import Outcome
from mtv.wire.steps import Display
from mtvd.chunks import is_large
from mtvd.resolve import Resolved

EVERYTHING: Display = ""
"""Stands for all displays: what concerns it keeps its order with everything else of its session."""


@dataclasses.dataclass(eq=False, kw_only=True)
class Waiting:
    """One request on its way to the window."""

    session: bytes
    sequence: int
    displays: frozenset[Display]
    steps: int = 0
    superseding: bool = False
    """A newer one for the same display may take its place."""
    due: float = float("inf")
    """Clock time after which it is failed, not drawn."""
    strict: bool = False
    """It is refused where it names a display, an overlay or a mask plane that is not there."""
    redraws: bool = False
    """It is finished only when the window has been redrawn."""
    resolved: Resolved | None = None
    ready: bool = False
    losses: int = 0
    """How often the window was lost while this was drawn alone."""
    finished: anyio.Event = dataclasses.field(default_factory=anyio.Event)
    outcome: Outcome | None = None
    failure: MtvError | None = None
    fetching: anyio.CancelScope | None = None
    """Of what is being read for it."""
    preview: Waiting | None = None
    """What shows its image while the mask is still being read; once, where it is ``ready``."""
    preview_of: Waiting | None = None
    """The request that this is the preview of."""

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
    """

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []

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

    def take(self, busy: Collection[Display] = ()) -> list[Waiting]:
        """Take out all that may go now, in their order; a large one at most, as the last of its displays.

        Of those that do not go yet their previews are taken.

        Parameters
        ----------
        busy : collection of displays
            Of a large one that is being drawn: what concerns them waits, and so does the next large one.
        """
        held: dict[bytes, set[Display]] = {}
        drawn = set(busy)
        taken = []
        for waiting in self._waiting:
            before = held.setdefault(waiting.session, set())
            free = not _overlap(waiting.displays, before) and not _overlap(waiting.displays, drawn)
            if waiting.ready and free and not (drawn and waiting.large):
                taken.append(waiting)
                if waiting.large:
                    drawn |= waiting.displays
                continue
            before |= waiting.displays
            if waiting.preview is not None and waiting.preview.ready and free:
                waiting.preview.ready = False
                taken.append(waiting.preview)
        self.remove(taken)
        return taken

    def files(self) -> set[str]:
        """Names of pixel files that waiting requests need."""
        return set().union(*(waiting.resolved.files for waiting in self._waiting if waiting.resolved))


def _gives_way(older: Waiting, newer: Waiting) -> bool:
    return older.superseding and older.displays == newer.displays


def _overlap(displays: frozenset[Display], held: set[Display]) -> bool:
    if not held:
        return False
    return EVERYTHING in displays or EVERYTHING in held or not held.isdisjoint(displays)
