"""The clients: processes of their own, their logbooks followed from here."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from chaos import palette
from chaos.keeper import environment
from chaos.logbook import DONE, Reader, Request

ROLES: Final = (*(f"owner:{number}" for number in palette.DISPLAYS), "guest:a", "guest:b")
OBEY_SECS: Final = 60.0
"""A client that has not done what it was told by then hangs."""

_POLL_SECS: Final = 0.02


class Crew:
    """All clients of a drill, from `__enter__` to `__exit__`."""

    def __init__(self, endpoint: str, directory: Path, seed: int) -> None:
        self.hung: set[str] = set()
        self._readers = {role: Reader(role, directory / f"{role.replace(':', '-')}.log") for role in ROLES}
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._words = directory / "clients.log"
        self._arguments = (endpoint, str(seed))

    def __enter__(self) -> Self:
        endpoint, seed = self._arguments
        for role, reader in self._readers.items():
            command = [sys.executable, "-m", "chaos.client", role, endpoint, str(reader.path), seed]
            with self._words.open("ab") as words:
                self._processes[role] = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=words, stderr=words, env=environment(), text=True
                )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            process.kill()
            process.communicate()

    def requests(self) -> list[Request]:
        """Return all requests of all clients until now."""
        for reader in self._readers.values():
            reader.follow()
        return [request for reader in self._readers.values() for request in reader.requests.values()]

    def has_acknowledged(self, moment: float) -> bool:
        """Tell whether a request that was sent after a moment has been done."""
        for reader in self._readers.values():
            reader.follow()
            since = itertools.takewhile(lambda one: one.sent_at > moment, reversed(reader.requests.values()))
            if any(one.outcome == DONE for one in since):
                return True
        return False

    def pause(self) -> None:
        """Have all clients wait for their answers, and return when they have; who does not is hung."""
        self._order("pause")

    def go(self) -> None:
        """Let them draw on."""
        self._say("go")

    def end(self) -> list[str]:
        """Let them leave; return what went wrong with it."""
        self._order("end")
        words = []
        for role, process in self._processes.items():
            try:
                status = process.wait(OBEY_SECS)
            except subprocess.TimeoutExpired:
                self.hung.add(role)
            else:
                words += [f"client {role} ended with status {status}"] if status else []
        return words

    def _order(self, order: str) -> None:
        before = {role: len(reader.obeyed) for role, reader in self._readers.items()}
        self._say(order)
        until = time.monotonic() + OBEY_SECS
        for role, reader in self._readers.items():
            while len(reader.obeyed) == before[role] and self._processes[role].poll() is None:
                if time.monotonic() > until:
                    self.hung.add(role)
                    break
                time.sleep(_POLL_SECS)
                reader.follow()

    def _say(self, order: str) -> None:
        for process in self._processes.values():
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(f"{order}\n")
                process.stdin.flush()
