"""Owner of the runtime directory: nobody speaks to a daemon, nor puts pixels, where another user could have made it.

`su` and `sudo` keep ``$XDG_RUNTIME_DIR``; where there is none, the directory lies in a folder that all users share.
A place that the user has named is the user's own affair, so long as it may be entered.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from mtv.shared import paths
from mtv.wire.errors import Error, RequestError

_ANOTHER: str = "export XDG_RUNTIME_DIR=$(mktemp -d)"


def require_own(endpoint: str) -> None:
    """Check that the directory of an endpoint may be entered and, where it is the default one, that it is the user's.

    Parameters
    ----------
    endpoint : `str`
        Others than ``ipc://`` are not looked at.

    Raises
    ------
    RequestError
        ``forbidden``: it belongs to somebody else, is a link, or others may write into it. The hint is the command
        that helps.
    """
    path = paths.socket_path(endpoint)
    if path is None:
        return
    try:
        path.lstat()
    except PermissionError:
        raise _forbidden(f"{path.parent} may not be entered by you{_whose(path.parent)}") from None
    except OSError:  # nobody listens, which is told when it is asked
        pass
    # no other directory is looked up: that takes a library where $XDG_RUNTIME_DIR is not set
    if (path.parent.name, path.name) == ("mtv", paths.SOCKET_NAME) and path.parent == paths.runtime_directory():
        check_directory(path.parent)


def check_directory(directory: Path) -> None:
    """Check the default runtime directory, and the one that it is in; what is not there yet is no error.

    Raises
    ------
    RequestError
        As `require_own`.
    """
    _check_base(directory.parent)
    status = _status(directory)
    if status is None:
        return
    if stat.S_ISLNK(status.st_mode):
        raise _forbidden(f"{directory} is a link, which somebody else may have made", f"rm {directory}")
    if status.st_uid != os.geteuid():
        raise _forbidden(f"{directory} belongs to {_user(status.st_uid)}, not to you")
    if status.st_mode & 0o022:
        raise _forbidden(f"others may write into {directory}", f"chmod 700 {directory}")


def _check_base(base: Path) -> None:
    """Check that nobody else can put another directory in the place of ours."""
    try:
        status = base.stat()
    except OSError:  # it is made with the one in it, or cannot be
        return
    if status.st_uid not in {os.geteuid(), 0}:
        raise _forbidden(f"{base} belongs to {_user(status.st_uid)}, not to you")
    if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
        raise _forbidden(f"everybody may write into {base}", f"chmod o-w {base}")


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None
    except PermissionError:
        raise _forbidden(f"{path} may not be entered by you{_whose(path)}") from None


def _whose(path: Path) -> str:
    """Return whose the nearest directory is of which that can be told; empty where it is one's own."""
    for place in (path, *path.parents):
        try:
            owner = place.stat().st_uid
        except OSError:
            continue
        return "" if owner == os.geteuid() else f": {place} belongs to {_user(owner)}"
    return ""


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _forbidden(message: str, hint: str = "") -> RequestError:
    inherited = os.environ.get("XDG_RUNTIME_DIR") and not os.environ.get(paths.ENDPOINT_VARIABLE)
    usual = "su and sudo keep another user's: unset XDG_RUNTIME_DIR" if inherited else _ANOTHER
    return RequestError(Error(code="forbidden", message=message, where="endpoint", hint=hint or usual))
