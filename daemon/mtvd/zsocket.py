"""A ZeroMQ socket under anyio: pyzmq has no backend for it.

libzmq tells of its readiness through a descriptor that is edge-triggered: it may fire without a message, and it does
not fire again for a message that a send has already noticed. So the socket itself is always asked first, and a send
that finds messages waiting wakes the reader.
"""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import zmq

from mtv.wire.frames import Buffer


class PeerGone(Exception):
    """The peer is not connected any more, or takes no more; it will ask again."""


class RouterSocket:
    """A bound ROUTER with one reader.

    Parameters
    ----------
    context : `zmq.Context`
        Owned by the caller.
    endpoint : `str`
        Bound at once.
    frame_bytes : `int`
        A peer that sends a larger frame is disconnected.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str, frame_bytes: int) -> None:
        self._socket = context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        self._socket.setsockopt(zmq.LINGER, 500)
        self._socket.setsockopt(zmq.SNDHWM, 10_000)
        self._socket.setsockopt(zmq.MAXMSGSIZE, frame_bytes)
        self._socket.bind(endpoint)
        self._waiting: anyio.CancelScope | None = None

    async def receive(self) -> tuple[bytes, list[Buffer]]:
        """Return the next message: the peer's route, and its frames without a copy."""
        while True:
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                await self._readable()
                continue
            return frames[0].bytes, [frame.buffer for frame in frames[1:]]

    def send(self, route: bytes, frames: Sequence[Buffer]) -> None:
        """Send without waiting.

        Raises
        ------
        PeerGone
            Nothing was sent.
        """
        try:
            self._socket.send_multipart([route, *frames], zmq.NOBLOCK, copy=True)
        except (zmq.Again, zmq.ZMQError) as error:
            if error.errno not in {zmq.EAGAIN, zmq.EHOSTUNREACH}:
                raise
            raise PeerGone from None
        finally:
            if self._waiting is not None and self._has_message():
                self._waiting.cancel()

    def close(self) -> None:
        """Close the socket; what was sent has half a second to leave."""
        self._socket.close()

    def _has_message(self) -> bool:
        return bool(int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN)

    async def _readable(self) -> None:
        with anyio.CancelScope() as self._waiting:
            if not self._has_message():
                await anyio.wait_readable(int(self._socket.getsockopt(zmq.FD)))
        self._waiting = None
