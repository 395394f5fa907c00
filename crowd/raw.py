"""Members that are no clients of the library: one sends garbage, one never reads its answers."""

from __future__ import annotations

import contextlib
import os
import random
import time
import uuid
from typing import Final

import zmq

import mtv
from crowd.garbage import NAME, Garbage
from crowd.seat import Seat
from mtv.wire import codec, frames, requests, steps
from mtv.wire.errors import MtvError

_BURST: Final = 40
_ASK_SECS: Final = 2.0


class Mad:
    """Sends garbage from several sockets, some of which never read."""

    pause_secs = (0.05, 0.3)
    _SOCKETS = 4

    def __init__(self, seat: Seat) -> None:
        self._seat, self._random = seat, seat.random
        self._context = zmq.Context()
        self._pipes = []
        for _ in range(self._SOCKETS):
            session = self._random.randbytes(16)
            pipe = _socket(self._context, seat.endpoint)
            _greet(pipe, session)
            self._pipes.append((pipe, Garbage(random.Random(self._random.random()), session)))
        self._asked = 0.0
        self._honest = mtv.Connection(seat.endpoint, timeout_secs=10.0)

    def begin(self) -> None:
        """Nothing."""

    def act(self) -> None:
        """Send a burst."""
        if time.monotonic() > self._asked + _ASK_SECS:
            self._learn()
        pipe, garbage = self._random.choice(self._pipes)
        for _ in range(_BURST):
            with contextlib.suppress(zmq.Again):
                pipe.send_multipart(garbage.next(), zmq.NOBLOCK)
                self._seat.book.did("garbage")
        if pipe is not self._pipes[0][0]:
            _drain(pipe)

    def finish(self) -> None:
        """Close."""
        self._honest.close()
        self._context.destroy(linger=0)

    def _learn(self) -> None:
        """Ask for the ids of others; that it is not told is no matter."""
        self._asked = time.monotonic()
        with contextlib.suppress(MtvError):
            others = [one for one in self._honest.status().sessions if one.program != NAME and one.pid != os.getpid()]
            for _, garbage in self._pipes:
                garbage.others = [bytes.fromhex(one.session) for one in others]


class Deaf:
    """Asks without end and never reads an answer."""

    pause_secs = (0.05, 0.2)

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._context = zmq.Context()
        self._pipe = _socket(self._context, seat.endpoint)
        self._session = uuid.UUID(int=seat.random.getrandbits(128)).bytes
        self._number = 0

    def begin(self) -> None:
        """Greet."""
        _greet(self._pipe, self._session)

    def act(self) -> None:
        """Ask for some things, large and small."""
        for message in (requests.Status(), steps.Zoom(display=f"{NAME} of the deaf", factor=1.0), requests.Sync()):
            self._number += 1
            body = codec.encode(message)
            with contextlib.suppress(zmq.Again):
                self._pipe.send_multipart(
                    frames.pack(frames.Kind.REQUEST, self._session, self._number, body), zmq.NOBLOCK
                )
                self._seat.book.did("unread question")

    def finish(self) -> None:
        """Close."""
        self._context.destroy(linger=0)


def _socket(context: zmq.Context[zmq.Socket[bytes]], endpoint: str) -> zmq.Socket[bytes]:
    pipe: zmq.Socket[bytes] = context.socket(zmq.DEALER)
    pipe.linger = 0
    pipe.rcvhwm = 10
    pipe.connect(endpoint)
    return pipe


def _greet(pipe: zmq.Socket[bytes], session: bytes) -> None:
    hello = codec.encode(requests.Hello(versions=(1, 0), program=NAME, pid=os.getpid()))
    pipe.send_multipart(frames.pack(frames.Kind.REQUEST, session, 0, hello))


def _drain(pipe: zmq.Socket[bytes]) -> None:
    with contextlib.suppress(zmq.Again):
        while True:
            pipe.recv_multipart(zmq.NOBLOCK)
