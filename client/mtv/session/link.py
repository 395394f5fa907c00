"""The thread that owns the DEALER socket: hello before traffic, replies by number, and a new start after every loss.

A libzmq socket belongs to one thread, so all of it is here, and callers only put tickets into the outbox and wake the
thread. A lost connection means a new socket (nothing stale can leave it before the Hello), and, once the daemon has
welcomed the session again, every unanswered request once more under its own number. `mtv.session.session` starts links;
one link never outlives its process, a fork makes its own.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import logging
import os
import random
import threading
import time
from collections.abc import Sequence
from typing import Final

import zmq

from mtv.arguments.transaction import total_bytes
from mtv.session.dealer import NO_ENTRY, Dealer, check_room
from mtv.session.hearing import Hearing
from mtv.session.outbox import Outbox
from mtv.session.ticket import Answer, Ticket
from mtv.shared.keys import ClientKeys, directory, shown
from mtv.shared.paths import host_of, socket_path
from mtv.wire import codec, frames
from mtv.wire.errors import DaemonError, Error, MtvError, RequestError, Unavailable, exception_for
from mtv.wire.limits import Limits
from mtv.wire.messages import Event, Failed, Progress, Receipt, Welcome
from mtv.wire.requests import Hello

_log: Final = logging.getLogger("mtv")

HELLO_NUMBER: Final = 0
"""Number of every Hello: it opens the session anew on each connection, so it stands outside the count of requests."""

GRACE_SECS: Final = 5.0
"""How long the thread is waited for beyond what it takes by rights."""

_LATE: Final = 1024
_LATE_BYTES: Final = 1 << 20
"""Requests that were given up are kept for their answer: so many, and none that is larger."""

_FIRST_PAUSE_SECS: Final = 0.005
_LONGEST_PAUSE_SECS: Final = 1.0
"""Before what a busy daemon has put off goes out again; each pause in a row is twice as long."""

_BREAKS: Final = 3
"""So many failures of the socket, with no answer in between, are no lost connection any more."""


class Phase(enum.Enum):
    """What a link is at."""

    GREETING = "greeting"
    """Hello is out, or waits for somebody to listen."""
    READY = "ready"
    ENDED = "ended"


class Timing:
    """How long a link waits, in seconds."""

    def __init__(self, hello_secs: float = 15.0, lost_secs: float = 30.0, retry_secs: float = 0.1) -> None:
        self.hello_secs = hello_secs
        """From the first attempt to its Welcome, however many connections that takes; later, of each connection."""
        self.lost_secs = lost_secs
        """How long requests wait for a daemon that has gone, before they fail with `Unavailable`."""
        self.retry_secs = retry_secs
        """Between attempts to reach a daemon that has gone."""


class Link:
    """One session with a daemon, through any number of connections.

    Parameters
    ----------
    endpoint : `str`
        ``ipc://`` or ``tcp://``.
    session : `bytes`
        16 bytes; the same through all reconnections.
    hello : `Hello`
        Sent first on every connection.
    hearing : `~mtv.session.hearing.Hearing`
        Where events go.
    keys : `~mtv.shared.keys.ClientKeys`, optional
        Needed for ``tcp://``.
    """

    def __init__(
        self,
        endpoint: str,
        session: bytes,
        hello: Hello,
        timing: Timing,
        hearing: Hearing,
        keys: ClientKeys | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.session = session
        self.welcome: Welcome | None = None
        self._hello = codec.encode(hello)
        self._timing = timing
        self._hearing = hearing
        self._keys = keys
        self._phase = Phase.GREETING
        self._outbox: Outbox[Ticket] = Outbox()
        self._late: dict[int, Ticket] = {}
        """Requests of this connection that were given up and may still be answered."""
        self._window = 0
        self._pause_secs = 0.0
        self._pause_until = 0.0
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._failure: MtvError | None = None
        self._gone = False
        self._stopping = False
        self._farewell = b""
        self._since = time.monotonic()
        self._hung_up = False
        self._limits = Limits()
        self._trouble: Exception | None = None
        """Why there is no connection, where that is known."""
        self._breaks = 0
        self._dealer: Dealer | None = None
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._wake_read = self._wake_write = -1
        self._thread = threading.Thread(target=self._run, name="mtv-link", daemon=True)

    # For callers, from any thread

    def start(self) -> Welcome:
        """Connect; return the daemon's greeting, or raise `Unavailable` or what it answered instead."""
        try:
            self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            check_room(self._wake_read)
            self._context = zmq.Context(io_threads=1)
            self._thread.start()
        except (OSError, zmq.ZMQError, RuntimeError) as error:
            self._phase = Phase.ENDED
            self._release()
            raise self.unavailable("cannot be connected to", error) from error
        try:
            with self._changed:
                patience_secs = self._timing.hello_secs + GRACE_SECS
                self._changed.wait_for(lambda: self.welcome is not None or self._failure is not None, patience_secs)
                failure = self._failure
        except BaseException:
            self.stop()
            raise
        if failure is not None:
            self._thread.join(GRACE_SECS)
            raise failure
        if self.welcome is None:
            self.stop()
            raise self.unavailable("does not answer")
        return self.welcome

    def submit(self, ticket: Ticket) -> None:
        """Take a request; it goes out as soon as the window allows.

        Raises
        ------
        Unavailable
            The daemon has been gone for some time.
        """
        with self._lock:
            if self._failure is not None or self._gone:
                raise self._failure or self.gone()
            ticket.number = self._outbox.add(ticket)
        self._wake()

    def forget(self, ticket: Ticket) -> bool:
        """Drop a request that nobody waits for any more; tell whether the daemon may have it.

        Its answer is still heard where it comes: it decides whose the pixel files are.
        """
        with self._lock:
            self._outbox.settle(ticket.number)
            if ticket.sent and self._phase is not Phase.ENDED and total_bytes(ticket.buffers) <= _LATE_BYTES:
                self._late[ticket.number] = ticket
                while len(self._late) > _LATE:
                    self._late.pop(next(iter(self._late)))
        self._wake()
        return ticket.sent

    def drain(self, deadline: float) -> int:
        """Wait until every request is answered; return how many are not."""
        with self._changed:
            left = max(0.0, deadline - time.monotonic())
            self._changed.wait_for(lambda: not len(self._outbox) or self._phase is Phase.ENDED or self._gone, left)
            return len(self._outbox)

    @property
    def ready(self) -> bool:
        """True while the daemon knows the session."""
        return self._phase is Phase.READY

    @property
    def ended(self) -> bool:
        """True once the thread has gone, or is about to."""
        return self._failure is not None

    def stop(self, farewell: bytes = b"") -> None:
        """End the thread and close the socket; ``farewell`` is the body of a last message."""
        with self._lock:
            self._stopping = True
            self._farewell = farewell
        self._wake()
        self._thread.join(GRACE_SECS)
        if self._thread.is_alive():
            _log.error("the connection to %s does not come to its end, it is left to itself", self.endpoint)

    def _wake(self) -> None:
        with self._lock:
            if self._phase is not Phase.ENDED:
                with contextlib.suppress(BlockingIOError):  # full: it is awake already
                    os.write(self._wake_write, b".")

    # The thread

    def _run(self) -> None:
        failure: MtvError | None = None
        self._first_due = time.monotonic() + self._timing.hello_secs
        try:
            self._open()
            while not self._stopping:
                try:
                    self._turn()
                except (zmq.ZMQError, OSError) as error:
                    self._broke(error)
        except MtvError as error:
            failure = error
        except BaseException as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            _log.exception("the connection to the daemon broke")
            failure = broken(error)
        finally:
            self._end(failure)

    def _open(self) -> None:
        assert self._context is not None
        self._phase = Phase.GREETING
        self._retry_at = time.monotonic() + self._timing.hello_secs
        try:
            self._dealer = Dealer(self._context, self.endpoint, self._keys, self._wake_read)
            with contextlib.suppress(zmq.Again):  # the peer has gone already, which the monitor tells
                self._send(HELLO_NUMBER, self._hello)
        except (zmq.ZMQError, OSError) as error:
            self._cannot_open(error)

    def _cannot_open(self, error: Exception) -> None:
        """Give up before the first greeting; later a daemon is tried to reach for as long as one that has gone."""
        if self.welcome is None:
            raise self.unavailable("cannot be connected to", error) from error
        if self._trouble is None:
            _log.warning("the daemon cannot be connected to: %s", _reason(error))
        self._trouble = error
        self._close()
        self._retry_at = time.monotonic() + self._timing.retry_secs

    def _broke(self, error: Exception) -> None:
        """Take a socket that fails for a lost connection; give up where a new one fails as well, again and again."""
        self._breaks += 1
        if self.welcome is None or self._breaks > _BREAKS:
            raise self.unavailable("cannot be spoken to", error) from error
        _log.warning("the connection to the daemon broke, a new one is made: %s", _reason(error))
        self._reopen()
        self._trouble = self._trouble or error

    def _close(self, linger_ms: int = 0) -> None:
        dealer, self._dealer = self._dealer, None
        if dealer is not None:
            dealer.close(linger_ms)

    def _reopen(self) -> None:
        if self._phase is Phase.READY:
            self._since = time.monotonic()
            self._phase = Phase.GREETING
        with self._lock:
            self._outbox.rewind()
            self._late.clear()  # they do not go out again
        self._close()
        self._open()

    def _turn(self) -> None:
        has_messages, has_events = self._wait()
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 65536)
        if has_messages:
            self._receive_all()
        if has_events:
            self._watch()
        if self._phase is Phase.READY:
            self._send_waiting()
        else:
            self._mind_the_time()

    def _wait(self) -> tuple[bool, bool]:
        if self._dealer is not None:
            return self._dealer.poll(self._patience_ms())
        poller = zmq.Poller()
        poller.register(self._wake_read, zmq.POLLIN)
        poller.poll(self._patience_ms())
        return False, False

    def _patience_ms(self) -> int | None:
        now = time.monotonic()
        if self._phase is Phase.READY:
            return None if now >= self._pause_until else int((self._pause_until - now) * 1000) + 1
        until = self._retry_at
        if self.welcome is None:
            until = min(until, self._first_due)
        elif not self._gone:
            until = min(until, self._since + self._timing.lost_secs)
        return max(0, int((until - now) * 1000) + 1)

    def _mind_the_time(self) -> None:
        now = time.monotonic()
        if self.welcome is None and now >= self._first_due:
            raise self.unavailable("closes each connection" if self._hung_up else "does not answer", self._trouble)
        if self.welcome is not None and not self._gone and now >= self._since + self._timing.lost_secs:
            self._give_up()
        if now >= self._retry_at:
            self._reopen()

    def _give_up(self) -> None:
        error = self.gone()
        with self._changed:
            self._gone = True
            awaited = [ticket for ticket in self._outbox if ticket.awaited]
            for ticket in awaited:
                self._outbox.settle(ticket.number)
            self._changed.notify_all()
        for ticket in awaited:
            ticket.settle(error)

    def _watch(self) -> None:
        assert self._dealer is not None
        lost = refused = stuck = False
        for event in self._dealer.events():
            lost |= event == zmq.EVENT_DISCONNECTED
            refused |= event == zmq.EVENT_CLOSED
            stuck |= event == zmq.EVENT_CONNECT_RETRIED and not self._dealer.said_why
            if event & NO_ENTRY:
                self._not_let_in(event)
        if lost:
            self._receive_all()
        if lost and self._phase is Phase.READY:
            self._reopen()
        elif refused and not lost and self.welcome is None:
            raise self.unavailable("does not listen")
        elif lost or refused:
            self._hung_up = lost
            self._retry_at = time.monotonic() + self._timing.retry_secs
        elif stuck:
            self._cannot_open(_why_no_socket())

    def _not_let_in(self, event: int) -> None:
        """Say why the handshake failed, where that is for good.

        A daemon that refuses our key says so. One that has another key than we think hangs up in silence, as a tunnel
        does behind which the daemon just starts again: a session that was welcomed before goes on asking.
        """
        assert self._keys is not None
        if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            raise not_authorised(self.endpoint)
        if self.welcome is None:
            raise wrong_key(self.endpoint, self._keys)

    def _send_waiting(self) -> None:
        now = time.monotonic()
        if now < self._pause_until:
            return
        with self._lock:
            going = self._outbox.send(self._window, lambda ticket: ticket.gathers)
            for _, ticket in going:
                ticket.sent = True
        try:
            for number, ticket in going:
                try:
                    ticket.seal()
                except MtvError as error:
                    ticket.sent = False
                    self._settle(number, error)
                else:
                    self._send(number, ticket.body, ticket.buffers)
        except zmq.Again:  # the peer has gone, and the monitor has not told yet: all of them go out again
            self._reopen()

    def _send(self, number: int, body: bytes, buffers: Sequence[frames.Buffer] = ()) -> None:
        assert self._dealer is not None
        self._dealer.send(frames.pack(frames.Kind.REQUEST, self.session, number, body, buffers))

    def _receive_all(self) -> None:
        assert self._dealer is not None
        for message in self._dealer.messages():
            self._receive(message)

    def _receive(self, parts: list[memoryview]) -> None:
        try:
            header = frames.read_header(parts[0])
            if header.session != self.session:
                raise RequestError(Error(code="bad_message", message="the session is not ours"))
        except MtvError as error:
            _log.warning("ignored a message that is no reply: %s", error)
            return
        if header.kind == frames.Kind.EVENT:
            self._hear(header, parts)
            return
        try:
            frames.check(header, parts, Limits())
            reply = codec.decode_reply(parts[1])
        except MtvError as error:
            self._settle(header.sequence, _unreadable(error))
            return
        self._accept(header.sequence, Answer(reply, tuple(parts[2:])))

    def _hear(self, header: frames.Header, parts: list[memoryview]) -> None:
        try:
            frames.check(header, parts, Limits())
            event = codec.decode_reply(parts[1])
        except MtvError as error:
            _log.warning("ignored an event that cannot be read: %s", error)
            return
        if isinstance(event, Event):
            self._hearing.heard(event)
            self._tell_of_events(fresh=False)

    def _tell_of_events(self, *, fresh: bool) -> None:
        """Ask for events, again after a reconnection, and from time to time say which have come."""
        ticket = self._hearing.request(fresh=fresh)
        if ticket is not None:
            with self._lock:
                ticket.number = self._outbox.add(ticket)

    def _accept(self, number: int, answer: Answer) -> None:
        reply = answer.reply
        if isinstance(reply, Receipt | Progress):
            with self._lock:
                ticket = self._outbox.find(number)
            if ticket is not None and isinstance(reply, Receipt):
                ticket.receive()
            elif ticket is not None and isinstance(reply, Progress):
                ticket.report(reply)
        elif isinstance(reply, Failed):
            error = exception_for(reply.error)
            if not (_was_not_begun(reply.error) and self._put_off(number, error)):
                self._settle(number, error, told=True)
        elif isinstance(reply, Welcome) and number == HELLO_NUMBER:
            self._greeted(reply)
        else:
            self._settle(number, answer)

    def _put_off(self, number: int, error: MtvError) -> bool:
        """Send a request again later, before all that is newer; tell whether there is time for that.

        Nothing goes out until then, so that nothing overtakes it. Each time fewer are sent at once, and with each
        answer one more, as many as the daemon can take.
        """
        now = time.monotonic()
        with self._lock:
            ticket = self._outbox.find(number)
            if ticket is None or now >= ticket.deadline:
                return False
            self._outbox.put_off(number)
            ticket.put_off = error
            if now >= self._pause_until:  # else they were sent together
                self._window = max(1, self._window // 2)
                self._pause_secs = min(2 * self._pause_secs or _FIRST_PAUSE_SECS, _LONGEST_PAUSE_SECS)
                self._pause_until = now + self._pause_secs * random.uniform(0.5, 1.0)  # noqa: S311 - not all at once
        return True

    def _settle(self, number: int, outcome: Answer | MtvError, *, told: bool = False) -> None:
        if number == HELLO_NUMBER:
            if isinstance(outcome, MtvError):
                self._refused(outcome)
            return
        with self._lock:
            ticket = self._outbox.settle(number) or self._late.pop(number, None)
            self._window = min(self._limits.in_flight, self._window + 1)
            self._pause_secs = 0.0
        self._breaks = 0
        if ticket is not None:
            ticket.settle(outcome, told=told)
            with self._changed:
                self._changed.notify_all()

    def _refused(self, error: MtvError) -> None:
        if self.welcome is None and error.code != "busy":
            raise error
        if self.welcome is not None and not error.error.retryable:
            raise error
        _log.warning("the daemon refused the session for now: %s", error)
        self._trouble = error
        self._retry_at = time.monotonic() + self._timing.retry_secs

    def _greeted(self, welcome: Welcome) -> None:
        with self._changed:
            self.welcome = welcome
            self._limits = welcome.limits
            self._window, self._pause_secs, self._pause_until = welcome.limits.in_flight, 0.0, 0.0
            self._gone = False
            self._trouble = None
            self._phase = Phase.READY
            self._changed.notify_all()
        self._tell_of_events(fresh=True)

    def _end(self, failure: MtvError | None) -> None:
        """Tell all who wait; only then close what may take its time, or fail."""
        was_ready = self._phase is Phase.READY and failure is None
        try:
            if was_ready and self._farewell:
                self._send(HELLO_NUMBER, self._farewell)
        except zmq.ZMQError as error:
            _log.debug("the daemon was not told that its client leaves: %s", error)
        finally:
            with self._changed:
                self._phase = Phase.ENDED
                self._failure = failure or Unavailable(Error(code="no_daemon", message="the connection is closed"))
                left = list(self._outbox)
                self._outbox = Outbox()
                self._changed.notify_all()
            for ticket in left:
                ticket.settle(self._failure)
            self._hearing.ended(failure)
            self._release(linger_ms=200 if was_ready else 0)

    def _release(self, linger_ms: int = 0) -> None:
        try:
            self._close(linger_ms)
        finally:
            if self._context is not None:
                self._context.destroy(linger=0)
            with self._lock:
                descriptors = {self._wake_read, self._wake_write} - {-1}
                self._wake_read = self._wake_write = -1
            for descriptor in descriptors:
                os.close(descriptor)

    def gone(self) -> Unavailable:
        """Return the error for a daemon that has not come back."""
        return self.unavailable("has gone", self._trouble)

    def unavailable(self, what: str, reason: Exception | None = None) -> Unavailable:
        """Return the error for a daemon that is not there, or that we cannot reach for a reason of our own."""
        path = socket_path(self.endpoint)
        where = str(path) if path else self.endpoint
        hint = "start it with 'mtv up', or look with 'mtv doctor'"
        if path is None:
            hint = "on its own host: mtv up --listen ADDRESS, or remote.listen in its mtvd.toml"
        message = f"mtvd {what} at {where}"
        if reason is not None:
            message, hint = f"{message}: {_reason(reason)}", _remedy(reason)
        return Unavailable(Error(code="no_daemon", message=message, retryable=True, hint=hint))


def broken(error: BaseException) -> DaemonError:
    """Return the error for a fault of ours, in the thread of a connection."""
    return DaemonError(
        Error(
            code="internal",
            message=f"the connection to the daemon broke: {type(error).__name__}: {error}",
            retryable=True,
            hint="the next call connects anew; what was under way may have been drawn, the log of 'mtv' tells where",
        )
    )


def _reason(error: Exception) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number) if isinstance(error, OSError) and number else str(error)


def _remedy(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number in {errno.EMFILE, errno.ENFILE}:
        return "this process has as many open as it may: close some, or allow more with 'ulimit -n'"
    if isinstance(error, RuntimeError) or number == errno.EAGAIN:
        return "end some threads or processes, or allow more with 'ulimit -u'"
    return "try again; 'mtv doctor' looks at what a client needs"


def _why_no_socket() -> OSError:
    """Ask the system for what libzmq did not get, and does not name: a socket, or the address of a host."""
    import socket

    try:
        socket.socket(socket.AF_UNIX).close()
    except OSError as error:
        return error
    return OSError("no such address, or no socket for it")


def not_authorised(endpoint: str) -> RequestError:
    """Return the error for a daemon that does not know our key."""
    return RequestError(
        Error(
            code="forbidden",
            message=f"mtvd at {endpoint} does not let in the key of this client, {shown(directory() / 'client.key')}",
            where="keys",
            hint="copy that file to the daemon's host, then there: mtv keys authorise NAME client.key",
        )
    )


def wrong_key(endpoint: str, keys: ClientKeys) -> Unavailable:
    """Return the error for a peer that ended the handshake without a word."""
    return Unavailable(
        Error(
            code="no_daemon",
            message=f"who listens at {endpoint} has not the key of {shown(keys.server_file)}, or hung up",
            where="keys",
            hint=f"copy daemon.key from its host, then: mtv keys trust {host_of(endpoint)} daemon.key; "
            "behind a tunnel the daemon may be down",
        )
    )


def _unreadable(error: MtvError) -> DaemonError | MtvError:
    if error.code == "unsupported_version":
        return error
    return DaemonError(
        Error(code="internal", message=f"the daemon's reply cannot be read: {error.error.message}", hint="mtv doctor")
    )


def _was_not_begun(error: Error) -> bool:
    """Tell whether a daemon had no room for a request.

    Where an error names a place in it, it was begun: a registry that is locked must not hold up what is drawn.
    """
    return error.code == "busy" and error.retryable and not error.where
