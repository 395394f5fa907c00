"""The socket of one connection: a DEALER, the monitor that tells what becomes of it, and what waits for both.

It connects once. After a loss a new one is made, so that nothing stale can leave before the Hello. It belongs to the
thread that makes it, `mtv.session.link`'s.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import struct
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final

import zmq

from mtv.shared import tcp
from mtv.shared.keys import ClientKeys

_EVENT: Final = struct.Struct("=HI")
_WATCHED: Final = zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED | zmq.EVENT_CONNECT_RETRIED
NO_ENTRY: Final = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
)
"""Events of a handshake that has failed."""

_OPTIONS: Final = (
    (zmq.LINGER, 0),
    (zmq.SNDHWM, 0),
    (zmq.RCVHWM, 0),
    # Never by itself: that would let requests out before the Hello. With -1 libzmq drops what came before the end.
    (zmq.RECONNECT_IVL, 3_600_000),
)

_DESCRIPTORS: Final = 12
_THREADS: Final = 3
_PROBE_SECS: Final = 5.0

_openings: Final = itertools.count()


class Dealer:
    """One connection.

    Parameters
    ----------
    context : `zmq.Context`
    endpoint : `str`
    keys : `~mtv.shared.keys.ClientKeys` or `None`
        Needed for ``tcp://``.
    wake : `int`
        Descriptor that ends a `poll` when it can be read.

    Raises
    ------
    zmq.ZMQError
        libzmq refuses; nothing is left open.
    """

    def __init__(self, context: zmq.Context[Any], endpoint: str, keys: ClientKeys | None, wake: int) -> None:
        self.said_why = False
        """True once an event has told how the connection ended."""
        with contextlib.ExitStack() as parts:
            self._socket = context.socket(zmq.DEALER)
            parts.callback(self._socket.close)  # with the linger that it has then
            for option, value in _OPTIONS:
                self._socket.setsockopt(option, value)
            if keys is not None:
                self._socket.curve_serverkey = keys.server
                self._socket.curve_publickey, self._socket.curve_secretkey = keys.own
                tcp.prepare(self._socket, endpoint)
            name = f"inproc://monitor-{id(self._socket)}-{next(_openings)}"  # a name is free again only some time later
            self._socket.monitor(name, _WATCHED if keys is None else _WATCHED | NO_ENTRY)
            self._monitor = context.socket(zmq.PAIR)
            parts.callback(self._monitor.close, 0)
            parts.callback(self._socket.disable_monitor)
            self._monitor.connect(name)
            self._poller = zmq.Poller()
            for source in (self._socket, self._monitor, wake):
                self._poller.register(source, zmq.POLLIN)
            self._socket.connect(endpoint)
            self._parts = parts.pop_all()

    def poll(self, patience_ms: int | None) -> tuple[bool, bool]:
        """Wait until something happens, or so long; tell whether there are messages, and whether there are events."""
        ready = dict(self._poller.poll(patience_ms))
        return self._socket in ready, self._monitor in ready

    def send(self, message: Sequence[Any]) -> None:
        """Send a message, without waiting.

        Raises
        ------
        zmq.Again
            The peer has gone.
        """
        self._socket.send_multipart(message, zmq.NOBLOCK, copy=False)

    def messages(self) -> Iterator[list[memoryview]]:
        """Yield the messages that have come."""
        while True:
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            yield [part.buffer for part in parts]

    def events(self) -> Iterator[int]:
        """Yield what has become of the connection, as ``zmq.EVENT_...``."""
        while self._monitor.poll(0):
            event, _ = _EVENT.unpack(self._monitor.recv_multipart()[0])
            self.said_why |= event != zmq.EVENT_CONNECT_RETRIED
            yield event

    def close(self, linger_ms: int = 0) -> None:
        """Close both sockets; what was sent has so long to leave."""
        if linger_ms and not self._socket.closed:
            self._socket.linger = linger_ms
        self._parts.close()


def check_room(descriptor: int) -> None:
    """Check that libzmq will get the descriptors and threads of a first connection.

    It needs 8, and 2 beside our own. Without the first three descriptors, or without a thread, it aborts the whole
    process, and nobody's notebook is to end because of a display.

    Parameters
    ----------
    descriptor : `int`
        Any that is open.

    Raises
    ------
    OSError, RuntimeError
        There are too few.
    """
    with contextlib.ExitStack() as held:
        for _ in range(_DESCRIPTORS):
            held.callback(os.close, os.dup(descriptor))
    over = threading.Event()
    threads = [threading.Thread(target=over.wait, args=(_PROBE_SECS,), daemon=True) for _ in range(_THREADS)]
    try:
        for thread in threads:
            thread.start()
    finally:
        over.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join(_PROBE_SECS)


def why_no_socket() -> OSError:
    """Ask the system for what libzmq did not get, and does not name: a socket, or the address of a host."""
    import socket

    try:
        socket.socket(socket.AF_UNIX).close()
    except OSError as error:
        return error
    return OSError("no such address, or no socket for it")
