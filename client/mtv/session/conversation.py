"""The conversation with a daemon: messages and times in, decisions out. Pure: no socket, clock, thread or lock.

`mtv.session.link` has one, guards it with its lock, tells it what its socket received and what time it is, and carries
out what it decides. Errors that end a conversation are raised; all others are decisions.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from mtv.arguments.transaction import total_bytes
from mtv.session import failures
from mtv.session.backpressure import Backpressure
from mtv.session.decisions import Acknowledge, Answer, Asked, Begin, Decision, Hear, Reopen, Report, Settle
from mtv.session.outbox import Outbox
from mtv.shared.log import Log
from mtv.wire import codec, frames
from mtv.wire.errors import Error, MtvError, RequestError, Unavailable, exception_for
from mtv.wire.limits import Limits
from mtv.wire.messages import Event, Failed, Progress, Receipt, Welcome

_log: Final = Log()

HELLO_NUMBER: Final = 0
"""Number of every Hello: it opens the session anew on each connection, so it stands outside the count of requests."""

_LATE: Final = 1024
_LATE_BYTES: Final = 1 << 20
"""Requests that were given up are kept for their answer: so many, and none that is larger."""

_BREAKS: Final = 3
"""So many failures of the socket, with no answer in between, are no lost connection any more."""


R = TypeVar("R", bound=Asked)


class Phase(enum.Enum):
    """State of a conversation."""

    GREETING = "greeting"
    """Hello is out, or waits for somebody to listen."""
    READY = "ready"
    ENDED = "ended"


class Timing:
    """Patience with a daemon that is silent or gone, in seconds.

    Parameters
    ----------
    hello_secs : `float`, optional
        From the first attempt to its Welcome, however many connections that takes; later, of each connection.
    lost_secs : `float`, optional
        How long requests wait for a daemon that has gone, before they fail with `Unavailable`.
    retry_secs : `float`, optional
        Between attempts to reach a daemon that has gone.
    """

    def __init__(self, hello_secs: float = 15.0, lost_secs: float = 30.0, retry_secs: float = 0.1) -> None:
        self.hello_secs = hello_secs
        self.lost_secs = lost_secs
        self.retry_secs = retry_secs


class Conversation(Generic[R]):
    """One session with a daemon, through any number of connections.

    All times are seconds of one clock that never goes back.

    Parameters
    ----------
    endpoint : `str`
        Named in errors.
    session : `bytes`
        16 bytes; messages of other sessions are ignored.
    timing : `Timing`
    spread : callable
        Returns a factor for the next pause, so that clients that were put off together do not come back together.
    """

    def __init__(self, endpoint: str, session: bytes, timing: Timing, spread: Callable[[], float]) -> None:
        self.phase = Phase.GREETING
        self.welcome: Welcome | None = None
        """The newest greeting."""
        self.failure: MtvError | None = None
        """Why the conversation is over, once it is."""
        self.gone = False
        """True while the daemon has not come back for longer than requests wait."""
        self._endpoint = endpoint
        self._session = session
        self._timing = timing
        self._backpressure = Backpressure(spread)
        self._pauses = False
        """True from a refusal until `outgoing` was asked after the pause: who waits for its end must not miss that."""
        self._outbox: Outbox[R] = Outbox()
        self._late: dict[int, R] = {}
        """Requests of this connection that were given up and may still be answered."""
        self._first_due = self._retry_at = math.inf
        self._lost_at = 0.0
        self._hung_up = False
        self._trouble: Exception | None = None
        """Why there is no connection, where that is known."""
        self._breaks = 0

    # Requests

    def __len__(self) -> int:
        """Return how many requests are not answered yet."""
        return len(self._outbox)

    def add(self, request: R) -> None:
        """Take a request and give it its number.

        Raises
        ------
        MtvError
            The conversation is over, or the daemon has been gone for some time.
        """
        if self.failure is not None or self.gone:
            raise self.failure or self.error_when_gone()
        self.enter(request)

    def enter(self, request: R) -> None:
        """Take a request of the session's own, whatever the state, and give it its number."""
        request.number = self._outbox.add(request)

    def forget(self, request: R) -> None:
        """Drop a request that nobody waits for any more.

        Its answer is still heard where it comes: it decides whose the pixel files are.
        """
        self._outbox.give_up(request.number)
        if request.sent and self.phase is not Phase.ENDED and total_bytes(request.buffers) <= _LATE_BYTES:
            self._late[request.number] = request
            while len(self._late) > _LATE:
                self._late.pop(next(iter(self._late)))

    def outgoing(self, now: float) -> list[R]:
        """Return the requests that go out now, in this order, and mark them sent."""
        if self.phase is not Phase.READY or self._backpressure.pause_left(now):
            return []
        self._pauses = False
        going = [
            request for _, request in self._outbox.send(self._backpressure.window, lambda request: request.gathers)
        ]
        for request in going:
            request.sent = True
        return going

    def refuse(self, request: R, error: MtvError, now: float) -> list[Decision[R]]:
        """Settle a request that was to go out, and cannot be made a message of."""
        request.sent = False
        return self._settle(request.number, error, now)

    # The connection

    def begin(self, now: float) -> None:
        """Start the time within which the first greeting must come."""
        self._first_due = now + self._timing.hello_secs

    def open(self, now: float) -> None:
        """Take note that a connection is being made, and that Hello goes out on it."""
        self.phase = Phase.GREETING
        self._retry_at = now + self._timing.hello_secs

    def lose(self, now: float) -> None:
        """Take note that the connection is over: all that is unanswered goes out again on the next one."""
        if self.phase is Phase.READY:
            self._lost_at = now
            self.phase = Phase.GREETING
        self._outbox.rewind()
        self._late.clear()  # they do not go out again

    def cannot_open(self, error: Exception, now: float) -> None:
        """Take note that no connection could be made; a daemon that was there before is tried again soon.

        Raises
        ------
        Unavailable
            There was no greeting yet.
        """
        if self.welcome is None:
            raise self._unavailable("cannot be connected to", error) from error
        if self._trouble is None:
            _log.warning("the daemon cannot be connected to: %s", failures.words_of(error))
        self._trouble = error
        self._retry_at = now + self._timing.retry_secs

    def fail(self, error: Exception) -> None:
        """Take note that the socket has failed, which counts as a lost connection: another one is made.

        Raises
        ------
        Unavailable
            There was no greeting yet, or new ones fail as well, again and again.
        """
        self._breaks += 1
        if self.welcome is None or self._breaks > _BREAKS:
            raise self._unavailable("cannot be spoken to", error) from error
        _log.warning("the connection to the daemon broke, a new one is made: %s", failures.words_of(error))
        self._trouble = self._trouble or error

    def hang_up(self, *, lost: bool, now: float) -> list[Decision[R]]:
        """Take note that the peer is away.

        Parameters
        ----------
        lost : `bool`
            True where there was a connection and it ended; False where nobody listens.
        now : `float`

        Returns
        -------
        decisions : `list`
            `Reopen` where the session was welcomed on that connection; else that waits a little.

        Raises
        ------
        Unavailable
            Nobody listens, and there was no greeting yet.
        """
        if lost and self.phase is Phase.READY:
            return [Reopen()]
        if not lost and self.welcome is None:
            raise self._unavailable("does not listen")
        self._hung_up = lost
        self._retry_at = now + self._timing.retry_secs
        return []

    def end(self, failure: MtvError | None) -> list[Decision[R]]:
        """End the conversation: all that is unanswered gets the failure, or that the connection is closed."""
        self.phase = Phase.ENDED
        self.failure = failure or failures.connection_closed()
        left, self._outbox = list(self._outbox), Outbox()
        return [Settle(request, self.failure) for request in left]

    # Time

    def patience_secs(self, now: float) -> float | None:
        """Return after what time something is to be done, if no message comes before; None where nothing is."""
        if self.phase is Phase.READY:
            return self._backpressure.pause_left(now) if self._pauses else None
        until = self._retry_at
        if self.welcome is None:
            until = min(until, self._first_due)
        elif not self.gone:
            until = min(until, self._lost_at + self._timing.lost_secs)
        return max(0.0, until - now)

    def check_time(self, now: float) -> list[Decision[R]]:
        """Decide what is due while the session is not welcomed: to connect anew, or to let awaited requests fail.

        Raises
        ------
        Unavailable
            The first greeting did not come in time.
        """
        if self.phase is not Phase.GREETING:
            return []
        if self.welcome is None and now >= self._first_due:
            what = "closes each connection" if self._hung_up else "does not answer"
            raise self._unavailable(what, self._trouble)
        decisions: list[Decision[R]] = []
        if self.welcome is not None and not self.gone and now >= self._lost_at + self._timing.lost_secs:
            self.gone = True
            error = self.error_when_gone()
            for request in [request for request in self._outbox if request.awaited]:
                self._outbox.give_up(request.number)
                decisions.append(Settle(request, error))
        if now >= self._retry_at:
            decisions.append(Reopen())
        return decisions

    # Messages

    def receive(self, parts: Sequence[memoryview], now: float) -> list[Decision[R]]:
        """Take a message as it came from the socket.

        Parameters
        ----------
        parts : sequence of `memoryview`
            Header, body and buffers.
        now : `float`

        Returns
        -------
        decisions : `list`
            None for what is no message of this session.

        Raises
        ------
        MtvError
            The daemon refused the session for good.
        """
        try:
            header = frames.read_header(parts[0])
            if header.session != self._session:
                raise RequestError(Error(code="bad_message", message="the session is not ours"))
        except MtvError as error:
            _log.warning("ignored a message that is no reply: %s", error)
            return []
        is_event = header.kind == frames.Kind.EVENT
        try:
            frames.check(header, parts, Limits())
            reply = codec.decode_reply(parts[1])
        except MtvError as error:
            if not is_event:
                return self._settle(header.sequence, failures.unreadable(error), now)
            _log.warning("ignored an event that cannot be read: %s", error)
            return []
        if is_event:
            return [Hear(reply)] if isinstance(reply, Event) else []
        return self._accept(header.sequence, Answer(reply, tuple(parts[2:])), now)

    def _accept(self, number: int, answer: Answer, now: float) -> list[Decision[R]]:
        reply = answer.reply
        if isinstance(reply, Receipt | Progress):
            request = self._outbox.find(number)
            if request is None:
                return []
            return [Acknowledge(request) if isinstance(reply, Receipt) else Report(request, reply)]
        if isinstance(reply, Failed):
            error = exception_for(reply.error)
            if _was_not_begun(reply.error) and self._put_off(number, error, now):
                return []
            return self._settle(number, error, now, told=True)
        if isinstance(reply, Welcome) and number == HELLO_NUMBER:
            return self._greet(reply)
        return self._settle(number, answer, now)

    def _put_off(self, number: int, error: MtvError, now: float) -> bool:
        """Have a request sent again later, before all that is newer; tell whether there is time for that.

        Nothing goes out until then, and nothing newer than what may have been put off with it until that is known, so
        that nothing overtakes it. Each time fewer are sent at once, and with each answer one more, as many as the
        daemon can take.
        """
        request = self._outbox.find(number)
        if request is None or now >= request.deadline:
            return False
        self._outbox.put_off(number)
        request.put_off = error
        self._backpressure.slow_down(now)
        self._pauses = True
        return True

    def _settle(self, number: int, outcome: Answer | MtvError, now: float, *, told: bool = False) -> list[Decision[R]]:
        if number == HELLO_NUMBER:
            if isinstance(outcome, MtvError):
                self._take_refusal(outcome, now)
            return []
        request = self._outbox.settle(number) or self._late.pop(number, None)
        self._backpressure.speed_up()
        self._breaks = 0
        return [] if request is None else [Settle(request, outcome, told)]

    def _take_refusal(self, error: MtvError, now: float) -> None:
        """Try a daemon again that refused the session for now; raise what is for good."""
        if self.welcome is None and error.code != "busy":
            raise error
        if self.welcome is not None and not error.error.retryable:
            raise error
        _log.warning("the daemon refused the session for now: %s", error)
        self._trouble = error
        self._retry_at = now + self._timing.retry_secs

    def _greet(self, welcome: Welcome) -> list[Decision[R]]:
        self.welcome = welcome
        self._backpressure.start(welcome.limits.in_flight)
        self.gone = False
        self._trouble = None
        self.phase = Phase.READY
        return [Begin()]

    # Errors

    def error_when_gone(self) -> Unavailable:
        """Return the error for a daemon that has not come back."""
        return self._unavailable("has gone", self._trouble)

    def _unavailable(self, what: str, reason: Exception | None = None) -> Unavailable:
        return failures.unavailable(self._endpoint, what, reason)


def _was_not_begun(error: Error) -> bool:
    """Tell whether a daemon had no space for a request.

    Where an error names a place in it, it was begun: a registry that is locked must not hold up what is drawn.
    """
    return error.code == "busy" and error.retryable and not error.where
