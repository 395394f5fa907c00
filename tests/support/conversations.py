"""A conversation of a client's session, without socket or clock: what a daemon may say in it, and what is asked."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from mtv.session.conversation import Conversation, Timing
from mtv.session.decisions import Answer, Begin, Decision, Settle
from mtv.wire import codec, frames, messages
from mtv.wire.errors import Error, MtvError
from mtv.wire.frames import Buffer, Kind
from mtv.wire.limits import Limits
from mtv.wire.reports import WindowState

SESSION = b"s" * 16
TIMING = Timing(hello_secs=10.0, lost_secs=30.0, retry_secs=1.0)
BUSY = messages.Failed(error=Error(code="busy", message="no room", retryable=True))


@dataclasses.dataclass(eq=False)
class Asked:
    """A request without a body: the conversation never looks at one."""

    buffers: Sequence[Buffer] = ()
    awaited: bool = True
    deadline: float = math.inf
    gathers: bool = False
    number: int = 0
    sent: bool = False
    put_off: MtvError | None = None


Talk = Conversation[Asked]


def message(
    number: int,
    reply: messages.Reply,
    kind: Kind = Kind.REPLY,
    *,
    session: bytes = SESSION,
    buffers: Sequence[bytes] = (),
) -> list[memoryview]:
    return [memoryview(part) for part in frames.pack(kind, session, number, codec.encode(reply), buffers)]


def greeting(in_flight: int = 8) -> list[memoryview]:
    limits = Limits(in_flight=in_flight)
    return message(0, messages.Welcome(versions=(1, 0), release="x", limits=limits, window=WindowState()))


def begun(in_flight: int = 8, now: float = 0.0) -> Talk:
    """Return a conversation that was welcomed."""
    talk = opened(now)
    assert talk.receive(greeting(in_flight), now) == [Begin()]
    return talk


def opened(now: float = 0.0) -> Talk:
    talk = Talk("ipc:///there", SESSION, TIMING, lambda: 1.0)
    talk.begin(now)
    talk.open(now)
    return talk


def added(talk: Talk, count: int = 1, **about: object) -> list[Asked]:
    requests = [Asked(**about) for _ in range(count)]  # type: ignore[arg-type]
    for request in requests:
        talk.add(request)
    return requests


def outcome(decisions: Sequence[Decision[Asked]]) -> Answer | MtvError:
    (decision,) = decisions
    assert isinstance(decision, Settle)
    return decision.outcome


def numbers(requests: Sequence[Asked]) -> list[int]:
    return [request.number for request in requests]
