"""One connection to the daemon: ask, publish, draw, wait, cancel, close. Safe between threads and after a fork.

The socket and its thread are in `mtv.link`; a connection makes a link when it is first used, a new one after a fork,
and keeps what is the process's own: deadlines, open buffers, failures of requests that nobody waited for.
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import getpass
import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from mtv import paths
from mtv.batch import EVERYTHING, Batch, Discardable, OpenBatches
from mtv.gathering import Gathering
from mtv.hearing import Hearing
from mtv.link import Link, Timing
from mtv.listening import Events
from mtv.outcomes import failed_step, failure_of, in_words_of_the_call
from mtv.pixels import FileSink, FrameSink, shared_directory
from mtv.ticket import Answer, OnProgress, Ticket
from mtv.transaction import Bundle, Place, too_many
from mtv.wire import codec, version
from mtv.wire.errors import DaemonError, DeadlineExceeded, Error, MtvError, RequestError, Unavailable
from mtv.wire.frames import Buffer
from mtv.wire.limits import Limits
from mtv.wire.messages import (
    Bye,
    Cancel,
    Cancelled,
    Event,
    Hello,
    Outcome,
    Reply,
    Report,
    Repositories,
    RepositoryInfo,
    RepositoryList,
    Request,
    Shutdown,
    Status,
    Subscribe,
    Sync,
    Transaction,
    Unsubscribe,
    Welcome,
)
from mtv.wire.steps import AnyStep, Display

_log: Final = logging.getLogger("mtv")

CLOSE_SECS: Final = 5.0
"""How long leaving the interpreter waits for requests that were published."""

_KEPT_FAILURES: Final = 100

Sink = FileSink | FrameSink


class Connection:
    """A session with one daemon; made by `connect`, and on its own for displays and repositories that are given none.

    Any thread may use it. A child made by ``fork`` gets a session of its own on first use.

    Parameters
    ----------
    endpoint : `str`, optional
        ``ipc:///path`` or ``tcp://host:port``; `mtv.paths.default_endpoint` where not given.
    timeout_secs : `float`, optional
        How long a call waits for its answer, unless it says otherwise.
    timing : `~mtv.link.Timing`, optional
        Patience with a daemon that is silent or gone.
    """

    _gathering: Gathering | None
    _gathering_lock: threading.Lock

    def __init__(
        self, endpoint: str | None = None, *, timeout_secs: float = 120.0, timing: Timing | None = None
    ) -> None:
        self.endpoint = paths.check_endpoint(endpoint) if endpoint else paths.default_endpoint()
        self.timeout_secs = timeout_secs
        self._timing = timing or Timing()
        self._closed = False
        self._link: Link | None = None
        self._restart()
        _connections.add(self)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open" if self._link else "not yet used"
        return f"<mtv.Connection to {self.endpoint}, {state}>"

    def __enter__(self) -> Connection:
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
        welcome = self._linked().welcome
        assert welcome is not None
        return welcome

    @property
    def limits(self) -> Limits:
        """The daemon's limits."""
        return self.welcome.limits

    @property
    def session(self) -> str:
        """Name of the session, as in request ids."""
        return self._linked().session.hex()

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
    ) -> Answer:
        """Send any request of the wire, wait, and return its reply with the buffers that came with it.

        Parameters
        ----------
        timeout_secs : `float`, optional
            The connection's own where not given.
        on_progress : callable, optional
            Called in this thread with each `~mtv.wire.messages.Progress`.

        Raises
        ------
        MtvError
            Of the kind that the daemon's error stands for; `Unavailable` where nobody listens; `DeadlineExceeded`
            where the answer did not come in time (the request is then cancelled).
        """
        deadline = self._deadline(timeout_secs)
        link = self._linked()
        self._close_gathering()
        ticket = self._ticket(message, buffers, awaited=True)
        if cleanup is not None:
            ticket.when_settled(cleanup)
        try:
            link.submit(ticket)
            return ticket.wait(deadline, on_progress)
        except BaseException as error:
            if not ticket.settled:
                self._abandon(link, ticket)
                if isinstance(error, DeadlineExceeded) and not link.ready:
                    raise link.unavailable("has gone") from None
            raise

    def request(
        self, message: Request, *, timeout_secs: float | None = None, on_progress: OnProgress | None = None
    ) -> Reply:
        """Send any request of the wire, wait, and return its reply; see `ask`."""
        return self.ask(message, timeout_secs=timeout_secs, on_progress=on_progress).reply

    def publish(
        self,
        message: Request,
        *,
        buffers: Sequence[Buffer] = (),
        timeout_secs: float | None = None,
        cleanup: Callable[[Ticket], object] | None = None,
    ) -> None:
        """Send a request and wait only until the daemon has it; it is kept, and sent again if the daemon restarts.

        A failure after that is logged, and raised by the next `flush` or `sync`.
        """
        deadline = self._deadline(timeout_secs)
        link = self._linked()
        self._close_gathering()
        ticket = self._ticket(message, buffers, awaited=False)
        if cleanup is not None:
            ticket.when_settled(cleanup)
        ticket.when_settled(self._note)
        try:
            link.submit(ticket)
            ticket.wait_for_receipt(deadline)
        except BaseException as error:
            if not ticket.settled:
                self._abandon(link, ticket)
                if isinstance(error, DeadlineExceeded) and not link.ready:
                    raise link.unavailable("has gone") from None
            raise

    def publish_dot(self, place: Place, x: float, y: float, symbol: str, size: float, colour: str) -> None:
        """Send a checked dot without waiting; where others are under way it joins those that wait for them.

        A failure is logged, and raised by the next `flush` or `sync`.

        Raises
        ------
        Unavailable
            Nobody listens there.
        DeadlineExceeded
            Thousands of dots wait, and the daemon has not taken them in time.
        """
        link = self._linked()
        with self._gathering_lock:
            before = self._gathering
            if before is not None and not before.settled and before.dot(place, x, y, symbol, size, colour):
                return
            if before is not None and not before.settled:
                self._await_receipt(link, before)
            gathering = Gathering(self.limits)
            gathering.dot(place, x, y, symbol, size, colour)
            gathering.when_settled(self._note)
            link.submit(gathering)
            self._gathering = gathering

    def _await_receipt(self, link: Link, gathering: Gathering) -> None:
        try:
            gathering.wait_for_receipt(self._deadline(None))
        except DeadlineExceeded:
            if not link.ready:
                raise link.unavailable("has gone") from None
            raise
        except MtvError:
            if not gathering.settled:  # else it is noted, and raised by the next flush
                raise

    def _close_gathering(self) -> None:
        if self._gathering is not None:
            self._gathering.close()

    # Drawing

    def sink(self) -> Sink:
        """Return where the arrays of one request go: files shared with the daemon, or buffers of the message."""
        directory = self.pixel_directory
        return FrameSink() if directory is None else FileSink(directory, self.limits)

    def draw(
        self,
        step: AnyStep,
        *,
        buffers: Sequence[Buffer] = (),
        markers: int = 0,
        prepared: Discardable | None = None,
        wait: bool = True,
        supersede: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Outcome | None:
        """Carry out a step now, or leave it to the buffer that is open for its display."""
        batch = self.open_batch(getattr(step, "display", EVERYTHING))
        if batch is not None:
            batch.collector.add(step, buffers, markers)
            batch.prepared += [prepared] if prepared else []
            return None
        bundle = Bundle((step,), tuple(buffers))
        items = [prepared] if prepared else []
        return self.execute(bundle, prepared=items, wait=wait, supersede=supersede, on_progress=on_progress)

    def execute(
        self,
        bundle: Bundle,
        *,
        prepared: Sequence[Discardable] = (),
        wait: bool = True,
        supersede: bool = False,
        timeout_secs: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Outcome | None:
        """Send one transaction.

        Parameters
        ----------
        on_progress : callable, optional
            As in `ask`; not called where the transaction is only published.

        Returns
        -------
        outcome : `~mtv.wire.messages.Outcome` or `None`
            None where it was only published.

        Raises
        ------
        MtvError
            The error of the step that failed; nothing of the transaction was drawn then.
        """

        def cleanup(ticket: Ticket) -> None:
            if isinstance(failure_of(ticket), RequestError | DaemonError):  # else the daemon may still draw it
                for item in prepared:
                    item.remove()

        secs = self.timeout_secs if timeout_secs is None else timeout_secs
        message = Transaction(steps=bundle.steps, supersede=supersede, deadline_secs=secs if wait else None)
        with in_words_of_the_call(lone=len(bundle.steps) == 1):
            if not wait:
                self.publish(message, buffers=bundle.buffers, timeout_secs=secs, cleanup=cleanup)
                return None
            answer = self.ask(
                message, buffers=bundle.buffers, timeout_secs=secs, on_progress=on_progress, cleanup=cleanup
            )
            assert isinstance(answer.reply, Outcome)
            if failure := failed_step(answer.reply):
                raise failure
        self._tell(answer.reply.note)
        return answer.reply

    def buffering(
        self, *, wait: bool = True, display: Display | None = EVERYTHING, on_progress: OnProgress | None = None
    ) -> Batch:
        """Return a context manager: all steps of this thread within it, of all displays, are one transaction.

        It takes effect as a whole or not at all. After an exception inside nothing is sent. A buffer inside another
        joins it. ``on_progress`` is as in `execute`.
        """

        def send(batch: Batch) -> Outcome | None:
            return self.execute(batch.bundle(), prepared=batch.prepared, wait=wait, on_progress=on_progress)

        return Batch(self._batches, display, send, self.limits)

    def open_batch(self, display: Display | None) -> Batch | None:
        """Return the buffer that this thread has open for a display, if any."""
        return self._batches.find(display)

    def flush(self, timeout_secs: float | None = None) -> None:
        """Wait until all that was published is answered; raise the first failure since the last call."""
        left = self._linked().drain(self._deadline(timeout_secs))
        if left:
            raise DeadlineExceeded(Error(code="deadline", message=f"{left} requests are not answered", retryable=True))
        failures = [self._failures.popleft() for _ in range(len(self._failures))]
        if failures:
            first, *others = failures
            if others:
                first.add_note(f"and {len(others)} more of the requests published since the last flush")
            raise first

    def sync(self, timeout_secs: float | None = None) -> None:
        """Wait until all that was drawn so far, by anybody, is on the screen; see also `flush`."""
        self.flush(timeout_secs)
        self.request(Sync(), timeout_secs=timeout_secs)

    # The window's events

    def events(
        self,
        kinds: Sequence[str] | str = (),
        *,
        display: Display | None = None,
        timeout_secs: float | None = None,
    ) -> Events:
        """Return an iterator over what the user does in the window from now on; see `mtv.events`."""
        self._linked()
        found = Events(
            self._hearing, kinds=kinds, display=display, timeout_secs=timeout_secs, on_close=self._unsubscribe
        )
        try:
            self.ask(Subscribe(), cleanup=self._hearing.settled)
        except BaseException:
            found.close()
            raise
        return found

    def on_event(
        self, call: Callable[[Event], object], kinds: Sequence[str] | str = (), *, display: Display | None = None
    ) -> Events:
        """Have a function called with each event, in a thread of its own, until the result is closed."""
        return self.events(kinds, display=display).calling(call)

    def _unsubscribe(self) -> None:
        link = self._link
        if link is not None and link.ready:
            with contextlib.suppress(MtvError):
                link.submit(Ticket(codec.encode(Unsubscribe()), awaited=True))

    # The daemon itself

    def status(self) -> Report:
        """Return the daemon's state; it answers while it works."""
        reply = self.request(Status())
        assert isinstance(reply, Report)
        return reply

    def repositories(self) -> tuple[RepositoryInfo, ...]:
        """Return the repositories that can be named, the default first."""
        reply = self.request(Repositories())
        assert isinstance(reply, RepositoryList)
        return reply.repositories

    def cancel(self, request_id: str = "") -> int:
        """Cancel a request by its id, or all that wait; return how many were."""
        reply = self.request(Cancel(request_id=request_id))
        assert isinstance(reply, Cancelled)
        return reply.count

    def shutdown(self, *, keep_window: bool | None = None) -> None:
        """Stop the daemon in order; ``keep_window`` None follows its setting."""
        self.request(Shutdown(keep_window=keep_window))

    def close(self, timeout_secs: float = CLOSE_SECS) -> None:
        """Wait for what was published, at most so long, and end the session. Closing twice is no error."""
        with self._lock:
            link, self._link, self._closed = self._link, None, True
        _connections.discard(self)
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
        self._batches = OpenBatches()
        self._hearing = Hearing()
        self._gathering = None
        self._gathering_lock = threading.Lock()
        self._failures: collections.deque[MtvError] = collections.deque(maxlen=_KEPT_FAILURES)
        self._told: set[str] = set()

    def _after_fork(self) -> None:
        if self._link is not None:
            _left_to_the_parent.append(self._link)
        self._restart()

    def _linked(self) -> Link:
        link = self._link
        if link is not None and not link.ended:
            return link
        with self._lock:
            if self._closed:
                raise Unavailable(Error(code="no_daemon", message="this connection is closed", hint="mtv.connect()"))
            if self._link is None or self._link.ended:
                self._link = self._new_link()
            return self._link

    def _new_link(self) -> Link:
        link = Link(self.endpoint, os.urandom(16), _hello(), self._timing, self._hearing)
        try:
            link.start()
        except KeyboardInterrupt:
            link.stop()
            raise
        return link

    def _deadline(self, timeout_secs: float | None) -> float:
        return time.monotonic() + (self.timeout_secs if timeout_secs is None else timeout_secs)

    def _ticket(self, message: Request, buffers: Sequence[Buffer], *, awaited: bool) -> Ticket:
        body = codec.encode(message)
        limits = self.limits
        if len(body) > limits.body_bytes:
            raise too_many("body", len(body), limits.body_bytes)
        return Ticket(body, buffers, awaited=awaited)

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

    def _tell(self, note: str) -> None:
        if note and note not in self._told:
            self._told.add(note)
            _log.warning("%s", note)


def _hello() -> Hello:
    return Hello(
        versions=(version.MAJOR, version.MINOR),
        program=Path(sys.argv[0] if sys.argv and sys.argv[0] else "python").name,
        host=os.uname().nodename,
        user=_user(),
        pid=os.getpid(),
        x_display=os.environ.get("DISPLAY", ""),
        xauthority=os.environ.get("XAUTHORITY", ""),
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in containers
        return str(os.getuid())


# The process

_connections: weakref.WeakSet[Connection] = weakref.WeakSet()
_left_to_the_parent: list[Link] = []
"""Links of the parent process: a child must neither use nor close them, so it keeps them."""


def _close_all() -> None:
    for connection in list(_connections):
        connection.close()


def _after_fork() -> None:
    for connection in list(_connections):
        connection._after_fork()  # noqa: SLF001 - the module's own


atexit.register(_close_all)
os.register_at_fork(after_in_child=_after_fork)
