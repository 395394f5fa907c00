"""Options of a TCP socket, on the client's side and on the daemon's."""

from __future__ import annotations

from typing import Any, Final

import zmq

_OPTIONS: Final = (
    (zmq.TCP_KEEPALIVE, 1),
    (zmq.TCP_KEEPALIVE_IDLE, 10),  # seconds
    (zmq.TCP_KEEPALIVE_INTVL, 5),
    (zmq.TCP_KEEPALIVE_CNT, 3),
    (zmq.TCP_MAXRT, 25_000),  # milliseconds that bytes may be on their way without an acknowledgement
)


def prepare(socket: zmq.Socket[Any], endpoint: str) -> None:
    """Speak IPv6 where the address is one, and hang up on a host that has vanished, after some 25 seconds.

    The kernel asks for that host. ZeroMQ's heartbeats wait behind a frame that is on its way, so that on a slow network
    a large image would have its sender taken for dead, again and again.
    """
    socket.setsockopt(zmq.IPV6, int("[" in endpoint))
    for option, value in _OPTIONS:
        socket.setsockopt(option, value)
