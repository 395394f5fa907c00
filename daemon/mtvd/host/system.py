"""Refusals of the system: turned into the daemon's own errors where they happen, and told once where they go on.

A request that meets it fails with a code of the wire and the system's words, without a path of the server. What runs
without a request (housekeeping) logs the failure when it begins and when it becomes another, and goes on.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mtv.wire.errors import DaemonError, Error

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The file system has no space, or the user may have no more of it."""

TOO_MUCH: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})
"""Too much is under way at this moment; it may be otherwise at the next."""


def error_of(error: OSError, what: str) -> DaemonError:
    """Return the error of the wire for one of the system.

    Parameters
    ----------
    what : `str`
        What cannot be done, in words for a client: ``the pixel directory cannot be read``.

    Returns
    -------
    error : `DaemonError`
        ``storage_full``, ``busy`` or ``internal``.
    """
    words = error.strerror or type(error).__name__
    if error.errno in NO_ROOM:
        hint = "make room in the pixel directory, or set pixel_directory in the configuration"
        return DaemonError(Error(code="storage_full", message=f"{what}: {words}", retryable=True, hint=hint))
    if error.errno in TOO_MUCH:
        hint = "try again in a moment; 'ulimit -n' is the number of files that the daemon may have open"
        return DaemonError(Error(code="busy", message=f"{what}: {words}", retryable=True, hint=hint))
    return DaemonError(Error(code="internal", message=f"{what}: {words}", hint="the daemon's log tells more"))


@contextmanager
def translate_refusals(what: str) -> Iterator[None]:
    """Raise whatever the system refuses within as `error_of` has it.

    Parameters
    ----------
    what : `str`
        As for `error_of`.

    Raises
    ------
    DaemonError
        ``storage_full``, ``busy`` or ``internal``.
    """
    try:
        yield
    except OSError as error:
        raise error_of(error, what) from error


class Troubles:
    """Failures that may last: each is logged when it begins, when it becomes another, and when it is over.

    Parameters
    ----------
    log : `logging.Logger`
        Where they are told.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._known: dict[str, str] = {}

    def note(self, part: str, error: Exception) -> None:
        """Take note that a part of the work has failed.

        Parameters
        ----------
        part : `str`
            Its name in the log: ``removing pixel files``.
        """
        # Without what differs each time, such as the name of a file.
        words = getattr(error, "strerror", None) or str(error)
        kind = f"{type(error).__name__}: {words}"
        if self._known.get(part) == kind:
            return
        self._known[part] = kind
        fault = None if isinstance(error, OSError | DaemonError) else error
        self._log.error("%s failed, it is tried again: %s", part, error, exc_info=fault)

    def over(self, part: str) -> None:
        """Take note that a part of the work has succeeded."""
        if self._known.pop(part, None) is not None:
            self._log.info("%s works again", part)
