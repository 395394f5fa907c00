"""Words to systemd, over the datagram socket that it names in ``$NOTIFY_SOCKET``; silence where it names none.

Called by the daemon's own process when it is ready, when what it does changes, and when it stops. Never waits, and
never raises because nobody listens: the daemon runs as well without systemd.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import anyio

_MICROSECONDS: Final = 1_000_000


def notify(*, environ: Mapping[str, str] = os.environ, **fields: str | int) -> bool:
    r"""Send fields of ``sd_notify``; tell whether somebody could be told.

    Parameters
    ----------
    environ : mapping
        Where ``NOTIFY_SOCKET`` is looked up; a name that begins with ``@`` is an abstract socket.
    **fields
        ``READY=1``, ``STATUS="serving 3 clients"``; a newline in a value is sent as a blank.
    """
    name = environ.get("NOTIFY_SOCKET", "")
    if not name.startswith(("/", "@")):
        return False
    address = "\0" + name[1:] if name.startswith("@") else name
    text = "\n".join(f"{key}={' '.join(str(value).splitlines())}" for key, value in fields.items())
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(text.encode(), address)
    except OSError:  # nobody listens, or no descriptor is left to speak with
        return False
    return True


def ready(status: str = "", *, environ: Mapping[str, str] = os.environ) -> bool:
    """Say that clients are served from now on."""
    return notify(environ=environ, READY=1, **({"STATUS": status} if status else {}))


def status(text: str, *, environ: Mapping[str, str] = os.environ) -> bool:
    """Say in words what goes on; ``systemctl --user status mtvd`` shows it."""
    return notify(environ=environ, STATUS=text)


def stopping(text: str = "stopping", *, environ: Mapping[str, str] = os.environ) -> bool:
    """Say that the stop has begun."""
    return notify(environ=environ, STOPPING=1, STATUS=text)


def watchdog_interval_secs(environ: Mapping[str, str] = os.environ, *, pid: int | None = None) -> float | None:
    """Return the longest time between two beats; None where this process owes none.

    Parameters
    ----------
    environ : mapping
        Where ``WATCHDOG_USEC`` and ``WATCHDOG_PID`` are looked up.
    pid : `int`, optional
        This process; None asks the system.
    """
    for_pid = environ.get("WATCHDOG_PID", "")
    if for_pid and for_pid != str(os.getpid() if pid is None else pid):
        return None
    text = environ.get("WATCHDOG_USEC", "")
    microseconds = int(text) if text.isascii() and text.isdigit() else 0
    return microseconds / _MICROSECONDS or None


async def serve_watchdog(is_healthy: Callable[[], Awaitable[bool]], *, environ: Mapping[str, str] = os.environ) -> None:
    """Beat for as long as the health check answers; return at once where no beats are owed.

    Beats come three times an interval. A check that says no, or does not answer within a third of the interval, costs
    its beat and nothing more: systemd decides when enough are missing.

    Parameters
    ----------
    is_healthy : callable
        Asks the daemon the way a client would, so that a stuck loop or listener is noticed; never asks DS9 or a
        repository, whose work may rightly be long.
    """
    interval_secs = watchdog_interval_secs(environ)
    if interval_secs is None:
        return
    while True:
        if await _answers(is_healthy, within_secs=interval_secs / 3):
            notify(environ=environ, WATCHDOG=1)
        await anyio.sleep(interval_secs / 3)


async def _answers(is_healthy: Callable[[], Awaitable[bool]], *, within_secs: float) -> bool:
    with anyio.move_on_after(within_secs):
        return await is_healthy()
    return False
