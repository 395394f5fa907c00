"""Waiting for what comes about in another process, with a limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tests.support.live_daemon import START_SECS


def until(condition: Callable[[], bool], what: object = "", *, pause_secs: float = 0.02) -> None:
    """Wait until something is so; fail with ``what`` where that takes longer than a daemon's start may."""
    deadline = time.monotonic() + START_SECS
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, what
        pause.wait(pause_secs)
