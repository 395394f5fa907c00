"""Keys of the terminal, one by one, without Return. However it is left, the terminal is as it was before."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, Final, NoReturn

_ARROWS: Final = {"C": "right", "D": "left", "A": "up", "B": "down"}
_MOST_BYTES: Final = 256


def has_keyboard() -> bool:
    """Tell whether the standard input is a terminal whose keys are ours; it is not in the shell's background."""
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


class Keys:
    """A context manager that reads keys; Ctrl-C and Ctrl-Z mean what they always do.

    A signal that ends the process ends it through the ordinary way out, so that the terminal is put right first.
    """

    def __enter__(self) -> Keys:
        self._descriptor = sys.stdin.fileno()
        self._before: list[Any] = termios.tcgetattr(self._descriptor)
        self._handlers = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP)}
        tty.setcbreak(self._descriptor)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(termios.error):  # the terminal has gone
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)
        for number, handler in self._handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def read(self, timeout_secs: float) -> list[str]:
        """Wait for keys, at most so long; arrows are ``left``, ``right``, ``up`` and ``down``."""
        if not select.select([self._descriptor], [], [], timeout_secs)[0]:
            return []
        found = os.read(self._descriptor, _MOST_BYTES)
        if not found:  # the terminal has gone
            _leave(signal.SIGHUP, None)
        return list(keys_of(found.decode(errors="replace")))


def keys_of(text: str) -> Iterator[str]:
    """Yield the keys that a terminal has sent; of those that send sequences, only the arrows."""
    rest = iter(text)
    for character in rest:
        if character != "\x1b":
            yield character
        elif next(rest, "") in {"[", "O"}:
            final = next((one for one in rest if "@" <= one <= "~"), "")
            if final in _ARROWS:
                yield _ARROWS[final]


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
