"""Sessions: who the clients are, where their answers go, and what each has been answered already.

A session outlives its connection: a client that reconnects goes on with the same id, and is answered what it has been
answered before instead of being drawn twice. Its id is no secret, so it goes on elsewhere only after a Hello that
proves it (`mtv.wire.proof`); until then everything that comes with its id is refused, and it notices nothing.
"""

from __future__ import annotations

import collections
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from mtv.wire import proof
from mtv.wire.errors import DaemonError, Error, RequestError, bad_value
from mtv.wire.messages import Event
from mtv.wire.reports import SessionInfo
from mtv.wire.requests import Hello
from mtv.wire.steps import DisplayName
from mtvd.drawing.numbers import Numbers
from mtvd.drawing.question_rate import QuestionRate
from mtvd.drawing.records import Answer, SessionRecord

REMEMBERED_ANSWERS: Final = 1024
"""Most answers kept for a session: four times its requests in flight, so none that may be repeated is forgotten."""
ANSWER_BYTES: Final = 4 << 20
"""Most bytes of answers kept for a session; the newest one is kept however large it is."""
ALL_ANSWER_BYTES: Final = 32 << 20
"""Most bytes of answers kept for all sessions together; those that were silent longest forget first."""
EXPIRY_SECS: Final = 6 * 3600.0
SESSIONS: Final = 4096
"""Most sessions that have proved who they are."""
UNPROVEN: Final = 1024
"""Most other sessions: they are their connection's alone, so there is little to lose."""
OF_ONE_KEY: Final = SESSIONS // 4
"""Most sessions of one client on another host."""
SILENT_SECS: Final = 60.0
"""A session that was heard of later than this ago does not make space for another one."""
TOLD: Final = 100
"""Sessions that status tells of."""

_LOOKED_AT: Final = 64
"""Sessions that are looked at for one that can go."""


class Subscriber:
    """Events that a subscribed session has not been sent, or has not taken yet."""

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
        """Connection that it is on; empty where it was restored and has not been heard of since."""
        self.key: str | None = None
        """Public key of the client; empty on the daemon's own host, None before it is heard of."""
        self.seen_at = now
        self.requests = 0
        self.waiting: set[int] = set()
        self.shown: set[DisplayName] = set()
        self.subscriber: Subscriber | None = None
        self.question_rate = QuestionRate()
        self.answer_bytes = 0
        """Bytes of all remembered answers."""
        self._answers: collections.OrderedDict[int, Answer] = collections.OrderedDict()
        self._used = Numbers()
        self._has_answered = False

    @property
    def is_remote(self) -> bool:
        """True where the client reached us over TCP."""
        return bool(self.key)

    def answer_to(self, sequence: int) -> Answer | None:
        """Return the answer that a request had; None where it must be carried out.

        Raises
        ------
        RequestError
            ``outcome_expired`` where it had one that is forgotten.
        """
        if sequence in self._answers:
            return self._answers[sequence]
        if sequence in self._used:
            message = "this request was carried out or refused before, its outcome is forgotten"
            raise RequestError(Error(code="outcome_expired", message=message, hint="ask what the display shows"))
        return None

    def remember(self, answer: Answer) -> None:
        """Keep an answer, and forget the oldest beyond the limits; that they were given is never forgotten."""
        self._has_answered = True
        self._used.add(answer.sequence)
        before = self._answers.get(answer.sequence)
        self._answers[answer.sequence] = answer
        self.answer_bytes += len(answer.body) - (len(before.body) if before else 0)
        while len(self._answers) > REMEMBERED_ANSWERS or (self.answer_bytes > ANSWER_BYTES and len(self._answers) > 1):
            self._forget_oldest()

    def note(self, sequence: int) -> None:
        """Take note of the number of a request whose answer is not remembered, so that it leaves no gap."""
        self._used.add(sequence)

    def forget_answers(self) -> None:
        """Forget what was answered, but not that it was."""
        self._answers.clear()
        self.answer_bytes = 0

    def restore(self, record: SessionRecord) -> None:
        """Take over what a journal remembers."""
        self._has_answered = True
        self._used = Numbers(((0, record.forgotten_to), *record.used))
        for answer in record.answers:
            self.remember(answer)

    def record(self) -> SessionRecord | None:
        """Return what a checkpoint keeps; None where there is nothing."""
        if not self._has_answered:
            return None
        return SessionRecord(answers=tuple(self._answers.values()), used=self._used.spans)

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

    def _forget_oldest(self) -> None:
        _, answer = self._answers.popitem(last=False)
        self.answer_bytes -= len(answer.body)


class Sessions:
    """All sessions, by id; as many as there is space for.

    Parameters
    ----------
    clock : callable
        Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._proven: collections.OrderedDict[bytes, Session] = collections.OrderedDict()
        self._unproven: collections.OrderedDict[bytes, Session] = collections.OrderedDict()
        """Both in the order in which sessions were last heard of."""
        self._of_key: collections.Counter[str] = collections.Counter()
        """Proven sessions of each client on another host."""
        self._answer_bytes = 0

    def __iter__(self) -> Iterator[Session]:
        yield from self._proven.values()
        yield from self._unproven.values()

    def __len__(self) -> int:
        return len(self._proven) + len(self._unproven)

    def enter(self, session_id: bytes, route: bytes, key: str, hello: Hello | None = None) -> Session:
        """Return the session that a request belongs to, made where it is new.

        Parameters
        ----------
        session_id : `bytes`
            As the header has it.
        route : `bytes`
            Connection that the request came by.
        key : `str`
            Public key of the client; empty on the daemon's own host.
        hello : `Hello`, optional
            The request itself, where it is one; with the right secret it moves the session to this connection.

        Raises
        ------
        RequestError
            ``forbidden``: the session is somebody else's; ``bad_value``: the secret is no secret.
        DaemonError
            ``busy``: there are too many sessions.
        """
        if proof.is_daemons_own(session_id):
            raise _forbidden("ids that begin with eight zero bytes are the daemon's own")
        proven = hello is not None and hello.secret != "" and _proves(hello.secret, session_id)
        session = self._proven.get(session_id) or self._unproven.get(session_id)
        if session is None:
            session = Session(session_id, self._clock())
            if not proven:
                self._make_space(self._unproven, UNPROVEN, 0.0)
                self._unproven[session_id] = session
        elif not proven:
            _check(session, route, key, greets=hello is not None)
        elif session.key not in {None, key}:
            raise _another_client()
        if proven and session_id not in self._proven:
            self._prove(session, key)
        elif session.key is None and session_id in self._proven:
            self._count(key, 1)
        session.route, session.key = route, key
        self._note_seen(session)
        return session

    def of(self, session_id: bytes) -> Session:
        """Return a session, made where it is new, and note that it was heard of."""
        session = self._proven.get(session_id) or self._unproven.get(session_id)
        if session is None:
            table = self._proven if proof.is_provable(session_id) else self._unproven
            session = table[session_id] = Session(session_id, self._clock())
        self._note_seen(session)
        return session

    def remember(self, answers: Iterable[Answer]) -> None:
        """Keep answers; those of the daemon's own sessions are not asked for again."""
        for answer in answers:
            if not proof.is_daemons_own(answer.session):
                session = self.of(answer.session)
                before = session.answer_bytes
                session.remember(answer)
                self._answer_bytes += session.answer_bytes - before
        self._hold_bytes()

    def restore(self, records: Mapping[str, SessionRecord]) -> None:
        """Take over what a journal remembers."""
        for session_id, record in records.items():
            identity = bytes.fromhex(session_id)
            if not proof.is_daemons_own(identity):
                session = self.of(identity)
                session.restore(record)
                self._answer_bytes += session.answer_bytes
        self._hold_bytes()

    def records(self) -> dict[str, SessionRecord]:
        """Return what a checkpoint keeps."""
        found = ((session.id.hex(), session.record()) for session in self)
        return {session_id: record for session_id, record in found if record is not None}

    def infos(self) -> tuple[SessionInfo, ...]:
        """Return what status tells of sessions that said hello: those that wait, and those heard of last."""
        chosen = heapq.nlargest(TOLD, self._with_hello(), key=lambda session: (bool(session.waiting), session.seen_at))
        return tuple(session.info() for session in chosen)

    def count(self) -> int:
        """Return how many sessions said hello."""
        return sum(1 for _ in self._with_hello())

    def forget(self, session_id: bytes) -> None:
        """Drop a session that said goodbye."""
        proven = self._proven.pop(session_id, None)
        session = proven or self._unproven.pop(session_id, None)
        if proven is not None and proven.key is not None:
            self._count(proven.key, -1)
        if session is not None:
            self._answer_bytes -= session.answer_bytes

    def expire(self) -> None:
        """Drop sessions that were not heard of for hours and wait for nothing."""
        now = self._clock()
        for session in list(self):
            if not session.waiting and now - session.seen_at > EXPIRY_SECS:
                self.forget(session.id)

    def _with_hello(self) -> Iterator[Session]:
        return (session for session in self if session.hello.pid)

    def _note_seen(self, session: Session) -> None:
        session.seen_at = self._clock()
        (self._proven if session.id in self._proven else self._unproven).move_to_end(session.id)

    def _prove(self, session: Session, key: str) -> None:
        if key and self._of_key[key] >= OF_ONE_KEY:
            raise _too_many(f"this client has {OF_ONE_KEY} sessions")
        self._make_space(self._proven, SESSIONS, SILENT_SECS)
        self._unproven.pop(session.id, None)
        self._proven[session.id] = session
        self._count(key, 1)

    def _count(self, key: str, change: int) -> None:
        if key:
            self._of_key[key] += change
            if not self._of_key[key]:
                del self._of_key[key]

    def _make_space(self, table: collections.OrderedDict[bytes, Session], most: int, silent_secs: float) -> None:
        """Drop the session that was silent longest and waits for nothing, where there are as many as may be."""
        if len(table) < most:
            return
        latest = self._clock() - silent_secs
        for _, session in zip(range(_LOOKED_AT), table.values(), strict=False):
            if session.seen_at > latest:
                break
            if not session.waiting:
                self.forget(session.id)
                return
        raise _too_many(f"there are {most} sessions")

    def _hold_bytes(self) -> None:
        """Have those that were silent longest forget their answers, while all together hold too many bytes."""
        if self._answer_bytes <= ALL_ANSWER_BYTES:
            return
        for session in self:
            if not session.waiting:
                self._answer_bytes -= session.answer_bytes
                session.forget_answers()
            if self._answer_bytes <= ALL_ANSWER_BYTES:
                return


def _proves(secret: str, session_id: bytes) -> bool:
    least, most = proof.SECRET_CHARS
    if not least <= len(secret) <= most:
        raise bad_value("secret", f"it has {len(secret)} characters, {least} to {most} are needed")
    if not proof.proves(secret, session_id):
        raise _forbidden("the id of the session is not made of this secret", "secret")
    return True


def _check(session: Session, route: bytes, key: str, *, greets: bool) -> None:
    """Refuse who has not proved to be the session's client, unless it comes by the session's own connection."""
    if session.key is not None and session.key != key:
        raise _another_client()
    if session.route == route:
        return
    # An id without proof: on the daemon's host it is free again after a restart; elsewhere the key says who it is.
    free = not session.route or (greets and key != "")
    if proof.is_provable(session.id) or not free:
        raise _forbidden("this session is on another connection")


def _another_client() -> RequestError:
    return _forbidden("this session belongs to another client")


def _forbidden(message: str, where: str = "session") -> RequestError:
    hint = "greet with the secret of the session first, or begin a session of your own"
    return RequestError(Error(code="forbidden", message=message, where=where, hint=hint))


def _too_many(message: str) -> DaemonError:
    return DaemonError(Error(code="busy", message=message, retryable=True, hint="close some, or try again in a minute"))
