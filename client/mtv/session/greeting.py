"""Greeting of a client: what it tells the daemon of itself when it connects."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from mtv.wire import version
from mtv.wire.requests import Hello


def hello(secret: str = "", *, far: bool = False) -> Hello:
    """Return the greeting of this process as it is now.

    Parameters
    ----------
    secret : `str`
        What the session's id is made of.
    far : `bool`
        True where the daemon is on another host: what is of use on this host alone is left out.

    Returns
    -------
    hello : `~mtv.wire.requests.Hello`
    """
    return Hello(
        versions=(version.MAJOR, version.MINOR),
        program=Path(sys.argv[0] if sys.argv and sys.argv[0] else "python").name,
        host=os.uname().nodename,
        user=_user(),
        pid=os.getpid(),
        x_display="" if far else os.environ.get("DISPLAY", ""),
        xauthority="" if far else os.environ.get("XAUTHORITY", ""),
        secret=secret,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in containers
        return str(os.getuid())
