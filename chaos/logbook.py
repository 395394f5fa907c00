"""What a client meant to draw and what became of it, one line of JSON a fact, written as it happens.

A client writes; the drill reads, also while the client goes on. A request has one line when it is about to be sent and
one when its final answer came; a client that waits for the next order says so too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

DONE: Final = "done"
SUPERSEDED: Final = "superseded"

Op = dict[str, Any]
"""One thing to draw: ``op`` names it, ``display`` says where; see `chaos.model`."""


class Logbook:
    """The writing side; one client's own file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)

    def sent(self, number: int, ops: Sequence[Op]) -> None:
        """Note what is about to be asked for."""
        self._write(sent=number, ops=list(ops))

    def settled(self, number: int, outcome: str) -> None:
        """Note the final answer: ``done``, ``superseded`` or the code of an error."""
        self._write(settled=number, outcome=outcome)

    def obeyed(self, order: str) -> None:
        """Note that an order was carried out."""
        self._write(obeyed=order)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, **facts: Any) -> None:
        self._file.write(json.dumps({"at": time.monotonic(), **facts}) + "\n")


@dataclass(kw_only=True)
class Request:
    """One transaction of a client."""

    client: str
    number: int
    ops: list[Op]
    sent_at: float
    settled_at: float | None = None
    outcome: str = ""
    """Empty where no answer has come."""


@dataclass
class Reader:
    """The reading side: follows the file of one client."""

    client: str
    path: Path
    requests: dict[int, Request] = field(default_factory=dict)
    obeyed: list[str] = field(default_factory=list)
    _position: int = 0

    def follow(self) -> None:
        """Read what was written since the last call; a line that is not whole yet waits."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._position)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._position += len(whole)
        for line in whole.splitlines():
            self._take(json.loads(line))

    def _take(self, fact: dict[str, Any]) -> None:
        if "sent" in fact:
            number = fact["sent"]
            self.requests[number] = Request(client=self.client, number=number, ops=fact["ops"], sent_at=fact["at"])
        elif "settled" in fact:
            request = self.requests[fact["settled"]]
            request.settled_at, request.outcome = fact["at"], fact["outcome"]
        else:
            self.obeyed.append(fact["obeyed"])
