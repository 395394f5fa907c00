"""Sessions: who the clients are, where their answers go, and what each has been answered already.

A session outlives its connection: a client that reconnects goes on with the same id, and is answered what it has been
answered before instead of being drawn twice.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from mtv.wire.errors import Error, RequestError
from mtv.wire.messages import Event, Hello, SessionInfo
from mtv.wire.steps import Display
from mtvd.journal import Answer, SessionRecord

REMEMBERED_ANSWERS: Final = 1024
"""A session; four times the window of requests in flight: none that may still be repeated is forgotten."""
EXPIRY_SECS: Final = 6 * 3600.0


class Subscriber:
    """What a session that subscribed to events has not been sent, or has not taken yet."""

    def __init__(self, seen: int) -> None:
        self.waiting: collections.deque[Event] = collections.deque()
        self.seen = seen
        """Last event that the client says it has."""
        self.sent = seen
        self.dropped = 0


class Session:
    """One client's session."""

    def __init__(self, session_id: bytes, now: float) -> None:
        self.id = session_id
        self.hello = Hello(versions=(0, 0))
        self.route = b""
        self.key: str | None = None
        """Public key of the client; empty on the daemon's own host, None before it is heard of."""
        self.seen_at = now
        self.requests = 0
        self.waiting: set[int] = set()
        self.shown: set[Display] = set()
        self.subscriber: Subscriber | None = None
        self.forgotten_to = 0
        self._answers: collections.OrderedDict[int, Answer] = collections.OrderedDict()

    @property
    def is_remote(self) -> bool:
        """True where the client reached us over TCP."""
        return bool(self.key)

    def claim(self, key: str) -> None:
        """Take note of the key that the client came with; empty on the daemon's own host.

        Raises
        ------
        RequestError
            ``forbidden`` where the session is that of another key: ids are no secret, ``status`` tells them.
        """
        if self.key is None:
            self.key = key
        elif self.key != key:
            message = "this session belongs to another client"
            raise RequestError(Error(code="forbidden", message=message, hint="begin a session of your own"))

    def answered(self, sequence: int) -> Answer | None:
        """Return the answer that a request had; None where it must be carried out.

        Raises
        ------
        RequestError
            ``outcome_expired`` where it had one that is forgotten.
        """
        if sequence in self._answers:
            return self._answers[sequence]
        if sequence <= self.forgotten_to:
            message = "this request was carried out or refused before, its outcome is forgotten"
            raise RequestError(Error(code="outcome_expired", message=message, hint="ask what the display shows"))
        return None

    def remember(self, answer: Answer) -> None:
        """Keep an answer, and forget the oldest beyond the limit."""
        self._answers[answer.sequence] = answer
        while len(self._answers) > REMEMBERED_ANSWERS:
            sequence, _ = self._answers.popitem(last=False)
            self.forgotten_to = max(self.forgotten_to, sequence)

    def record(self) -> SessionRecord:
        """Return what a checkpoint keeps."""
        return SessionRecord(answers=tuple(self._answers.values()), forgotten_to=self.forgotten_to)

    def info(self) -> SessionInfo:
        """Return what status tells."""
        return SessionInfo(
            session=self.id.hex(),
            program=self.hello.program,
            pid=self.hello.pid,
            host=self.hello.host,
            requests=self.requests,
            waiting=len(self.waiting),
            subscribed=self.subscriber is not None,
            events_dropped=self.subscriber.dropped if self.subscriber else 0,
        )


class Sessions:
    """All sessions, by id."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sessions: dict[bytes, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(self._sessions.values())

    def of(self, session_id: bytes) -> Session:
        """Return a session, made where it is new, and note that it was heard of."""
        session = self._sessions.get(session_id)
        if session is None:
            session = self._sessions[session_id] = Session(session_id, self._clock())
        session.seen_at = self._clock()
        return session

    def remember(self, answers: Iterable[Answer]) -> None:
        """Keep answers."""
        for answer in answers:
            self.of(answer.session).remember(answer)

    def restore(self, records: Mapping[str, SessionRecord]) -> None:
        """Take over what a journal remembers."""
        for session_id, record in records.items():
            session = self.of(bytes.fromhex(session_id))
            session.forgotten_to = record.forgotten_to
            for answer in record.answers:
                session.remember(answer)

    def records(self) -> dict[str, SessionRecord]:
        """Return what a checkpoint keeps."""
        return {session.id.hex(): session.record() for session in self._sessions.values()}

    def infos(self) -> tuple[SessionInfo, ...]:
        """Return what status tells of sessions that said hello."""
        return tuple(session.info() for session in self._sessions.values() if session.hello.pid)

    def forget(self, session_id: bytes) -> None:
        """Drop a session that said goodbye."""
        self._sessions.pop(session_id, None)

    def expire(self) -> None:
        """Drop sessions that were not heard of for hours and wait for nothing."""
        now = self._clock()
        for session in list(self._sessions.values()):
            if not session.waiting and now - session.seen_at > EXPIRY_SECS:
                del self._sessions[session.id]
