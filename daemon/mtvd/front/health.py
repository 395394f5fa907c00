"""Health: asks the daemon for its status through its own socket, as a client would.

So the watchdog notices a stuck loop and a stuck listener. It never asks DS9 or a repository, whose work may rightly
be long.
"""

from __future__ import annotations

import logging
import os
import uuid
from pathlib import Path

import anyio
import zmq

from mtv.wire import codec
from mtv.wire.frames import Kind, pack, read_header
from mtv.wire.requests import Bye, Status
from mtvd.host.system import TOO_MUCH, translate_refusals

_LOG = logging.getLogger(__name__)


class Health:
    """A client of our own.

    Parameters
    ----------
    context : `zmq.Context`
        Owned by the caller.
    endpoint : `str`
        The daemon's.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str) -> None:
        self._context = context
        self._endpoint = endpoint

    async def answers(self) -> bool:
        """Tell whether a status request is answered; the caller gives the deadline.

        Where no descriptor is left to ask with, that says nothing of loop and listener: it counts as an answer.
        """
        try:
            with self._context.socket(zmq.DEALER) as socket:
                return await self._is_answered(socket)
        except (zmq.ZMQError, OSError) as error:
            _LOG.warning("the daemon cannot ask itself whether it is well: %s", error)
            return error.errno in TOO_MUCH

    async def _is_answered(self, socket: zmq.Socket[bytes]) -> bool:
        socket.linger = 0
        socket.connect(self._endpoint)
        session = uuid.uuid4().bytes  # one is on one connection, and this one ends with it
        socket.send_multipart(pack(Kind.REQUEST, session, 1, codec.encode(Status())))
        socket.send_multipart(pack(Kind.REQUEST, session, 0, codec.encode(Bye())))
        while not int(socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            await anyio.wait_readable(int(socket.getsockopt(zmq.FD)))
        return read_header(socket.recv_multipart(zmq.NOBLOCK)[0]).kind == Kind.REPLY


def resident_bytes() -> int:
    """Return the resident memory of this process.

    Raises
    ------
    DaemonError
        The system does not tell.
    """
    with translate_refusals("the daemon's memory cannot be looked up"):
        pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
