"""Events of a session: who listens, which number came last, and what was missed. No socket; safe on threads.

The link's thread brings events and the answers to subscriptions; numbers that are missing, a new connection and
another daemon become an event ``gap``. Listeners are `mtv.session.events.Events`.
"""

from __future__ import annotations

import threading
from typing import Final, Protocol

from mtv.session.ticket import Ticket
from mtv.shared.log import Log
from mtv.wire import codec
from mtv.wire.errors import MtvError
from mtv.wire.messages import Event, Subscribed
from mtv.wire.requests import Subscribe

_log: Final = Log()

_TELL_EVERY: Final = 64
"""After so many events the daemon is told that they came; it sends 256 before it waits for that."""


class Listener(Protocol):
    """Receiver of events."""

    def put(self, event: Event) -> None:
        """Take an event; must not wait."""

    def end(self, error: MtvError | None) -> None:
        """Take note that no more will come."""


class Hearing:
    """The events of one session."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._epoch = ""
        self._last = 0
        self._told = 0

    def add(self, listener: Listener) -> None:
        """Begin to bring events to a listener."""
        with self._lock:
            if not self._listeners:
                self._epoch = ""
            self._listeners.append(listener)

    def remove(self, listener: Listener) -> bool:
        """Bring it no more; tell whether it was the last."""
        with self._lock:
            if listener not in self._listeners:
                return False
            self._listeners.remove(listener)
            return not self._listeners

    # Called by the link's thread

    def hear(self, event: Event) -> None:
        """Take an event of the daemon."""
        with self._lock:
            missed = event.number - self._last - 1 if self._epoch else 0
            self._last = event.number
            if missed > 0:
                self._bring(_gap(missed, "the daemon had more to tell than this client took"))
            self._bring(event)

    def request(self, *, fresh: bool) -> Ticket | None:
        """Return what must be sent now: a subscription where one is wanted, or word of the events that came."""
        with self._lock:
            if not self._listeners or (not fresh and self._last - self._told < _TELL_EVERY):
                return None
            self._told = self._last
            ticket = Ticket(codec.encode(Subscribe(seen=self._last)))
        ticket.when_settled(self.take_answer)
        return ticket

    def take_answer(self, ticket: Ticket) -> None:
        """Take the answer to a subscription."""
        if ticket.answer is None or not isinstance(ticket.answer.reply, Subscribed):
            _log.debug("no events: %s", ticket.error)
            return
        reply = ticket.answer.reply
        with self._lock:
            if reply.epoch != self._epoch:
                if self._epoch:
                    self._bring(_gap(0, "another daemon has taken over"))
                self._epoch, self._last, self._told = reply.epoch, reply.number, reply.number
            elif reply.number > self._last:
                self._bring(_gap(reply.number - self._last, "the connection to the daemon was lost"))
                self._last = self._told = reply.number

    def end(self, error: MtvError | None) -> None:
        """Take note that the session is over."""
        with self._lock:
            listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener.end(error)

    def _bring(self, event: Event) -> None:
        for listener in self._listeners:
            listener.put(event)


def _gap(count: int, reason: str) -> Event:
    return Event(kind="gap", count=count, reason=reason)
