"""Decisions of a conversation, which `mtv.session.link` carries out, and the requests that they are about. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from mtv.wire.errors import MtvError
from mtv.wire.frames import Buffer
from mtv.wire.messages import Event, Progress, Reply


class Answer(NamedTuple):
    """A reply and the raw buffers that came with it."""

    reply: Reply
    buffers: tuple[memoryview, ...] = ()


class Asked(Protocol):
    """A request, as the conversation sees it: `mtv.session.ticket.Ticket` is one."""

    buffers: Sequence[Buffer]
    awaited: bool
    """False: nobody waits for its answer, and it stays also where the daemon has been gone for long."""
    deadline: float
    """Time until which it is sent again to a daemon that is busy."""
    gathers: bool
    """True for a request that waits, and grows, while another of its kind is under way."""
    number: int
    sent: bool
    put_off: MtvError | None


R = TypeVar("R", bound=Asked)


class Settle(msgspec.Struct, Generic[R], frozen=True):
    """Decision: a request has its answer, or an error in its place."""

    request: R
    outcome: Answer | MtvError
    told: bool = False
    """True where an error is the daemon's answer, and nothing that we have thought of."""


class Acknowledge(msgspec.Struct, Generic[R], frozen=True):
    """Decision: the daemon has the request."""

    request: R


class Report(msgspec.Struct, Generic[R], frozen=True):
    """Decision: the request has come further."""

    request: R
    progress: Progress


class Hear(msgspec.Struct, frozen=True):
    """Decision: an event goes to those who listen."""

    event: Event


class Begin(msgspec.Struct, frozen=True):
    """Decision: the session is welcomed, so whoever waits for that goes on, and events are subscribed to anew."""


class Reopen(msgspec.Struct, frozen=True):
    """Decision: this connection is closed and another one opened."""


Decision = Settle[R] | Acknowledge[R] | Report[R] | Hear | Begin | Reopen
