"""What the daemon holds: descriptors, processes, memory, files; and what of it is left when nobody needs it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from chaos import victims, window

MORE_DESCRIPTORS: Final = 8
"""That may be open after all above before all: pipes of workers that are kept."""
MORE_BYTES: Final = 300 << 20
"""Of memory after all above before all."""
MORE_PROCESSES: Final = 2
"""Workers that are kept."""

_LEAVING_SECS: Final = 45.0
"""Idle workers leave after 20 s, files of the dead with the next sweep."""
_POLL_SECS: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Held:
    """What the daemon holds at a moment."""

    descriptors: int
    processes: int
    bytes: int


def held(pid: int) -> Held:
    """Look."""
    daemon = psutil.Process(pid)
    return Held(
        descriptors=daemon.num_fds(), processes=len(daemon.children(recursive=True)), bytes=daemon.memory_info().rss
    )


def left(before: Held, pid: int, runtime: Path, pixels: Path, displays: int) -> list[str]:
    """Return what is still held above what was held before, once there was time to let it go."""
    return _once_empty(lambda: _more(before, pid) + _pixels(runtime, pixels, displays))


def _more(before: Held, pid: int) -> list[str]:
    now = held(pid)
    words = []
    if now.descriptors > before.descriptors + MORE_DESCRIPTORS:
        words.append(f"{now.descriptors} descriptors, {before.descriptors} before")
    if now.processes > before.processes + MORE_PROCESSES:
        words.append(f"{now.processes} processes, {before.processes} before")
    if now.bytes > before.bytes + MORE_BYTES:
        words.append(f"{now.bytes / 1e6:.0f} MB of memory, {before.bytes / 1e6:.0f} MB before")
    return words


def _pixels(runtime: Path, pixels: Path, displays: int) -> list[str]:
    found = window.find(runtime)
    return victims.unneeded_pixels(pixels, found[0], displays) if found else []


def _once_empty(look: Callable[[], list[str]]) -> list[str]:
    until = time.monotonic() + _LEAVING_SECS
    while (words := look()) and time.monotonic() < until:
        time.sleep(_POLL_SECS)
    return words
