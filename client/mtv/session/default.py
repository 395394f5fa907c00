"""Default connection of a process, which displays and repositories share, and short ways to use it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

from mtv.session.batch import Batch
from mtv.session.connection import Connection
from mtv.session.events import Events
from mtv.wire.messages import Event
from mtv.wire.steps import DisplayName as Display  # the word of signatures that users see

_default: Connection | None = None
_default_lock = threading.Lock()


def connect(endpoint: str | None = None, *, timeout_secs: float = 120.0) -> Connection:
    """Open a session with the daemon.

    Parameters
    ----------
    endpoint : `str`, optional
        ``ipc:///path`` or ``tcp://host:port``; where not given ``$MTV_ENDPOINT``, else the user's own daemon.
    timeout_secs : `float`, optional
        How long each call waits for its answer, unless it says otherwise.

    Returns
    -------
    connection : `Connection`

    Raises
    ------
    Unavailable
        Nobody listens there; the hint gives the command that starts the daemon.
    """
    connection = Connection(endpoint, timeout_secs=timeout_secs)
    try:
        _ = connection.welcome
    except BaseException:
        connection.close()
        raise
    return connection


def default_connection() -> Connection:
    """Return the connection that displays and repositories share where they are given none; made on first use.

    Returns
    -------
    connection : `Connection`
        It may not be open yet.

    Raises
    ------
    RequestError
        ``bad_value`` where ``$MTV_ENDPOINT`` cannot be used.
    """
    global _default  # noqa: PLW0603, RUF100 - the one connection of the process
    with _default_lock:
        if _default is None or _default.closed:
            _default = Connection()
        return _default


def buffering(*, wait: bool = True) -> Batch:
    """Return a context manager that makes one transaction of all steps within it, on all displays of this process.

    Parameters
    ----------
    wait : `bool`, optional
        False: return once the daemon has the request, not once the window has it.

    Returns
    -------
    batch : `~mtv.session.batch.Batch`
        Its ``outcome`` tells what became of it.

    Raises
    ------
    RequestError
        ``bad_value`` where ``$MTV_ENDPOINT`` cannot be used.
    """
    return default_connection().buffering(wait=wait)


def events(
    kinds: Sequence[str] | str = (), *, display: Display | None = None, timeout_secs: float | None = None
) -> Events:
    """Return an iterator over what the user does in the window from now on.

    Parameters
    ----------
    kinds : `str` or sequence of `str`, optional
        ``key``, ``frame``, ``region``, ``window``; all where empty. A ``gap`` is always told.
    display : `int` or `str`, optional
        Only what happens on this display, or to the window.
    timeout_secs : `float`, optional
        The iteration ends when nothing has come for so long; it waits for ever where not given.

    Returns
    -------
    events : `~mtv.session.events.Events`
        An iterator of `~mtv.wire.messages.Event`, and a context manager; it also has ``get(timeout_secs)``.

    Raises
    ------
    Unavailable
        There is no daemon. A daemon that goes away later and comes back is subscribed to again; what happened in
        between is told as a ``gap``.
    """
    return default_connection().events(kinds, display=display, timeout_secs=timeout_secs)


def on_event(
    call: Callable[[Event], object], kinds: Sequence[str] | str = (), *, display: Display | None = None
) -> Events:
    """Have a function called with each event, in a thread of its own, until the result is closed; see `events`.

    Parameters
    ----------
    call : callable
        Called with each `~mtv.wire.messages.Event`, in a thread of its own; what it raises is logged.
    kinds : `str` or sequence of `str`, optional
        ``key``, ``frame``, ``region``, ``window``; all where empty. A ``gap`` is always told.
    display : `int` or `str`, optional
        Only events of this display, or of the window.

    Returns
    -------
    events : `~mtv.session.events.Events`
        An iterator and a context manager; closing it ends the subscription.

    Raises
    ------
    Unavailable
        There is no daemon, or no thread can be started.
    """
    return default_connection().on_event(call, kinds, display=display)


def _after_fork() -> None:
    global _default_lock  # noqa: PLW0603, RUF100 - another thread of the parent may have held it
    _default_lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
