"""Names of pixel files: how they are written, what they say of their writer, and which of them are ours."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable
from typing import Final

from mtv.shared import freefiles
from mtv.wire.errors import Error, RequestError

NAME: Final = re.compile(r"[a-z]{1,8}-[0-9]{1,10}-[0-9a-f]{16}\.(fits|raw)")
"""``kind-pid-random.suffix``: nothing that a shell, Tcl or DS9 could misread; the pid is that of the writer. Free files
(`mtv.shared.freefiles`) have their size in its place."""

SLOT: Final = "feed"
"""Kind of the files that feeds write over."""

_LARGEST_PID: Final = 1 << 22
"""Largest number that Linux gives to a process."""


def new_name(kind: str, suffix: str = "fits") -> str:
    """Return a name that nobody has used: ``kind`` is a short word such as ``mtv``, ``mask``, ``layer``."""
    return f"{kind}-{os.getpid()}-{secrets.token_hex(8)}.{suffix}"


def new_name_like(name: str, kind: str = "") -> str:
    """Return a name that nobody has used, of the kind and suffix of another, or of another kind."""
    old, _, rest = name.partition("-")
    return new_name(kind or old, rest.rpartition(".")[2])


def check_name(name: str, where: str) -> None:
    """Refuse what is not the name of a pixel file; so no path leaves the directory.

    Parameters
    ----------
    name : `str`
        As a client gave it.
    where : `str`
        Field of the request that has it.

    Raises
    ------
    RequestError
        ``bad_value``.
    """
    if not NAME.fullmatch(name):
        raise RequestError(Error(code="bad_value", message="this is no name of a pixel file", where=where))


def is_free(name: str) -> bool:
    """Tell whether a file is free for whoever needs one of its size."""
    return freefiles.NAME.fullmatch(name) is not None


def free_bytes(name: str) -> int:
    """Return the size in bytes that the name of a free file says."""
    return int(name.split("-")[1])


def is_slot(name: str) -> bool:
    """Tell whether a file is one that a feed writes over."""
    return name.startswith(f"{SLOT}-")


def is_live_slot(name: str) -> bool:
    """Tell whether a feed that goes on may still send a file: its writer removes it, or the sweep after its end."""
    return is_slot(name) and is_held(name)


def is_held(name: str) -> bool:
    """Tell whether the process that wrote a file is alive."""
    return not is_free(name) and _is_alive(int(name.split("-")[1]))


def _is_alive(pid: int) -> bool:
    if not 0 < pid <= _LARGEST_PID:  # a name says what its writer likes
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Ownership:
    """Files that the daemon owns, and files that it has lent to a writer who writes them over again and again."""

    def __init__(self) -> None:
        self.claimed: set[str] = set()
        self.lent: set[str] = set()

    def claim(self, name: str, where: str, *, again: bool) -> None:
        """Take a file over from its writer; it is ours until it is removed.

        Parameters
        ----------
        name : `str`
            Name of a pixel file.
        where : `str`
            Field of the request that has it.
        again : `bool`
            True where it may be ours already.

        Raises
        ------
        RequestError
            ``bad_value`` for a file that is free or has been claimed by another request.
        """
        if is_free(name) or (name in self.claimed and not again and name not in self.lent):
            raise RequestError(
                Error(
                    code="bad_value",
                    message="the pixel file belongs to another request",
                    where=where,
                    hint="write each image into a file of its own",
                )
            )
        self.claimed.add(name)

    def lend(self, names: Iterable[str]) -> None:
        """Leave files to a writer; nothing removes them until the loan ends.

        Raises
        ------
        RequestError
            ``bad_value`` naming ``slots``, for anything that is no name of such a file.
        """
        names = set(names)
        for name in names:
            check_name(name, "slots")
            if not is_slot(name):
                raise RequestError(Error(code="bad_value", message="this is no name of a feed's file", where="slots"))
        self.lent |= names

    def end_loan(self, names: Iterable[str]) -> set[str]:
        """End the loan of files, and return those that were lent."""
        ended = set(names) & self.lent
        self.lent -= ended
        return ended
