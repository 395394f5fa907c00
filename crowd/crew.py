"""The members as processes: started one after the other, killed where they die at random, told to end, and ended."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from chaos.keeper import environment
from chaos.logbook import Request

from crowd.cast import DYING
from crowd.notebook import Pages, Seen, Took

STAGGER_SECS: Final = 0.1
"""Between the starts of two members."""
OBEY_SECS: Final = 120.0
"""A member that has not ended by then hangs."""
LIFE_SECS: Final = (2.0, 8.0)
"""How long a member lives that dies, at least and at most."""


@dataclass
class _Sitting:
    """A member and its process."""

    name: str
    number: int
    life: int
    process: subprocess.Popen[bytes]
    dies_at: float | None = None


@dataclass(kw_only=True)
class Told:
    """What all members were told until now."""

    requests: list[Request] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    took: list[Took] = field(default_factory=list)
    did: Counter[str] = field(default_factory=Counter)
    made: set[int] = field(default_factory=set)
    """Frames that were made by hand."""


class Crew:
    """All members, from `__enter__` to `__exit__`.

    Parameters
    ----------
    cast : `dict` [`str`, `int`]
        How many of each role.
    endpoint : `str`
        Of the daemon.
    runtime, books : `~pathlib.Path`
        The daemon's runtime directory, and where logbooks and words go.
    """

    def __init__(self, cast: Mapping[str, int], endpoint: str, runtime: Path, books: Path, seed: int) -> None:
        self.hung: list[str] = []
        self.failed: list[str] = []
        """Members that ended by themselves, or with an error."""
        self.deaths = 0
        self._names = [f"{role}:{index}" for role, count in cast.items() for index in range(count)]
        self._random = random.Random(f"{seed} crew")
        self._random.shuffle(self._names)
        self._endpoint, self._runtime, self._books, self._seed = endpoint, runtime, books, seed
        self._sitting: list[_Sitting] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._sitting:
            self._kill(one)

    @property
    def size(self) -> int:
        """How many members there are."""
        return len(self._names)

    def start(self) -> None:
        """Start all, one after the other."""
        for number, name in enumerate(self._names):
            self._sitting.append(self._seated(name, number, 0))
            time.sleep(STAGGER_SECS)

    def turn(self) -> None:
        """Kill whose time has come and let another take the seat; note who has ended unasked."""
        for index, one in enumerate(self._sitting):
            if one.dies_at is not None and time.monotonic() > one.dies_at:
                self._kill(one)
                self.deaths += 1
                self._sitting[index] = self._seated(one.name, one.number, one.life + 1)
        for one in self._sitting:
            if one.process.poll() is not None:
                self._note_end(one)
        self._sitting = [one for one in self._sitting if one.process.returncode is None]

    def end(self, roles: Iterable[str] | None = None, within_secs: float = OBEY_SECS) -> None:
        """Let members leave, and return when they have; who does not in time is hung, and killed."""
        chosen = [one for one in self._sitting if roles is None or _role(one.name) in set(roles)]
        for one in chosen:
            assert one.process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                one.process.stdin.close()
        until = time.monotonic() + within_secs
        for one in chosen:
            try:
                one.process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.hung.append(one.name)
                self._kill(one)
            else:
                self._note_end(one)
        self._sitting = [one for one in self._sitting if one not in chosen]

    def told(self) -> Told:
        """Read all logbooks."""
        told = Told()
        for path in sorted(self._books.glob("*.log")):
            pages = Pages(path.stem, path)
            pages.follow()
            told.requests += pages.requests.values()
            told.seen += pages.seen
            told.took += pages.took
            told.did.update(pages.did)
            told.made |= pages.made
        return told

    def _seated(self, name: str, number: int, life: int) -> _Sitting:
        command = [sys.executable, "-m", "crowd.member", name, "--number", str(number), "--life", str(life)]
        command += ["--seed", str(self._seed), "--endpoint", self._endpoint]
        command += ["--books", str(self._books), "--runtime", str(self._runtime)]
        with (self._books / f"{name.replace(':', '-')}.words").open("ab") as words:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=words, stderr=words, env=environment(), start_new_session=True
            )
        dies_at = time.monotonic() + self._random.uniform(*LIFE_SECS) if _role(name) in DYING else None
        return _Sitting(name=name, number=number, life=life, process=process, dies_at=dies_at)

    def _note_end(self, one: _Sitting) -> None:
        asked = one.process.stdin is not None and one.process.stdin.closed
        if one.process.returncode or not asked:
            words = (self._books / f"{one.name.replace(':', '-')}.words").read_text(errors="replace").strip()
            last = words.splitlines()[-1:] or ["it said nothing"]
            self.failed.append(f"member {one.name} ended with status {one.process.returncode}: {last[0]}")
        self._kill(one)

    def _kill(self, one: _Sitting) -> None:
        """End a member and its workers, which are in its process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(one.process.pid, signal.SIGKILL)
        if one.process.stdin is not None:
            one.process.stdin.close()
        one.process.wait()


def _role(name: str) -> str:
    return name.partition(":")[0]
