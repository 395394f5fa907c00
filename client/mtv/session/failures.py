"""Errors of a connection, in words for the user: what is the matter, and what to do. Never decides which one it is."""

from __future__ import annotations

import errno
import os

from mtv.shared.keys import ClientKeys, directory, short_path
from mtv.shared.paths import host_of, socket_path
from mtv.wire.errors import DaemonError, Error, MtvError, RequestError, Unavailable


def unavailable(endpoint: str, what: str, reason: Exception | None = None) -> Unavailable:
    """Return the error for a daemon that is not there, or that we cannot reach for a reason of our own.

    Parameters
    ----------
    endpoint : `str`
    what : `str`
        What the daemon does or does not, after ``mtvd``: ``does not answer``.
    reason : `Exception`, optional
        The error of the system, of libzmq or of the daemon that is behind it; the hint then tells how to mend that.

    Returns
    -------
    error : `Unavailable`
    """
    path = socket_path(endpoint)
    where = str(path) if path else endpoint
    hint = "start it with 'mtv up', or look with 'mtv doctor'"
    if path is None:
        hint = "on its own host: mtv up --listen ADDRESS, or remote.listen in its mtvd.toml"
    message = f"mtvd {what} at {where}"
    if reason is not None:
        message, hint = f"{message}: {words_of(reason)}", _remedy(reason)
    return Unavailable(Error(code="no_daemon", message=message, retryable=True, hint=hint))


def connection_closed() -> Unavailable:
    """Return the error for a connection that its own program has closed."""
    return Unavailable(Error(code="no_daemon", message="the connection is closed"))


def connection_broken(error: BaseException) -> DaemonError:
    """Return the error for a fault of ours, in the thread of a connection."""
    return DaemonError(
        Error(
            code="internal",
            message=f"the connection to the daemon broke: {type(error).__name__}: {error}",
            retryable=True,
            hint="the next call connects anew; what was under way may have been drawn, the log of 'mtv' tells where",
        )
    )


def not_authorised(endpoint: str) -> RequestError:
    """Return the error for a daemon that does not know our key."""
    own = short_path(directory() / "client.key")
    return RequestError(
        Error(
            code="forbidden",
            message=f"mtvd at {endpoint} does not let in the key of this client, {own}",
            where="keys",
            hint="copy that file to the daemon's host, then there: mtv keys authorise NAME client.key",
        )
    )


def wrong_key(endpoint: str, keys: ClientKeys) -> Unavailable:
    """Return the error for a peer that ended the handshake without a word."""
    return Unavailable(
        Error(
            code="no_daemon",
            message=f"who listens at {endpoint} has not the key of {short_path(keys.server_file)}, or hung up",
            where="keys",
            hint=f"copy daemon.key from its host, then: mtv keys trust {host_of(endpoint)} daemon.key; "
            "behind a tunnel the daemon may be down",
        )
    )


def unreadable(error: MtvError) -> DaemonError | MtvError:
    """Return the error for a reply that could not be decoded; a version that we do not speak stays what it is."""
    if error.code == "unsupported_version":
        return error
    return DaemonError(
        Error(code="internal", message=f"the daemon's reply cannot be read: {error.error.message}", hint="mtv doctor")
    )


def words_of(error: Exception) -> str:
    """Return what an error says: the system's own words, without a path, where it is the system's."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if isinstance(error, OSError) and number else str(error)


def _remedy(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number in {errno.EMFILE, errno.ENFILE}:
        return "this process has as many open as it may: close some, or allow more with 'ulimit -n'"
    if isinstance(error, RuntimeError) or number == errno.EAGAIN:
        return "end some threads or processes, or allow more with 'ulimit -u'"
    return "try again; 'mtv doctor' looks at what a client needs"
