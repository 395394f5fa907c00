"""The listener owns the ROUTER: it decodes, admits and answers. Nothing it does waits for the window or a repository.

Bytes that are no message, unknown versions, unknown types and vanished peers are ordinary; each has its answer or its
line in the log, and the next message is read.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import anyio
import anyio.abc

from mtv.wire import codec
from mtv.wire import messages as ms
from mtv.wire.errors import DaemonError, Error, MtvError, RequestError
from mtv.wire.frames import Buffer, Header, Kind, check, pack, read_header
from mtv.wire.limits import Limits
from mtvd import remote
from mtvd.budget import Budget
from mtvd.door import Door
from mtvd.handlers import AT_ONCE, REMEMBERED, Call, Handlers, not_a_request
from mtvd.sessions import Session, Sessions
from mtvd.settling import answer_of
from mtvd.zsocket import PeerGone, Received, RouterSocket

_LOG = logging.getLogger(__name__)
_PROGRESS_EVERY_SECS = 0.1

_RECEIPT = codec.encode(ms.Receipt())


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
        self.refused = 0

    async def serve(self) -> None:
        """Read until cancelled; requests under way are cancelled with it."""
        async with anyio.create_task_group() as group:
            while True:
                await self._received(group, await self._socket.receive())

    def close(self) -> None:
        """Close the socket; what was sent has a moment to leave."""
        self._socket.close()

    def tell(self, session: Session, event: ms.Event) -> bool:
        """Send an event; tell whether it left: not where the client has gone, or takes no more."""
        try:
            self._socket.send(session.route, pack(Kind.EVENT, session.id, event.number, codec.encode(event)))
        except PeerGone:
            return False
        return True

    async def _received(self, group: anyio.abc.TaskGroup, received: Received) -> None:
        route, frames, key = received
        try:
            header = read_header(frames[0] if frames else b"")
        except MtvError as error:
            self._refuse(route, b"\0" * 16, 0, error)
            return
        try:
            check(header, frames, self._limits)
            if header.kind != Kind.REQUEST:
                raise not_a_request(header.kind)
            request = codec.decode_request(memoryview(frames[1]))
            if self._door is not None:
                _check_key(self._door, key)
                request = remote.admitted(request)
            session = self._sessions.of(header.session)
            session.claim(key)
        except MtvError as error:
            self._refuse(route, header.session, header.sequence, error)
            return
        session.route = route
        await self._dispatch(group, session, header, request, frames[2:])

    async def _dispatch(
        self,
        group: anyio.abc.TaskGroup,
        session: Session,
        header: Header,
        request: ms.Request,
        buffers: Sequence[Buffer],
    ) -> None:
        session.requests += 1
        call = Call(
            session=session,
            sequence=header.sequence,
            buffers=buffers,
            limits=self._limits,
            on_progress=_Progress(self, session, header.sequence),
        )
        if type(request) in AT_ONCE:
            await self._answered(request, call)
        elif self._known(call, request):
            return
        elif len(session.waiting) >= self._limits.in_flight:
            self._refuse(session.route, session.id, header.sequence, _too_many(self._limits.in_flight))
        else:
            if type(request) is not ms.Frame:  # its answer is the receipt; one message less, 30 times a second
                self._send(session, header.sequence, Kind.RECEIPT, _RECEIPT)
            session.waiting.add(header.sequence)
            group.start_soon(self._worked, request, call, header.body_bytes + sum(header.buffer_bytes))

    def _known(self, call: Call, request: ms.Request) -> bool:
        """Answer a request that was sent again; tell whether it was one."""
        if call.sequence in call.session.waiting:
            return True
        if type(request) not in REMEMBERED:
            return False
        try:
            answer = call.session.answered(call.sequence)
        except MtvError as error:
            self._refuse(call.session.route, call.session.id, call.sequence, error)
            return True
        if answer is not None:
            self._send(call.session, call.sequence, Kind(answer.kind), answer.body)
        return answer is not None

    async def _worked(self, request: ms.Request, call: Call, size_bytes: int) -> None:
        try:
            with self._budget.admitted(size_bytes):
                await self._answered(request, call)
        except MtvError as error:
            self._refuse(call.session.route, call.session.id, call.sequence, error)
        finally:
            call.session.waiting.discard(call.sequence)

    async def _answered(self, request: ms.Request, call: Call) -> None:
        try:
            reply, buffers = await self._handlers.answer(request, call)
            self._check_leaving(buffers)
        except MtvError as error:
            failed = answer_of(call.session.id, call.sequence, error)
            self._send(call.session, call.sequence, Kind.ERROR, failed.body)
        except Exception:  # noqa: BLE001 - the edge: whatever a handler meets, the client gets an answer
            _LOG.exception("request %s-%d failed", call.session.id.hex(), call.sequence)
            fault = DaemonError(Error(code="internal", message="the daemon failed", hint="its log tells more"))
            failed = answer_of(call.session.id, call.sequence, fault)
            self._send(call.session, call.sequence, Kind.ERROR, failed.body)
        else:
            self._send(call.session, call.sequence, Kind.REPLY, codec.encode(reply), buffers)

    def _check_leaving(self, buffers: Sequence[Buffer]) -> None:
        """Refuse to hold more for clients that do not read than one message may have."""
        held = self._socket.leaving_bytes
        size = sum(memoryview(buffer).nbytes for buffer in buffers)
        if held and held + size > self._limits.buffer_bytes:
            message = f"{held} bytes of earlier answers are still on their way"
            raise DaemonError(Error(code="busy", message=message, retryable=True, hint="read them before asking on"))

    def _refuse(self, route: bytes, session: bytes, sequence: int, error: MtvError) -> None:
        self.refused += 1
        _LOG.info("refused %s-%d: %s", session.hex(), sequence, error)
        self._send_to(route, session, sequence, Kind.ERROR, answer_of(session, sequence, error).body)

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
    ) -> None:
        try:
            self._socket.send(route, pack(kind, session, sequence, body, buffers))
        except PeerGone:
            _LOG.debug("%s-%d has gone before its answer", session.hex(), sequence)


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
        body = codec.encode(ms.Progress(done=done, total=total, unit=unit))
        self._listener._send(self._session, self._sequence, Kind.PROGRESS, body)  # noqa: SLF001 - its helper
