"""Sessions of this process: all are closed when the interpreter is left, and begin anew in a child after ``fork``."""

from __future__ import annotations

import atexit
import os
import weakref
from typing import Final, Protocol

from mtv.shared.log import Log

_log: Final = Log()


class Session(Protocol):
    """A session, as the process sees it: `mtv.session.session.Session` is one."""

    def close(self) -> None:
        """Wait for what was published, and end."""

    def _after_fork(self) -> None:
        """Leave the link of the parent process alone."""


_sessions: weakref.WeakSet[Session] = weakref.WeakSet()
_left_to_the_parent: list[object] = []
"""Links of the parent process: a child must neither use nor close them, so it keeps them."""


def remember(session: Session) -> None:
    """Have a session closed at the end of the interpreter."""
    _sessions.add(session)


def forget(session: Session) -> None:
    """Take note that a session is closed."""
    _sessions.discard(session)


def leave_to_the_parent(link: object) -> None:
    """Keep a link of the parent process from being collected, which would close it."""
    _left_to_the_parent.append(link)


def close_all() -> None:
    """Close every session that is open; one that cannot be closed is logged."""
    for session in list(_sessions):
        try:
            session.close()
        except Exception:  # noqa: BLE001 - the others have published something too
            _log.exception("a session could not be closed")


def _begin_all_anew() -> None:
    for session in list(_sessions):
        session._after_fork()  # noqa: SLF001 - nobody else is to call it


atexit.register(close_all)
os.register_at_fork(after_in_child=_begin_all_anew)
