"""One session with the daemon: ask, publish, wait, cancel, close. Safe between threads and after a fork.

The socket and its thread are in `mtv.session.link`; a session makes a link when it is first used, a new one after a
fork, and keeps what is the process's own: deadlines, and failures of requests that nobody waited for. What is drawn and
asked for over it is in `mtv.session.connection`.
"""

from __future__ import annotations

import collections
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from mtv.arguments.transaction import too_many, total_bytes
from mtv.pixels.discardable import Discardable, discard
from mtv.pixels.sharing import shared_directory
from mtv.session import process
from mtv.session.conversation import Timing
from mtv.session.decisions import Answer
from mtv.session.gathering import Gathering
from mtv.session.greeting import hello
from mtv.session.hearing import Hearing
from mtv.session.link import Link
from mtv.session.outcomes import failure_of, is_certainly_not_drawn, notes_of
from mtv.session.ticket import OnProgress, Ticket, overdue
from mtv.shared import ownership, paths
from mtv.shared.keys import for_client
from mtv.shared.log import Log
from mtv.wire import codec
from mtv.wire.errors import DeadlineExceeded, Error, MtvError, RequestError, Unavailable
from mtv.wire.frames import Buffer
from mtv.wire.limits import Limits
from mtv.wire.messages import Reply, Welcome
from mtv.wire.proof import session_id
from mtv.wire.requests import Bye, Cancel, Request

_log: Final = Log()

CLOSE_SECS: Final = 5.0
"""How long leaving the interpreter waits for requests that were published."""

_KEPT_FAILURES: Final = 100
_KEPT_NOTES: Final = 1_000
"""Notes that were told and are not told again."""


class Session:
    """Base of `mtv.Connection`, whose parameters it has: requests, deadlines and failures."""

    _gathering: Gathering | None
    """The request that grows while it waits; whatever is sent after it ends that."""

    def __init__(
        self, endpoint: str | None = None, *, timeout_secs: float = 120.0, timing: Timing | None = None
    ) -> None:
        self.endpoint = paths.check_endpoint(endpoint) if endpoint else paths.default_endpoint()
        self.timeout_secs = timeout_secs
        self._timing = timing or Timing()
        self._closed = False
        self._link: Link | None = None
        self._restart()
        process.remember(self)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open" if self._link else "not yet used"
        return f"<mtv.{type(self).__name__} to {self.endpoint}, {state}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return self._closed

    # What the daemon said

    @property
    def welcome(self) -> Welcome:
        """The daemon's newest greeting: release, limits, state of the window."""
        welcome = self._get_link().welcome
        assert welcome is not None
        return welcome

    @property
    def limits(self) -> Limits:
        """The daemon's limits."""
        return self.welcome.limits

    @property
    def session(self) -> str:
        """Name of the session, as in request ids."""
        return self._get_link().session.hex()

    @property
    def pixel_directory(self) -> Path | None:
        """Directory that is shared with the daemon; None where it is on another host."""
        return shared_directory(self.welcome)

    # Asking

    def ask(
        self,
        message: Request,
        *,
        buffers: Sequence[Buffer] = (),
        timeout_secs: float | None = None,
        on_progress: OnProgress | None = None,
        cleanup: Callable[[Ticket], object] | None = None,
        prepared: Sequence[Discardable] = (),
    ) -> Answer:
        """Send any request of the wire, wait, and return its reply with the buffers that came with it.

        Parameters
        ----------
        message : `~mtv.wire.requests.Request`
        buffers : sequence of buffers, optional
            C-contiguous bytes that the message names by number; they must not change before the answer.
        timeout_secs : `float`, optional
            The connection's own where not given.
        on_progress : callable, optional
            Called in this thread with each `~mtv.wire.messages.Progress`.
        cleanup : callable, optional
            Called with the ticket once it is settled, in the link's thread.
        prepared : sequence of `~mtv.pixels.discardable.Discardable`, optional
            Removed where it is certain that nothing of the request is drawn.

        Returns
        -------
        answer : `~mtv.session.decisions.Answer`
            The reply and the buffers that came with it.

        Raises
        ------
        MtvError
            Of the kind that the daemon's error stands for; `Unavailable` where nobody listens; `DeadlineExceeded`
            where the answer did not come in time (the request is then cancelled).
        """
        deadline = self._deadline(timeout_secs)
        link, ticket = self._prepare(message, buffers, deadline, cleanup, prepared, awaited=True)
        with self._sending(link, ticket):
            link.submit(ticket)
            return ticket.wait(deadline, on_progress)

    def request(
        self, message: Request, *, timeout_secs: float | None = None, on_progress: OnProgress | None = None
    ) -> Reply:
        """Send any request of the wire, wait, and return its reply; see `ask`.

        Parameters
        ----------
        message : `~mtv.wire.requests.Request`
        timeout_secs : `float`, optional
            The connection's own where not given.
        on_progress : callable, optional
            As in `ask`.

        Returns
        -------
        reply : `~mtv.wire.messages.Reply`

        Raises
        ------
        MtvError
            As in `ask`.
        """
        return self.ask(message, timeout_secs=timeout_secs, on_progress=on_progress).reply

    def publish(
        self,
        message: Request,
        *,
        buffers: Sequence[Buffer] = (),
        timeout_secs: float | None = None,
        cleanup: Callable[[Ticket], object] | None = None,
        prepared: Sequence[Discardable] = (),
    ) -> None:
        """Send a request and wait only until the daemon has it; it is kept, and sent again if the daemon restarts.

        A failure after that is logged, and raised by the next `flush` or `sync`.

        Parameters
        ----------
        message : `~mtv.wire.requests.Request`
        buffers : sequence of buffers, optional
            C-contiguous bytes that the message names by number; they must not change before the answer.
        timeout_secs : `float`, optional
            The connection's own where not given.
        cleanup : callable, optional
            As in `ask`.
        prepared : sequence of `~mtv.pixels.discardable.Discardable`, optional
            As in `ask`.

        Raises
        ------
        MtvError
            The daemon refused it at once; `Unavailable`; `DeadlineExceeded`.
        """
        deadline = self._deadline(timeout_secs)
        link, ticket = self._prepare(message, buffers, deadline, cleanup, prepared, awaited=False)
        ticket.when_settled(self._note)
        with self._sending(link, ticket):
            link.submit(ticket)
            ticket.wait_for_receipt(deadline)

    def _close_gathering(self) -> None:
        if self._gathering is not None:
            self._gathering.close()

    def flush(self, timeout_secs: float | None = None) -> None:
        """Wait until all that was published is answered; raise the first failure since the last call.

        Parameters
        ----------
        timeout_secs : `float`, optional
            The connection's own where not given.

        Raises
        ------
        MtvError
            The first failure; `DeadlineExceeded` where requests are not answered in time.
        """
        left = self._get_link().drain(self._deadline(timeout_secs))
        if left:
            raise DeadlineExceeded(Error(code="deadline", message=f"{left} requests are not answered", retryable=True))
        failures = [self._failures.popleft() for _ in range(len(self._failures))]
        if failures:
            first, *others = failures
            if others:
                first.add_note(f"and {len(others)} more of the requests published since the last flush")
            raise first

    def close(self, timeout_secs: float = CLOSE_SECS) -> None:
        """Wait for what was published, at most so long, and end the session. Closing twice is no error.

        Parameters
        ----------
        timeout_secs : `float`, optional
            How long to wait for what was published.
        """
        with self._lock:
            link, self._link, self._closed = self._link, None, True
        process.forget(self)
        if link is None:
            return
        left = link.drain(time.monotonic() + timeout_secs)
        link.stop(codec.encode(Bye()))
        if left:
            _log.error("%d requests were never answered; they may not have been drawn", left)

    # Inside

    def _restart(self) -> None:
        """Begin anew, with nothing of the parent process."""
        self._lock = threading.Lock()
        self._link = None
        self._hearing = Hearing()
        self._gathering = None
        self._failures: collections.deque[MtvError] = collections.deque(maxlen=_KEPT_FAILURES)
        self._told: set[str] = set()

    def tell(self, note: str) -> None:
        """Log a note for the user, once.

        Parameters
        ----------
        note : `str`
            Of an outcome, a step or an image; nothing is logged where it is empty.
        """
        if note and note not in self._told:
            if len(self._told) >= _KEPT_NOTES:
                self._told.clear()
            self._told.add(note)
            _log.warning("%s", note)

    def _after_fork(self) -> None:
        """Leave the link of the parent process alone; called in a child after ``fork``."""
        if self._link is not None:
            process.leave_to_the_parent(self._link)
        self._restart()

    def _get_link(self) -> Link:
        link = self._link
        if link is not None and not link.ended:
            return link
        if not self._lock.acquire(timeout=self.timeout_secs):  # another thread connects, or waits to do so
            raise overdue()
        try:
            if self._closed:
                raise Unavailable(Error(code="no_daemon", message="this connection is closed", hint="mtv.connect()"))
            if self._link is None or self._link.ended:
                self._link = self._new_link()
            return self._link
        finally:
            self._lock.release()

    def _new_link(self) -> Link:
        far = paths.is_tcp(self.endpoint)
        ownership.require_own(self.endpoint)
        keys = for_client(self.endpoint) if far else None
        secret = os.urandom(16).hex()
        link = Link(self.endpoint, session_id(secret), hello(secret, far=far), self._timing, self._hearing, keys)
        link.start()
        return link

    def _deadline(self, timeout_secs: float | None) -> float:
        return time.monotonic() + (self.timeout_secs if timeout_secs is None else timeout_secs)

    def _prepare(
        self,
        message: Request,
        buffers: Sequence[Buffer],
        deadline: float,
        cleanup: Callable[[Ticket], object] | None,
        prepared: Sequence[Discardable],
        *,
        awaited: bool,
    ) -> tuple[Link, Ticket]:
        """Make a ticket; from then on its end decides what becomes of what was prepared."""

        def take_back(ticket: Ticket) -> None:
            if is_certainly_not_drawn(ticket):
                discard(prepared)

        try:
            link = self._get_link()
            self._close_gathering()
            ticket = Ticket(self._encode(message, buffers), buffers, awaited=awaited, deadline=deadline)
        except BaseException:
            discard(prepared)
            raise
        if prepared:
            ticket.when_settled(take_back)
        if cleanup is not None:
            ticket.when_settled(cleanup)
        return link, ticket

    def _encode(self, message: Request, buffers: Sequence[Buffer]) -> bytes:
        body = codec.encode(message)
        limits = self.limits
        if len(body) > limits.body_bytes:
            raise too_many("body", len(body), limits.body_bytes)
        if (size := total_bytes(buffers)) > limits.buffer_bytes:  # ZeroMQ would hang up on us, and not say why
            raise too_many("buffers", size, limits.buffer_bytes)
        return body

    @contextlib.contextmanager
    def _sending(self, link: Link, ticket: Ticket) -> Iterator[None]:
        """Give a request up that is left before it is settled."""
        try:
            yield
        except BaseException as error:
            if not ticket.settled:
                self._abandon(link, ticket)
                if isinstance(error, DeadlineExceeded) and not link.ready:
                    raise link.error_when_gone() from None
            raise

    def _abandon(self, link: Link, ticket: Ticket) -> None:
        if not link.forget(ticket):
            ticket.settle(RequestError(Error(code="cancelled", message="never sent")))
            return
        cancel = Cancel(request_id=f"{link.session.hex()}-{ticket.number}")
        with contextlib.suppress(MtvError):
            link.submit(Ticket(codec.encode(cancel), awaited=True))

    def _note(self, ticket: Ticket) -> None:
        failure = failure_of(ticket)
        if failure is not None and (ticket.received or ticket.gathers):
            self._failures.append(failure)
            _log.warning("a published request failed: %s", failure)
        for note in notes_of(ticket):
            self.tell(note)
