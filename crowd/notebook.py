"""A client's logbook, with what else it is told: errors of requests that draw nothing, and how long requests took."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from chaos.logbook import Logbook, Reader


class Notebook(Logbook):
    """The writing side; one process's own file."""

    def saw(self, error: Exception, during: str, began: float) -> None:
        """Note an error that a call has raised."""
        code = getattr(error, "code", type(error).__name__)
        self._write(saw=code, words=str(error)[:500], during=during, began=began)

    def took(self, began: float) -> None:
        """Note that a small request, sent at a moment, is answered now."""
        self._write(took=time.monotonic() - began, began=began)

    def did(self, what: str) -> None:
        """Count something that was done and draws nothing."""
        self._write(did=what)

    def made(self, frame: int) -> None:
        """Note a frame of DS9 that was made by hand."""
        self._write(made=frame)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An error that a client saw."""

    client: str
    code: str
    words: str
    during: str
    began: float
    at: float


@dataclass(frozen=True, kw_only=True)
class Took:
    """A small request and how long it took."""

    began: float
    secs: float


@dataclass
class Pages(Reader):
    """The reading side: follows the file of one process."""

    seen: list[Seen] = field(default_factory=list)
    took: list[Took] = field(default_factory=list)
    did: dict[str, int] = field(default_factory=dict)
    made: set[int] = field(default_factory=set)

    def _take(self, fact: dict[str, Any]) -> None:
        if "saw" in fact:
            error = Seen(
                client=self.client,
                code=fact["saw"],
                words=fact["words"],
                during=fact["during"],
                began=fact["began"],
                at=fact["at"],
            )
            self.seen.append(error)
        elif "took" in fact:
            self.took.append(Took(began=fact["began"], secs=fact["took"]))
        elif "did" in fact:
            self.did[fact["did"]] = self.did.get(fact["did"], 0) + 1
        elif "made" in fact:
            self.made.add(fact["made"])
        else:
            super()._take(fact)
