"""Errors of files. No path of the server stands in any of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtv.wire.errors import Error, MtvError, RequestError


def unreadable(message: str, hint: str = "") -> RequestError:
    """Return the error for a file that cannot be read; ``where`` is ``path``."""
    return RequestError(Error(code="unreadable_file", message=message, where="path", hint=hint))


def unsupported(message: str, where: str = "path", hint: str = "") -> RequestError:
    """Return the error for a file that is sound, but not of a kind that is read here."""
    return RequestError(Error(code="unsupported", message=message, where=where, hint=hint))


@contextmanager
def parsing(message: str) -> Iterator[None]:
    """Say that a file is damaged, whatever its parser makes of that: parsers raise what they like over odd bytes.

    Raises
    ------
    RequestError
        ``unreadable_file`` with the message; errors of the wire pass unchanged.
    """
    try:
        yield
    except MtvError:
        raise
    except Exception as error:
        raise unreadable(message) from error


def check_file(path: Path, size: int | None = None) -> None:
    """Refuse what would hang or mislead a reader: directories, pipes, devices, empty files, files of another size.

    Parameters
    ----------
    size : `int`, optional
        Bytes that the file should have, by the repository's record.

    Raises
    ------
    RequestError
        ``unreadable_file``.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise unreadable("there is no such file") from None
    except OSError as error:
        raise unreadable(f"the file cannot be read ({error.strerror})") from None
    if stat.S_ISDIR(status.st_mode):
        raise unreadable("this is a directory, not a file", "a Butler repository is queried, not read")
    if not stat.S_ISREG(status.st_mode):
        raise unreadable("this is no regular file")
    if not os.access(path, os.R_OK):
        raise unreadable("the daemon may not read this file")
    if status.st_size == 0:
        raise unreadable("the file is empty")
    if size is not None and status.st_size != size:
        raise unreadable(f"the file has {status.st_size} bytes, the repository's record says {size}")
