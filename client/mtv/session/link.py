"""The thread that owns the DEALER socket: hello before traffic, replies by number, and a new start after every loss.

A libzmq socket belongs to one thread, so all of it is here, and callers only put tickets into the conversation and wake
the thread. A lost connection means a new socket (nothing stale can leave it before the Hello), and, once the daemon has
welcomed the session again, every unanswered request once more under its own number. What is to be done, and when, is
decided in `mtv.session.conversation`; here it is carried out. `mtv.session.session` starts links; one link never
outlives its process, a fork makes its own.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

import zmq

from mtv.session import failures
from mtv.session.conversation import HELLO_NUMBER, Conversation, Phase, Timing
from mtv.session.dealer import NO_ENTRY, Dealer, check_room, why_no_socket
from mtv.session.decisions import Acknowledge, Begin, Decision, Hear, Reopen, Report, Settle
from mtv.session.hearing import Hearing
from mtv.session.ticket import Ticket
from mtv.shared.keys import ClientKeys
from mtv.shared.log import Log
from mtv.wire import codec, frames
from mtv.wire.errors import MtvError, Unavailable
from mtv.wire.messages import Welcome
from mtv.wire.requests import Hello

_log: Final = Log()

GRACE_SECS: Final = 5.0
"""How long the thread is waited for beyond what it takes by rights."""


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
    timing : `~mtv.session.conversation.Timing`
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
        self._hello = codec.encode(hello)
        self._timing = timing
        self._hearing = hearing
        self._keys = keys
        self._conversation: Conversation[Ticket] = Conversation(endpoint, session, timing, _spread)
        """Guarded by the lock; what it decides is carried out without it."""
        self._settling = 0
        """Requests that have left the conversation and are not settled yet; guarded by the lock."""
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._stopping = False
        self._farewell = b""
        self._dealer: Dealer | None = None
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._wake_read = self._wake_write = -1
        self._thread = threading.Thread(target=self._run, name="mtv-link", daemon=True)

    # For callers, from any thread

    def start(self) -> Welcome:
        """Connect, and wait for the daemon's greeting.

        Returns
        -------
        welcome : `Welcome`

        Raises
        ------
        MtvError
            `Unavailable`, or what the daemon answered instead.
        """
        talk = self._conversation
        try:
            self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            check_room(self._wake_read)
            self._context = zmq.Context(io_threads=1)
            self._thread.start()
        except (OSError, zmq.ZMQError, RuntimeError) as error:
            failure = failures.unavailable(self.endpoint, "cannot be connected to", error)
            talk.end(failure)
            self._release()
            raise failure from error
        try:
            with self._changed:
                patience_secs = self._timing.hello_secs + GRACE_SECS
                self._changed.wait_for(lambda: talk.welcome is not None or talk.failure is not None, patience_secs)
                refusal = talk.failure
        except BaseException:
            self.stop()
            raise
        if refusal is not None:
            self._thread.join(GRACE_SECS)
            raise refusal
        if talk.welcome is None:
            self.stop()
            raise failures.unavailable(self.endpoint, "does not answer")
        return talk.welcome

    def submit(self, ticket: Ticket) -> None:
        """Take a request; it goes out as soon as the window allows.

        Raises
        ------
        Unavailable
            The daemon has been gone for some time.
        """
        with self._lock:
            self._conversation.add(ticket)
        self._wake()

    def forget(self, ticket: Ticket) -> bool:
        """Drop a request that nobody waits for any more; tell whether the daemon may have it.

        Its answer is still heard where it comes: it decides whose the pixel files are.
        """
        with self._lock:
            self._conversation.forget(ticket)
        self._wake()
        return ticket.sent

    def drain(self, deadline: float) -> int:
        """Wait until every request is answered, and settled; return how many are not."""
        talk = self._conversation

        def is_over() -> bool:
            return not self._settling and (not len(talk) or talk.phase is Phase.ENDED or talk.gone)

        with self._changed:
            self._changed.wait_for(is_over, max(0.0, deadline - time.monotonic()))
            return len(talk) + self._settling

    @property
    def welcome(self) -> Welcome | None:
        """The newest greeting of the daemon."""
        return self._conversation.welcome

    @property
    def ready(self) -> bool:
        """True while the daemon knows the session."""
        return self._conversation.phase is Phase.READY

    @property
    def ended(self) -> bool:
        """True once the thread has gone, or is about to."""
        return self._conversation.failure is not None

    def error_when_gone(self) -> Unavailable:
        """Return the error for a daemon that has not come back."""
        return self._conversation.error_when_gone()

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
            if self._conversation.phase is not Phase.ENDED:
                with contextlib.suppress(BlockingIOError):  # full: it is awake already
                    os.write(self._wake_write, b".")

    # The thread

    def _run(self) -> None:
        failure: MtvError | None = None
        try:
            with self._lock:
                self._conversation.begin(time.monotonic())
            self._open()
            while not self._stopping:
                try:
                    self._turn()
                except (zmq.ZMQError, OSError) as error:
                    with self._lock:
                        self._conversation.fail(error)
                    self._reopen()
        except MtvError as error:
            failure = error
        except BaseException as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            _log.exception("the connection to the daemon broke")
            failure = failures.connection_broken(error)
        finally:
            self._end(failure)

    def _open(self) -> None:
        assert self._context is not None
        with self._lock:
            self._conversation.open(time.monotonic())
        try:
            self._dealer = Dealer(self._context, self.endpoint, self._keys, self._wake_read)
            with contextlib.suppress(zmq.Again):  # the peer has gone already, which the monitor tells
                self._send(HELLO_NUMBER, self._hello)
        except (zmq.ZMQError, OSError) as error:
            self._cannot_open(error)

    def _cannot_open(self, error: Exception) -> None:
        with self._lock:
            self._conversation.cannot_open(error, time.monotonic())
        self._close()

    def _close(self, linger_ms: int = 0) -> None:
        dealer, self._dealer = self._dealer, None
        if dealer is not None:
            dealer.close(linger_ms)

    def _reopen(self) -> None:
        with self._lock:
            self._conversation.lose(time.monotonic())
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
        if self.ready:
            self._send_waiting()
        else:
            self._decide(self._conversation.check_time)

    def _wait(self) -> tuple[bool, bool]:
        if self._dealer is not None:
            return self._dealer.poll(self._patience_ms())
        poller = zmq.Poller()
        poller.register(self._wake_read, zmq.POLLIN)
        poller.poll(self._patience_ms())
        return False, False

    def _patience_ms(self) -> int | None:
        with self._lock:
            secs = self._conversation.patience_secs(time.monotonic())
        return None if secs is None else int(secs * 1000) + 1

    def _watch(self) -> None:
        assert self._dealer is not None
        lost = refused = stuck = False
        for event in self._dealer.events():
            lost |= event == zmq.EVENT_DISCONNECTED
            refused |= event == zmq.EVENT_CLOSED
            stuck |= event == zmq.EVENT_CONNECT_RETRIED and not self._dealer.said_why
            if event & NO_ENTRY:
                self._check_entry(event)
        if lost:
            self._receive_all()
        if lost or refused:
            self._decide(lambda now: self._conversation.hang_up(lost=lost, now=now))
        elif stuck:
            self._cannot_open(why_no_socket())

    def _check_entry(self, event: int) -> None:
        """Raise why the handshake failed, where that is for good.

        A daemon that refuses our key says so. One that has another key than we think hangs up in silence, as a tunnel
        does behind which the daemon just starts again: a session that was welcomed before goes on asking.
        """
        assert self._keys is not None
        if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            raise failures.not_authorised(self.endpoint)
        if self.welcome is None:
            raise failures.wrong_key(self.endpoint, self._keys)

    def _send_waiting(self) -> None:
        with self._lock:
            going = self._conversation.outgoing(time.monotonic())
        try:
            for ticket in going:
                try:
                    ticket.seal()
                except MtvError as error:
                    self._decide(functools.partial(self._conversation.refuse, ticket, error))
                else:
                    self._send(ticket.number, ticket.body, ticket.buffers)
        except zmq.Again:  # the peer has gone, and the monitor has not told yet: all of them go out again
            self._reopen()

    def _send(self, number: int, body: bytes, buffers: Sequence[frames.Buffer] = ()) -> None:
        assert self._dealer is not None
        self._dealer.send(frames.pack(frames.Kind.REQUEST, self.session, number, body, buffers))

    def _receive_all(self) -> None:
        assert self._dealer is not None
        for parts in self._dealer.messages():
            self._decide(functools.partial(self._conversation.receive, parts))

    def _decide(self, decide: Callable[[float], Sequence[Decision[Ticket]]]) -> None:
        """Ask the conversation, with the time, and do what it decides.

        Only then wake who waits for requests to be settled, or for the first greeting.
        """
        with self._lock:
            decisions = decide(time.monotonic())
            settling = sum(isinstance(decision, Settle) for decision in decisions)
            self._settling += settling
        try:
            for decision in decisions:
                match decision:
                    case Settle():
                        decision.request.settle(decision.outcome, told=decision.told)
                    case Acknowledge():
                        decision.request.receive()
                    case Report():
                        decision.request.report(decision.progress)
                    case Hear():
                        self._hearing.hear(decision.event)
                        self._tell_of_events(fresh=False)
                    case Begin():
                        self._tell_of_events(fresh=True)
                    case Reopen():
                        self._reopen()
        finally:
            with self._changed:
                self._settling -= settling
                self._changed.notify_all()

    def _tell_of_events(self, *, fresh: bool) -> None:
        """Ask for events, again after a reconnection, and from time to time say which have come."""
        ticket = self._hearing.request(fresh=fresh)
        if ticket is not None:
            with self._lock:
                self._conversation.enter(ticket)

    def _end(self, failure: MtvError | None) -> None:
        """Tell all who wait; only then close what may take its time, or fail."""
        was_ready = self.ready and failure is None
        try:
            if was_ready and self._farewell:
                self._send(HELLO_NUMBER, self._farewell)
        except zmq.ZMQError as error:
            _log.debug("the daemon was not told that its client leaves: %s", error)
        finally:
            self._decide(lambda _now: self._conversation.end(failure))
            self._hearing.end(failure)
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


def _spread() -> float:
    return random.uniform(0.5, 1.0)  # noqa: S311 - so that not all come back at once
