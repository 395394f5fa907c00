"""The listener owns the ROUTER: it decodes, admits and answers. Nothing it does waits for the window or a repository.

Bytes that are no message, unknown versions, unknown types and vanished peers are ordinary; each has its answer, and the
next message is read. Whatever else goes wrong with a message or its answer ends that request and nothing more.
"""

from __future__ import annotations

import collections
import functools
import logging
import math
import time
from collections.abc import Sequence

import anyio
import anyio.abc

from mtv.wire import codec, messages, requests
from mtv.wire.errors import DaemonError, Error, MtvError, RequestError, exception_for
from mtv.wire.frames import Buffer, Header, Kind, check, pack, read_header
from mtv.wire.limits import Limits
from mtvd.drawing.answering import answer_of
from mtvd.drawing.sessions import Session, Sessions
from mtvd.front import remote
from mtvd.front.budget import Budget
from mtvd.front.door import Door
from mtvd.front.handlers import AT_ONCE, RATE_LIMITED, REMEMBERED, Call, Handlers, not_a_request
from mtvd.front.refusal_log import SECS, RefusalLog
from mtvd.front.zsocket import TURN_SECS, PeerGone, Received, RouterSocket

_LOG = logging.getLogger(__name__)
_PROGRESS_EVERY_SECS = 0.1
_GATHER_SECS = 0.001
"""How long requests are taken in that come one after the other, before any is carried out: they become one batch."""

_RECEIPT = codec.encode(messages.Receipt())
_NO_HEADER = Header(0, 0, 0, bytes(16), 0, 0, ())
"""Header that stands in answers to bytes that are no message."""


class Listener:
    """Reads requests off the socket and sees that each is answered.

    Parameters
    ----------
    door : `Door`, optional
        Of a socket for clients on other hosts.
    """

    def __init__(
        self,
        *,
        socket: RouterSocket,
        handlers: Handlers,
        sessions: Sessions,
        budget: Budget,
        limits: Limits,
        door: Door | None = None,
    ) -> None:
        self._socket = socket
        self._door = door
        self._handlers = handlers
        self._sessions = sessions
        self._budget = budget
        self._limits = limits
        self._refusal_log = RefusalLog(time.monotonic)
        self._to_begin: collections.deque[tuple[requests.Request, Call, int]] = collections.deque()
        """Requests whose task is about to run, and the bytes of each, in the order of their arrival."""

    @property
    def refused(self) -> int:
        """How many messages were refused."""
        return self._refusal_log.count

    async def serve(self) -> None:
        """Read until cancelled; requests under way are cancelled with it."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._sum_up_refusals)
            queued = False
            while True:
                received = await self._socket.receive(_GATHER_SECS if queued else TURN_SECS)
                try:
                    queued = self._receive(group, received)
                except Exception:  # noqa: BLE001 - the edge: it ends one message, and nothing more
                    _LOG.exception("a message could not be taken in, it is left out")
                    queued = False

    def close(self) -> None:
        """Close the socket; what was sent has a moment to leave."""
        self._socket.close()

    def tell(self, session: Session, event: messages.Event) -> bool:
        """Send an event; tell whether it is done with: not where the client has gone, or takes no more."""
        try:
            body = self._encode(event)
        except Exception:  # noqa: BLE001 - the edge: it ends one message, and nothing more
            _LOG.exception("event %d cannot be told, it is left out", event.number)
            return True
        return self._send_to(session.route, session.id, event.number, Kind.EVENT, body)

    async def _sum_up_refusals(self) -> None:
        while True:
            await anyio.sleep(SECS)
            self._refusal_log.sum_up()

    def _receive(self, group: anyio.abc.TaskGroup, received: Received) -> bool:
        """Take a message in; tell whether it was a request that waits for its turn now."""
        route, frames, key = received
        header = _NO_HEADER
        try:
            header = read_header(frames[0] if frames else b"")
            check(header, frames, self._limits)
            if header.kind != Kind.REQUEST:
                raise not_a_request(header.kind)
            request = codec.decode_request(memoryview(frames[1]))
            if self._door is not None:
                _check_key(self._door, key)
                request = remote.admit(request)
            _check_route(route)
            hello = request if isinstance(request, requests.Hello) else None
            session = self._sessions.enter(header.session, route, key, hello)
        except MtvError as error:
            self._refuse(route, header.session, header.sequence, error)
        except Exception:  # noqa: BLE001 - the edge: it ends one message, and nothing more
            self._refuse(route, header.session, header.sequence, self._log_failure(route, header.request_id))
        else:
            return self._dispatch(group, session, header, request, frames[2:])
        return False

    def _dispatch(
        self,
        group: anyio.abc.TaskGroup,
        session: Session,
        header: Header,
        request: requests.Request,
        buffers: Sequence[Buffer],
    ) -> bool:
        session.requests += 1
        call = Call(
            session=session,
            sequence=header.sequence,
            buffers=buffers,
            limits=self._limits,
            on_progress=_Progress(self, session, header.sequence),
            send_receipt=functools.partial(self._send, session, header.sequence, Kind.RECEIPT, _RECEIPT),
        )
        if type(request) not in REMEMBERED:
            session.note(header.sequence)
        if type(request) in AT_ONCE:
            pause_secs = session.question_rate.pause_secs(time.monotonic()) if type(request) in RATE_LIMITED else 0.0
            if not pause_secs:
                self._answer_now(request, call)
            elif header.sequence not in session.waiting:
                self._put_off(group, request, call, pause_secs)
        elif self._is_known(call, request):
            return False
        elif len(session.waiting) >= self._limits.in_flight:
            self._refuse(session.route, session.id, header.sequence, _too_many(self._limits.in_flight))
        else:
            if type(request) is not requests.Frame:  # it has its receipt when the window has its pixels
                self._send(session, header.sequence, Kind.RECEIPT, _RECEIPT)
            session.waiting.add(header.sequence)
            self._handlers.stoppable.expect(call.key)
            self._to_begin.append((request, call, header.body_bytes + sum(header.buffer_bytes)))
            group.start_soon(self._work)
            return True
        return False

    def _put_off(self, group: anyio.abc.TaskGroup, request: requests.Request, call: Call, pause_secs: float) -> None:
        """Let a question wait whose session has asked just now."""
        session = call.session
        if len(session.waiting) >= self._limits.in_flight:
            self._refuse(session.route, session.id, call.sequence, _too_many(self._limits.in_flight))
            return
        session.waiting.add(call.sequence)
        group.start_soon(self._answer_later, request, call, pause_secs)

    async def _answer_later(self, request: requests.Request, call: Call, pause_secs: float) -> None:
        try:
            await anyio.sleep(pause_secs)
            self._answer_now(request, call)
        finally:
            call.session.waiting.discard(call.sequence)

    def _is_known(self, call: Call, request: requests.Request) -> bool:
        """Answer a request that was sent again; tell whether it was one."""
        if call.sequence in call.session.waiting:
            return True
        if type(request) not in REMEMBERED:
            return False
        try:
            answer = call.session.answer_to(call.sequence)
        except MtvError as error:
            self._refuse(call.session.route, call.session.id, call.sequence, error)
            return True
        if answer is not None:
            body = answer.body if self._door is None else self._encode(codec.decode_reply(answer.body))
            self._send(call.session, call.sequence, Kind(answer.kind), body)
        return answer is not None

    def _answer_now(self, request: requests.Request, call: Call) -> None:
        """Answer what waits for nothing, before the next message is read."""
        began = time.monotonic()
        try:
            reply = self._handlers.answer_now(request, call)
        except MtvError as error:
            self._fail(call, error)
        except Exception:  # noqa: BLE001 - the edge: it ends one message, and nothing more
            self._fail(call, self._log_failure(call.session.route, call.key))
        else:
            self._reply(call, reply)
        if type(request) in RATE_LIMITED:
            call.session.question_rate.took(time.monotonic() - began)

    async def _work(self) -> None:
        """Carry out a request in a task of its own, and answer it whatever happens.

        The task that runs first takes the oldest: nobody promises that tasks run in the order in which they were made,
        and a session's requests take their places in the order in which they came.
        """
        request, call, size_bytes = self._to_begin.popleft()
        patiently = functools.partial(self._handlers.stoppable.during, call.key)
        try:
            self._handlers.stoppable.begin(call.key)
            async with self._budget.admit(call.session.id, size_bytes, patiently):
                reply, buffers = await self._handlers.answer(request, call)
                self._check_leaving(buffers)
                self._reply(call, reply, buffers)
        except MtvError as error:
            self._fail(call, error)
        except Exception:  # noqa: BLE001 - the edge: it ends one message, and nothing more
            self._fail(call, self._log_failure(call.session.route, call.key))
        finally:
            call.session.waiting.discard(call.sequence)

    def _check_leaving(self, buffers: Sequence[Buffer]) -> None:
        """Refuse to hold more for clients that do not read than one message may have."""
        held = self._socket.leaving_bytes
        size = sum(memoryview(buffer).nbytes for buffer in buffers)
        if held and held + size > self._limits.buffer_bytes:
            message = f"{held} bytes of earlier answers are still on their way"
            raise DaemonError(Error(code="busy", message=message, retryable=True, hint="read them before asking on"))

    def _reply(self, call: Call, reply: messages.Reply, buffers: Sequence[Buffer] = ()) -> None:
        try:
            body = self._encode(reply)
        except Exception:  # noqa: BLE001 - the edge: it ends one message, and nothing more
            self._fail(call, self._log_failure(call.session.route, call.key))
        else:
            self._send(call.session, call.sequence, Kind.REPLY, body, buffers)

    def _fail(self, call: Call, error: MtvError) -> None:
        body = self._encode_failure(call.session.id, call.sequence, error)
        self._send(call.session, call.sequence, Kind.ERROR, body)

    def _log_failure(self, route: bytes, request_id: str) -> DaemonError:
        """Log the exception that is being handled, and return the error that the client gets."""
        if self._refusal_log.add(route, "internal"):
            _LOG.exception("request %s failed", request_id)
        return DaemonError(Error(code="internal", message="the daemon failed", hint="its log tells more"))

    def _refuse(self, route: bytes, session: bytes, sequence: int, error: MtvError) -> None:
        if self._refusal_log.add(route, error.code):
            _LOG.info("refused %s-%d: %s", session.hex(), sequence, error)
        self._send_to(route, session, sequence, Kind.ERROR, self._encode_failure(session, sequence, error))

    def _encode_failure(self, session: bytes, sequence: int, error: MtvError) -> bytes:
        if self._door is not None:
            error = exception_for(remote.hide_paths(error.error))
        return answer_of(session, sequence, error).body

    def _encode(self, reply: messages.Reply) -> bytes:
        """Return a reply's body, for clients on other hosts without what is nothing to them."""
        return codec.encode_reply(reply if self._door is None else remote.hide_paths(reply))

    def _send(self, session: Session, sequence: int, kind: Kind, body: bytes, buffers: Sequence[Buffer] = ()) -> None:
        self._send_to(session.route, session.id, sequence, kind, body, buffers)

    def _send_to(
        self,
        route: bytes,
        session: bytes,
        sequence: int,
        kind: Kind,
        body: bytes,
        buffers: Sequence[Buffer] = (),
    ) -> bool:
        try:
            self._socket.send(route, pack(kind, session, sequence, body, buffers))
        except PeerGone:
            _LOG.debug("%s-%d has gone before its answer", session.hex(), sequence)
            return False
        except Exception:  # noqa: BLE001 - the edge: it ends one message, and nothing more
            _LOG.exception("%s-%d cannot be sent its answer", session.hex(), sequence)
            return False
        return True


def _check_route(route: bytes) -> None:
    """Refuse a peer that has chosen its routing id: it might choose that of one that has gone."""
    if not route.startswith(b"\0"):
        message = "the client has chosen a routing id"
        raise RequestError(Error(code="forbidden", message=message, where="routing_id", hint="set no ZMQ_ROUTING_ID"))


def _check_key(door: Door, key: str) -> None:
    if not door.lets_in(key):
        message = "the key of this client was revoked"
        raise RequestError(Error(code="forbidden", message=message, where="keys", hint="mtv keys authorise"))


def _too_many(limit: int) -> DaemonError:
    message = f"{limit} requests of this session are under way"
    return DaemonError(
        Error(code="busy", message=message, retryable=True, hint="read some answers before sending more")
    )


class _Progress:
    """Tells a client how far its request has come, not too often."""

    def __init__(self, listener: Listener, session: Session, sequence: int) -> None:
        self._listener = listener
        self._session = session
        self._sequence = sequence
        self._told_at = -math.inf

    def __call__(self, done: int, total: int, unit: str) -> None:
        now = anyio.current_time()
        if done < total and now - self._told_at < _PROGRESS_EVERY_SECS:
            return
        self._told_at = now
        body = self._listener._encode(messages.Progress(done=done, total=total, unit=unit))  # noqa: SLF001 - its helper
        self._listener._send(self._session, self._sequence, Kind.PROGRESS, body)  # noqa: SLF001
