"""A ZeroMQ socket under anyio: pyzmq has no backend for it.

libzmq tells of its readiness through a descriptor that is edge-triggered: it may fire without a message, and it does
not fire again for a message that a send has already noticed. So the socket itself is always asked first, and a send
that finds messages waiting wakes the reader.

While there are messages, reading takes turns with everything else: it goes on for a moment, and then all other tasks
that can run do a step. libzmq takes turns between the peers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import anyio
import anyio.lowlevel
import zmq

from mtv.shared import paths, tcp
from mtv.shared.keys import Pair
from mtv.wire.frames import Buffer
from mtvd.host.locks import OwnSocket, Taken

_FIRST_THREAD: Final = 1
_SECOND_THREAD: Final = 2
"""Bits of the context's threads."""
_LARGE_BYTES: Final = 1 << 20
TURN_SECS: Final = 0.0002
"""How long messages are read before all other tasks have their turn: some small ones, or one that is work."""


class CannotListen(Exception):
    """The endpoint cannot be bound; the message says why."""


class PeerGone(Exception):
    """The peer is not connected any more, or takes no more; it will ask again."""


class Received(NamedTuple):
    """A message, its frames without a copy."""

    route: bytes
    frames: list[Buffer]
    key: str
    """Public key that the peer has proved to have; empty on a socket without keys."""


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
    keys : `~mtv.shared.keys.Pair`, optional
        The daemon's own, for an endpoint of TCP: all is encrypted, and who is let in is asked by ZAP. Its work is
        then done by the context's second thread, so that the first is free for clients on this host.

    Raises
    ------
    CannotListen
        The address is no good, or somebody else's.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        frame_bytes: int,
        *,
        keys: Pair | None = None,
    ) -> None:
        self._socket = context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._socket.setsockopt(zmq.LINGER, 500)
        self._socket.setsockopt(zmq.SNDHWM, 10_000)
        self._socket.setsockopt(zmq.MAXMSGSIZE, frame_bytes)
        self._keys = keys
        if keys is None:
            self._socket.setsockopt(zmq.AFFINITY, _FIRST_THREAD)
        else:
            self._secure(keys, endpoint)
        self._own: OwnSocket | None = None
        self._bind(endpoint)
        self._waiting: anyio.CancelScope | None = None
        self._leaving: list[tuple[zmq.MessageTracker, int]] = []
        self._turn_began = 0.0

    def _secure(self, keys: Pair, endpoint: str) -> None:
        self._socket.setsockopt(zmq.AFFINITY, _SECOND_THREAD)
        self._socket.curve_server = True
        self._socket.curve_publickey, self._socket.curve_secretkey = keys
        self._socket.setsockopt(zmq.ZAP_DOMAIN, b"mtv")
        self._socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)  # nobody gets in where nobody answers ZAP
        self._socket.setsockopt(zmq.HANDSHAKE_IVL, 10_000)
        tcp.prepare(self._socket, endpoint)

    def _bind(self, endpoint: str) -> None:
        path = paths.socket_path(endpoint)
        try:
            if path is not None:
                self._own = OwnSocket(path)
                self._socket.setsockopt(zmq.USE_FD, self._own.descriptor)
            self._socket.bind(endpoint)
        except (zmq.ZMQError, OSError, Taken) as error:
            self.close()
            words = str(error) if isinstance(error, Taken) else error.strerror or str(error)
            raise CannotListen(f"cannot listen at {endpoint}: {words}") from None

    @property
    def endpoint(self) -> str:
        """Endpoint that it is bound to, a port 0 as the port that was found."""
        return self._socket.get_string(zmq.LAST_ENDPOINT)

    @property
    def leaving_bytes(self) -> int:
        """Bytes of large buffers that were sent and that ZeroMQ still holds."""
        self._leaving = [(tracker, size) for tracker, size in self._leaving if not tracker.done]
        return sum(size for _, size in self._leaving)

    async def receive(self, turn_secs: float = TURN_SECS) -> Received:
        """Return the next message; where they have been read for some time, all other tasks have their turn before.

        Parameters
        ----------
        turn_secs : `float`
            That time.

        Returns
        -------
        received : `Received`
        """
        if time.monotonic() >= self._turn_began + turn_secs:
            await anyio.lowlevel.checkpoint()
            self._turn_began = time.monotonic()
        while True:
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                await self._readable()
                self._turn_began = time.monotonic()
                continue
            key = "" if self._keys is None else _key_of(frames[0])
            return Received(frames[0].bytes, [frame.buffer for frame in frames[1:]], key)

    def send(self, route: bytes, frames: Sequence[Buffer]) -> None:
        """Send without waiting. A large buffer is not copied: it must not change any more.

        Raises
        ------
        PeerGone
            Nothing was sent.
        """
        parts = [_frame_of(frame) if memoryview(frame).nbytes >= _LARGE_BYTES else frame for frame in frames]
        try:
            self._socket.send_multipart([route, *parts], zmq.NOBLOCK, copy=True)
        except (zmq.Again, zmq.ZMQError) as error:
            if error.errno not in {zmq.EAGAIN, zmq.EHOSTUNREACH}:
                raise
            raise PeerGone from None
        else:
            large = [part for part in parts if isinstance(part, zmq.Frame)]
            self._leaving += [(part.tracker, len(part)) for part in large]
        finally:
            if self._waiting is not None and self._has_message():
                self._waiting.cancel()

    def close(self) -> None:
        """Close the socket, and remove its file; what was sent has half a second to leave."""
        if self._own is not None:
            self._own.remove()
        self._socket.close()

    def _has_message(self) -> bool:
        return bool(int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN)

    async def _readable(self) -> None:
        with anyio.CancelScope() as self._waiting:
            if not self._has_message():
                await anyio.wait_readable(int(self._socket.getsockopt(zmq.FD)))
        self._waiting = None


def _key_of(frame: zmq.Frame) -> str:
    try:
        return str(frame.get("User-Id"))
    except zmq.ZMQError:  # nobody has answered for the peer
        return ""


def _frame_of(buffer: Buffer) -> zmq.Frame:
    return zmq.Frame(buffer, track=True, copy=False)
