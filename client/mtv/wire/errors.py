"""Errors, as they cross the wire and as Python raises them.

The codes are the contract: programs compare codes, people read messages and hints. No traceback, no path of the
server and no SQL ever stands in an error.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final, Literal, get_args

import msgspec

Code = Literal[
    # RequestError: the request is at fault
    "bad_message",
    "unsupported_version",
    "unknown_type",
    "bad_value",
    "too_large",
    "not_found",
    "ambiguous",
    "unknown_repository",
    "unknown_dataset_type",
    "unknown_collection",
    "bad_query",
    "unknown_handle",
    "unknown_display",
    "unknown_overlay",
    "unknown_plane",
    "unreadable_file",
    "unsupported",
    "read_only",
    "forbidden",
    "poisoned",
    "cancelled",
    "outcome_expired",
    # DaemonError: the daemon or its surroundings are at fault
    "internal",
    "draw_failed",
    "repository_failed",
    "storage_full",
    "busy",
    "shutting_down",
    # Unavailable: nobody there
    "no_daemon",
    "no_window",
    # DeadlineExceeded
    "deadline",
]

CODES: Final[tuple[str, ...]] = get_args(Code)


class Error(msgspec.Struct, frozen=True, kw_only=True):
    """One error as it crosses the wire."""

    code: Code
    message: str
    """One sentence for people."""
    where: str = ""
    """The field or step at fault, as a path: ``steps[2].colour``; empty where no field is."""
    retryable: bool = False
    """True where the same request may succeed later, unchanged."""
    hint: str = ""
    """Remedy; empty where there is nothing to say."""
    request_id: str = ""
    """``session-sequence`` of the request; the daemon fills it in."""


class MtvError(Exception):
    """Base of everything that ``mtv`` raises.

    Parameters
    ----------
    error : `Error`
        As it crosses the wire.

    Attributes
    ----------
    error : `Error`
        The whole error: code, message, where, retryable, hint, request_id.
    """

    def __init__(self, error: Error) -> None:
        super().__init__(error.message)
        self.error = error

    @property
    def code(self) -> str:
        """The code; the names in `CODES` are the contract."""
        return self.error.code

    def __str__(self) -> str:
        where = f"{self.error.where}: " if self.error.where else ""
        hint = f" ({self.error.hint})" if self.error.hint else ""
        return f"{where}{self.error.message}{hint}"

    def __reduce__(self) -> tuple[type[MtvError], tuple[Error]]:
        return type(self), (self.error,)


class RequestError(MtvError):
    """The request is at fault: a wrong value, an unknown name, an unreadable file."""


class DaemonError(MtvError):
    """The daemon, or something that it depends on, is at fault."""


class Unavailable(MtvError):
    """There is no daemon, or it has no window; the hint gives the exact command."""


class DeadlineExceeded(MtvError):
    """The answer did not come in time; whether the request was carried out is not known."""


_DAEMON: Final = frozenset({"internal", "draw_failed", "repository_failed", "storage_full", "busy", "shutting_down"})
_UNAVAILABLE: Final = frozenset({"no_daemon", "no_window"})


def exception_for(error: Error) -> MtvError:
    """Return (not raise) the exception that stands for an error of the wire."""
    if error.code in _DAEMON:
        return DaemonError(error)
    if error.code in _UNAVAILABLE:
        return Unavailable(error)
    if error.code == "deadline":
        return DeadlineExceeded(error)
    return RequestError(error)


def bad_value(where: str, message: str, hint: str = "") -> RequestError:
    """Return the exception for a value that is refused before anything moves."""
    return RequestError(Error(code="bad_value", message=message, where=where, hint=hint))


@contextlib.contextmanager
def within(where: str) -> Iterator[None]:
    """Put ``where`` in front of the field that an error raised inside names: ``steps[2]`` and ``colour``."""
    try:
        yield
    except MtvError as error:
        inner = error.error.where
        joined = f"{where}.{inner}" if inner else where
        raise type(error)(msgspec.structs.replace(error.error, where=joined)) from error
