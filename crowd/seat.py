"""What a member of the crowd has: who it is, where the daemon is, its chances, its notebook."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from chaos.heard import Heard

from crowd.canvas import Canvas
from crowd.model import DisplayKey
from crowd.notebook import Notebook
from mtv.wire.errors import MtvError

PATIENCE_SECS: Final = 60.0
"""How long a member waits for an answer."""

_SERIALS_EACH: Final = 20_000
"""Images of one member; all numbers of images stay below 2**24, which 32-bit floats hold exactly."""
_SERIALS_A_LIFE: Final = 200
"""Images of one life of a member that dies and comes back."""


@dataclass(kw_only=True)
class Seat:
    """One member's."""

    role: str
    index: int
    """Among those of its role."""
    number: int
    """Among all."""
    life: int
    """How often it has died before."""
    endpoint: str
    books: Path
    """Directory of the logbooks."""
    runtime: Path
    """The daemon's runtime directory, for who looks for DS9."""
    seed: int

    @functools.cached_property
    def random(self) -> random.Random:
        """Its own chances."""
        return random.Random(f"{self.seed} {self.name} {self.life}")

    @functools.cached_property
    def book(self) -> Notebook:
        """Its notebook."""
        return self.new_book(str(self.life))

    @functools.cached_property
    def connection(self) -> Heard:
        """Its connection, made when first needed."""
        return Heard(self.endpoint, self.book, timeout_secs=PATIENCE_SECS)

    @property
    def name(self) -> str:
        """``role:index``."""
        return f"{self.role}:{self.index}"

    def new_book(self, ending: str) -> Notebook:
        """Return a notebook for a process of this member."""
        return Notebook(self.books / f"{self.role}-{self.index}-{ending}.log")

    def canvas(self, key: DisplayKey, part: int = 0) -> Canvas:
        """Return a display of its own; ``part`` tells several apart."""
        first = _SERIALS_EACH * (self.number + 1) + _SERIALS_A_LIFE * (self.life + part)
        return Canvas(self.connection, key, self.random, first)

    @contextmanager
    def minding(self, during: str, *expected: str) -> Iterator[None]:
        """Note what fails inside, and go on; not what was provoked."""
        began = time.monotonic()
        try:
            yield
        except (MtvError, OSError) as error:
            if getattr(error, "code", "") not in expected:
                self.book.saw(error, during, began)


class Member(Protocol):
    """What a member does; `crowd.member` calls it."""

    pause_secs: tuple[float, float]
    """Between two things that it does, at least and at most."""

    def begin(self) -> None:
        """Do what comes first."""
        ...

    def act(self) -> None:
        """Do one thing."""
        ...

    def finish(self) -> None:
        """Do what comes last."""
        ...
